// Nodeids: 64-bit numbers the kernel knows our nodes by. They are looked up, never pointers, and
// never given to anything else while the mount lives.
//
//   bits 63-61  kind
//   bits 60-32  serial of a version's tree, of a view, or of a (view, base) pair
//   bits 31-0   rank in that tree, or the node's number in that view
//
// Kind 0 are the nodes that stand for no stored file (artifacts, links, documents), by a counter.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace artfs {

enum class NodeKind : std::uint8_t {
    synthetic = 0,
    version = 1,    // an entry of a version's tree, by rank
    view_base = 2,  // a clean file of a view's base, by rank
    view = 3,       // a directory of a view or a file of its draft, by number
};

struct NodeId {
    std::uint64_t value = 0;

    static NodeId make(NodeKind kind, std::uint32_t serial, std::uint32_t number) {
        return {(static_cast<std::uint64_t>(kind) << 61U) |
                (static_cast<std::uint64_t>(serial) << 32U) | number};
    }
    NodeKind kind() const { return static_cast<NodeKind>(value >> 61U); }
    std::uint32_t serial() const { return static_cast<std::uint32_t>(value >> 32U) & 0x1fffffffU; }
    std::uint32_t number() const { return static_cast<std::uint32_t>(value); }

    auto operator<=>(const NodeId&) const = default;
};

constexpr std::uint64_t root_nodeid = 1;  // FUSE_ROOT_ID

}  // namespace artfs

template <>
struct std::hash<artfs::NodeId> {
    std::size_t operator()(const artfs::NodeId& id) const noexcept { return id.value; }
};
