// RunKeeper: how runs end, and what is sealed, kept and recorded then.
#include <spdlog/spdlog.h>
#include <sys/wait.h>

#include <algorithm>

#include "namespace/run_keeper.h"

namespace artfs {

namespace {
// Asked again so long after an exit: a parent that waits for its child reaps it at once.
constexpr unsigned status_retry_ms[] = {1, 10, 100};
// A RELEASE that was sent before the exit is handled within this; after it, somebody else has the
// file open.
constexpr unsigned release_grace_ms = 300;
constexpr unsigned step_settled = 1;
}  // namespace

void RunKeeper::poll_exits() {
    for (auto& exited : exits_.drain()) {
        const auto* live = mount_.session.find_run(exited.key);
        if (live == nullptr) continue;
        RunId run = live->record.id;
        exited_.insert_or_assign(run, std::move(exited.pidfd));
        run_exited(run, 0);
    }
}

void RunKeeper::explicit_ended(const RunId& run, int wait_status) {
    const auto* live = mount_.session.run(run);
    if (live == nullptr) return;
    known_status_[run] = wait_status;
    exits_.remove(live->root);
    finish_status(run, wait_status);
}

void RunKeeper::run_exited(const RunId& run, unsigned tries) {
    const auto* live = mount_.session.run(run);
    auto pidfd = exited_.find(run);
    if (live == nullptr || pidfd == exited_.end()) return;  // told by `art run` meanwhile
    auto status = exit_status(pidfd->second.get(), live->root.pid);
    if (!status && tries < std::size(status_retry_ms)) {
        mount_.kernel.after(status_retry_ms[tries],
                            [this, run, tries] { run_exited(run, tries + 1); });
        return;
    }
    finish_status(run, status);
}

void RunKeeper::finish_status(const RunId& run, std::optional<int> wait_status) {
    exited_.erase(run);
    const auto* live = mount_.session.run(run);
    if (live == nullptr || live->exited) return;
    RunRecord record = live->record;
    record.ended = now();
    record.exit_known = wait_status.has_value();
    record.state = RunState::finished;
    if (wait_status && WIFSIGNALED(*wait_status)) {
        record.state = RunState::killed;
        record.signal = WTERMSIG(*wait_status);
    } else if (wait_status) {
        record.exit_code = WEXITSTATUS(*wait_status);
        const auto& ok = record.ok_exit;
        if (std::find(ok.begin(), ok.end(), *record.exit_code) == ok.end())
            record.state = RunState::failed;
    }
    if (record.explicitly_started) identifier_.explicit_runs().ended(run);
    mount_.session.apply(0, ChangedRun{std::move(record), live->recorded});
    mount_.session.apply(0, MarkedRun{run, true, false});
    if (writer_of(run) != nullptr) {
        mount_.kernel.after(release_grace_ms, [this, run] {
            if (writer_of(run) == nullptr) return;
            lingering_.insert(run);
            wake(run, 0);
        });
    }
    try_to_end(run);
}

const Handle* RunKeeper::writer_of(const RunId& run) const {
    for (const auto& [fh, handle] : mount_.session.handles())
        if (handle.write && handle.run == run) return &handle;
    return nullptr;
}

void RunKeeper::handle_closed(const std::optional<RunId>& run) {
    if (run) try_to_end(*run);
}

void RunKeeper::try_to_end(const RunId& run) {
    const auto* live = mount_.session.run(run);
    if (live == nullptr || !live->exited || live->closing) return;
    if (facts_pending_.contains(run) || writer_of(run) != nullptr) return;
    if (!live->recorded) return drop_run(run);
    if (live->record.state != RunState::finished) {
        std::string why = "its run " + std::string(to_string(live->record.state));
        if (live->record.exit_code)
            why += " with status " + std::to_string(*live->record.exit_code);
        if (live->record.signal) why += " by signal " + std::to_string(*live->record.signal);
        abandon_drafts(run, why);
    }
    seal_and_close(run);
}

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

// Drafts of a run that did not end well stay, as they are, for `art commit` or `art discard`.
void RunKeeper::abandon_drafts(const RunId& run, const std::string& why) {
    const auto* live = mount_.session.run(run);
    for (const auto& [artifact, serial] : live->views) {
        const auto* view = mount_.session.view(serial);
        if (!view->draft) continue;
        DraftRecord record = draft_record(*view, DraftState::abandoned, why);
        auto rows = mount_.session.take_dirty_rows(serial);
        mount_.write(
            [record, rows](WriteTxn& txn) {
                txn.put(record);
                for (const auto& [key, value] : rows) {
                    if (value)
                        txn.put_draft_row(record.id, key, *value);
                    else
                        txn.erase_draft_row(record.id, key);
                }
            },
            [why](Result<> kept) {
                if (!kept) spdlog::error("a draft could not be recorded: {}", kept.error().message);
            });
        mount_.session.apply(0, MarkedView{serial, false, false, why});
        mount_.loader.put_kept({record, live->record.name});
    }
}

FrozenDraft RunKeeper::freeze(const View& view) const {
    const auto& base = *mount_.session.view_base(view.base_serial);
    return {*view.draft, view.artifact, base.base, base.snapshot,
            std::make_shared<const Overlay>(view.overlay)};
}

SealOrder RunKeeper::order_for(const LiveRun& run, std::vector<FrozenDraft> drafts) const {
    SealOrder order;
    order.run = record_of(run);
    order.segment = run.record.segments;
    for (const auto& [version, use] : run.uses) order.uses.push_back(use);
    order.drafts = std::move(drafts);
    order.types = run.types;
    order.aliases = run.aliases;
    return order;
}

void RunKeeper::start_seal(SealOrder order, Sealed done) {
    auto shared = std::make_shared<const SealOrder>(std::move(order));
    mount_.executor.offload(
        [this, shared] {
            SealContext context{mount_.store,
                                [this](CatalogThread::Change change) {
                                    return mount_.catalog.write(std::move(change));
                                },
                                mount_.config.never_keep};
            return seal(context, *shared);
        },
        std::move(done));
}

void RunKeeper::seal_and_close(const RunId& run) {
    const auto& live = *mount_.session.run(run);
    auto frozen = std::make_shared<std::vector<FrozenDraft>>();
    std::vector<std::uint32_t> views;
    for (const auto& [artifact, serial] : live.views) {
        const auto* view = mount_.session.view(serial);
        if (view->draft && view->abandoned.empty()) views.push_back(serial);
    }
    if (live.data_view != 0 && mount_.session.view(live.data_view)->draft)
        views.push_back(live.data_view);
    for (auto serial : views) {
        frozen->push_back(freeze(*mount_.session.view(serial)));
        mount_.session.apply(0, MarkedView{serial, true, false, ""});
    }
    mount_.session.apply(0, MarkedRun{run, true, true});
    start_seal(order_for(*mount_.session.run(run), *frozen),
               [this, run, frozen](Result<std::vector<SealedDraft>> sealed) {
                   if (sealed) {
                       show_sealed(*sealed, *frozen, true);
                       drop_run(run);
                       wake(run, 0);
                       return;
                   }
                   spdlog::error("sealing failed: {}", sealed.error().message);
                   abandon_drafts(run, "sealing it failed: " + sealed.error().message);
                   drop_run(run);
                   wake(run, sealed.error().code == ENOSPC ? ENOSPC : EIO);
               });
}

void RunKeeper::show_sealed(const std::vector<SealedDraft>& drafts,
                            const std::vector<FrozenDraft>& frozen, bool over) {
    for (std::size_t i = 0; i < drafts.size(); ++i) {
        const auto& draft = drafts[i];
        if (draft.artifact_record) mount_.loader.put(*draft.artifact_record);
        if (draft.outcome == SealOutcome::created) mount_.loader.put(*draft.version);
        if (draft.outcome == SealOutcome::nothing && !over) continue;
        mount_.files.remove(frozen[i].overlay->staging_files());
        for (const auto& [serial, view] : mount_.session.views()) {
            if (view.draft != draft.id) continue;
            ViewBase base{mount_.session.next_serial(), serial, draft.base, draft.snapshot, {}, {}};
            mount_.session.apply(
                0, RebasedView{std::move(base), rebase(view.overlay, *frozen[i].overlay, draft),
                               !over});
            break;
        }
    }
}

// The run is over and everything about it durable (or it did nothing worth a record).
void RunKeeper::drop_run(const RunId& run) {
    const auto* live = mount_.session.run(run);
    if (live == nullptr) return;
    mount_.loader.forget_run(live->record.name);
    exits_.remove(live->root);
    exited_.erase(run);
    known_status_.erase(run);
    lingering_.erase(run);
    mount_.session.apply(0, EndedRun{run});
}

void RunKeeper::wake(const RunId& run, int error) {
    std::vector<Suspend::Resume> ready;
    std::erase_if(waiters_, [&](Waiter& waiter) {
        if (waiter.run != run) return false;
        ready.push_back(std::move(waiter.resume));
        return true;
    });
    for (auto& resume : ready) resume(error);
}

void RunKeeper::settle(Request& request, const ArtifactId& artifact) {
    if (request.did(step_settled)) return;
    poll_exits();  // an exit that was not reported yet
    for (const auto& [id, run] : mount_.session.runs()) {
        bool over = run.exited || exited_.contains(id);
        auto view = run.views.find(artifact);
        if (!over || lingering_.contains(id) || view == run.views.end()) continue;
        if (!mount_.session.view(view->second)->draft) continue;
        Suspend wait{[this, run_id = id](Suspend::Resume resume) {
            waiters_.push_back({run_id, std::move(resume)});
        }};
        wait.may_interrupt = true;
        throw wait;
    }
    request.steps_done |= 1U << step_settled;
}

void RunKeeper::commit(const RunId& run, Sealed done) {
    const auto* live = mount_.session.run(run);
    if (const auto* writer = writer_of(run)) {
        done(fail(EBUSY, "process " + std::to_string(writer->pid) +
                             " still has a file of the run open for writing: commit when it is "
                             "closed"));
        return;
    }
    auto frozen = std::make_shared<std::vector<FrozenDraft>>();
    for (const auto& [artifact, serial] : live->views) {
        const auto* view = mount_.session.view(serial);
        if (!view->draft || view->sealing) continue;
        // From here the staged bytes belong to the frozen draft; writing copies them first.
        ChangedDraft freezing{serial, {}, {}, {}};
        for (const auto& [number, node] : view->overlay.nodes()) {
            if (node.staging == 0) continue;
            freezing.change.nodes.push_back(node);
            freezing.change.nodes.back().frozen = true;
        }
        mount_.session.apply(0, std::move(freezing));
        mount_.session.apply(0, MarkedView{serial, true, true, ""});
        frozen->push_back(freeze(*mount_.session.view(serial)));
    }
    if (frozen->empty()) return done(std::vector<SealedDraft>{});
    SealOrder order = order_for(*live, *frozen);
    order.run.segments += 1;
    mount_.session.apply(0, ClosedSegment{run, order.run.segments});
    start_seal(std::move(order),
               [this, run, frozen, done](Result<std::vector<SealedDraft>> sealed) {
                   if (sealed) {
                       show_sealed(*sealed, *frozen, false);
                   } else {
                       for (const auto& [serial, view] : mount_.session.views())
                           if (view.run == run && view.sealing)
                               mount_.session.apply(0, MarkedView{serial, false, true, ""});
                   }
                   done(std::move(sealed));
                   try_to_end(run);
               });
}

void RunKeeper::discard(const RunId& run, std::function<void(Result<>)> done) {
    const auto* live = mount_.session.run(run);
    if (const auto* writer = writer_of(run)) {
        done(fail(EBUSY, "process " + std::to_string(writer->pid) +
                             " still has a file of the run open for writing"));
        return;
    }
    std::vector<DraftId> drafts;
    std::vector<std::uint64_t> staging;
    for (const auto& [artifact, serial] : live->views) {
        const auto* view = mount_.session.view(serial);
        if (!view->draft) continue;
        drafts.push_back(*view->draft);
        auto files = view->overlay.staging_files();
        staging.insert(staging.end(), files.begin(), files.end());
        ViewBase base = *mount_.session.view_base(view->base_serial);
        base.serial = mount_.session.next_serial();
        Overlay clean(base.snapshot, base.base.version);
        NodeId root = NodeId::make(NodeKind::view, serial, root_number);
        mount_.session.apply(0, RebasedView{std::move(base), std::move(clean), true});
        mount_.kernel.invalidate_inode(root);
    }
    mount_.files.remove(staging);
    mount_.write(
        [drafts](WriteTxn& txn) {
            for (const auto& draft : drafts) txn.erase_draft(draft);
        },
        std::move(done));
}

void RunKeeper::kept_are_gone(const RunId& run, const std::vector<SealedDraft>& sealed) {
    for (const auto& draft : sealed) {
        if (draft.artifact_record) mount_.loader.put(*draft.artifact_record);
        if (draft.outcome == SealOutcome::created) mount_.loader.put(*draft.version);
    }
    std::vector<DraftId> gone;
    for (const auto& kept : mount_.loader.kept_drafts())
        if (kept.record.run == run) gone.push_back(kept.record.id);
    for (const auto& draft : gone) mount_.loader.erase_kept(draft);
    std::vector<std::pair<std::uint32_t, std::string>> views;
    for (const auto& [serial, view] : mount_.session.views()) {
        if (view.run != run) continue;
        views.emplace_back(serial, view.name);
        // Also what a full disk kept from being recorded.
        if (view.draft) mount_.files.remove(view.overlay.staging_files());
    }
    for (const auto& [serial, name] : views) {
        mount_.loader.forget_run(name);
        mount_.session.apply(0, ClosedView{serial});
    }
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

void RunKeeper::settle_all(std::function<void()> done) {
    poll_exits();
    for (const auto& [id, run] : mount_.session.runs()) {
        bool over = run.exited || exited_.contains(id);
        if (!over || lingering_.contains(id)) continue;
        waiters_.push_back({id, [this, done](int) { settle_all(done); }});
        return;
    }
    checkpoint([done](const Result<>&) { done(); });
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
