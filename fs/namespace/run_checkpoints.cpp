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

void RunKeeper::checkpoint(std::function<void(Result<>)> done) {
    struct DraftRows {
        DraftRecord record;
        std::map<std::string, std::optional<std::string>> rows;
    };
    auto drafts = std::make_shared<std::vector<DraftRows>>();
    auto runs = std::make_shared<std::vector<std::pair<RunRecord, std::vector<UseEdge>>>>();
    for (const auto& [serial, view] : mount_.session.views()) {
        if (!view.draft || view.sealing || !view.abandoned.empty()) continue;
        if (!view.overlay.is_dirty()) continue;
        drafts->push_back(
            {draft_record(view, DraftState::open, ""), mount_.session.take_dirty_rows(serial)});
    }
    for (const auto& [id, run] : mount_.session.runs()) {
        if (!run.recorded || !run.dirty || run.closing) continue;
        std::vector<UseEdge> uses;
        for (const auto& [version, use] : run.uses) uses.push_back(use);
        runs->emplace_back(record_of(run), std::move(uses));
    }
    for (const auto& [record, uses] : *runs) mount_.session.apply(0, CheckpointedRun{record.id});
    if (drafts->empty() && runs->empty()) {
        if (done) done({});
        return;
    }
    mount_.write(
        [drafts, runs](WriteTxn& txn) {
            for (const auto& [record, uses] : *runs) {
                RunRecord running = record;
                // How it ended is only true once its seal is.
                running.state = RunState::running;
                txn.put(running);
                for (const auto& use : uses) txn.put(use);
            }
            for (const auto& [record, rows] : *drafts) {
                txn.put(record);
                for (const auto& [key, value] : rows) {
                    if (value)
                        txn.put_draft_row(record.id, key, *value);
                    else
                        txn.erase_draft_row(record.id, key);
                }
            }
        },
        [done](Result<> written) {
            if (!written) spdlog::error("a checkpoint failed: {}", written.error().message);
            if (done) done(std::move(written));
        });
}

void RunKeeper::tick() {
    std::erase_if(
        roots_, [](const auto& root) { return !root.second->pidfd || !alive(root.second->pidfd); });
    checkpoint();
    mount_.executor.pool([this] { mount_.store.restore_ballast(); });
}

void RunKeeper::shut_down() {
    struct Lost {
        RunRecord record;
        std::vector<UseEdge> uses;
    };
    std::vector<Lost> lost;
    std::vector<std::pair<DraftRecord, std::map<std::string, std::optional<std::string>>>> drafts;
    for (const auto& [id, run] : mount_.session.runs()) {
        if (!run.recorded) continue;
        Lost one{record_of(run), {}};
        if (one.record.state == RunState::running) one.record.state = RunState::lost;
        if (!one.record.ended) one.record.ended = now();
        for (const auto& [version, use] : run.uses) one.uses.push_back(use);
        lost.push_back(std::move(one));
    }
    for (const auto& [serial, view] : mount_.session.views()) {
        if (!view.draft || !view.abandoned.empty()) continue;
        drafts.emplace_back(draft_record(view, DraftState::abandoned, "the mount ended"),
                            mount_.session.take_dirty_rows(serial));
    }
    auto written = mount_.catalog.write([&](WriteTxn& txn) {
        for (const auto& one : lost) {
            txn.put(one.record);
            for (const auto& use : one.uses) txn.put(use);
        }
        for (const auto& [record, rows] : drafts) {
            txn.put(record);
            for (const auto& [key, value] : rows)
                if (value) txn.put_draft_row(record.id, key, *value);
        }
    });
    if (!written) spdlog::error("the last checkpoint failed: {}", written.error().message);
}

}  // namespace artfs
