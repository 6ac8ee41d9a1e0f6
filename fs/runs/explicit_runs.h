// Runs that somebody began by name: `art run` and `art begin` (rule 1 of design.md, section 3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include "base/uid.h"
#include "runs/process.h"

namespace artfs {

// Which processes explicit runs are rooted at, and when. Thread-safe.
class ExplicitRuns {
public:
    struct Run {
        RunId id;
        ProcessKey root;  // CMD of `art run`; the shell of `art begin`; of `art next`, its caller
        ProcessKey
            wrapper;  // `art run` itself; none: what root had started before is not in the run
        std::uint32_t uid = 0;
        std::uint64_t begun_ticks = 0;  // set by add()
        std::uint64_t ended_ticks = 0;  // set by ended(); 0: live
    };

    void add(Run run);
    // From now on only processes that were started before belong to it.
    void ended(const RunId& id);
    bool empty() const;

    // The run that `caller` is in because `ancestor` (which may be itself) is its root or wrapper;
    // `branch` is the child of `ancestor` that leads to it.
    std::optional<RunId> by_ancestor(const ProcessKey& ancestor, const ProcessKey& branch,
                                     const ProcessKey& caller) const;
    // The run that the environment names, if a process of `uid` (real) started when `caller` was
    // may claim it.
    std::optional<RunId> by_environment(const RunId& claimed, std::uint32_t uid,
                                        const ProcessKey& caller) const;

private:
    static constexpr std::size_t max_ended = 1024;  // the oldest are forgotten

    mutable std::mutex mutex_;
    std::deque<Run> runs_;  // oldest first
    std::size_t ended_count_ = 0;
};

}  // namespace artfs
