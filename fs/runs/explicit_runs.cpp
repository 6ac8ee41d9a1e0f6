#include "runs/explicit_runs.h"

namespace artfs {

void ExplicitRuns::add(Run run) {
    run.begun_ticks = now_ticks();
    run.ended_ticks = 0;
    std::lock_guard lock(mutex_);
    insert(run);
}

void ExplicitRuns::restore(Run run) {
    std::lock_guard lock(mutex_);
    if (runs_.contains(run.id)) return;  // another project knows it too
    insert(run);
    if (run.ended_ticks != 0) ended_.push_back(run.id);
}

void ExplicitRuns::insert(const Run& run) {
    by_process_[run.root].push_back(run.id);
    if (run.wrapper) by_process_[run.wrapper].push_back(run.id);
    runs_.insert_or_assign(run.id, run);
    ++generation_;
}

const ExplicitRuns::Run* ExplicitRuns::get(const RunId& id) const {
    auto found = runs_.find(id);
    return found == runs_.end() ? nullptr : &found->second;
}

void ExplicitRuns::forget(const RunId& id) {
    auto found = runs_.find(id);
    for (const auto& process : {found->second.root, found->second.wrapper}) {
        auto rooted = by_process_.find(process);
        if (rooted == by_process_.end()) continue;
        std::erase(rooted->second, id);
        if (rooted->second.empty()) by_process_.erase(rooted);
    }
    runs_.erase(found);
}

void ExplicitRuns::ended(const RunId& id) {
    std::lock_guard lock(mutex_);
    auto found = runs_.find(id);
    if (found == runs_.end() || found->second.ended_ticks != 0) return;
    found->second.ended_ticks = now_ticks();
    ended_.push_back(id);
    ++generation_;
    if (ended_.size() <= max_ended) return;
    forget(ended_.front());
    ended_.pop_front();
}

void ExplicitRuns::continued(const RunId& id, const RunId& by) {
    std::lock_guard lock(mutex_);
    if (auto found = runs_.find(id); found != runs_.end()) found->second.continued_by = by;
}

bool ExplicitRuns::empty() const {
    std::lock_guard lock(mutex_);
    return runs_.empty();
}

std::optional<ExplicitRuns::Run> ExplicitRuns::find(const RunId& id) const {
    std::lock_guard lock(mutex_);
    const auto* run = get(id);
    return run == nullptr ? std::nullopt : std::optional(*run);
}

std::optional<RunId> ExplicitRuns::live(const RunId& id) const {
    std::lock_guard lock(mutex_);
    const auto* run = get(id);
    while (run != nullptr && run->ended_ticks != 0 && run->continued_by)
        run = get(*run->continued_by);
    if (run == nullptr || run->ended_ticks != 0) return std::nullopt;
    return run->id;
}

// A tick is 10 ms. Who was started in the tick of the end counts as started after it: a shell goes
// on at once after `art end`, while a process of the run that was started only just before the end
// and first touches the mount after it is rare.
std::optional<RunId> ExplicitRuns::by_ancestor(const ProcessKey& ancestor, const ProcessKey& branch,
                                               const ProcessKey& caller) const {
    std::lock_guard lock(mutex_);
    auto rooted = by_process_.find(ancestor);
    if (rooted == by_process_.end()) return std::nullopt;
    // The newest first: `art begin` and `art next` make the same shell the root of several.
    for (auto id = rooted->second.rbegin(); id != rooted->second.rend(); ++id) {
        const auto& run = *get(*id);
        bool live = run.ended_ticks == 0;
        bool is_root = caller == ancestor;
        if (is_root && !live) continue;
        if (!is_root) {
            bool began_before = run.late && branch.start_ticks < run.begun_ticks;
            bool began_after = !live && caller.start_ticks >= run.ended_ticks;
            if (began_before || began_after) continue;
        }
        return run.id;
    }
    return std::nullopt;
}

std::optional<RunId> ExplicitRuns::by_environment(const RunId& claimed, std::uint32_t uid,
                                                  const ProcessKey& caller) const {
    std::lock_guard lock(mutex_);
    const auto* run = get(claimed);
    while (run != nullptr && run->uid == uid) {
        if (run->ended_ticks == 0 || caller.start_ticks < run->ended_ticks) return run->id;
        // The environment of a shell still names the run it began with, after `art next`.
        run = run->continued_by ? get(*run->continued_by) : nullptr;
    }
    return std::nullopt;
}

}  // namespace artfs
