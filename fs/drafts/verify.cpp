#include "drafts/verify.h"

#include "drafts/build.h"
#include "drafts/kept.h"

namespace artfs {

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
    HashedFiles known;
    auto built = build_hashed(context, drafts.front(), known, records);
    if (!built) return tl::unexpected(built.error());
    const auto& made = built->snapshot;
    Verified out;
    out.same = version_digest(made) == version.digest;
    out.metadata_differs = made.metadata != sealed.metadata;
    BuildNodes nodes(context.store.catalog(), records);
    diff(nodes, sealed.root, made.root, false,
         [&](const Difference& one) { out.different.push_back(one.path); });
    return out;
}

}  // namespace artfs
