// Trees of files, `art1`: immutable directories addressed by digest.
//
// A directory is a list of entries sorted by name bytes and cut into leaf nodes after every name
// whose SHA-256 starts with six zero bits. The nodes of a level are listed in nodes of the level
// above, cut after a node whose last name's SHA-256 has six more leading zero bits, until one node
// is left. Equal directories therefore have equal nodes whatever their history, and a change
// touches O(log n) of them. The binary form of a node is a grammar in tree.cpp.
//
// A node has two digests. `stored` names its bytes: all attributes, owner, mtime and xattrs too.
// `content` covers kind, mode, size, content or target, and name only: what a version's digest is
// made of. Nothing here knows a database: nodes come from a NodeSource and go to a NodeSink.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"

namespace artfs {

enum class Kind : std::uint8_t { file = 1, directory = 2, symlink = 3 };

using Xattrs = std::map<std::string, std::string, std::less<>>;

// One directory, by its top node.
struct DirRef {
    Digest stored;
    Digest content;
    std::uint32_t count = 0;  // entries below, at any depth; the directory itself is not counted
    std::uint64_t size = 0;   // bytes of all regular files below

    bool operator==(const DirRef&) const = default;
};

// Set-user-ID and set-group-ID never get into a store.
constexpr std::uint32_t kept_modes = 01777;

struct Attributes {
    std::uint32_t mode = 0644;  // of kept_modes
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    Time mtime{};
    Xattrs xattrs;  // names with their "user." prefix

    bool operator==(const Attributes&) const = default;
};

struct Entry {
    std::string name;
    Kind kind = Kind::file;
    Attributes attributes;
    std::uint64_t size = 0;  // files: bytes
    Digest digest;           // files: SHA-256 of the content
    std::string target;      // symlinks
    DirRef dir;              // directories

    bool operator==(const Entry&) const = default;
};

// The decoded form of a node, shared and immutable.
struct Node {
    struct Child {
        std::string last_name;
        DirRef ref;  // of the child node: digests, and the sums below it
    };
    std::uint8_t level = 0;
    std::vector<Entry> entries;   // level 0
    std::vector<Child> children;  // level > 0
};

Node decode_node(std::string_view bytes);  // throws FormatError

// Gives nodes by stored digest; throws where it has none (each source says what). Implementations
// say whether they may block: the dispatch thread's never does.
class NodeSource {
public:
    virtual ~NodeSource() = default;
    virtual std::shared_ptr<const Node> node(const Digest& stored) = 0;
};

// Takes a new node's stored digest and its bytes.
using NodeSink = std::function<void(const Digest& stored, std::string bytes)>;

// All that a version or a view's base is: the root directory and what stands beside it.
struct Snapshot {
    DirRef root;
    Attributes root_attributes{0755, 0, 0, {}, {}};
    // metadata.json as it was written, byte for byte; an object like any file's content.
    struct Metadata {
        Digest digest;
        std::uint64_t size = 0;
        bool operator==(const Metadata&) const = default;
    };
    std::optional<Metadata> metadata;
    std::optional<std::string> description;

    bool operator==(const Snapshot&) const = default;
};

// SHA-256 of an encoded snapshot. What a base is.
struct TreeId {
    Digest digest;
    auto operator<=>(const TreeId&) const = default;
};

std::string encode_snapshot(const Snapshot& snapshot);
Snapshot decode_snapshot(std::string_view bytes);  // throws FormatError
TreeId tree_id(const Snapshot& snapshot);

// A version's digest: SHA-256 over "art1", the root's content digest and metadata.json's bytes'
// digest (or none).
Digest version_digest(const Snapshot& snapshot);

// ---- reading

// Ranks number a tree in depth-first order with entries by name: the root is 0, its first entry 1.
// `first_rank` is the rank of the directory that is searched.
struct Ranked {
    Entry entry;
    std::uint32_t rank = 0;
};

std::optional<Ranked> find(NodeSource& nodes, const DirRef& dir, std::uint32_t dir_rank,
                           std::string_view name);

// Calls `visit` for the entries of this directory (not of its subdirectories) whose rank is
// greater than `after`, until it returns false. 0: all.
void list(NodeSource& nodes, const DirRef& dir, std::uint32_t dir_rank, std::uint32_t after,
          const std::function<bool(const Entry&, std::uint32_t rank)>& visit);

struct Located {
    std::string path;  // relative to the root, without a leading slash
    Entry entry;
    std::uint32_t parent_rank = 0;
};
// The entry of a rank >= 1, or none when the tree has fewer.
std::optional<Located> at_rank(NodeSource& nodes, const DirRef& root, std::uint32_t rank);

// The entry of a relative path ("a/b"), following no symlinks.
std::optional<Ranked> find_path(NodeSource& nodes, const DirRef& root, std::string_view path);

// Every entry below, depth first in rank order.
void walk(NodeSource& nodes, const DirRef& root,
          const std::function<void(const std::string& path, const Entry&, std::uint32_t rank)>&);

struct Difference {
    std::string path;
    const Entry* before = nullptr;  // null: added
    const Entry* after = nullptr;   // null: removed
};
// Every path in which two trees differ in content (with `stored`, in anything). A directory is
// reported only where it appears, disappears or its own attributes differ. Equal nodes are skipped
// unread. Sorted by path, parents first.
void diff(NodeSource& nodes, const DirRef& before, const DirRef& after, bool stored,
          const std::function<void(const Difference&)>& visit);

// The entries of one directory, none of those below it, that are not the same in both: null on the
// side that has no such name. Equal nodes are skipped unread. In order of names.
void diff_entries(NodeSource& nodes, const DirRef& before, const DirRef& after,
                  const std::function<void(const Entry* before, const Entry* after)>& visit);

// ---- building

// One change to a directory: the entry of a name, or none to remove it.
struct Edit {
    std::string name;
    std::optional<Entry> entry;
};

// The directory after `edits` (any order, one per name); new nodes go to `sink`. Reads and writes
// O(edits * log n) nodes. With `base` of empty_dir() it builds from nothing.
DirRef edit_dir(NodeSource& nodes, const DirRef& base, std::vector<Edit> edits,
                const NodeSink& sink);

// The empty directory, whose one node every store holds implicitly (sources need not have it).
const DirRef& empty_dir();

}  // namespace artfs
