// Who forked whom, also after the parent has died.
//
// A process whose parent has exited is given to init or a subreaper, and /proc no longer says where
// it came from: `sh -c 'prog &'` leaves a prog that nobody started. The kernel's process connector
// (a netlink multicast of every fork, exec and exit on the machine, for root in the first pid
// namespace only) says it at the time. This class listens on a thread of its own and keeps a node
// for each live process, linked to the node of the process that forked it; a dead process's node
// lives on as long as a living descendant needs it, so memory follows the number of live processes.
// When a process last became another program is kept too: `sh -c 'work & exec prog'` makes prog of
// the shell that started work, which is not prog's.
//
// Requests are answered without it: it is asked when a caller is identified, on the pool, and only
// matters where /proc's parent is not the one that forked. Exits are still learnt from pidfds: an
// event can be lost. When the socket overflows (ENOBUFS) everything known may be wrong, so all of
// it is dropped and built anew from /proc; orphans of before then are orphans again, and what is
// left for them is the memory of programs seen (identity.h).
//
// Protocol: linux/connector.h, linux/cn_proc.h; netlink(7).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "runs/process.h"

namespace artfs {

// Thread-safe.
class ProcessConnector {
public:
    // Null where the kernel does not let us: not root, or not in the first pid namespace.
    static std::unique_ptr<ProcessConnector> open();
    ~ProcessConnector();
    ProcessConnector(const ProcessConnector&) = delete;
    ProcessConnector& operator=(const ProcessConnector&) = delete;

    // Nothing if the process is not known.
    std::optional<Descent> descent(pid_t pid);

    // Living processes known: for tests.
    std::size_t size() const;
    std::uint64_t rebuilds() const;
    // As after an overflow.
    void rebuild();

private:
    struct Node {
        pid_t pid = 0;
        bool dead = false;
        unsigned dead_above = 0;
        Instant forked{};  // as in ProcessFacts
        Instant execed{};
        std::shared_ptr<Node> parent;
    };

    explicit ProcessConnector(Fd socket, Fd stop);
    void listen();
    // Reads what has arrived; with the lock held.
    void drain();
    void read_events(const char* data, std::size_t size);
    void forked(pid_t parent, pid_t child, Instant when);
    void execed(pid_t pid, Instant when);
    void exited(pid_t pid);
    void rebuild_locked();
    std::shared_ptr<Node>& node_of(pid_t pid);

    // Of a daemon that forks itself for ever only so many dead ancestors are kept.
    static constexpr unsigned most_dead = 64;

    Fd socket_;
    Fd stop_;
    mutable std::mutex mutex_;  // guards what follows, and reading from the socket
    std::unordered_map<pid_t, std::shared_ptr<Node>> live_;
    std::uint64_t rebuilds_ = 0;
    std::thread thread_;
};

}  // namespace artfs
