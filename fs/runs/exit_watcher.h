// Learns when the roots of runs exit (rule 8 of design.md, section 3).
#pragma once

#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runs/pidfd.h"
#include "runs/process.h"

namespace artfs {

// Owned by one thread; not thread-safe.
class ExitWatcher {
public:
    struct Exited {
        ProcessKey key;
        Fd pidfd;  // for exit_status
    };

    static Result<ExitWatcher> create();

    // Watches until the process exits; one that already has is reported by the next drain().
    Result<> add(Fd pidfd, const ProcessKey& key);
    void remove(const ProcessKey& key);
    // Readable when drain() has something to say: for poll and epoll.
    int fd() const { return epoll_.get(); }
    // Those that have exited since; they are watched no more. Does not wait.
    std::vector<Exited> drain();
    // Of one that is watched.
    bool alive(const ProcessKey& key) const;
    std::size_t size() const { return watched_.size(); }

private:
    explicit ExitWatcher(Fd epoll) : epoll_(std::move(epoll)) {}

    struct Watched {
        ProcessKey key;
        Fd pidfd;
    };
    Fd epoll_;
    std::unordered_map<int, Watched> watched_;  // by descriptor
    std::unordered_map<ProcessKey, int> descriptors_;
};

}  // namespace artfs
