#include "drafts/follow.h"

namespace artfs {

namespace {

using Entries = std::map<std::string, Ranked, std::less<>>;

Entries entries_of(NodeSource& nodes, const DirRef& dir, std::uint32_t rank) {
    Entries entries;
    list(nodes, dir, rank, 0, [&](const Entry& entry, std::uint32_t at) {
        entries.emplace(entry.name, Ranked{entry, at});
        return true;
    });
    return entries;
}

bool same_file(const Entry& a, const Entry& b) {
    return a.kind == b.kind && a.digest == b.digest && a.target == b.target &&
           a.attributes == b.attributes;
}

bool same_file(const OverlayNode& node, const Entry& entry) {
    return node.kind == entry.kind && node.digest == entry.digest && node.target == entry.target &&
           node.attributes == entry.attributes;
}

class Follower {
public:
    Follower(const Overlay& clean, NodeSource& nodes, const Snapshot& base,
             const std::optional<VersionId>& version)
        : clean_(clean), nodes_(nodes), result_{Overlay(base, version), {}} {
        for (const auto& [number, node] : clean.nodes()) {
            if (number < first_free_number) continue;
            OverlayNode kept = node;
            if (node.kind == Kind::directory) {  // unless it is met again
                kept.base.reset();
                kept.links = 0;
            }
            moved_.emplace(number, std::move(kept));
        }
    }

    Followed run(const DirRef& root) {
        directory(root_number, root, 0);
        for (auto& [number, node] : moved_) change_.nodes.push_back(std::move(node));
        result_.overlay.apply(change_);
        return std::move(result_);
    }

private:
    void directory(NodeNumber number, const DirRef& dir, std::uint32_t rank) {
        auto now = entries_of(nodes_, dir, rank);
        const auto* old = clean_.node(number);
        Entries before;
        if (old->base) before = entries_of(nodes_, *old->base, old->base_rank);
        const auto& names = clean_.names(number);
        for (const auto& [name, value] : names) {
            before.erase(name);
            auto there = now.find(name);
            keep_or_drop(number, name, value, there == now.end() ? nullptr : &there->second);
        }
        for (const auto& [name, was] : before) {
            auto there = now.find(name);
            bool same = there != now.end() && same_file(was.entry, there->second.entry);
            if (!same) result_.changed.emplace_back(number, name);
        }
        for (const auto& [name, entry] : now)
            if (!before.contains(name) && !names.contains(name))
                result_.changed.emplace_back(number, name);
    }

    void keep_or_drop(NodeNumber parent, const std::string& name, const OverlayName& value,
                      const Ranked* there) {
        const auto* node = value.node == 0 ? nullptr : clean_.node(value.node);
        bool directory_still = node != nullptr && there != nullptr &&
                               node->kind == Kind::directory &&
                               there->entry.kind == Kind::directory;
        if (directory_still) {
            auto& moved = moved_.at(value.node);
            moved = *node;
            moved.base = there->entry.dir;
            moved.base_rank = there->rank;
            moved.attributes = there->entry.attributes;
            change_.names.push_back({parent, name, OverlayName{value.node, 0}});
            directory(value.node, there->entry.dir, there->rank);
            return;
        }
        bool file_still = node != nullptr && there != nullptr && node->kind != Kind::directory &&
                          same_file(*node, there->entry);
        if (file_still) {
            change_.names.push_back({parent, name, OverlayName{value.node, 0}});
            return;
        }
        result_.changed.emplace_back(parent, name);
    }

    const Overlay& clean_;
    NodeSource& nodes_;
    Followed result_;
    std::map<NodeNumber, OverlayNode> moved_;
    DraftChange change_;
};

}  // namespace

Followed follow(const Overlay& clean, NodeSource& nodes, const Snapshot& base,
                const std::optional<VersionId>& version) {
    return Follower(clean, nodes, base, version).run(base.root);
}

}  // namespace artfs
