#include "drafts/verify.h"

#include "drafts/build.h"
#include "drafts/kept.h"

namespace artfs {

namespace {

// The draft's new nodes, then the catalog's.
class BothNodes : public NodeSource {
public:
    BothNodes(const Catalog& catalog, const NewRecords& records)
        : records_(records), catalog_(catalog) {}
    std::shared_ptr<const Node> node(const Digest& stored) override {
        if (auto found = records_.find(stored); found != records_.end())
            return std::make_shared<const Node>(decode_node(found->second));
        return catalog_.node(stored);
    }

private:
    const NewRecords& records_;
    CatalogNodes catalog_;
};

}  // namespace

Result<Verified> verify_draft(const SealContext& context, const RunId& run,
                              const VersionRecord& version) {
    auto held = context.store.hold_contents();
    if (!held) return tl::unexpected(held.error());
    std::vector<FrozenDraft> drafts;
    Snapshot sealed;
    {
        auto txn = context.store.catalog().read();
        sealed = txn->snapshot(version.tree);
        for (const auto& draft : txn->drafts())
            if (draft.run == run && draft.artifact == version.artifact)
                drafts.push_back(load_kept(*txn, draft));
    }
    if (drafts.empty()) return fail(ENOENT, "the command wrote nothing to the artifact");
    NewRecords records;
    auto built = build_drafts(context, drafts, records);
    if (!built) return tl::unexpected(built.error());
    const auto& draft = built->front();
    Verified out;
    out.same = draft.digest == version.digest;
    out.metadata_differs = draft.sealed.snapshot.metadata != sealed.metadata;
    BothNodes nodes(context.store.catalog(), records);
    diff(nodes, sealed.root, draft.sealed.snapshot.root, false,
         [&](const Difference& one) { out.different.push_back(one.path); });
    return out;
}

}  // namespace artfs
