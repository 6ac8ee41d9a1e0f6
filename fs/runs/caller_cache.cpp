#include "runs/caller_cache.h"

#include <sys/resource.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "runs/proc_files.h"

namespace artfs {

namespace {

std::size_t descriptors_of(const Caller& caller) {
    return (caller.thread ? 1U : 0U) + (caller.process_directory ? 1U : 0U);
}

}  // namespace

std::size_t CallerCache::default_descriptors() {
    constexpr std::size_t most = 1U << 18;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return most;
    return std::clamp<std::size_t>(limit.rlim_cur / 4, 16, most);
}

CallerCache::CallerCache(std::size_t max_descriptors) : max_descriptors_(max_descriptors) {}

const Caller* CallerCache::find(pid_t tid) {
    auto found = by_tid_.find(tid);
    if (found == by_tid_.end()) return nullptr;
    auto entry = found->second;
    if (!entry->thread.alive()) {
        drop(entry);
        return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, entry);
    return &*entry;
}

const Caller& CallerCache::insert(Identified&& identified) {
    identified.root.reset();
    erase(identified.caller.tid);
    std::size_t needed = descriptors_of(identified.caller);
    make_room(needed);
    entries_.push_front(std::move(identified.caller));
    descriptors_ += needed;
    by_tid_[entries_.front().tid] = entries_.begin();
    return entries_.front();
}

void CallerCache::erase(pid_t tid) {
    if (auto found = by_tid_.find(tid); found != by_tid_.end()) drop(found->second);
}

void CallerCache::clear() {
    by_tid_.clear();
    entries_.clear();
    descriptors_ = 0;
    sweep_at_ = min_sweep;
}

bool CallerCache::same_program(const Caller& caller) {
    if (!caller.process_directory) return false;
    auto file = file_identity(caller.process_directory.get(), "exe");
    if (file) return *file == caller.executable;
    // Another user's process, or one that is exiting: it closes its files without its program.
    auto stat = read_stat_at(caller.process_directory.get());
    return stat && stat->comm == caller.comm;
}

void CallerCache::drop(Entries::iterator entry) {
    descriptors_ -= descriptors_of(*entry);
    by_tid_.erase(entry->tid);
    entries_.erase(entry);
}

void CallerCache::make_room(std::size_t descriptors) {
    // The dead go each time the cache has doubled: a constant cost for each that came.
    if (by_tid_.size() >= sweep_at_) {
        for (auto entry = entries_.begin(); entry != entries_.end();) {
            auto here = entry++;
            if (!here->thread.alive()) drop(here);
        }
        sweep_at_ = std::max(min_sweep, 2 * by_tid_.size());
    }
    while (descriptors_ + descriptors > max_descriptors_ && !entries_.empty())
        drop(std::prev(entries_.end()));
}

}  // namespace artfs
