#include "drafts/build.h"

#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "drafts/ingest.h"
#include "drafts/merge.h"

namespace artfs {

namespace {

bool never_kept(const std::vector<std::string>& patterns, const std::string& name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
        return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    });
}

// Builds the tree of one frozen draft, directory by directory from the leaves.
class TreeBuilder {
public:
    // `texts`: the small files beside the root that were staged, by node.
    TreeBuilder(const SealContext& context, const FrozenDraft& draft, FrozenTree& tree,
                const HashedFiles& known, const std::map<NodeNumber, std::string>& texts,
                NewRecords& records)
        : draft_(draft),
          overlay_(*draft.overlay),
          tree_(tree),
          known_(known),
          texts_(texts),
          records_(records),
          never_keep_(context.never_keep),
          nodes_(context.store.catalog(), records) {
        for (const auto& file : tree.files) files_[file.node] = &file;
    }

    void build() {
        tree_.snapshot = draft_.base_snapshot;
        const auto& root = *overlay_.node(root_number);
        tree_.snapshot.root = directory(root);
        tree_.snapshot.root_attributes = root.attributes;
        beside();
    }

private:
    DirRef directory(const OverlayNode& dir) {
        std::vector<Edit> edits;
        for (const auto& [name, value] : overlay_.names(dir.number)) {
            if (dir.number == root_number && name == art_dir_name) continue;
            if (never_kept(never_keep_, name)) {
                edits.push_back({name, std::nullopt});
                continue;
            }
            if (value.node == 0) {
                edits.push_back({name, std::nullopt});
                tree_.worth_a_version = true;
                ++tree_.changed;
                continue;
            }
            const auto& node = *overlay_.node(value.node);
            if (node.special != 0) {  // of the draft only; what it took the place of is gone
                edits.push_back({name, std::nullopt});
                tree_.worth_a_version = tree_.worth_a_version || value.serial == 0;
                tree_.changed += value.serial == 0 ? 1 : 0;
                continue;
            }
            if (node.kind == Kind::directory && !node.kept) continue;  // only looked at
            edits.push_back({name, entry(name, node)});
        }
        const DirRef& base = dir.base ? *dir.base : empty_dir();
        if (edits.empty()) return base;
        return edit_dir(nodes_, base, std::move(edits),
                        [this](const Digest& stored, std::string bytes) {
                            records_.emplace(stored, std::move(bytes));
                        });
    }

    Entry entry(const std::string& name, const OverlayNode& node) {
        Entry entry;
        entry.name = name;
        entry.kind = node.kind;
        entry.attributes = node.attributes;
        ++tree_.put;
        if (node.kind == Kind::directory) {
            if (node.base && node.changed)
                tree_.worth_a_version = true;  // moved, or other attributes
            entry.dir = directory(node);
            return entry;
        }
        if (node.changed) {
            tree_.worth_a_version = true;
            ++tree_.changed;
        }
        if (node.kind == Kind::symlink) {
            entry.target = node.target;
            return entry;
        }
        auto [digest, size] = content(node);
        entry.digest = digest;
        entry.size = size;
        return entry;
    }

    Hashed content(const OverlayNode& node) const {
        auto staged = files_.find(node.number);
        if (staged == files_.end()) return {node.digest, node.size};
        auto known = known_.find(staged->second->stand_in);
        if (known != known_.end()) return known->second;
        return {staged->second->stand_in, staged->second->size};
    }

    const OverlayNode* beside_root(const char* name) const {
        const auto& names = overlay_.names(art_dir_number);
        auto found = names.find(std::string_view(name));
        if (found == names.end() || found->second.node == 0) return nullptr;
        return overlay_.node(found->second.node);
    }

    void beside() {
        auto& snapshot = tree_.snapshot;
        snapshot.metadata.reset();
        if (const auto* node = beside_root(metadata_name)) {
            auto [digest, size] = content(*node);
            snapshot.metadata = Snapshot::Metadata{digest, size};
        }
        snapshot.description.reset();
        if (const auto* node = beside_root(description_name))
            snapshot.description =
                texts_.contains(node->number) ? texts_.at(node->number) : node->target;
        const auto& base = draft_.base_snapshot;
        if (snapshot.metadata != base.metadata || snapshot.description != base.description)
            tree_.worth_a_version = true;
        if (const auto* node = beside_root(type_name); node && texts_.contains(node->number))
            tree_.type = texts_.at(node->number);
    }

    const FrozenDraft& draft_;
    const Overlay& overlay_;
    FrozenTree& tree_;
    const HashedFiles& known_;
    const std::map<NodeNumber, std::string>& texts_;
    NewRecords& records_;
    const std::vector<std::string>& never_keep_;
    BuildNodes nodes_;
    std::map<NodeNumber, const StagedFile*> files_;
};

// Description and type, where the draft wrote them: one line each, without what `echo` adds.
Result<std::map<NodeNumber, std::string>> staged_texts(const Store& store, const Overlay& overlay) {
    std::map<NodeNumber, std::string> texts;
    for (const char* name : {description_name, type_name}) {
        const auto& names = overlay.names(art_dir_number);
        auto found = names.find(std::string_view(name));
        const auto* node = found == names.end() ? nullptr : overlay.node(found->second.node);
        if (node == nullptr || node->staging == 0) continue;
        auto text = read_file(store.staging_path(node->staging));
        if (!text) return tl::unexpected(text.error());
        text->erase(text->find_last_not_of(" \n") + 1);
        texts.emplace(node->number, std::move(*text));
    }
    return texts;
}

// Never that of any bytes; of this draft's file alone.
Digest stand_in_of(const DraftId& draft, NodeNumber node, std::uint64_t staging) {
    return sha256("artfs stand-in " + draft.text() + " " + std::to_string(node) + " " +
                  std::to_string(staging));
}

}  // namespace

std::shared_ptr<const Node> BuildNodes::node(const Digest& stored) {
    if (auto found = records_.find(stored); found != records_.end())
        return std::make_shared<const Node>(decode_node(found->second));
    return catalog_.node(stored);
}

std::set<NodeNumber> kept_nodes(const Overlay& overlay,
                                const std::vector<std::string>& never_keep) {
    std::set<NodeNumber> found;
    std::vector<NodeNumber> directories{root_number, art_dir_number};
    while (!directories.empty()) {
        NodeNumber directory = directories.back();
        directories.pop_back();
        for (const auto& [name, value] : overlay.names(directory)) {
            const auto* node = value.node == 0 ? nullptr : overlay.node(value.node);
            if (node == nullptr || never_kept(never_keep, name)) continue;
            if (!found.insert(value.node).second) continue;
            if (node->kind == Kind::directory) directories.push_back(value.node);
        }
    }
    return found;
}

Result<std::vector<StagedFile>> staged_files(const SealContext& context, const FrozenDraft& draft) {
    std::vector<StagedFile> files;
    for (NodeNumber number : kept_nodes(*draft.overlay, context.never_keep)) {
        const auto* node = draft.overlay->node(number);
        if (node->staging == 0) continue;
        struct stat status {};
        if (stat(context.store.staging_path(node->staging).c_str(), &status) != 0)
            return fail_errno("stat of a staging file");
        files.push_back({number, node->staging, stand_in_of(draft.id, number, node->staging),
                         static_cast<std::uint64_t>(status.st_size)});
    }
    return files;
}

Result<FrozenTree> build_tree(const SealContext& context, const FrozenDraft& draft,
                              std::vector<StagedFile> files, const HashedFiles& known,
                              NewRecords& records) {
    auto texts = staged_texts(context.store, *draft.overlay);
    if (!texts) return tl::unexpected(texts.error());
    FrozenTree tree;
    tree.files = std::move(files);
    TreeBuilder(context, draft, tree, known, *texts, records).build();
    if (tree.worth_a_version && draft.merges && !draft.begins_empty && draft.head &&
        draft.head->base.tree != draft.base.tree) {
        BuildNodes nodes(context.store.catalog(), records);
        auto sink = [&](const Digest& stored, std::string bytes) {
            records.emplace(stored, std::move(bytes));
        };
        auto removals = draft.of_launcher ? Removals::merged : Removals::refused;
        auto merged = merge_trees(nodes, draft.base_snapshot, draft.head->snapshot, tree.snapshot,
                                  sink, removals);
        tree.merged = merged.has_value();
        if (merged) tree.snapshot = std::move(*merged);
    }
    tree.tree = tree_id(tree.snapshot);
    records.emplace(tree.tree.digest, encode_snapshot(tree.snapshot));
    return tree;
}

Result<FrozenTree> build_hashed(const SealContext& context, const FrozenDraft& draft,
                                HashedFiles& known, NewRecords& records) {
    auto files = staged_files(context, draft);
    if (!files) return tl::unexpected(files.error());
    auto hashed = hash_files(context, *files);
    if (!hashed) return tl::unexpected(hashed.error());
    known.insert(hashed->begin(), hashed->end());
    return build_tree(context, draft, std::move(*files), known, records);
}

}  // namespace artfs
