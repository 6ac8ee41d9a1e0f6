#include "objects/tree_check.h"

#include "base/bytes.h"
#include "objects/tree_nodes.h"

namespace artfs {

namespace {

// No path of PATH_MAX bytes names what is deeper, and recursion has room for it.
constexpr unsigned most_levels = 2048;

bool is_file_name(const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
           name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

std::string wrong_in(const Entry& entry) {
    if (!is_file_name(entry.name)) return "has an impossible name";
    if ((entry.attributes.mode & ~kept_modes) != 0) return "has a mode that no draft can have";
    for (const auto& [name, value] : entry.attributes.xattrs)
        if (!name.starts_with("user.")) return "has an attribute that no draft can have";
    bool link = entry.kind == Kind::symlink;
    if (link && (entry.target.empty() || entry.target.find('\0') != std::string::npos))
        return "leads nowhere";
    return "";
}

// Sums of 32 bits that overflow would look right again.
bool sums_fit(const Node& node) {
    std::uint64_t count = 0;
    for (const auto& entry : node.entries)
        count += 1 + (entry.kind == Kind::directory ? std::uint64_t{entry.dir.count} : 0);
    for (const auto& child : node.children) count += child.ref.count;
    return count <= UINT32_MAX;
}

}  // namespace

void TreeCheck::directory(const std::string& path, const DirRef& ref) { visit(path, ref, 0); }

const TreeCheck::Known* TreeCheck::visit(const std::string& path, const DirRef& ref,
                                         unsigned depth) {
    static const Known nothing{empty_dir(), 0, ""};
    auto wrong = [&](const std::string& what) -> const Known* {
        ask_.fault(path, what);
        return nullptr;
    };
    if (ref == empty_dir()) return &nothing;
    if (depth > most_levels) return wrong("its directories are too deep");
    if (auto seen = known_.find(ref.stored); seen != known_.end()) {
        if (seen->second.is == ref) return &seen->second;
        return wrong("a directory is not what is said of it");
    }
    auto bytes = ask_.record(ref.stored);
    if (!bytes) return wrong("a directory is missing");
    Known known{ref, 0, ""};
    try {
        auto decoded = decode_node(*bytes);
        if (sha256(*bytes) != ref.stored) return wrong("a directory is damaged");
        if (!sums_fit(decoded) || describe_node(decoded, *bytes) != ref)
            return wrong("a directory is not what is said of it");
        known.level = decoded.level;
        bool good =
            decoded.level == 0 ? entries(path, decoded, depth) : children(path, decoded, depth);
        if (!good) return nullptr;
        known.last_name = decoded.level > 0         ? decoded.children.back().last_name
                          : decoded.entries.empty() ? ""
                                                    : decoded.entries.back().name;
    } catch (const FormatError&) {
        return wrong("a directory is damaged");
    }
    return &known_.emplace(ref.stored, std::move(known)).first->second;
}

bool TreeCheck::entries(const std::string& path, const Node& node, unsigned depth) {
    bool good = true;
    const std::string* before = nullptr;
    for (const auto& entry : node.entries) {
        auto why = wrong_in(entry);
        if (why.empty() && before != nullptr && entry.name <= *before)
            why = "does not stand where its name belongs";
        before = &entry.name;
        if (!why.empty()) {
            ask_.fault(path, "a file of it " + why);
            good = false;
            continue;
        }
        if (entry.kind == Kind::file) ask_.file(path + entry.name, entry);
        if (entry.kind == Kind::directory &&
            visit(path + entry.name + "/", entry.dir, depth + 1) == nullptr)
            good = false;
    }
    return good;
}

bool TreeCheck::children(const std::string& path, const Node& node, unsigned depth) {
    const std::string* before = nullptr;
    for (const auto& child : node.children) {
        const auto* below = visit(path, child.ref, depth + 1);
        if (below == nullptr) return false;
        if (below->level + 1 != node.level || below->last_name != child.last_name ||
            child.ref.count == 0 || (before != nullptr && child.last_name <= *before)) {
            ask_.fault(path, "a directory is not what is said of it");
            return false;
        }
        before = &child.last_name;
    }
    if (node.children.empty()) ask_.fault(path, "a directory is damaged");
    return !node.children.empty();
}

}  // namespace artfs
