// Reading trees: by name, by position, by rank, whole.
#include <algorithm>

#include "base/bytes.h"
#include "objects/tree_nodes.h"

namespace artfs {

namespace {

// Visits a directory's entries in order, those of a rank greater than `after`; nodes that have
// none are not read. False when `visit` ended it.
bool visit_entries(NodeSource& nodes, const DirRef& ref, std::uint32_t rank, std::uint32_t after,
                   const std::function<bool(const Entry&, std::uint32_t)>& visit) {
    auto loaded = load_node(nodes, ref);
    for (const auto& child : loaded->children) {
        bool behind = rank + child.ref.count <= after;
        if (!behind && !visit_entries(nodes, child.ref, rank, after, visit)) return false;
        rank += child.ref.count;
    }
    for (const auto& entry : loaded->entries) {
        if (rank + 1 > after && !visit(entry, rank + 1)) return false;
        rank += ranks_of(entry);
    }
    return true;
}

void walk_below(NodeSource& nodes, const DirRef& dir, std::uint32_t rank, const std::string& prefix,
                const std::function<void(const std::string&, const Entry&, std::uint32_t)>& visit) {
    list(nodes, dir, rank, 0, [&](const Entry& entry, std::uint32_t at) {
        std::string path = prefix + entry.name;
        visit(path, entry, at);
        if (entry.kind == Kind::directory) walk_below(nodes, entry.dir, at, path + "/", visit);
        return true;
    });
}

}  // namespace

std::optional<Ranked> find(NodeSource& nodes, const DirRef& dir, std::uint32_t dir_rank,
                           std::string_view name) {
    std::uint32_t rank = dir_rank;
    auto loaded = load_node(nodes, dir);
    while (loaded->level > 0) {
        const DirRef* next = nullptr;
        for (const auto& child : loaded->children) {
            if (name <= std::string_view(child.last_name)) {
                next = &child.ref;
                break;
            }
            rank += child.ref.count;
        }
        if (next == nullptr) return std::nullopt;
        loaded = load_node(nodes, *next);
    }
    for (const auto& entry : loaded->entries) {
        if (entry.name == name) return Ranked{entry, rank + 1};
        if (std::string_view(entry.name) > name) break;
        rank += ranks_of(entry);
    }
    return std::nullopt;
}

void list(NodeSource& nodes, const DirRef& dir, std::uint32_t dir_rank, std::uint32_t after,
          const std::function<bool(const Entry&, std::uint32_t rank)>& visit) {
    visit_entries(nodes, dir, dir_rank, after, visit);
}

std::optional<Located> at_rank(NodeSource& nodes, const DirRef& root, std::uint32_t rank) {
    if (rank == 0 || rank > root.count) return std::nullopt;
    Located located;
    DirRef at = root;
    std::uint32_t before = 0;  // the rank of the directory, or of what precedes the node
    while (true) {
        auto loaded = load_node(nodes, at);
        if (loaded->level > 0) {
            for (const auto& child : loaded->children) {
                if (rank <= before + child.ref.count) {
                    at = child.ref;
                    break;
                }
                before += child.ref.count;
            }
            continue;
        }
        const Entry* hit = nullptr;
        for (const auto& entry : loaded->entries) {
            if (rank <= before + ranks_of(entry)) {
                hit = &entry;
                break;
            }
            before += ranks_of(entry);
        }
        if (hit == nullptr) throw FormatError("a tree's sums do not add up");
        located.path += (located.path.empty() ? "" : "/") + hit->name;
        if (rank == before + 1) {
            located.entry = *hit;
            return located;
        }
        located.parent_rank = before + 1;
        before += 1;
        at = hit->dir;
    }
}

std::optional<Ranked> find_path(NodeSource& nodes, const DirRef& root, std::string_view path) {
    DirRef dir = root;
    std::uint32_t rank = 0;
    while (true) {
        auto slash = path.find('/');
        auto found = find(nodes, dir, rank, path.substr(0, slash));
        if (!found || slash == std::string_view::npos) return found;
        if (found->entry.kind != Kind::directory) return std::nullopt;
        dir = found->entry.dir;
        rank = found->rank;
        path.remove_prefix(slash + 1);
    }
}

void walk(NodeSource& nodes, const DirRef& root,
          const std::function<void(const std::string&, const Entry&, std::uint32_t)>& visit) {
    walk_below(nodes, root, 0, "", visit);
}

}  // namespace artfs
