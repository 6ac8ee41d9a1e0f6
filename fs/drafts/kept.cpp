#include "drafts/kept.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "runs/config.h"

namespace artfs {

namespace {

std::vector<DraftRecord> drafts_of(const ReadTxn& txn, const RunId& run) {
    auto drafts = txn.drafts();
    std::erase_if(drafts, [&](const DraftRecord& draft) { return draft.run != run; });
    return drafts;
}

void remove_staging(const Store& store, const std::vector<FrozenDraft>& drafts) {
    for (const auto& draft : drafts)
        for (auto number : draft.overlay->staging_files())
            unlink(store.staging_path(number).c_str());
}

Result<> record_lost_runs(const SealContext& context) {
    return context.write([](WriteTxn& txn) {
        for (const auto& project : txn.projects()) {
            std::vector<RunRecord> lost;
            txn.runs(project, [&](const RunRecord& run) {
                if (run.state == RunState::running) lost.push_back(run);
                return true;
            });
            for (auto& run : lost) {
                run.state = RunState::lost;
                run.exit_known = false;
                run.ended = now();
                txn.put(run);
            }
        }
        for (auto& draft : txn.drafts()) {
            if (draft.state == DraftState::abandoned) continue;
            draft.state = DraftState::abandoned;
            draft.why = "the mount went away while its run lived";
            txn.put(draft);
        }
    });
}

// Metrics and the rest of what a lost run said of itself stay readable.
Result<> keep_run_data(const SealContext& context) {
    std::vector<SealOrder> orders;
    {
        auto txn = context.store.catalog().read();
        for (const auto& draft : txn->drafts()) {
            auto run = txn->run(draft.run);
            if (draft.artifact || !run) continue;
            orders.push_back({*run, draft.segment, {}, {load_kept(*txn, draft)}, {}, {}});
        }
    }
    for (const auto& one : orders) {
        auto sealed = seal(context, one);
        if (!sealed) return tl::unexpected(sealed.error());
        remove_staging(context.store, one.drafts);
    }
    return {};
}

}  // namespace

FrozenDraft load_kept(const ReadTxn& txn, const DraftRecord& record) {
    FrozenDraft draft;
    draft.id = record.id;
    draft.artifact = record.artifact;
    draft.base = record.base;
    static const TreeId empty =
        tree_id(Snapshot{.root = empty_dir(), .metadata = {}, .description = {}});
    draft.base_snapshot = record.base.tree == empty
                              ? Snapshot{.root = empty_dir(), .metadata = {}, .description = {}}
                              : txn.snapshot(record.base.tree);
    draft.overlay = std::make_shared<const Overlay>(
        Overlay::from_rows(draft.base_snapshot, txn.draft_rows(record.id)));
    return draft;
}

SealContext offline_context(Store& store) {
    auto config = load_config(store.config_path());
    return {store,
            [&store](const CatalogThread::Change& change) { return store.catalog().write(change); },
            config ? config->never_keep : Config::built_in().never_keep};
}

Result<std::uint64_t> recover(const SealContext& context) {
    if (auto recorded = record_lost_runs(context); !recorded)
        return tl::unexpected(recorded.error());
    if (auto kept = keep_run_data(context); !kept) return tl::unexpected(kept.error());
    std::set<std::uint64_t> named;
    {
        auto txn = context.store.catalog().read();
        for (const auto& draft : txn->drafts())
            for (auto number : load_kept(*txn, draft).overlay->staging_files())
                named.insert(number);
    }
    auto present = context.store.staging_files();
    if (!present) return tl::unexpected(present.error());
    std::uint64_t next = 1;
    for (auto number : *present) {
        next = std::max(next, number + 1);
        if (!named.contains(number)) unlink(context.store.staging_path(number).c_str());
    }
    return next;
}

Result<std::vector<SealedDraft>> seal_kept(const SealContext& context, const RunId& run) {
    SealOrder order;
    {
        auto txn = context.store.catalog().read();
        auto record = txn->run(run);
        if (!record) return fail(ENOENT, "no such run");
        order.run = *record;
        for (const auto& draft : drafts_of(*txn, run)) {
            order.segment = draft.segment;
            order.drafts.push_back(load_kept(*txn, draft));
        }
    }
    if (order.drafts.empty()) return std::vector<SealedDraft>{};
    auto sealed = seal(context, order);
    if (sealed) remove_staging(context.store, order.drafts);
    return sealed;
}

Result<std::vector<std::string>> drop_kept(const SealContext& context, const RunId& run) {
    std::vector<FrozenDraft> drafts;
    std::vector<std::string> names;
    {
        auto txn = context.store.catalog().read();
        for (const auto& draft : drafts_of(*txn, run)) {
            drafts.push_back(load_kept(*txn, draft));
            auto artifact = draft.artifact ? txn->artifact(*draft.artifact) : std::nullopt;
            if (artifact) names.push_back(artifact->name);
        }
    }
    auto dropped = context.write([&](WriteTxn& txn) {
        for (const auto& draft : drafts) txn.erase_draft(draft.id);
    });
    if (!dropped) return tl::unexpected(dropped.error());
    remove_staging(context.store, drafts);
    return names;
}

nlohmann::json sealed_as_json(const ReadTxn& txn, const std::vector<SealedDraft>& sealed) {
    auto list = nlohmann::json::array();
    for (const auto& draft : sealed) {
        auto artifact = draft.artifact ? txn.artifact(*draft.artifact) : std::nullopt;
        if (!artifact || !draft.version) continue;
        list.push_back({{"artifact", artifact->name},
                        {"version", "v" + std::to_string(draft.version->number)},
                        {"new", draft.outcome == SealOutcome::created}});
    }
    return list;
}

Result<nlohmann::json> commit_kept(Store& store, const RunId& run) {
    auto context = offline_context(store);
    if (auto next = recover(context); !next) return tl::unexpected(next.error());
    auto sealed = seal_kept(context, run);
    if (!sealed) return tl::unexpected(sealed.error());
    return sealed_as_json(*store.catalog().read(), *sealed);
}

Result<nlohmann::json> discard_kept(Store& store, const RunId& run) {
    auto context = offline_context(store);
    if (auto next = recover(context); !next) return tl::unexpected(next.error());
    auto dropped = drop_kept(context, run);
    if (!dropped) return tl::unexpected(dropped.error());
    return nlohmann::json(*dropped);
}

}  // namespace artfs
