// The files that a run has written and not sealed, as its drafts were last checkpointed.
#pragma once

#include <vector>

#include "lineage/written_files.h"

namespace artfs {

// Of all its drafts, those kept after a failure too, and of its run data while it lives.
std::vector<WrittenFile> draft_files(const Reading& at, const RunRecord& run);

}  // namespace artfs
