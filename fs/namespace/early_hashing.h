// Which staged files are hashed before their seal: large ones, once they have been quiet.
//
// Owned by the dispatch thread. One file is hashed at a time, so that the processors stay with who
// uses the mount.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <set>

#include "base/executor.h"
#include "drafts/early_hashes.h"
#include "namespace/kernel_port.h"

namespace artfs {

class EarlyHashing {
public:
    EarlyHashing(const Store& store, Executor& executor, KernelPort& kernel)
        : store_(store), executor_(executor), kernel_(kernel) {}

    // Nobody has the file open for writing any more, nor mapped.
    void is_closed(std::uint64_t staging, std::uint64_t size);
    // Somebody opens it for writing, or cuts it.
    void is_opened(std::uint64_t staging);

    EarlyHashes& hashes() { return hashes_; }

private:
    void wait();
    void hash_next();

    const Store& store_;
    Executor& executor_;
    KernelPort& kernel_;
    EarlyHashes hashes_;
    struct Closed {
        std::uint64_t staging = 0;
        std::chrono::steady_clock::time_point since;
    };
    std::deque<Closed> closed_;      // in the order of their times
    std::set<std::uint64_t> quiet_;  // those of them that nobody has opened since
    bool waiting_ = false;
    bool hashing_ = false;
};

}  // namespace artfs
