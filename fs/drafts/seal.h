// Sealing: frozen drafts of a run become versions, durably and all at once.
//
// The steps and their order are design.md, section 5: hash and sync the bytes, link them into
// objects, record tree nodes, and then one transaction that makes the versions, edges, heads and
// run visible and the drafts gone. Until that transaction nothing can be seen; after it nothing can
// be lost. A failure before it leaves drafts and staging files as they were.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "catalog/records.h"
#include "catalog/store.h"
#include "drafts/overlay.h"
#include "objects/object_store.h"
#include "objects/tree.h"

namespace artfs {

// A draft that nothing changes any more.
struct FrozenDraft {
    DraftId id;
    std::optional<ArtifactId> artifact;  // none: run data
    Base base;
    Snapshot base_snapshot;
    std::shared_ptr<const Overlay> overlay;
};

struct SealOrder {
    RunRecord run;  // as it shall be recorded with the seal
    std::uint32_t segment = 1;
    std::vector<UseEdge> uses;  // of the segment, as far as the catalog lacks them
    std::vector<FrozenDraft> drafts;
    std::map<std::string, std::string> types;    // by artifact name
    std::map<std::string, std::string> aliases;  // to set on what is logged
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
};

// The parts of a store that sealing needs; who calls owns them.
struct SealContext {
    Store& store;
    // Runs a change durably, on the thread that may: CatalogThread::write, or Catalog::write.
    std::function<Result<>(CatalogThread::Change)> write;
    std::vector<std::string> never_keep;  // name patterns
};

// Blocks for as long as hashing and syncing take. Staging files stay; the caller removes them.
Result<std::vector<SealedDraft>> seal(const SealContext& context, const SealOrder& order);

// The overlay of a view whose frozen state was sealed: what was not changed since then is clean.
Overlay rebase(const Overlay& current, const Overlay& frozen, const SealedDraft& sealed);

}  // namespace artfs
