#include "drafts/build.h"

namespace artfs {

namespace {

class Resolver {
public:
    Resolver(NodeSource& nodes, const HashedFiles& files, const NodeSink& sink, Resolved& result)
        : nodes_(nodes), files_(files), sink_(sink), result_(result) {}

    DirRef directory(const DirRef& reference, const DirRef& frozen) {
        if (reference.stored == frozen.stored) return frozen;
        if (auto known = result_.directories.find(frozen.stored);
            known != result_.directories.end())
            return known->second;
        std::vector<Edit> edits;
        diff_entries(nodes_, reference, frozen, [&](const Entry* before, const Entry* after) {
            if (after == nullptr) return;
            Entry entry = *after;
            if (entry.kind == Kind::file) {
                auto file = files_.find(entry.digest);
                if (file == files_.end()) return;
                result_.files.insert(*file);
                entry.digest = file->second.digest;
                entry.size = file->second.size;
            } else if (entry.kind == Kind::directory) {
                bool known = before != nullptr && before->kind == Kind::directory;
                entry.dir = directory(known ? before->dir : empty_dir(), entry.dir);
                if (entry.dir == after->dir) return;
            } else {
                return;
            }
            edits.push_back({entry.name, std::move(entry)});
        });
        if (edits.empty()) return frozen;
        DirRef resolved = edit_dir(nodes_, frozen, std::move(edits), sink_);
        result_.directories.emplace(frozen.stored, resolved);
        return resolved;
    }

private:
    NodeSource& nodes_;
    const HashedFiles& files_;
    const NodeSink& sink_;
    Resolved& result_;
};

}  // namespace

Resolved resolve_tree(NodeSource& nodes, const Snapshot& reference, const Snapshot& frozen,
                      const HashedFiles& files, const NodeSink& sink) {
    Resolved result;
    result.snapshot = frozen;
    result.snapshot.root =
        Resolver(nodes, files, sink, result).directory(reference.root, frozen.root);
    if (auto& metadata = result.snapshot.metadata)
        if (auto file = files.find(metadata->digest); file != files.end())
            metadata = Snapshot::Metadata{file->second.digest, file->second.size};
    return result;
}

namespace {
// A file that this draft left as it was, and that the head has another of, or none.
bool is_superseded(const OverlayNode& node, const std::optional<Ranked>& found) {
    if (node.kind == Kind::directory || node.changed || node.staging != 0) return false;
    return !found || found->entry.kind != node.kind || found->entry.digest != node.digest ||
           found->entry.target != node.target;
}
}  // namespace

void note_places(const Overlay& overlay, NodeSource& nodes, const Snapshot& snapshot, bool merged,
                 SealedDraft& sealed) {
    struct Place {
        NodeNumber number;
        DirRef ref;
        std::uint32_t rank;
    };
    std::vector<Place> places{{root_number, snapshot.root, 0}};
    while (!places.empty()) {
        Place dir = places.back();
        places.pop_back();
        sealed.directories[dir.number] = {dir.ref, dir.rank};
        for (const auto& [name, value] : overlay.names(dir.number)) {
            const auto* node = value.node == 0 ? nullptr : overlay.node(value.node);
            if (node == nullptr) continue;
            auto found = find(nodes, dir.ref, dir.rank, name);
            if (merged && is_superseded(*node, found)) sealed.superseded.insert(node->number);
            if (!found || found->entry.kind != node->kind) continue;
            if (node->kind == Kind::directory)
                places.push_back({node->number, found->entry.dir, found->rank});
            else
                sealed.ranks[node->number] = found->rank;
        }
    }
}

}  // namespace artfs
