// Inside objects/: nodes and their stored form, for the files that read and build trees.
#pragma once

#include <string>

#include "objects/tree.h"

namespace artfs {

std::string encode_node(const Node& node);
// Digests and sums of a node whose stored form is `bytes`.
DirRef describe_node(const Node& node, const std::string& bytes);
// How many ranks an entry takes: itself and all below it.
std::uint32_t ranks_of(const Entry& entry);

// The node of a reference; the empty directory's is never asked for.
inline std::shared_ptr<const Node> load_node(NodeSource& nodes, const DirRef& ref) {
    static const auto empty = std::make_shared<const Node>();
    return ref.stored == empty_dir().stored ? empty : nodes.node(ref.stored);
}

}  // namespace artfs
