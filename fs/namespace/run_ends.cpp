// RunKeeper: how runs end, and who waits for that.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>

#include <algorithm>

#include "namespace/run_keeper.h"

namespace artfs {

namespace {
// Asked again so long after an exit: a parent that waits for its child reaps it at once.
constexpr unsigned status_retry_ms[] = {1, 10, 100};
constexpr unsigned step_settled = 1;
constexpr std::size_t past_views_step = 256;
}  // namespace

void RunKeeper::poll_exits() {
    for (auto& exited : exits_.drain()) {
        launcher_or_tool_exited(exited.key);
        // More than one where runs were begun inside one another in a shell.
        for (const auto& run : mount_.session.runs_rooted_at(exited.key)) {
            if (mount_.session.run(run)->exited) continue;
            exited_.insert_or_assign(run, Fd(fcntl(exited.pidfd.get(), F_DUPFD_CLOEXEC, 3)));
            run_exited(run, 0);
        }
    }
}

void RunKeeper::run_exited(const RunId& run, unsigned tries) {
    const auto* live = mount_.session.run(run);
    auto pidfd = exited_.find(run);
    if (live == nullptr || pidfd == exited_.end()) return;  // told by `art run` meanwhile
    auto status = exit_status(pidfd->second.get(), live->root.pid);
    bool known = status && !wrapper_will_tell(run);
    if (!known && tries < std::size(status_retry_ms)) {
        mount_.kernel.after(status_retry_ms[tries],
                            [this, run, tries] { run_exited(run, tries + 1); });
        return;
    }
    finish_status(run, status);
}

bool RunKeeper::wrapper_will_tell(const RunId& run) const {
    auto known = identifier_.explicit_runs().find(run);
    return shared_.meter == nullptr && known && known->wrapper;
}

std::optional<Resources> RunKeeper::measured(const LiveRun& run) const {
    auto known = identifier_.explicit_runs().find(run.record.id);
    if (shared_.meter == nullptr || run.for_launcher || (known && known->late)) return std::nullopt;
    return shared_.meter->of(run.root);
}

void RunKeeper::finish_status(const RunId& run, std::optional<int> wait_status,
                              const Resources& told) {
    exited_.erase(run);
    const auto* live = mount_.session.run(run);
    if (live == nullptr || live->exited) return;
    RunRecord record = live->record;
    record.ended = now();
    record.exit_known = wait_status.has_value();
    record.resources = measured(*live).value_or(told);
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
    if (record.explicitly_started) {
        identifier_.explicit_runs().ended(run);
        know_explicit(run);
    }
    shared_.ended(run, wait_status, record.resources);
    mount_.session.apply(0, ChangedRun{std::move(record), live->recorded});
    mount_.session.apply(0, MarkedRun{run, true, false});
    if (const auto* writer = writer_of(run)) {
        if (writer->mapped && on_perhaps_unmapped) on_perhaps_unmapped();
        mount_.kernel.after(release_grace_ms, [this, run] {
            if (writer_of(run) == nullptr) return try_to_end(run);
            lingering_.insert(run);
            wake(run, 0);
        });
    }
    try_to_end(run);
    try_to_end_shared(run);
}

const Handle* RunKeeper::writer_in(const View& view) const {
    for (const auto& [fh, handle] : mount_.session.handles()) {
        if (handle.write && mount_.session.view_of(handle.node) == &view) return &handle;
    }
    return nullptr;
}

const Handle* RunKeeper::writer_of(const RunId& run, Writing what) const {
    for (const auto& [fh, handle] : mount_.session.handles()) {
        if (!handle.write) continue;
        const auto* view = mount_.session.view_of(handle.node);
        if (handle.run != run) {
            if (view != nullptr && view->kind == ViewKind::launcher && view->run == run)
                return &handle;
            continue;
        }
        // `art run` keeps output.log open for as long as its command runs.
        if (what == Writing::artifacts && view != nullptr && view->kind == ViewKind::run_data)
            continue;
        return &handle;
    }
    return nullptr;
}

void RunKeeper::try_to_end(const RunId& run) {
    const auto* live = mount_.session.run(run);
    if (live == nullptr || !live->exited || live->closing || live->reopened) return;
    if (pending_.contains(run) || writer_of(run) != nullptr) return;
    if (others_write(run)) return;
    if (!live->recorded) return drop_run(run);
    end_drafts(run);
}

// What the policies want sealed is sealed, the rest kept; the run is over.
void RunKeeper::end_drafts(const RunId& run) {
    const auto* live = mount_.session.run(run);
    std::vector<std::uint32_t> unwanted;
    for (auto serial : launcher_drafts_of(run))
        if (!seals_at_end(*live, *mount_.session.view(serial))) leave_launcher_view(run, serial);
    for (const auto& [artifact, serial] : live->views) {
        const auto* view = mount_.session.view(serial);
        if (view->stage != DraftStage::open) {  // asked again when that seal is over
            if (live->reopened)
                mount_.kernel.after(release_grace_ms, [this, run] { close_reopened(run); });
            return;
        }
        if (view->draft && view->abandoned.empty() && !seals_at_end(*live, *view))
            unwanted.push_back(serial);
    }
    if (!unwanted.empty()) {
        std::string why = "its run " + std::string(to_string(live->record.state));
        if (live->record.exit_code)
            why += " with status " + std::to_string(*live->record.exit_code);
        if (live->record.signal) why += " by signal " + std::to_string(*live->record.signal);
        for (auto serial : unwanted) abandon_draft(*mount_.session.view(serial), why);
        checkpoint();
    }
    seal_and_close(run);
}

// The run is over and everything about it durable (or it did nothing worth a record).
void RunKeeper::drop_run(const RunId& run) {
    const auto* live = mount_.session.run(run);
    if (live == nullptr) return;
    const RunId id = live->record.id;  // `run` may be of the record that goes
    ProcessKey root = live->root;
    bool for_launcher = live->for_launcher;
    mount_.loader.forget_run(live->record.name);
    exited_.erase(run);
    lingering_.erase(run);
    survivors_.erase(run);
    last_acted_.erase(run);
    lending_.run_ended(run);
    mount_.session.apply(0, EndedRun{id});
    shared_.release(root, id);
    shared_.forget_uses(this, id);
    shared_.left(this, id);
    work_.erase(root);
    if (!for_launcher && mount_.session.runs_rooted_at(root).empty()) {
        exits_.remove(root);
        mount_.keeper.drop(held_name(root));
    }
    close_left_views();
    close_past_views();
}

std::set<std::uint32_t> RunKeeper::views_with_handles() const {
    std::set<std::uint32_t> open;
    for (const auto& [fh, handle] : mount_.session.handles())
        if (const auto* view = mount_.session.view_of(handle.node)) open.insert(view->serial);
    return open;
}

// Else the session grows with every run there ever was, and so does the time that the next worker
// takes to learn it. As long as a process of a run may come back, it finds the run's views.
void RunKeeper::close_past_views() {
    const auto& views = mount_.session.views();
    if (views.size() < past_views_looked_at_ + past_views_step) return;
    const auto past = mount_.session.past_runs();
    const auto open = views_with_handles();
    std::vector<std::uint32_t> over;
    for (const auto& [serial, view] : views) {
        if (view.kind == ViewKind::launcher || view.draft || !view.readers.empty()) continue;
        if (mount_.session.run(view.run) != nullptr || past.contains(view.run)) continue;
        if (!open.contains(serial)) over.push_back(serial);
    }
    over.resize(over.size() - std::min(over.size(), newest_views_kept));
    for (auto serial : over) mount_.session.apply(0, ClosedView{serial});
    past_views_looked_at_ = views.size();
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

void RunKeeper::wake_if_frozen(const RunId& run) {
    const auto* live = mount_.session.run(run);
    if (live == nullptr || !live->closing) return;
    std::vector<Suspend::Resume> ready;
    std::erase_if(waiters_, [&](Waiter& waiter) {
        if (waiter.run != run || waiter.until != Settled::frozen) return false;
        ready.push_back(std::move(waiter.resume));
        return true;
    });
    for (auto& resume : ready) resume(0);
}

void RunKeeper::wait_for(const RunId& run, Settled until) {
    Suspend wait{[this, run, until](Suspend::Resume resume) {
        waiters_.push_back({run, until, std::move(resume)});
    }};
    wait.may_interrupt = true;
    throw wait;
}

void RunKeeper::settle(Request& request, const ArtifactId& artifact, Settled until) {
    if (request.did(step_settled)) return;
    poll_exits();  // an exit that was not reported yet
    ask_launchers(request, artifact);
    for (const auto& [id, run] : mount_.session.runs()) {
        bool over = run.exited || exited_.contains(id);
        auto view = run.views.find(artifact);
        if (!over || lingering_.contains(id) || view == run.views.end()) continue;
        if (run.reopened && survives(id)) continue;
        // What a run inside another logged, the outer one shall see: its views move on at the seal.
        const auto* outer = run.record.parent ? mount_.session.run(*run.record.parent) : nullptr;
        bool inner = outer != nullptr && !outer->exited;
        if (!mount_.session.view(view->second)->draft && !(inner && run.closing)) continue;
        if (until == Settled::frozen && run.closing && !inner && !seals_.freezes(id)) continue;
        wait_for(id, inner ? Settled::sealed : until);
    }
    seal_beside_held(request, artifact);
    request.steps_done |= 1U << step_settled;
}

void RunKeeper::settle(Request& request, const View& view) {
    // What shows the head shows what is about to be.
    if (view.kind == ViewKind::launcher && !view.draft) return settle(request, *view.artifact);
    if (!view.artifact || !view.draft || request.did(step_settled)) return;
    const Caller* caller = caller_of(request);
    if (caller == nullptr || caller->role == Role::observer) return;
    poll_exits();
    const auto* own = run_begun_for(*caller);
    const auto* owner = mount_.session.run(view.run);
    if (owner == nullptr || owner == own) return;
    const RunId id = owner->record.id;
    const auto serial = view.serial;
    if (owner->for_launcher && !owner->exited && quiet(*owner)) end_launcher_run(id);
    owner = mount_.session.run(id);
    bool over = owner != nullptr && (owner->exited || exited_.contains(id));
    const auto* still = mount_.session.view(serial);
    bool unsealed = still != nullptr && still->draft && still->run == id;
    bool works_there =
        own != nullptr && still != nullptr && still->changed_by.contains(own->record.id);
    bool held = unsealed && view.kind == ViewKind::launcher && !works_there;
    if (held && (!over || lingering_.contains(id))) seal_beside_held(request, *still);
    if (over && unsealed && !lingering_.contains(id)) wait_for(id, Settled::sealed);
    request.steps_done |= 1U << step_settled;
}

void RunKeeper::settle_all(std::function<void()> done) {
    poll_exits();
    end_quiet_launcher_runs();
    for (const auto& [id, run] : mount_.session.runs()) {
        bool over = run.exited || exited_.contains(id);
        if (!over || lingering_.contains(id) || (run.reopened && survives(id))) continue;
        waiters_.push_back({id, Settled::sealed, [this, done](int) { settle_all(done); }});
        return;
    }
    checkpoint([done](const Result<>&) { done(); });
}

}  // namespace artfs
