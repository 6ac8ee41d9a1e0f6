#include "base/executor.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace artfs {

Executor::Executor(unsigned threads)
    : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), most_aside_(std::max(1U, threads / 2)) {
    if (!event_) throw std::system_error(errno, std::generic_category(), "eventfd");
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Executor::~Executor() { finish(); }

void Executor::finish() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

void Executor::pool(Task task) {
    {
        std::lock_guard lock(mutex_);
        tasks_.push_back(std::move(task));
    }
    wake_.notify_one();
}

void Executor::pool_aside(Task task) {
    {
        std::lock_guard lock(mutex_);
        aside_.push_back(std::move(task));
    }
    wake_.notify_one();
}

void Executor::post(Task task) {
    {
        std::lock_guard lock(mutex_);
        posted_.push_back(std::move(task));
    }
    std::uint64_t one = 1;
    // It can only fail when the counter is full, and then the reader is awake.
    [[maybe_unused]] auto written = write(event_.get(), &one, sizeof one);
}

void Executor::run_posted() {
    std::uint64_t count = 0;
    [[maybe_unused]] auto got = read(event_.get(), &count, sizeof count);
    std::deque<Task> ready;
    {
        std::lock_guard lock(mutex_);
        ready.swap(posted_);
    }
    for (auto& task : ready) task();
}

void Executor::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] {
            return !tasks_.empty() || may_begin_aside() || (stop_ && aside_.empty());
        });
        const bool aside = tasks_.empty();
        auto& queue = aside ? aside_ : tasks_;
        if (queue.empty()) return;
        Task task = std::move(queue.front());
        queue.pop_front();
        if (aside) ++at_aside_;
        lock.unlock();
        task();
        task = nullptr;  // what it holds is freed outside the lock
        lock.lock();
        if (!aside) continue;
        --at_aside_;
        if (stop_)
            wake_.notify_all();
        else if (may_begin_aside())
            wake_.notify_one();
    }
}

}  // namespace artfs
