#include "runs/explicit_runs.h"

#include <algorithm>

namespace artfs {

void ExplicitRuns::add(Run run) {
    run.begun_ticks = now_ticks();
    run.ended_ticks = 0;
    std::lock_guard lock(mutex_);
    runs_.push_back(run);
}

void ExplicitRuns::ended(const RunId& id) {
    std::lock_guard lock(mutex_);
    for (auto& run : runs_) {
        if (run.id != id || run.ended_ticks != 0) continue;
        run.ended_ticks = now_ticks();
        ++ended_count_;
    }
    if (ended_count_ <= max_ended) return;
    auto oldest = std::find_if(runs_.begin(), runs_.end(),
                               [](const Run& run) { return run.ended_ticks != 0; });
    runs_.erase(oldest);
    --ended_count_;
}

bool ExplicitRuns::empty() const {
    std::lock_guard lock(mutex_);
    return runs_.empty();
}

// A tick is 10 ms. Who was started in the tick of the end counts as started after it: a shell goes
// on at once after `art end`, while a process of the run that was started only just before the end
// and first touches the mount after it is rare.
std::optional<RunId> ExplicitRuns::by_ancestor(const ProcessKey& ancestor, const ProcessKey& branch,
                                               const ProcessKey& caller) const {
    std::lock_guard lock(mutex_);
    // The newest first: `art begin` and `art next` make the same shell the root of several.
    for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
        if (run->root != ancestor && run->wrapper != ancestor) continue;
        bool live = run->ended_ticks == 0;
        bool is_root = caller == ancestor;
        if (is_root && !live) continue;
        if (!is_root) {
            bool began_before = !run->wrapper && branch.start_ticks < run->begun_ticks;
            bool began_after = !live && caller.start_ticks >= run->ended_ticks;
            if (began_before || began_after) continue;
        }
        return run->id;
    }
    return std::nullopt;
}

std::optional<RunId> ExplicitRuns::by_environment(const RunId& claimed, std::uint32_t uid,
                                                  const ProcessKey& caller) const {
    std::lock_guard lock(mutex_);
    for (const auto& run : runs_) {
        if (run.id != claimed || run.uid != uid) continue;
        if (run.ended_ticks != 0 && caller.start_ticks >= run.ended_ticks) return std::nullopt;
        return run.id;
    }
    return std::nullopt;
}

}  // namespace artfs
