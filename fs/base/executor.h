// The threads around the dispatch thread: a pool for whatever may wait for a disk, and the queue
// through which results come back.
//
// The dispatch thread owns all state of a mount and never waits. Work for the pool takes what it
// needs by value and posts its result; posted functions run on the dispatch thread, in order.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace artfs {

class Executor {
public:
    using Task = std::function<void()>;

    explicit Executor(unsigned threads);
    ~Executor();
    // Finishes the pool's queue and ends its threads; what is posted after that is dropped. Before
    // what its tasks use goes away.
    void finish();
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

    // Thread-safe.
    void pool(Task task);
    void post(Task task);
    // For what takes long or waits for a disk and is no answer to a request: of these half of the
    // threads have one at most, so that requests are not kept waiting behind a hundred seals.
    void pool_aside(Task task);

    // `job` on the pool, then `then(result)` on the dispatch thread.
    template <class Job, class Then>
    void offload(Job job, Then then) {
        pool(with_result(std::move(job), std::move(then)));
    }
    template <class Job, class Then>
    void offload_aside(Job job, Then then) {
        pool_aside(with_result(std::move(job), std::move(then)));
    }

    // Readable when something was posted.
    int event_fd() const { return event_.get(); }
    // Dispatch thread: runs what was posted so far.
    void run_posted();

private:
    template <class Job, class Then>
    Task with_result(Job job, Then then) {
        return [this, job = std::move(job), then = std::move(then)]() mutable {
            using Value = decltype(job());
            // Shared, because a std::function must be copyable and a result need not be.
            auto value = std::make_shared<Value>(job());
            post([value, then = std::move(then)]() mutable { then(std::move(*value)); });
        };
    }
    void work();
    bool may_begin_aside() const { return !aside_.empty() && at_aside_ < most_aside_; }

    Fd event_;
    const unsigned most_aside_;
    std::mutex mutex_;  // guards the queues, at_aside_ and stop_
    std::condition_variable wake_;
    std::deque<Task> tasks_;
    std::deque<Task> aside_;
    unsigned at_aside_ = 0;  // threads
    std::deque<Task> posted_;
    bool stop_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace artfs
