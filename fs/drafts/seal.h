// Sealing: frozen drafts of a run become versions, durably and all at once.
//
// The steps and their order are design.md, section 5: freeze the names as a tree (others may build
// on it then), hash and sync the bytes, link them into objects, record tree nodes, and then one
// transaction that makes the versions, edges, heads and run visible and the drafts gone. A failure
// before it leaves drafts and staging files as they were.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "catalog/records.h"
#include "catalog/store.h"
#include "drafts/overlay.h"
#include "objects/object_store.h"
#include "objects/tree.h"

namespace artfs {

class EarlyHashes;

// What the queue of an artifact's frozen trees ends with.
struct Head {
    Base base;
    Snapshot snapshot;
};

// A draft that nothing changes any more.
struct FrozenDraft {
    DraftId id;
    std::optional<ArtifactId> artifact;  // none: run data
    Base base;
    Snapshot base_snapshot;
    std::shared_ptr<const Overlay> overlay;
    VersionId promised = VersionId::make();  // what it becomes, if it becomes a new version
    bool begins_empty = false;               // by policy: never merged, follows nothing
    bool merges = false;                     // its run's root has exited
    Time created{};
    std::optional<Head> head;         // to merge with
    std::optional<TreeId> frozen_as;  // it was frozen before, and others built on that
    // Runs that wrote to it besides the one it is sealed for, with their segments.
    std::map<RunId, std::uint32_t> others;
    bool owner_logs = true;    // the one it is sealed for wrote to it
    bool of_launcher = false;  // was written in a launcher's view
    // Sealed beside files that are still open for writing: the overlay is without them, the view
    // goes on with them.
    std::optional<std::set<NodeNumber>> held;
};

struct StagedFile {
    NodeNumber node = 0;
    std::uint64_t staging = 0;
    Digest stand_in;  // what stands for its bytes while they are not hashed
    std::uint64_t size = 0;
};

// A draft as a tree. What is frozen is what is sealed: only digests of bytes come later.
struct FrozenTree {
    Snapshot snapshot;
    TreeId tree;
    bool worth_a_version = false;
    bool merged = false;
    std::optional<std::string> type;
    std::uint32_t changed = 0;  // files put or removed
    std::uint32_t put = 0;      // entries the draft itself put into the tree
    std::vector<StagedFile> files;
};

// New records, by digest, not written yet.
using NewRecords = std::unordered_map<Digest, std::string>;

struct FrozenTrees {
    std::vector<FrozenTree> trees;  // in the order of the drafts
    NewRecords records;
};

struct SealOrder {
    RunRecord run;  // as it shall be recorded with the seal
    std::uint32_t segment = 1;
    std::vector<UseEdge> uses;  // of the segment, as far as the catalog lacks them
    // What this run and others who wrote to its drafts have used, here and in other projects, that
    // the catalog may lack.
    std::map<RunId, std::set<VersionId>> used;
    std::vector<FrozenDraft> drafts;
    std::map<std::string, std::string> types;    // by artifact name
    std::map<std::string, std::string> aliases;  // to set on what is logged
    bool by_policy = false;                      // in mid-run, and nobody asked for it
    bool aside = false;                          // the version never becomes head
};

enum class SealOutcome {
    created,    // a new version
    existing,   // equal to the head: a log edge to that
    confirmed,  // equal to the head, but an edge would close a cycle
    nothing,    // held no file
    run_data,
};

struct SealedDraft {
    DraftId id;
    std::optional<ArtifactId> artifact;
    SealOutcome outcome = SealOutcome::nothing;
    std::optional<VersionRecord> version;           // the one made or met
    std::optional<ArtifactRecord> artifact_record;  // after it, where it changed
    // What the view is after it, for going on on top of it.
    Base base;
    Snapshot snapshot;
    struct Directory {
        DirRef ref;
        std::uint32_t rank = 0;
    };
    std::map<NodeNumber, Hashed> files;  // staged files' objects
    std::map<NodeNumber, Directory> directories;
    std::map<NodeNumber, std::uint32_t> ranks;  // of files and symlinks that have a name
    // Files that were merged with the head's: in their places there is something else.
    std::set<NodeNumber> superseded;
    // For who built on it while it was frozen; none where nothing came of it.
    std::optional<Promotion> promotion;
};

// The parts of a store that sealing needs; who calls owns them.
struct SealContext {
    Store& store;
    // Runs a change durably, on the thread that may: CatalogThread::write, or Catalog::write.
    std::function<Result<>(CatalogThread::Change)> write;
    std::vector<std::string> never_keep;  // name patterns
    EarlyHashes* early = nullptr;         // what is hashed already, if anybody has
};

// The three parts of sealing; they block. The frozen trees are for others to build on once their
// records are durable. Staging files stay; the caller removes them.
Result<FrozenTrees> freeze(const SealContext& context, const SealOrder& order);
Result<HashedFiles> hash(const SealContext& context, const FrozenTrees& frozen);
// `known`: also what stood for bytes in the trees that these were built on. Those must be versions
// by now, and the order must name them as what they became.
Result<std::vector<SealedDraft>> finish(const SealContext& context, const SealOrder& order,
                                        const FrozenTrees& frozen, const HashedFiles& known);

// All of it, for drafts that nobody builds on meanwhile.
Result<std::vector<SealedDraft>> seal(const SealContext& context, const SealOrder& order);

// The nodes that a name leads to which a version keeps.
std::set<NodeNumber> kept_nodes(const Overlay& overlay, const std::vector<std::string>& never_keep);

// The overlay of a view whose frozen state was sealed: what was not changed since then is clean.
// With `reads_are_uses` the run is over: what it wrote is read as the version's.
Overlay rebase(const Overlay& current, const Overlay& frozen, const SealedDraft& sealed,
               bool reads_are_uses = false);

}  // namespace artfs
