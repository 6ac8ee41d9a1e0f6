#include "runs/exit_watcher.h"

#include <sys/epoll.h>

#include "runs/pidfd.h"

namespace artfs {

Result<ExitWatcher> ExitWatcher::create() {
    Fd epoll(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return fail_errno("making an epoll descriptor");
    return ExitWatcher(std::move(epoll));
}

Result<> ExitWatcher::add(Fd pidfd, const ProcessKey& key) {
    remove(key);
    int fd = pidfd.get();
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.fd = fd;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &wanted) != 0)
        return fail_errno("watching a process");
    watched_[fd] = {key, std::move(pidfd)};
    descriptors_[key] = fd;
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
    epoll_event events[64];
    while (true) {
        int count = epoll_wait(epoll_.get(), events, 64, 0);
        if (count <= 0) return exited;
        for (int i = 0; i < count; ++i) {
            auto found = watched_.find(events[i].data.fd);
            if (found == watched_.end()) continue;
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
