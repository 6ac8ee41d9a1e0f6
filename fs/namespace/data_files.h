// Open files of the store, shared by the handles that read and write them.
//
// Owned by the dispatch thread; the files themselves are used by the pool too.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <unordered_map>

#include "base/executor.h"
#include "catalog/store.h"
#include "drafts/copy.h"
#include "drafts/overlay.h"
#include "namespace/request.h"

namespace artfs {

class DataFiles {
public:
    // `next_number`: greater than every staging number in use; all mounts of a store share it.
    DataFiles(Store& store, Executor& executor, std::atomic<std::uint64_t>& next_number);

    // A fresh, empty staging file. Throws Suspend while none is ready: making files may wait for
    // the disk, so some are kept in stock.
    std::uint64_t take_staging();
    // The staging file, open for reading and writing, while anybody holds it; else null.
    std::shared_ptr<DataFile> open_staging(std::uint64_t number) const;
    // The same, opened if need be. Throws Suspend.
    std::shared_ptr<DataFile> staging(std::uint64_t number);
    // The same, waiting for the disk; null where it cannot be opened.
    std::shared_ptr<DataFile> open_now(std::uint64_t number);
    std::shared_ptr<DataFile> object(const Digest& digest);

    // Keeps it open for nobody's sake: our own descriptor would look like a writer's.
    void let_go(std::uint64_t number);

    // Makes a new staging file with the first `size` bytes of what `node` holds, on the pool, then
    // calls `done` with its number, or with an errno.
    void copy_up(const OverlayNode& node, std::uint64_t size,
                 std::function<void(Result<std::uint64_t>)> done);

    // Gives a file that was never written to the time it was made at, on the pool.
    void stamp(const std::shared_ptr<DataFile>& file, Time mtime);

    // The first of `count` numbers that nobody else will use.
    std::uint64_t reserve(std::uint64_t count);

    // Removes names from staging, on the pool. Open files stay.
    void remove(const std::vector<std::uint64_t>& numbers);

private:
    // The first `size` bytes of what the node holds. Blocks.
    Result<CopiedBy> copy_from(const OverlayNode& node, int to, std::uint64_t size) const;
    void restock();
    void sweep();
    template <class Key>
    void hold(std::unordered_map<Key, std::weak_ptr<DataFile>>& files, const Key& key,
              std::shared_ptr<DataFile> file);

    Store& store_;
    Executor& executor_;
    std::atomic<std::uint64_t>& next_number_;
    struct Ready {
        std::uint64_t number;
        std::shared_ptr<DataFile> file;
    };
    std::deque<Ready> ready_;
    bool coming_ = false;
    std::vector<std::uint64_t> superfluous_;
    bool sweeping_ = false;
    std::set<std::uint64_t> lost_;  // staging files that were gone when somebody opened them
    std::unordered_map<std::uint64_t, std::weak_ptr<DataFile>> staging_;
    std::unordered_map<Digest, std::weak_ptr<DataFile>> objects_;
    // Opened by a suspended request: held until the request has taken it, or others pushed it out.
    std::deque<std::shared_ptr<DataFile>> recent_;
    std::size_t next_sweep_ = 0;  // of the maps above, by their size
};

}  // namespace artfs
