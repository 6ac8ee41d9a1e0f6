#include "runs/pidfd.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <sstream>

namespace artfs {

namespace {

// linux/pidfd.h of Linux 6.15; written out because older headers lack it.
constexpr unsigned pidfd_thread = O_EXCL;
struct pidfd_info {
    std::uint64_t mask;
    std::uint64_t cgroupid;
    std::uint32_t pid, tgid, ppid;
    std::uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
    std::int32_t exit_code;
};
constexpr std::uint64_t info_pid = 1U << 0U;
constexpr std::uint64_t info_exit = 1U << 3U;
constexpr unsigned long get_info = _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, 64);
static_assert(sizeof(pidfd_info) == 64);

std::optional<std::string> proc_file(const std::string& path) {
    auto text = read_file(path);
    if (!text) return std::nullopt;
    return *text;
}

}  // namespace

Fd open_pidfd(pid_t pid) { return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

bool alive(int pidfd) {
    pollfd waiting{pidfd, POLLIN, 0};
    return poll(&waiting, 1, 0) == 0;
}

std::optional<int> exit_status(int pidfd, pid_t pid) {
    if (alive(pidfd)) return std::nullopt;
    pidfd_info info{};
    info.mask = info_exit;
    if (ioctl(pidfd, get_info, &info) == 0 && (info.mask & info_exit) != 0) return info.exit_code;
    // A zombie still: the last field of its stat, if it is still this process.
    if (syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) != 0) return std::nullopt;
    auto text = proc_file("/proc/" + std::to_string(pid) + "/stat");
    if (!text) return std::nullopt;
    auto close = text->rfind(')');
    std::istringstream fields(text->substr(close == std::string::npos ? 0 : close + 1));
    std::string state;
    std::string last;
    fields >> state;
    for (std::string field; fields >> field;) last = field;
    if (state != "Z" || last.empty()) return std::nullopt;
    return std::stoi(last);
}

ThreadHandle ThreadHandle::open(pid_t tid, bool pidfds) {
    ThreadHandle handle;
    handle.tid_ = tid;
    if (tid <= 0) return handle;
    if (pidfds) handle.fd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, tid, pidfd_thread)));
    if (!handle.fd_ && (!pidfds || errno == EINVAL)) {
        handle.kind_ = Kind::directory;
        auto path = "/proc/" + std::to_string(tid);
        handle.fd_ = Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }
    return handle;
}

bool ThreadHandle::alive() const {
    if (kind_ == Kind::pidfd) return artfs::alive(fd_.get());
    return faccessat(fd_.get(), "stat", F_OK, 0) == 0;
}

std::optional<pid_t> ThreadHandle::process() const {
    if (kind_ == Kind::pidfd) {
        pidfd_info info{};
        info.mask = info_pid;
        if (ioctl(fd_.get(), get_info, &info) == 0) return static_cast<pid_t>(info.tgid);
    }
    auto text = proc_file("/proc/" + std::to_string(tid_) + "/status");
    if (!text || !alive()) return std::nullopt;
    auto at = text->find("\nTgid:");
    if (at == std::string::npos) return std::nullopt;
    return static_cast<pid_t>(std::stol(text->substr(at + 6)));
}

}  // namespace artfs
