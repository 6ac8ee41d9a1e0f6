// Whether a draft that was kept is, file by file, a version.
#pragma once

#include <string>
#include <vector>

#include "drafts/seal.h"

namespace artfs {

struct Verified {
    bool same = false;
    std::vector<std::string> different;  // paths, sorted; of files, directories and links
    bool metadata_differs = false;
};

// Hashes the draft's bytes; writes nothing that anybody sees. ENOENT: the run has no such draft.
Result<Verified> verify_draft(const SealContext& context, const RunId& run,
                              const VersionRecord& version);

}  // namespace artfs
