#include "drafts/early_hashes.h"

#include <fcntl.h>
#include <unistd.h>

namespace artfs {

namespace {
constexpr std::size_t most_digests = 4096;
}

bool same_state(const struct stat& before, const struct stat& after) {
    return before.st_size == after.st_size && before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
           before.st_mtim.tv_nsec == after.st_mtim.tv_nsec;
}

void EarlyHashes::expect(std::uint64_t staging) {
    std::lock_guard lock(mutex_);
    auto [entry, fresh] = entries_.try_emplace(staging);
    if (!fresh) return;
    entry->second.expectation = ++expectations_;
    order_.push_back(staging);
    while (order_.size() > most_digests) {
        entries_.erase(order_.front());
        order_.pop_front();
    }
}

void EarlyHashes::hash(const Store& store, std::uint64_t staging) {
    std::uint64_t expectation = 0;
    {
        std::lock_guard lock(mutex_);
        auto found = entries_.find(staging);
        if (found == entries_.end() || found->second.running || found->second.hashed) return;
        expectation = found->second.expectation;
        found->second.running = true;
    }
    struct stat before {};
    struct stat after {};
    std::optional<Hashed> hashed;
    auto fd = open_file(store.staging_path(staging), O_RDONLY | O_NOATIME);
    if (fd && fstat(fd->get(), &before) == 0) {
        sync_file_range(fd->get(), 0, 0, SYNC_FILE_RANGE_WRITE);
        auto result = hash_file(fd->get());
        if (result && fstat(fd->get(), &after) == 0 && same_state(before, after)) hashed = *result;
    }
    std::lock_guard lock(mutex_);
    ended_.notify_all();
    auto found = entries_.find(staging);
    if (found == entries_.end() || found->second.expectation != expectation) return;
    found->second.running = false;
    found->second.hashed = hashed;
    found->second.status = before;
}

void EarlyHashes::drop(std::uint64_t staging) {
    std::lock_guard lock(mutex_);
    if (entries_.erase(staging) == 0) return;
    std::erase(order_, staging);
    ended_.notify_all();
}

std::optional<Hashed> EarlyHashes::take(std::uint64_t staging, const struct stat& status) {
    std::unique_lock lock(mutex_);
    auto running = [&] {
        auto found = entries_.find(staging);
        return found != entries_.end() && found->second.running;
    };
    ended_.wait(lock, [&] { return !running(); });
    auto entry = entries_.extract(staging);
    std::erase(order_, staging);
    if (entry.empty() || !entry.mapped().hashed) return std::nullopt;
    if (!same_state(entry.mapped().status, status)) return std::nullopt;
    return entry.mapped().hashed;
}

}  // namespace artfs
