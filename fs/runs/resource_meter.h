// What processes that have ended took: processor time, memory, bytes read and written.
//
// The kernel's taskstats report every thread's figures as it ends, which a look at /proc after the
// exit cannot: a shell reaps its child before anybody hears of the end. What a process took is its
// own threads' figures and those of its children that ended before it, as with getrusage(2). A
// child that outlives its parent is nobody's.
//
// Protocol: linux/taskstats.h, generic netlink; Documentation/accounting/taskstats.rst. Needs root
// in the first namespaces, and taskstats of version 12 (Linux 5.19), which say whose thread it was
// and which one was the last of its process.
#pragma once

#include <linux/taskstats.h>
#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include "base/fd.h"
#include "catalog/records.h"
#include "runs/process.h"

namespace artfs {

// Thread-safe. Asking never waits for anything but the memory it is in.
class ResourceMeter {
public:
    // Null where the kernel does not tell us.
    static std::unique_ptr<ResourceMeter> open();
    ~ResourceMeter();
    ResourceMeter(const ResourceMeter&) = delete;
    ResourceMeter& operator=(const ResourceMeter&) = delete;

    // Of a process that has ended, a short while ago; nothing if a part of it was missed.
    std::optional<Resources> of(const ProcessKey& process);

private:
    struct Totals {
        std::uint64_t user_us = 0;
        std::uint64_t system_us = 0;
        std::uint64_t peak_memory = 0;
        std::uint64_t bytes_read = 0;
        std::uint64_t bytes_written = 0;
        void add(const Totals& more);
    };
    struct Ended {
        Totals totals;
        pid_t parent = 0;
    };

    ResourceMeter(Fd socket, Fd stop);
    void listen();
    // With the lock held, as all below.
    void drain();
    void read_message(const char* data, std::size_t size);
    void thread_ended(const taskstats& stats);
    void add_to(pid_t process, const Totals& totals);
    void process_ended(pid_t process, pid_t parent);

    // Who asks does so at once; more than this many ends in between are not remembered.
    static constexpr std::size_t most_ended = 4096;

    Fd socket_;
    Fd stop_;
    std::mutex mutex_;                  // guards what follows, and reading from the socket
    std::uint64_t complete_since_ = 0;  // of processes that began before, something was missed
    std::unordered_map<pid_t, Totals> living_;
    std::unordered_map<pid_t, Ended> ended_;
    std::deque<pid_t> order_;  // of ended_, oldest first
    std::thread thread_;
};

}  // namespace artfs
