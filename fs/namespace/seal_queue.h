// Drafts on their way to versions: frozen, hashed, sealed.
//
// Seals stand in the order in which they were asked for. Freezing goes one after the other, so that
// each frozen tree of an artifact has the one before as its head; others may build on it from then
// on. Hashing goes side by side. The last step of a seal waits for every earlier one that shares an
// artifact with it or whose frozen tree it was made from, so a version never comes before what it
// was made of. When a seal fails, so do all that were built on it.
//
// Owned by the dispatch thread.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drafts/seal.h"
#include "namespace/mount.h"

namespace artfs {

class SealQueue {
public:
    struct Seal {
        SealOrder order;
        std::vector<std::uint32_t> views;  // of the drafts, in their order
        std::function<void(Result<std::vector<SealedDraft>>)> done;

        enum class Step : std::uint8_t { waiting, freezing, hashing, hashed, finishing };
        Step step = Step::waiting;
        FrozenTrees frozen;
        HashedFiles known;
        Fd held;                      // of Store::hold_contents
        std::optional<Error> doomed;  // what it was built on came to nothing
    };

    explicit SealQueue(Mount& mount) : mount_(mount) {}

    // Told when the drafts of a run are frozen.
    std::function<void(const RunId&)> on_frozen;
    // What was promised as a version is equal to one that was there before.
    std::function<void(const VersionId& promised, const VersionId& version)> on_another_version;

    void add(Seal seal);
    // The frozen tree that is to be the artifact's head.
    std::optional<Head> head(const ArtifactId& artifact) const;
    // True while a seal of the run is not frozen yet.
    bool freezes(const RunId& run) const;
    // What the draft was frozen as; null where it is not.
    const FrozenTree* frozen_tree(const DraftId& draft) const;
    const FrozenDraft* frozen_draft(const DraftId& draft) const;
    // The run whose seal this draft's waits for; "" if none.
    std::string waits_for(const DraftId& draft) const;
    // True if a live draft or a seal under way is built on what the draft was frozen as.
    bool is_built_on(const DraftId& draft) const;

    SealContext context();

private:
    using Shared = std::shared_ptr<Seal>;

    void advance();
    void start_freezing(const Shared& seal);
    void frozen(const Shared& seal, Result<FrozenTrees> trees, std::vector<FrozenDraft> drafts);
    void start_hashing(const Shared& seal);
    void start_finishing(const Shared& seal);
    void finished(const Shared& seal, const std::vector<SealedDraft>& sealed);
    void promote(const Promotion& promotion);
    void failed(const Shared& seal, const Error& error);
    const Seal* blocker_of(const Seal& seal) const;

    Mount& mount_;
    std::list<Shared> seals_;
};

}  // namespace artfs
