// Merging what two runs made of the same base.
//
// Trees are walked side by side, equal nodes unread, and the result is the head's tree with the
// draft's changes put into it: O(changes * log n).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "objects/tree.h"

namespace artfs {

// What one side removed, a program on the other may have counted on. Of what a shell's commands do
// one after the other, the removal is one step as any other.
enum class Removals : std::uint8_t { refused, merged };

// The tree with the changes of both. None if they cannot be told apart: if both changed the same
// path (a directory is the same path only where its own attributes differ; its time does not
// count), or a path of the base is missing on either side and removals are refused.
std::optional<Snapshot> merge_trees(NodeSource& nodes, const Snapshot& base, const Snapshot& head,
                                    const Snapshot& draft, const NodeSink& sink,
                                    Removals removals = Removals::refused);

// Every path in which the head's content differs from the base's and the version's does not follow
// it.
std::vector<std::string> diverged_paths(NodeSource& nodes, const Snapshot& base,
                                        const Snapshot& head, const Snapshot& version);

}  // namespace artfs
