#include "drafts/merge.h"

#include <algorithm>
#include <map>
#include <set>

namespace artfs {

namespace {

constexpr const char* metadata_path = ".art/metadata.json";

bool lacks_a_path_of(NodeSource& nodes, const DirRef& base, const DirRef& side) {
    std::set<std::string> gone;
    diff(nodes, base, side, false, [&](const Difference& difference) {
        if (difference.after == nullptr) gone.insert(difference.path);
        // What became of another kind is met twice, and is there.
        if (difference.before == nullptr) gone.erase(difference.path);
    });
    return !gone.empty();
}

// One value that both sides may have changed: what both have, or none if they disagree.
template <class Value, class Same>
std::optional<Value> merge_value(const Value& base, const Value& head, const Value& draft,
                                 Same same) {
    if (same(head, draft) || same(head, base)) return draft;
    if (same(draft, base)) return head;
    return std::nullopt;
}

// A directory's time moves whenever a name is made in it, and says nothing of who meant what.
std::optional<Attributes> merge_attributes(const Attributes& base, const Attributes& head,
                                           const Attributes& draft) {
    auto merged = merge_value(base, head, draft, [](const Attributes& a, const Attributes& b) {
        return a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.xattrs == b.xattrs;
    });
    if (merged) merged->mtime = std::max(head.mtime, draft.mtime);
    return merged;
}

class Merge {
public:
    Merge(NodeSource& nodes, const NodeSink& sink) : nodes_(nodes), sink_(sink) {}

    std::optional<DirRef> directories(const DirRef& base, const DirRef& head, const DirRef& draft) {
        if (head.stored == base.stored || head.stored == draft.stored) return draft;
        if (draft.stored == base.stored) return head;
        struct Change {
            std::optional<Entry> before;
            std::optional<Entry> after;
        };
        std::map<std::string, Change> of_head;
        diff_entries(nodes_, base, head, [&](const Entry* before, const Entry* after) {
            const auto& name = after != nullptr ? after->name : before->name;
            of_head[name] = {before ? std::optional(*before) : std::nullopt,
                             after ? std::optional(*after) : std::nullopt};
        });
        std::vector<Edit> edits;
        bool apart = true;
        diff_entries(nodes_, base, draft, [&](const Entry* before, const Entry* after) {
            if (!apart) return;
            const auto& name = after != nullptr ? after->name : before->name;
            auto ours = after ? std::optional(*after) : std::nullopt;
            auto other = of_head.find(name);
            if (other == of_head.end()) {
                edits.push_back({name, std::move(ours)});
                return;
            }
            const auto& theirs = other->second.after;
            if (!ours || !theirs) {
                apart = !ours && !theirs;
                return;
            }
            auto both = entries(other->second.before, *theirs, *ours);
            if (both)
                edits.push_back({name, std::move(*both)});
            else
                apart = false;
        });
        if (!apart) return std::nullopt;
        return edit_dir(nodes_, head, std::move(edits), sink_);
    }

private:
    // An entry that is not what the base has on either side.
    std::optional<Entry> entries(const std::optional<Entry>& base, const Entry& head,
                                 const Entry& draft) {
        if (head.kind != Kind::directory || draft.kind != Kind::directory)
            return head == draft ? std::optional(draft) : std::nullopt;
        bool known = base && base->kind == Kind::directory;
        // Made on both sides: as if the head's had been there from the start.
        auto attributes = merge_attributes(known ? base->attributes : head.attributes,
                                           head.attributes, draft.attributes);
        auto dir = directories(known ? base->dir : empty_dir(), head.dir, draft.dir);
        if (!attributes || !dir) return std::nullopt;
        Entry merged = draft;
        merged.attributes = *attributes;
        merged.dir = *dir;
        return merged;
    }

    NodeSource& nodes_;
    const NodeSink& sink_;
};

bool same_entry(const Entry& a, const Entry& b) {
    if (a.kind != b.kind || a.attributes.mode != b.attributes.mode) return false;
    if (a.kind == Kind::file) return a.size == b.size && a.digest == b.digest;
    return a.kind == Kind::directory || a.target == b.target;
}

}  // namespace

std::optional<Snapshot> merge_trees(NodeSource& nodes, const Snapshot& base, const Snapshot& head,
                                    const Snapshot& draft, const NodeSink& sink,
                                    Removals removals) {
    if (removals == Removals::refused && (lacks_a_path_of(nodes, base.root, head.root) ||
                                          lacks_a_path_of(nodes, base.root, draft.root)))
        return std::nullopt;
    if (base.metadata && (!head.metadata || !draft.metadata)) return std::nullopt;
    auto equal = [](const auto& a, const auto& b) { return a == b; };
    auto attributes =
        merge_attributes(base.root_attributes, head.root_attributes, draft.root_attributes);
    auto metadata = merge_value(base.metadata, head.metadata, draft.metadata, equal);
    auto description = merge_value(base.description, head.description, draft.description, equal);
    if (!attributes || !metadata || !description) return std::nullopt;
    auto root = Merge(nodes, sink).directories(base.root, head.root, draft.root);
    if (!root) return std::nullopt;
    return Snapshot{*root, std::move(*attributes), *metadata, std::move(*description)};
}

std::vector<std::string> diverged_paths(NodeSource& nodes, const Snapshot& base,
                                        const Snapshot& head, const Snapshot& version) {
    // A path whose kind changed is met twice, as what went and what came: the last is what is.
    std::map<std::string, std::optional<Entry>> changed;
    diff(nodes, base.root, head.root, false, [&](const Difference& difference) {
        changed[difference.path] =
            difference.after ? std::optional(*difference.after) : std::nullopt;
    });
    std::vector<std::string> paths;
    for (const auto& [path, theirs] : changed) {
        auto here = find_path(nodes, version.root, path);
        bool follows = theirs ? here && same_entry(here->entry, *theirs) : !here;
        if (!follows) paths.push_back(path);
    }
    if (head.metadata != base.metadata && version.metadata != head.metadata)
        paths.emplace_back(metadata_path);
    std::sort(paths.begin(), paths.end());
    return paths;
}

}  // namespace artfs
