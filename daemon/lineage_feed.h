// Runs as OpenLineage events while they happen: START when a run is recorded, COMPLETE, FAIL or
// ABORT when it is over and what it made is durable.
//
// A thread of its own looks at the catalog from time to time; nothing that serves a mount knows of
// it, so that no run can wait for it or fail by it. What was sent is remembered in the store, for
// the next daemon. Where nobody takes them, events wait: so many, then the oldest are dropped.
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "catalog/store.h"
#include "event_sink.h"
#include "lineage/describe.h"

namespace artfs {

class LineageFeed {
public:
    LineageFeed(const Store& store, std::string target);
    // What is over by now is sent, if that takes no longer than one request.
    ~LineageFeed();
    LineageFeed(const LineageFeed&) = delete;
    LineageFeed& operator=(const LineageFeed&) = delete;

private:
    void work();
    void look(bool at_end);
    void see(const Reading& at, const RunRecord& run);
    void deliver();
    void remember();
    void recall();

    static constexpr std::size_t most_waiting = 1000;

    const Store& store_;
    const std::string target_;
    const std::filesystem::path memory_;
    const std::unique_ptr<EventSink> sink_;
    // The rest is the thread's.
    std::map<RunId, bool> told_;  // of recent runs: whether it was told that they are over
    Time since_{};                // older runs are not told of
    std::deque<std::string> waiting_;
    Time next_try_{};
    Time last_wide_look_{};
    bool complained_ = false;

    std::mutex mutex_;  // guards stop_
    std::condition_variable stopping_;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace artfs
