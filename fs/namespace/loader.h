// The catalog as the dispatch thread sees it: caches that never wait.
//
// What is not in memory is read on the pool, and the handler that wanted it is suspended and run
// again. As the daemon is the only writer, what was loaded once stays right: whoever changes the
// catalog tells the loader after the commit.
//
// Owned by the dispatch thread.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "catalog/store.h"
#include "namespace/request.h"
#include "objects/tree.h"

namespace artfs {

struct ArtifactState {
    ArtifactRecord record;
    std::map<std::string, std::uint32_t, std::less<>> aliases;
    std::optional<std::map<std::uint32_t, VersionRecord>> versions;  // by number; none: not loaded
};

// A draft whose run is over, and what it takes to show it.
struct KeptDraft {
    DraftRecord record;
    std::string run_name;
};

// Who may make artifacts: the mount's own directory obeys Unix permissions like any.
struct RootDirectory {
    std::uint32_t mode = 0755;
    std::uint32_t uid = 0;  // the store's owner, until somebody gives it away
    std::uint32_t gid = 0;
};

// The catalog's setting that a project's RootDirectory is kept in, as JSON.
std::string root_setting(const std::string& project);

class Loader : private NodeSource {
public:
    // Reads the project's artifacts, aliases and kept drafts at once.
    Loader(Store& store, Executor& executor, std::string project);

    // ---- always in memory
    const RootDirectory& root() const { return root_; }
    const ArtifactState* artifact(const ArtifactId& id) const;
    const ArtifactState* artifact(std::string_view name) const;
    const std::map<std::string, ArtifactId, std::less<>>& artifacts() const { return names_; }
    const std::vector<KeptDraft>& kept_drafts() const { return kept_; }
    const KeptDraft* kept_draft(const ArtifactId& artifact, std::string_view run_name) const;

    // ---- perhaps to be loaded: these throw Suspend, and FormatError never
    NodeSource& nodes() { return *this; }
    const Snapshot& snapshot(const TreeId& tree);
    const std::map<std::uint32_t, VersionRecord>& versions(const ArtifactId& artifact);
    const VersionRecord* version(const ArtifactId& artifact, std::uint32_t number);
    // A run that is in the catalog, live or over; null if no run has the name.
    const RunRecord* run(std::string_view name);
    struct KeptRows {
        std::map<std::string, std::string> rows;
        // Of its staging files: rows may be older than the last write.
        struct Staged {
            std::uint64_t size = 0;
            Time mtime{};
        };
        std::map<std::uint64_t, Staged> staged;
    };
    const KeptRows& draft_rows(const DraftId& draft);
    // Versions that a run which is over has used and logged, by artifact.
    struct RunLinks {
        std::map<ArtifactId, std::uint32_t> uses;
        std::map<ArtifactId, std::uint32_t> logs;
    };
    const RunLinks& run_links(const RunId& run);

    // ---- what changed, after the commit
    void put(const RootDirectory& root) { root_ = root; }
    void put(const ArtifactRecord& record);
    void put(const VersionRecord& record);
    void put_alias(const ArtifactId& id, const std::string& alias, std::uint32_t number);
    void erase_alias(const ArtifactId& id, const std::string& alias);
    void erase_artifact(const ArtifactId& id);
    void put_kept(KeptDraft draft);
    void erase_kept(const DraftId& draft);
    void forget_run(std::string_view name);

private:
    std::shared_ptr<const Node> node(const Digest& stored) override;

    // Throws Suspend: `read` runs on the pool with a transaction, `keep` takes its result.
    template <class Read, class Keep>
    [[noreturn]] void load(Read read, Keep keep);

    struct CachedNode {
        std::shared_ptr<const Node> node;
        std::list<Digest>::iterator place;
    };

    Store& store_;
    Executor& executor_;
    std::string project_;
    RootDirectory root_;
    std::unordered_map<ArtifactId, ArtifactState> artifacts_;
    std::map<std::string, ArtifactId, std::less<>> names_;
    std::vector<KeptDraft> kept_;
    std::unordered_map<Digest, CachedNode> nodes_;
    std::list<Digest> node_order_;  // least recently used first
    std::map<TreeId, Snapshot> snapshots_;
    std::map<std::string, std::optional<RunRecord>, std::less<>> runs_;
    std::map<DraftId, KeptRows> draft_rows_;
    std::map<RunId, RunLinks> run_links_;
};

}  // namespace artfs
