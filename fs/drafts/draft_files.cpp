#include "drafts/draft_files.h"

#include "drafts/overlay.h"

namespace artfs {

namespace {

// Of a directory and below: what has bytes of its own. What was only moved is the base's.
void add_staged(const Store& store, const Overlay& overlay, NodeNumber directory,
                const std::string& artifact, const std::string& prefix,
                std::vector<WrittenFile>& files) {
    for (const auto& [name, entry] : overlay.names(directory)) {
        const auto* node = overlay.node(entry.node);
        if (node == nullptr) continue;
        if (node->kind == Kind::directory)
            add_staged(store, overlay, node->number, artifact, prefix + name + "/", files);
        else if (node->kind == Kind::file && node->staging != 0)
            files.push_back({artifact, prefix + name, node->size, std::nullopt,
                             store.staging_path(node->staging)});
    }
}

}  // namespace

std::vector<WrittenFile> draft_files(const Reading& at, const RunRecord& run) {
    std::vector<WrittenFile> files;
    // What is kept of an overlay has the names that lead to it: the base, which may be a frozen
    // tree that is in no catalog yet, is not needed.
    const Snapshot none{.root = empty_dir(), .metadata = {}, .description = {}};
    for (const auto& draft : at.txn.drafts()) {
        if (draft.run != run.id) continue;
        auto artifact = draft.artifact ? at.txn.artifact(*draft.artifact) : std::nullopt;
        if (draft.artifact && !artifact) continue;
        add_staged(at.store, Overlay::from_rows(none, at.txn.draft_rows(draft.id)), root_number,
                   artifact ? artifact->name : "", "", files);
    }
    return files;
}

}  // namespace artfs
