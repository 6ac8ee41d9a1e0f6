// The callers that were identified, for the thread that answers requests.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <list>
#include <unordered_map>

#include "runs/identity.h"

namespace artfs {

// Owned by one thread (dispatch); not thread-safe. Nothing here waits for a disk or the mount.
//
// An entry is found by thread number and believed only while the thread it was made for lives.
class CallerCache {
public:
    // A quarter of RLIMIT_NOFILE as it is at the call.
    static std::size_t default_descriptors();
    // Keeps at most so many descriptors (one or two a caller); the least recently used go first.
    explicit CallerCache(std::size_t max_descriptors = default_descriptors());

    // Valid until the next call that is not const. Null: identify (again).
    const Caller* find(pid_t tid);
    // Replaces an older entry of that thread. Drops `identified.root`: move it out before.
    const Caller& insert(Identified&& identified);
    void erase(pid_t tid);
    // After explicit runs changed: everybody is identified again.
    void clear();
    std::size_t size() const { return by_tid_.size(); }

    // Whether the process still runs the executable it was identified by. Ask where
    // may_become_another(); erase and identify again when it does not.
    static bool same_program(const Caller& caller);

private:
    using Entries = std::list<Caller>;
    static constexpr std::size_t min_sweep = 64;

    void drop(Entries::iterator entry);
    void make_room(std::size_t descriptors);

    std::size_t max_descriptors_;
    std::size_t descriptors_ = 0;
    std::size_t sweep_at_ = min_sweep;  // callers
    Entries entries_;                   // most recently used first
    std::unordered_map<pid_t, Entries::iterator> by_tid_;
};

}  // namespace artfs
