// What changes, told to open pages: server-sent events.
//
// One thread looks at the catalog (and, while pages are open, asks the daemon to make what is over
// durable); each page has a listener that waits for it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "ui/api.h"

namespace artfs::ui {

// Thread-safe.
class Watcher {
public:
    explicit Watcher(const Place& place);
    ~Watcher();

    class Listener {
    public:
        explicit Listener(Watcher& watcher) : watcher_(watcher) {}
        ~Listener();
        // The text of the next event, after at most some seconds; empty when it is over.
        std::string next();

    private:
        Watcher& watcher_;
        std::uint64_t seen_ = 0;
    };
    // None when too many listen.
    std::shared_ptr<Listener> listen();

    void note_request();
    void stop();

private:
    friend class Listener;
    void watch();
    bool wait(std::chrono::milliseconds time);

    const Place& place_;
    std::mutex mutex_;  // guards the five below
    std::condition_variable changed_;
    std::uint64_t changes_ = 1;
    bool gone_ = false;
    bool stopping_ = false;
    unsigned listeners_ = 0;
    std::atomic<bool> asked_{false};
    std::thread thread_;
};

}  // namespace artfs::ui
