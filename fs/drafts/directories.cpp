#include "drafts/directories.h"

#include <deque>
#include <map>
#include <set>

namespace artfs {

namespace {

struct DraftChild {
    const std::string& name;
    const OverlayNode& node;
};

template <class Visit>
void each_directory(const Overlay& overlay, NodeNumber parent, Visit visit) {
    for (const auto& [name, value] : overlay.names(parent)) {
        const auto* node = value.node == 0 ? nullptr : overlay.node(value.node);
        if (node != nullptr && node->kind == Kind::directory) visit(DraftChild{name, *node});
    }
}

// Makes directories in an overlay that is not changed yet: what was decided so far counts.
class Maker {
public:
    Maker(NodeSource& nodes, const Overlay& onto)
        : nodes_(nodes),
          onto_(onto),
          next_number_(onto.next_number()),
          next_serial_(onto.next_serial()) {}

    void make(const NewDirectory& directory) {
        NodeNumber at = root_number;
        for (std::size_t from = 0; from <= directory.path.size();) {
            auto slash = std::min(directory.path.find('/', from), directory.path.size());
            bool last = slash == directory.path.size();
            auto next = step(at, directory.path.substr(from, slash - from),
                             last ? directory.attributes : Attributes{});
            if (!next) return;  // a file is there
            at = *next;
            from = slash + 1;
        }
    }
    DraftChange take() { return std::move(change_); }

private:
    std::optional<NodeNumber> step(NodeNumber parent, const std::string& name,
                                   const Attributes& attributes) {
        if (auto made = made_.find({parent, name}); made != made_.end()) return made->second;
        OverlayNode node;
        node.kind = Kind::directory;
        node.parent = parent;
        std::uint64_t serial = 0;
        if (onto_.node(parent) == nullptr) {
            // Below one that is made here, everything is new, or is the base's.
            if (auto base = entered_.find(parent); base != entered_.end()) {
                auto found = find(nodes_, base->second.entry.dir, base->second.rank, name);
                if (found) return enter(node, *found, name);
            }
            serial = next_serial_;
        } else {
            auto found = onto_.find(nodes_, parent, name);
            if (const auto* there = std::get_if<const OverlayNode*>(&found)) {
                if ((*there)->kind != Kind::directory) return std::nullopt;
                return (*there)->number;
            }
            if (const auto* ranked = std::get_if<Ranked>(&found)) return enter(node, *ranked, name);
            if (!onto_.in_base(nodes_, parent, name)) serial = next_serial_;
        }
        node.attributes = attributes;
        node.ctime = attributes.mtime;
        node.changed = true;
        return add(std::move(node), name, serial);
    }

    std::optional<NodeNumber> enter(OverlayNode node, const Ranked& found,
                                    const std::string& name) {
        if (found.entry.kind != Kind::directory) return std::nullopt;
        node.attributes = found.entry.attributes;
        node.ctime = node.attributes.mtime;
        node.base = found.entry.dir;
        node.base_rank = found.rank;
        auto number = add(std::move(node), name, 0);
        entered_.emplace(number, found);
        return number;
    }

    NodeNumber add(OverlayNode node, const std::string& name, std::uint64_t serial) {
        node.number = next_number_++;
        if (serial != 0) ++next_serial_;
        NodeNumber number = node.number;
        made_[{node.parent, name}] = number;
        change_.names.push_back({node.parent, name, OverlayName{number, serial}});
        change_.nodes.push_back(std::move(node));
        return number;
    }

    NodeSource& nodes_;
    const Overlay& onto_;
    NodeNumber next_number_;
    std::uint64_t next_serial_;
    DraftChange change_;
    std::map<std::pair<NodeNumber, std::string>, NodeNumber> made_;
    std::map<NodeNumber, Ranked> entered_;
};

bool is_changed_file(const OverlayNode* node) {
    return node != nullptr && node->changed && node->kind != Kind::directory;
}

// Puts what was changed in one overlay into another that stands on its own base.
class Carrier {
public:
    Carrier(NodeSource& nodes, const Overlay& from, const Overlay& onto)
        : nodes_(nodes), from_(from), onto_(onto), next_serial_(from.next_serial()) {}

    DraftChange carry() {
        for (const auto& [number, node] : from_.nodes())
            if (node.kind == Kind::directory) carry_names(number);
        return std::move(change_);
    }

private:
    void carry_names(NodeNumber directory) {
        for (const auto& [name, value] : from_.names(directory)) {
            const auto* node = value.node == 0 ? nullptr : from_.node(value.node);
            bool made = node != nullptr && node->kind == Kind::directory && node->changed;
            if (made) {
                make(directory);
                make(value.node);
                change_attributes(*node);
            } else if (is_changed_file(node)) {
                change_.nodes.push_back(*node);
                put(directory, name, value.node);
            } else if (value.node == 0 && onto_.node(directory) != nullptr &&
                       onto_.in_base(nodes_, directory, name)) {
                change_.names.push_back({directory, name, OverlayName{}});
            }
        }
    }

    // Of one that both have.
    void change_attributes(const OverlayNode& directory) {
        const auto* there = onto_.node(directory.number);
        if (there == nullptr) return;
        OverlayNode both = *there;
        both.attributes = directory.attributes;
        both.changed = true;
        change_.nodes.push_back(std::move(both));
    }

    // A directory that the other base lacks.
    void make(NodeNumber directory) {
        if (onto_.node(directory) != nullptr || !made_.insert(directory).second) return;
        OverlayNode made = *from_.node(directory);
        made.base.reset();
        made.changed = true;
        change_.nodes.push_back(made);
        for (const auto& [parent, name] : from_.names_of(directory)) put(parent, name, directory);
    }

    void put(NodeNumber directory, const std::string& name, NodeNumber number) {
        make(directory);
        std::uint64_t serial = 0;
        if (!onto_.in_base(nodes_, directory, name)) {
            serial = from_.names(directory).find(name)->second.serial;
            if (serial == 0) serial = next_serial_++;
        }
        change_.names.push_back({directory, name, OverlayName{number, serial}});
    }

    NodeSource& nodes_;
    const Overlay& from_;
    const Overlay& onto_;
    std::uint64_t next_serial_;
    std::set<NodeNumber> made_;
    DraftChange change_;
};

}  // namespace

std::vector<NewDirectory> new_directories(const Overlay& overlay) {
    std::vector<NewDirectory> found;
    std::deque<std::pair<NodeNumber, std::string>> below{{root_number, ""}};
    for (; !below.empty(); below.pop_front()) {
        auto [parent, prefix] = below.front();
        each_directory(overlay, parent, [&, prefix = prefix](const DraftChild& child) {
            std::string path = prefix + child.name;
            if (child.node.changed) found.push_back({path, child.node.attributes});
            below.emplace_back(child.node.number, path + "/");
        });
    }
    return found;
}

DraftChange make_directories(NodeSource& nodes, const Overlay& onto,
                             const std::vector<NewDirectory>& directories) {
    Maker maker(nodes, onto);
    for (const auto& directory : directories) maker.make(directory);
    return maker.take();
}

Overlay follow(NodeSource& nodes, const Overlay& from, const Snapshot& base,
               const std::optional<VersionId>& version, const std::vector<OverlayNode>& open) {
    struct Here {
        NodeNumber number = root_number;
        DirRef dir;
        std::uint32_t rank = 0;
    };
    Overlay after(base, version);
    DraftChange change;
    std::deque<Here> below{{root_number, base.root, 0}};
    for (; !below.empty(); below.pop_front()) {
        Here here = below.front();
        each_directory(from, here.number, [&](const DraftChild& child) {
            auto found = find(nodes, here.dir, here.rank, child.name);
            if (!found || found->entry.kind != Kind::directory) return;
            OverlayNode node;
            node.number = child.node.number;
            node.kind = Kind::directory;
            node.attributes = found->entry.attributes;
            node.ctime = node.attributes.mtime;
            node.base = found->entry.dir;
            node.base_rank = found->rank;
            node.parent = here.number;
            change.names.push_back({here.number, child.name, OverlayName{node.number, 0}});
            change.nodes.push_back(node);
            below.push_back({node.number, found->entry.dir, found->rank});
        });
    }
    // A number that is taken and given up again: those before it are not used twice.
    OverlayNode last;
    last.number = from.next_number();
    change.nodes.push_back(last);
    change.erased.push_back(last.number);
    change.nodes.insert(change.nodes.end(), open.begin(), open.end());
    after.apply(change);
    after.apply(Carrier(nodes, from, after).carry());
    return after;
}

bool conflicts(NodeSource& nodes, const Overlay& overlay, const Snapshot& base,
               const Snapshot& other, const std::set<NodeNumber>& except) {
    auto same = [](const std::optional<Ranked>& a, const std::optional<Ranked>& b) {
        if (!a || !b) return !a && !b;
        return a->entry.kind == b->entry.kind && a->entry.digest == b->entry.digest &&
               a->entry.target == b->entry.target && a->entry.attributes == b->entry.attributes;
    };
    for (const auto& [number, node] : overlay.nodes()) {
        if (node.kind != Kind::directory) continue;
        for (const auto& [name, value] : overlay.names(number)) {
            bool changed = value.node == 0 || is_changed_file(overlay.node(value.node));
            if (!changed || except.contains(value.node)) continue;
            auto above = path_of(overlay, number);
            if (!above) continue;
            const auto path = above->empty() ? name : *above + "/" + name;
            if (!same(find_path(nodes, base.root, path), find_path(nodes, other.root, path)))
                return true;
        }
    }
    return false;
}

Overlay without(const Overlay& overlay, const std::set<NodeNumber>& held) {
    Overlay rest = overlay;
    DraftChange change;
    for (NodeNumber number : held) {
        for (const auto& [directory, name] : overlay.names_of(number))
            change.names.push_back({directory, name, std::nullopt});
        change.erased.push_back(number);
    }
    rest.apply(change);
    return rest;
}

std::optional<std::string> path_of(const Overlay& overlay, NodeNumber number) {
    std::string path;
    while (number != root_number && number != art_dir_number) {
        auto names = overlay.names_of(number);
        if (names.empty()) return std::nullopt;
        path = path.empty() ? names.front().second : names.front().second + "/" + path;
        number = names.front().first;
    }
    return number == art_dir_number ? std::string(art_dir_name) + "/" + path : path;
}

}  // namespace artfs
