// What a run has changed in its view of an artifact: the names and nodes that differ from the base.
//
// A view is its base tree overlaid by this. A *node* is a file, symlink or directory that the view
// knows by a number of its own: every directory that was ever looked at, and every file that was
// made, changed or moved. Clean files of the base have no node. A *name* in a directory leads to a
// node, or (number 0) says that the base's name is gone.
//
// Changes come as values (DraftChange) that are computed first and applied at once, so that they
// can be recorded as they are. The same nodes and names are the rows of a draft's checkpoint.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/uid.h"
#include "catalog/records.h"
#include "drafts/promotion.h"
#include "objects/tree.h"

namespace artfs {

using NodeNumber = std::uint32_t;  // of a view; never used twice in it

constexpr NodeNumber root_number = 1;
constexpr NodeNumber art_dir_number = 2;  // the root's hidden `.art`
constexpr NodeNumber first_free_number = 16;

inline constexpr const char* art_dir_name = ".art";
inline constexpr const char* metadata_name = "metadata.json";
inline constexpr const char* description_name = "description";
inline constexpr const char* type_name = "type";
inline constexpr const char* commit_name = "commit";

// The base file whose bytes a draft's file still holds: reading the copy is a use of that.
struct Origin {
    VersionId version;
    std::uint32_t rank = 0;
    bool metadata = false;  // then it is the version's metadata.json, and rank means nothing
    bool operator==(const Origin&) const = default;
};

// Compared by value: equal nodes describe the same state.
struct OverlayNode {
    NodeNumber number = 0;
    Kind kind = Kind::file;
    Attributes attributes;
    Time ctime{};
    std::uint32_t links = 1;  // 0: unlinked, perhaps still open
    // S_IFIFO or S_IFSOCK, with the kind `file`: it lives in the draft only, a tree has no such
    // kind.
    std::uint32_t special = 0;
    std::optional<Time> atime;  // as utimensat(2) set it, else as the mtime; in no tree either
    // A file's bytes: a staging file, else an object, else (`inline_text`) the text of `target`.
    std::uint64_t staging = 0;
    bool frozen = false;  // the staging file belongs to a frozen draft: copy it before writing
    Digest digest;
    std::uint64_t size = 0;  // while a staging file is open, its fstat is the truth
    bool inline_text = false;
    std::string target;  // symlinks
    std::optional<Origin> origin;
    // Which base entry's nodeid the node goes under (0: its own); see namespace/nodeid.h.
    std::uint64_t nodeid = 0;
    // Directories.
    std::optional<DirRef> base;
    std::uint32_t base_rank = 0;
    NodeNumber parent = 0;
    bool kept = false;     // has something a checkpoint must have: itself or below
    bool changed = false;  // the node itself differs from the base, not only what is below

    bool operator==(const OverlayNode&) const = default;
};

struct OverlayName {
    NodeNumber node = 0;       // 0: whiteout
    std::uint64_t serial = 0;  // order of a listing; 0 while the base has the name too
    bool operator==(const OverlayName&) const = default;
};

struct DraftChange {
    struct Name {
        NodeNumber directory = 0;
        std::string name;
        std::optional<OverlayName> value;  // none: as in the base again
    };
    std::vector<OverlayNode> nodes;
    std::vector<NodeNumber> erased;
    std::vector<Name> names;
};

// One thread at a time owns an overlay; a copy is a frozen one.
class Overlay {
public:
    // The nodes every view begins with: the root directory, `.art` and what the base has in it.
    // Reading the base's metadata is a use of `version`, if there is one.
    explicit Overlay(const Snapshot& base, const std::optional<VersionId>& version = std::nullopt);

    void apply(const DraftChange& change);
    // The base, a frozen tree, was sealed.
    void promote(const Promotion& promotion);

    const OverlayNode* node(NodeNumber number) const;
    NodeNumber next_number() const { return next_number_; }
    std::uint64_t next_serial() const { return next_serial_; }
    const std::map<std::string, OverlayName, std::less<>>& names(NodeNumber directory) const;
    // The directory of the view that stands for the base's directory of this rank.
    const OverlayNode* directory_of_rank(std::uint32_t base_rank) const;
    const std::unordered_map<NodeNumber, OverlayNode>& nodes() const { return nodes_; }

    using Found = std::variant<std::monostate, const OverlayNode*, Ranked>;
    Found find(NodeSource& base, NodeNumber directory, std::string_view name) const;
    // True if the base has the name in that directory, whatever became of it here.
    bool in_base(NodeSource& base, NodeNumber directory, std::string_view name) const;
    // Every (directory, name) that leads to the node. Looks at all names.
    std::vector<std::pair<NodeNumber, std::string>> names_of(NodeNumber number) const;
    // True if the directory shows no entry (`.art` is not shown).
    bool is_empty(NodeSource& base, NodeNumber directory) const;

    struct Listed {
        const std::string& name;
        std::uint64_t cookie;     // where a listing goes on after this entry
        const OverlayNode* node;  // or, of a clean entry of the base:
        const Entry* entry = nullptr;
        std::uint32_t rank = 0;
    };
    // Entries after `cookie` (0: from the start), base names first; until `visit` returns false.
    // Cookies stay good under changes; they are below 2^33 + the number of names ever made.
    void list(NodeSource& base, NodeNumber directory, std::uint64_t cookie,
              const std::function<bool(const Listed&)>& visit) const;

    // True if sealing could give anything else than the base: a file, symlink, removal or
    // attribute was changed (directories alone make no version).
    bool has_changes() const;
    std::uint64_t staged_files() const;

    // ---- checkpoint rows

    // Rows that changed since the last call: key -> value, or none where the row is gone. Only
    // nodes that are `kept`.
    std::map<std::string, std::optional<std::string>> take_dirty_rows();
    // They could not be kept: the next call gives them again, as they are then.
    void put_back(const std::map<std::string, std::optional<std::string>>& rows);
    // Every row there is.
    std::map<std::string, std::string> rows() const;
    bool is_dirty() const { return !dirty_nodes_.empty() || !dirty_names_.empty(); }
    // The overlay that rows describe, over `base`.
    static Overlay from_rows(const Snapshot& base, const std::map<std::string, std::string>& rows);

    // Numbers of all staging files that nodes name.
    std::vector<std::uint64_t> staging_files() const;

private:
    // A row is worth nothing without the rows of the names and directories above it.
    void note_name(NodeNumber directory, const std::string& name);
    void keep(NodeNumber number);
    void keep_above(const OverlayNode& node);

    std::unordered_map<NodeNumber, OverlayNode> nodes_;
    std::unordered_map<NodeNumber, std::map<std::string, OverlayName, std::less<>>> names_;
    std::unordered_map<NodeNumber, std::map<std::uint64_t, std::string>> added_;  // by serial
    std::unordered_map<std::uint32_t, NodeNumber> by_rank_;
    NodeNumber next_number_ = first_free_number;
    std::uint64_t next_serial_ = 1;
    std::set<NodeNumber> dirty_nodes_;
    std::set<std::pair<NodeNumber, std::string>> dirty_names_;
    // Names of nodes that no checkpoint has yet, by node.
    std::unordered_multimap<NodeNumber, std::pair<NodeNumber, std::string>> unkept_names_;

    template <class Archive>
    friend void fields(Archive& archive, Overlay& overlay);
};

}  // namespace artfs
