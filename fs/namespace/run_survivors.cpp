// RunKeeper: processes that outlive the last seal of their run.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "namespace/run_keeper.h"

namespace artfs {

namespace {
constexpr unsigned look_ms = 250;
constexpr std::chrono::seconds survivor_quiet_time{2};
}  // namespace

ProcessKey RunKeeper::root_of(const Caller& caller) const {
    const auto& session = mount_.session;
    const auto key = caller.root();
    if (caller.explicit_run || session.find_run(key) != nullptr || session.past_run(key) != nullptr)
        return key;
    for (pid_t dead : caller.inferred.dead_above)
        if (auto root = session.root_numbered(dead, key.start_ticks)) return *root;
    return key;
}

std::optional<RunId> RunKeeper::reopen(const Request& request, const Caller& caller,
                                       const ProcessKey& root) {
    const Session::PastRun* past = nullptr;
    if (caller.explicit_run) {
        past = mount_.session.past_run(*caller.explicit_run);
    } else {
        past = mount_.session.past_run(root);
        if (past == nullptr) return std::nullopt;
        // A root that lives is a launcher, and what it starts now is a run of its own.
        if (Fd still = open_pidfd(root.pid); still && alive(still)) return std::nullopt;
    }
    if (past == nullptr) return std::nullopt;
    if (mount_.session.run(past->id) != nullptr) return past->id;
    const auto* record = mount_.loader.run(past->name);
    if (record == nullptr || record->id != past->id) return std::nullopt;
    LiveRun run;
    run.record = *record;
    run.record.segments += 1;
    run.root = root;
    run.recorded = run.exited = run.reopened = true;
    RunId id = run.record.id;
    start(request.unique, std::move(run));
    mount_.kernel.after(look_ms, [this, id] { close_reopened(id); });
    return id;
}

void RunKeeper::note_survivor(const Caller& caller, const RunId& run) {
    const auto* live = mount_.session.run(run);
    if (live == nullptr || !live->reopened) return;
    auto& survivor = survivors_[run];
    survivor.seen = now();
    pid_t pid = caller.process.pid;
    if (!survivor.processes.contains(pid)) survivor.processes.emplace(pid, open_pidfd(pid));
}

bool RunKeeper::survives(const RunId& run) const {
    auto survivor = survivors_.find(run);
    if (survivor == survivors_.end()) return false;
    const auto& processes = survivor->second.processes;
    return std::any_of(processes.begin(), processes.end(),
                       [](const auto& process) { return process.second && alive(process.second); });
}

// Seals the segment once nothing has happened for a while, or all that made it are gone.
void RunKeeper::close_reopened(const RunId& run) {
    const auto* live = mount_.session.run(run);
    if (live == nullptr || !live->reopened || live->closing) return;
    Time last = survivors_[run].seen;
    for (const auto& [artifact, serial] : live->views)
        last = std::max(last, mount_.session.view(serial)->changed);
    bool over = !survives(run) || now() - last >= survivor_quiet_time;
    if (!over || writer_of(run) != nullptr) {
        mount_.kernel.after(look_ms, [this, run] { close_reopened(run); });
        return;
    }
    survivors_.erase(run);
    end_drafts(run);
}

}  // namespace artfs
