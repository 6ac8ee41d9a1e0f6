#include "namespace/early_hashing.h"

#include <algorithm>

namespace artfs {

namespace {
constexpr std::chrono::milliseconds quiet_before_hashing{2000};
// Smaller ones are hashed in less time than it takes to speak of them.
constexpr std::uint64_t worth_it = 1U << 20U;
}  // namespace

void EarlyHashing::is_closed(std::uint64_t staging, std::uint64_t size) {
    if (size < worth_it) return;
    is_opened(staging);
    quiet_.insert(staging);
    closed_.push_back({staging, std::chrono::steady_clock::now()});
    wait();
}

void EarlyHashing::is_opened(std::uint64_t staging) {
    hashes_.drop(staging);
    if (quiet_.erase(staging) == 0) return;
    std::erase_if(closed_, [&](const Closed& one) { return one.staging == staging; });
}

void EarlyHashing::wait() {
    if (waiting_ || hashing_ || closed_.empty()) return;
    waiting_ = true;
    auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - closed_.front().since);
    kernel_.after(static_cast<unsigned>(
                      std::max<std::int64_t>((quiet_before_hashing - passed).count() + 1, 1)),
                  [this] {
                      waiting_ = false;
                      hash_next();
                  });
}

void EarlyHashing::hash_next() {
    if (closed_.empty() ||
        std::chrono::steady_clock::now() - closed_.front().since < quiet_before_hashing)
        return wait();
    const auto staging = closed_.front().staging;
    closed_.pop_front();
    quiet_.erase(staging);
    hashes_.expect(staging);
    hashing_ = true;
    executor_.offload_aside(
        [this, staging] {
            hashes_.hash(store_, staging);
            return true;
        },
        [this](bool) {
            hashing_ = false;
            hash_next();
        });
}

}  // namespace artfs
