// Runs that somebody began by name: `art run` and `art begin` (rule 1 of design.md, section 3).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/uid.h"
#include "runs/process.h"

namespace artfs {

// Which processes explicit runs are rooted at, and when. Thread-safe. Asking costs the same however
// many runs there are.
class ExplicitRuns {
public:
    struct Run {
        RunId id;
        ProcessKey root;     // CMD of `art run`; the shell of `art begin`
        ProcessKey wrapper;  // `art run` itself; none: `art begin`
        // The root was there before the run (`art begin`, `art next`): what it had started by then
        // is not in it.
        bool late = false;
        std::uint32_t uid = 0;
        std::uint64_t begun_ticks = 0;  // set by add()
        std::uint64_t ended_ticks = 0;  // set by ended(); 0: live
        std::optional<RunId> continued_by;
    };

    void add(Run run);
    // As it was known before the daemon was started again.
    void restore(Run run);
    // From now on only processes that were started before belong to it.
    void ended(const RunId& id);
    // `art next`: who claims `id` by its environment means `by` from now on.
    void continued(const RunId& id, const RunId& by);
    bool empty() const;
    // Changes whenever callers that are known may have come to belong elsewhere.
    std::uint64_t generation() const { return generation_.load(); }
    std::optional<Run> find(const RunId& id) const;
    // The live run that goes on for `id`: itself, or what `art next` made of it.
    std::optional<RunId> live(const RunId& id) const;

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

    void insert(const Run& run);  // with the lock held, as all below
    const Run* get(const RunId& id) const;
    void forget(const RunId& id);

    std::atomic<std::uint64_t> generation_{0};
    mutable std::mutex mutex_;
    std::unordered_map<RunId, Run> runs_;
    std::unordered_map<ProcessKey, std::vector<RunId>>
        by_process_;           // root or wrapper; oldest first
    std::deque<RunId> ended_;  // oldest first
};

}  // namespace artfs
