// Merging what two runs made of the same base.
//
// Trees are walked side by side, equal nodes unread, and the result is the head's tree with the
// draft's changes put into it: O(changes * log n).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "objects/tree.h"

namespace artfs {

// The tree with the changes of both. None if they cannot be told apart: if a path of the base is
// missing on either side, or both changed the same path (a directory is the same path only where
// its own attributes differ; its time does not count).
std::optional<Snapshot> merge_trees(NodeSource& nodes, const Snapshot& base, const Snapshot& head,
                                    const Snapshot& draft, const NodeSink& sink);

// Every path in which the head's content differs from the base's and the version's does not follow
// it.
std::vector<std::string> diverged_paths(NodeSource& nodes, const Snapshot& base,
                                        const Snapshot& head, const Snapshot& version);

}  // namespace artfs
