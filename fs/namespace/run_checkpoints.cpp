// RunKeeper: what goes to the catalog while runs live, and when the mount ends.
#include <spdlog/spdlog.h>

#include "namespace/run_keeper.h"

namespace artfs {

DraftRecord RunKeeper::draft_record(const View& view, DraftState state,
                                    const std::string& why) const {
    const auto& base = mount_.session.view_base(view.base_serial)->base;
    const auto* live = mount_.session.run(view.run);
    DraftRecord record;
    record.id = *view.draft;
    record.run = view.run;
    record.segment = live == nullptr ? 1 : live->record.segments;
    record.artifact = view.artifact;
    record.base = base;
    record.begins_empty = view.begins_empty;
    record.created = view.draft_since;
    record.state = state;
    record.why = why;
    record.next_node = view.overlay.next_number();
    for (const auto& [number, node] : view.overlay.nodes())
        if (node.staging != 0) record.size += node.size;
    return record;
}

RunRecord RunKeeper::record_of(const LiveRun& run) const {
    RunRecord record = run.record;
    for (const auto& [artifact, serial] : run.views)
        record.pins[artifact] =
            mount_.session.view_base(mount_.session.view(serial)->base_serial)->base;
    return record;
}

namespace {

using DraftRows = std::map<std::string, std::optional<std::string>>;

void write_owed(WriteTxn& txn, const Owed& owed) {
    if (owed.run) txn.put(*owed.run);
    for (const auto& use : owed.uses) txn.put(use);
    for (const auto& draft : owed.dropped) txn.erase_draft(draft);
}

// What a checkpoint writes.
struct Checkpoint {
    struct Draft {
        std::uint32_t view = 0;
        DraftRecord record;
        DraftRows rows;
        bool over = false;
        bool whole = false;  // all its rows: whatever the catalog has of it goes
    };
    struct Run {
        RunRecord record;
        std::vector<UseEdge> uses;
        bool over = false;
    };
    std::vector<Draft> drafts;
    std::vector<Run> runs;
    std::vector<Owed> owed;

    void write(WriteTxn& txn) const {
        for (const auto& run : runs) {
            RunRecord record = run.record;
            // How it ended is only true once its seal is.
            if (!run.over) record.state = RunState::running;
            txn.put(record);
            for (const auto& use : run.uses) txn.put(use);
        }
        for (const auto& one : owed) write_owed(txn, one);
        for (const auto& draft : drafts) {
            DraftRecord kept = draft.record;
            // Others may have built on what an abandoned draft was frozen as.
            auto known = txn.draft(kept.id);
            if (known && kept.state == DraftState::abandoned) {
                kept.promised = known->promised;
                kept.frozen_tree = known->frozen_tree;
                kept.merged_with = known->merged_with;
            }
            if (draft.whole) txn.erase_draft(kept.id);
            txn.put(kept);
            for (const auto& [key, value] : draft.rows) {
                if (value)
                    txn.put_draft_row(draft.record.id, key, *value);
                else
                    txn.erase_draft_row(draft.record.id, key);
            }
        }
    }
};

}  // namespace

void RunKeeper::checkpoint(std::function<void(Result<>)> done) {
    record_launcher_runs();
    auto all = std::make_shared<Checkpoint>();
    for (const auto& [serial, view] : mount_.session.views()) {
        bool unkept = unkept_views_.contains(serial);
        // What a launcher began may be nobody's yet.
        const auto* owner = mount_.session.run(view.run);
        bool open = view.stage == DraftStage::open && view.abandoned.empty() &&
                    (view.overlay.is_dirty() || unsure_views_.contains(serial)) &&
                    owner != nullptr && owner->recorded;
        if (!view.draft || !(unkept || open)) continue;
        auto state = view.abandoned.empty() ? DraftState::open : DraftState::abandoned;
        all->drafts.push_back({serial, draft_record(view, state, view.abandoned),
                               mount_.session.take_dirty_rows(serial), unkept,
                               unsure_views_.erase(serial) > 0});
        if (!all->drafts.back().whole) continue;
        all->drafts.back().rows.clear();
        for (auto& [key, value] : view.overlay.rows()) all->drafts.back().rows[key] = value;
    }
    unkept_views_.clear();
    for (const auto& [id, run] : mount_.session.runs()) {
        if (!run.recorded || !run.dirty || run.closing) continue;
        Checkpoint::Run one{record_of(run), {}, false};
        for (const auto& [version, use] : run.uses) one.uses.push_back(use);
        all->runs.push_back(std::move(one));
    }
    for (const auto& run : all->runs) mount_.session.apply(0, CheckpointedRun{run.record.id});
    for (const auto& [number, owed] : mount_.session.owed()) all->owed.push_back(owed);
    if (all->drafts.empty() && all->runs.empty() && all->owed.empty()) {
        if (done) done({});
        return;
    }
    auto put_back = [this, all] {
        for (const auto& draft : all->drafts) {
            mount_.session.put_back_rows(draft.view, draft.rows);
            if (draft.over) unkept_views_.insert(draft.view);
            if (draft.whole) unsure_views_.insert(draft.view);
        }
        for (const auto& run : all->runs) {
            const auto* live = mount_.session.run(run.record.id);
            if (live != nullptr) mount_.session.apply(0, ChangedRun{live->record, live->recorded});
        }
    };
    mount_.write([all](WriteTxn& txn) { all->write(txn); },
                 [this, all, done, put_back](Result<> written) {
                     if (!written) {
                         spdlog::error("a checkpoint failed: {}", written.error().message);
                         put_back();
                     } else {
                         for (const auto& owed : all->owed)
                             mount_.session.apply(0, Paid{owed.number});
                     }
                     if (done) done(std::move(written));
                 });
}

std::uint64_t RunKeeper::owe(std::optional<RunRecord> run, std::vector<UseEdge> uses,
                             std::vector<DraftId> dropped) {
    auto number = mount_.session.next_owed();
    mount_.session.apply(0, Owes{{number, std::move(run), std::move(uses), std::move(dropped)}});
    return number;
}

void RunKeeper::pay(std::uint64_t number, CatalogThread::Change also,
                    std::function<void(Result<>)> done) {
    auto owed = std::make_shared<const Owed>(mount_.session.owed().at(number));
    mount_.write(
        [owed, also = std::move(also)](WriteTxn& txn) {
            write_owed(txn, *owed);
            if (also) also(txn);
        },
        [this, number, done = std::move(done)](Result<> written) {
            // Else the next checkpoint tries again.
            if (written) mount_.session.apply(0, Paid{number});
            if (done) done(std::move(written));
        });
}

void RunKeeper::tick() {
    std::erase_if(
        work_, [this](const auto& one) { return mount_.session.find_run(one.first) == nullptr; });
    forget_lent();
    std::erase_if(
        roots_, [](const auto& root) { return !root.second->pidfd || !alive(root.second->pidfd); });
    checkpoint();
    sweep();
    mount_.executor.pool([this] { mount_.store.restore_ballast(); });
}

void RunKeeper::shut_down() {
    // The working directories of callers may lie on another mount of ours, and would keep it.
    release_processes();
    record_launcher_runs();
    Checkpoint last;
    for (const auto& [id, run] : mount_.session.runs()) {
        if (!run.recorded) continue;
        Checkpoint::Run one{record_of(run), {}, true};
        if (one.record.state == RunState::running) one.record.state = RunState::lost;
        if (!one.record.ended) one.record.ended = now();
        for (const auto& [version, use] : run.uses) one.uses.push_back(use);
        last.runs.push_back(std::move(one));
    }
    for (const auto& [number, owed] : mount_.session.owed()) last.owed.push_back(owed);
    for (const auto& [serial, view] : mount_.session.views()) {
        bool known = !view.abandoned.empty() && !unkept_views_.contains(serial);
        const auto* owner = mount_.session.run(view.run);
        bool nobodys = view.abandoned.empty() && (owner == nullptr || !owner->recorded);
        if (!view.draft || known || nobodys) continue;
        auto why = view.abandoned.empty() ? "the mount ended" : view.abandoned;
        last.drafts.push_back({serial, draft_record(view, DraftState::abandoned, why),
                               mount_.session.take_dirty_rows(serial), true, false});
    }
    auto written = mount_.store.with_ballast(
        [&] { return mount_.catalog.write([&](WriteTxn& txn) { last.write(txn); }); });
    if (!written) spdlog::error("the last checkpoint failed: {}", written.error().message);
}

}  // namespace artfs
