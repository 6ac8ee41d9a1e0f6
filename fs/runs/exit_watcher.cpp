#include "runs/exit_watcher.h"

#include <sys/epoll.h>

#include <array>
#include <utility>

namespace artfs {

Result<ExitWatcher> ExitWatcher::create() {
    Fd epoll(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return fail_errno("making an epoll descriptor");
    return ExitWatcher(std::move(epoll));
}

Result<> ExitWatcher::add(Fd pidfd, const ProcessKey& key) {
    remove(key);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = pidfd.get();
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, pidfd.get(), &event) != 0)
        return fail_errno("watching process " + std::to_string(key.pid));
    descriptors_[key] = pidfd.get();
    int number = pidfd.get();
    watched_[number] = Watched{key, std::move(pidfd)};
    return {};
}

void ExitWatcher::remove(const ProcessKey& key) {
    auto found = descriptors_.find(key);
    if (found == descriptors_.end()) return;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second, nullptr);
    watched_.erase(found->second);
    descriptors_.erase(found);
}

std::vector<ExitWatcher::Exited> ExitWatcher::drain() {
    std::vector<Exited> exited;
    std::array<epoll_event, 64> events;
    while (true) {
        int ready = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
        if (ready <= 0) return exited;
        for (int i = 0; i < ready; ++i) {
            auto found = watched_.find(events[static_cast<std::size_t>(i)].data.fd);
            if (found == watched_.end()) continue;
            // The descriptor lives on with the caller, so closing it does not take it out.
            epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->first, nullptr);
            descriptors_.erase(found->second.key);
            exited.push_back({found->second.key, std::move(found->second.pidfd)});
            watched_.erase(found);
        }
    }
}

bool ExitWatcher::alive(const ProcessKey& key) const {
    auto found = descriptors_.find(key);
    return found != descriptors_.end() && artfs::alive(found->second);
}

}  // namespace artfs
