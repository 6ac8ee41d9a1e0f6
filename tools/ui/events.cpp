#include "ui/events.h"

namespace artfs::ui {

namespace {
constexpr unsigned most_listeners = 32;
constexpr std::chrono::milliseconds look_interval{500};
constexpr std::chrono::seconds sign_of_life{10};
}  // namespace

Watcher::Watcher(const Place& place) : place_(place), thread_([this] { watch(); }) {}

Watcher::~Watcher() {
    stop();
    thread_.join();
}

void Watcher::stop() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
}

void Watcher::note_request() { asked_ = true; }

bool Watcher::wait(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return stopping_; });
}

void Watcher::watch() {
    std::string state;
    bool counted = place_.index->if_built(place_.site.project) != nullptr;
    for (unsigned round = 0; wait(look_interval); ++round) {
        bool pages = false;
        {
            std::lock_guard lock(mutex_);
            pages = listeners_ > 0;
        }
        if (round % 4 == 0 && (asked_.exchange(false) || pages)) {
            try {
                ask_daemon(place_.site.store, {{"op", "settle"}});
            } catch (const Failure&) {
                // Pages show what there is.
            }
        }
        auto found = catalog_state(*place_.store);
        bool news = found.empty() ? false : place_.index->refresh();
        if (!counted && place_.index->if_built(place_.site.project)) news = counted = true;
        if (found == state && !news) continue;
        state = found;
        {
            std::lock_guard lock(mutex_);
            ++changes_;
            gone_ = found.empty();
        }
        changed_.notify_all();
    }
}

std::shared_ptr<Watcher::Listener> Watcher::listen() {
    std::lock_guard lock(mutex_);
    if (listeners_ == most_listeners) return nullptr;
    ++listeners_;
    return std::make_shared<Listener>(*this);
}

Watcher::Listener::~Listener() {
    std::lock_guard lock(watcher_.mutex_);
    --watcher_.listeners_;
}

std::string Watcher::Listener::next() {
    std::unique_lock lock(watcher_.mutex_);
    auto news = [this] { return watcher_.stopping_ || watcher_.changes_ != seen_; };
    bool any = watcher_.changed_.wait_for(lock, sign_of_life, news);
    if (watcher_.stopping_) return {};
    if (!any) return ": still here\n\n";
    seen_ = watcher_.changes_;
    return "event: change\ndata: {\"change\":" + std::to_string(seen_) +
           ",\"gone\":" + (watcher_.gone_ ? "true" : "false") + "}\n\n";
}

}  // namespace artfs::ui
