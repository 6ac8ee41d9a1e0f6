#include "runs/caller_cache.h"

#include <sys/resource.h>

namespace artfs {

namespace {
std::size_t descriptors_of(const Caller& caller) {
    return (caller.thread ? 1U : 0U) + (caller.process_directory ? 1U : 0U);
}
}  // namespace

std::size_t CallerCache::default_descriptors() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
    return std::max<std::size_t>(64, limit.rlim_cur / 4);
}

CallerCache::CallerCache(std::size_t max_descriptors) : max_descriptors_(max_descriptors) {}

const Caller* CallerCache::find(pid_t tid) {
    auto found = by_tid_.find(tid);
    if (found == by_tid_.end()) return nullptr;
    if (!found->second->thread.alive()) {
        drop(found->second);
        return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, found->second);
    return &entries_.front();
}

const Caller& CallerCache::insert(Identified&& identified) {
    erase(identified.caller.tid);
    std::size_t needs = descriptors_of(identified.caller);
    make_room(needs);
    entries_.push_front(std::move(identified.caller));
    by_tid_[entries_.front().tid] = entries_.begin();
    descriptors_ += needs;
    return entries_.front();
}

void CallerCache::erase(pid_t tid) {
    if (auto found = by_tid_.find(tid); found != by_tid_.end()) drop(found->second);
}

void CallerCache::clear() {
    entries_.clear();
    by_tid_.clear();
    descriptors_ = 0;
}

bool CallerCache::same_program(const Caller& caller) {
    auto now_runs = file_identity(caller.process_directory.get(), "exe");
    return now_runs && *now_runs == caller.executable;
}

void CallerCache::drop(Entries::iterator entry) {
    descriptors_ -= descriptors_of(*entry);
    by_tid_.erase(entry->tid);
    entries_.erase(entry);
}

void CallerCache::make_room(std::size_t descriptors) {
    while (!entries_.empty() && descriptors_ + descriptors > max_descriptors_)
        drop(std::prev(entries_.end()));
}

}  // namespace artfs
