#include "runs/explicit_runs.h"

#include <algorithm>

namespace artfs {

namespace {
// Started before the run was over (and not before it began, unless it is the root itself).
bool in_time(const ExplicitRuns::Run& run, const ProcessKey& process) {
    if (process == run.root || process == run.wrapper) return true;
    return run.ended_ticks == 0 || process.start_ticks <= run.ended_ticks;
}
}  // namespace

void ExplicitRuns::add(Run run) {
    std::lock_guard lock(mutex_);
    run.begun_ticks = now_ticks();
    runs_.push_back(run);
}

void ExplicitRuns::ended(const RunId& id) {
    std::lock_guard lock(mutex_);
    for (auto& run : runs_)
        if (run.id == id && run.ended_ticks == 0) {
            run.ended_ticks = now_ticks();
            ++ended_count_;
        }
    while (ended_count_ > max_ended) {
        auto oldest = std::find_if(runs_.begin(), runs_.end(), [](const Run& run) { return run.ended_ticks != 0; });
        runs_.erase(oldest);
        --ended_count_;
    }
}

bool ExplicitRuns::empty() const {
    std::lock_guard lock(mutex_);
    return runs_.empty();
}

std::optional<RunId> ExplicitRuns::by_ancestor(const ProcessKey& ancestor, const ProcessKey& caller) const {
    std::lock_guard lock(mutex_);
    for (auto run = runs_.rbegin(); run != runs_.rend(); ++run)
        if ((run->root == ancestor || (run->wrapper && run->wrapper == ancestor)) && in_time(*run, caller))
            return run->id;
    return std::nullopt;
}

std::optional<RunId> ExplicitRuns::by_environment(const RunId& claimed, std::uint32_t uid,
                                                  const ProcessKey& caller) const {
    std::lock_guard lock(mutex_);
    for (const auto& run : runs_)
        if (run.id == claimed && run.uid == uid && in_time(run, caller)) return run.id;
    return std::nullopt;
}

}  // namespace artfs
