// Digests of staged files that nobody writes any more, made before a seal asks for them.
//
// Only the last so many are kept, and each is good only for the state in which the file was hashed.
// A file that is opened for writing again must be dropped: a mapping writes without a new mtime.
#pragma once

#include <sys/stat.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "catalog/store.h"
#include "objects/object_store.h"

namespace artfs {

bool same_state(const struct stat& before, const struct stat& after);

// Thread-safe.
class EarlyHashes {
public:
    // From here on the file's bytes are as they stay, or drop() is called.
    void expect(std::uint64_t staging);
    // Hashes it if that is still so; and lets the disk begin to write. Blocks.
    void hash(const Store& store, std::uint64_t staging);
    void drop(std::uint64_t staging);
    // What the file in this state hashes to, if that is known, and forgets it. Waits where it is
    // being hashed: that has a head start.
    std::optional<Hashed> take(std::uint64_t staging, const struct stat& status);

private:
    struct Entry {
        std::uint64_t expectation = 0;  // which call of expect() it is of
        bool running = false;
        std::optional<Hashed> hashed;
        struct stat status {};
    };
    std::mutex mutex_;  // guards all below
    std::condition_variable ended_;
    std::map<std::uint64_t, Entry> entries_;
    std::deque<std::uint64_t> order_;  // oldest first
    std::uint64_t expectations_ = 0;
};

}  // namespace artfs
