// Drafts that outlived their run: a run that failed, or a mount that went away. They are kept as
// rows in the catalog and bytes in staging until somebody seals or drops them.
//
// Everything here blocks, and needs the right to write (the daemon, or who holds the store's lock).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "drafts/seal.h"

namespace artfs {

// A kept draft as sealing takes it.
FrozenDraft load_kept(const ReadTxn& txn, const DraftRecord& record);

// For a store that no daemon serves.
SealContext offline_context(Store& store);

// What a store needs at start after any kill or reboot: runs that were running are lost, their
// drafts kept and their run data recorded, and staging files that no draft names are removed.
// Gives the first staging number that is free.
Result<std::uint64_t> recover(const SealContext& context);

// True if another draft has this one's frozen tree as its base.
bool is_built_on(const ReadTxn& txn, const DraftRecord& draft);

// Seals the run's kept drafts. None: an empty list.
Result<std::vector<SealedDraft>> seal_kept(const SealContext& context, const RunId& run);

// Seals one of them as a version that never becomes head.
Result<std::vector<SealedDraft>> seal_aside(const SealContext& context, const DraftId& draft);

// The kept drafts of a run as they are to go on in another run, to which they belong from now on.
struct TakenOver {
    DraftRecord record;
    Snapshot base;
    Overlay overlay;
};
Result<std::vector<TakenOver>> take_over_kept(const SealContext& context, const RunRecord& from,
                                              const RunRecord& to);

// Drops them, bytes too; the names of their artifacts.
Result<std::vector<std::string>> drop_kept(const SealContext& context, const RunId& run);

// The same for a store that no daemon serves, as `art` reports them:
// [{"artifact":…,"version":…,"new":…}], and a list of artifacts.
Result<nlohmann::json> commit_kept(Store& store, const RunId& run);
Result<nlohmann::json> discard_kept(Store& store, const RunId& run);
nlohmann::json sealed_as_json(const ReadTxn& txn, const std::vector<SealedDraft>& sealed);

}  // namespace artfs
