#include "drafts/kept.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "runs/config.h"

namespace artfs {

bool is_built_on(const ReadTxn& txn, const DraftRecord& draft) {
    auto drafts = txn.drafts();
    return draft.promised &&
           std::any_of(drafts.begin(), drafts.end(), [&](const DraftRecord& other) {
               return other.base.version == draft.promised;
           });
}

namespace {

std::optional<Head> head_of(const ReadTxn& txn, const std::optional<VersionRecord>& version) {
    if (!version) return std::nullopt;
    return Head{{version->tree, version->id}, txn.snapshot(version->tree)};
}

// Its run is over: it merges with the head as it is now. What others built on while it was frozen
// is sealed as it was then.
void meet_head(const ReadTxn& txn, const DraftRecord& record, FrozenDraft& draft) {
    auto artifact = record.artifact ? txn.artifact(*record.artifact) : std::nullopt;
    if (!artifact) return;
    if (record.promised && is_built_on(txn, record)) {
        draft.promised = *record.promised;
        draft.frozen_as = record.frozen_tree;
        if (record.merged_with) draft.head = head_of(txn, txn.version(*record.merged_with));
        return;
    }
    draft.merges = true;
    if (artifact->head) draft.head = head_of(txn, txn.version(artifact->id, *artifact->head));
}

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
        txn.forget_promises();
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
            SealOrder order;
            order.run = *run;
            order.segment = draft.segment;
            order.drafts.push_back(load_kept(*txn, draft));
            orders.push_back(std::move(order));
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
    draft.begins_empty = record.begins_empty;
    return draft;
}

SealContext offline_context(Store& store) {
    auto config = load_config(store.config_path());
    return {store,
            [&store](const CatalogThread::Change& change) {
                return store.with_ballast([&] { return store.catalog().write(change); });
            },
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
            meet_head(*txn, draft, order.drafts.back());
        }
    }
    if (order.drafts.empty()) return std::vector<SealedDraft>{};
    auto sealed = seal(context, order);
    if (sealed) remove_staging(context.store, order.drafts);
    return sealed;
}

Result<std::vector<SealedDraft>> seal_aside(const SealContext& context, const DraftId& draft) {
    SealOrder order;
    order.aside = true;
    {
        auto txn = context.store.catalog().read();
        auto record = txn->draft(draft);
        auto run = record ? txn->run(record->run) : std::nullopt;
        if (!run) return fail(ENOENT, "the draft is gone");
        order.run = *run;
        order.segment = record->segment;
        order.drafts.push_back(load_kept(*txn, *record));
        if (record->promised && is_built_on(*txn, *record)) {
            order.drafts.back().promised = *record->promised;
            order.drafts.back().frozen_as = record->frozen_tree;
        }
    }
    auto sealed = seal(context, order);
    if (sealed) remove_staging(context.store, order.drafts);
    return sealed;
}

Result<std::vector<TakenOver>> take_over_kept(const SealContext& context, const RunRecord& from,
                                              const RunRecord& to) {
    std::vector<TakenOver> taken;
    {
        auto txn = context.store.catalog().read();
        for (auto& record : drafts_of(*txn, from.id)) {
            if (!record.artifact) continue;
            if (is_built_on(*txn, record))
                return fail(EBUSY, "another run's draft is built on what " + from.name +
                                       " left: commit or discard that first");
            auto draft = load_kept(*txn, record);
            Overlay overlay = *draft.overlay;
            DraftChange sizes;
            for (const auto& [number, node] : overlay.nodes()) {
                struct stat status {};
                if (node.staging == 0 ||
                    stat(context.store.staging_path(node.staging).c_str(), &status) != 0)
                    continue;
                // Rows may be older than the last write.
                sizes.nodes.push_back(node);
                sizes.nodes.back().size = static_cast<std::uint64_t>(status.st_size);
            }
            overlay.apply(sizes);
            record.run = to.id;
            record.segment = 1;
            record.state = DraftState::open;
            record.why.clear();
            record.promised.reset();
            record.frozen_tree.reset();
            record.merged_with.reset();
            taken.push_back({record, draft.base_snapshot, std::move(overlay)});
        }
    }
    auto written = context.write([&](WriteTxn& txn) {
        for (const auto& one : taken) txn.put(one.record);
        txn.put(to);
    });
    if (!written) return tl::unexpected(written.error());
    return taken;
}

Result<std::vector<std::string>> drop_kept(const SealContext& context, const RunId& run) {
    std::vector<FrozenDraft> drafts;
    std::vector<std::string> names;
    {
        auto txn = context.store.catalog().read();
        for (const auto& draft : drafts_of(*txn, run)) {
            if (is_built_on(*txn, draft))
                return fail(EBUSY, "another run's draft is built on it: discard that first");
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
