// Processes and threads held by descriptor, so that a number that came to mean another process is
// never taken for the first one.
//
// Kernel interfaces: pidfd_open(2); PIDFD_THREAD (Linux 6.9), PIDFD_GET_INFO (6.13) and
// PIDFD_INFO_EXIT (6.15) in include/uapi/linux/pidfd.h, written out in pidfd.cpp because Debian
// 12's headers are older than the kernels we run on; proc(5) for the rest.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/fd.h"

namespace artfs {

// A process by descriptor, for poll and epoll. Empty if there is none of that number.
Fd open_pidfd(pid_t pid);
// Whether the process (all of its threads) is still there and has not exited.
bool alive(int pidfd);
inline bool alive(const Fd& pidfd) { return alive(pidfd.get()); }

// The wait status (as of waitpid(2)) of an exited process that need not be our child.
//
// It can be had twice: from the zombie, until its parent waits for it (needs ptrace rights over
// it), and from the pidfd after that (Linux 6.15). Between the two, and for good on older kernels
// once it was reaped, the answer is nullopt; so is it while the process lives. A caller asks again
// after 1, 10 and 100 ms (a parent that is about to wait does so at once), then counts the status
// as unknown.
std::optional<int> exit_status(int pidfd, pid_t pid);

// A thread, held so that its death is noticed.
// One thread at a time uses an object; different objects are independent.
class ThreadHandle {
public:
    enum class Kind : std::uint8_t { pidfd, directory };

    ThreadHandle() = default;
    // Empty if there is no such thread. With `pidfds` false, or on a kernel without PIDFD_THREAD, a
    // descriptor of the directory /proc/TID is used, which dies with the thread.
    static ThreadHandle open(pid_t tid, bool pidfds = true);

    explicit operator bool() const { return static_cast<bool>(fd_); }
    Kind kind() const { return kind_; }
    // Cheap (one poll, or one small read of /proc): for every request.
    bool alive() const;
    // The process the thread is of; nullopt when it is gone.
    std::optional<pid_t> process() const;

private:
    Fd fd_;
    Kind kind_ = Kind::pidfd;
    pid_t tid_ = 0;
};

}  // namespace artfs
