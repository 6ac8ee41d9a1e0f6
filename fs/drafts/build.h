// A frozen draft's names as a tree, and its bytes as objects.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "drafts/seal.h"

namespace artfs {

// The staged files of a draft that are kept, their sizes as they are now.
Result<std::vector<StagedFile>> staged_files(const SealContext& context, const FrozenDraft& draft);

// The tree of a frozen draft, merged with the head of its queue where that may be. Files that are
// in `known` have their digests, the others have what stands for them. New nodes go to `records`.
Result<FrozenTree> build_tree(const SealContext& context, const FrozenDraft& draft,
                              std::vector<StagedFile> files, const HashedFiles& known,
                              NewRecords& records);

// The same of a draft whose files are hashed here; what they hashed to is added to `known`.
Result<FrozenTree> build_hashed(const SealContext& context, const FrozenDraft& draft,
                                HashedFiles& known, NewRecords& records);

// Nodes that were made just now, and then the catalog's.
class BuildNodes : public NodeSource {
public:
    BuildNodes(const Catalog& catalog, const NewRecords& records)
        : records_(records), catalog_(catalog) {}
    std::shared_ptr<const Node> node(const Digest& stored) override;

private:
    const NewRecords& records_;
    CatalogNodes catalog_;
};

// Where the draft's names are in a tree, for views that go on with it.
void note_places(const Overlay& overlay, NodeSource& nodes, const Snapshot& snapshot, bool merged,
                 SealedDraft& sealed);

// A tree with the digests of its bytes in place of what stood for them. `reference`: a tree near
// it that has none of those.
struct Resolved {
    Snapshot snapshot;
    std::unordered_map<Digest, DirRef> directories;  // that changed, by their stored digest
    HashedFiles files;                               // that were met
};
Resolved resolve_tree(NodeSource& nodes, const Snapshot& reference, const Snapshot& frozen,
                      const HashedFiles& files, const NodeSink& sink);

}  // namespace artfs
