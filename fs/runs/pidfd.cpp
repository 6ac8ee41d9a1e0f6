#include "runs/pidfd.h"

#include <fcntl.h>
#include <linux/ioctl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "runs/proc_files.h"

namespace artfs {

namespace {

// include/uapi/linux/pidfd.h, first published size (PIDFD_INFO_SIZE_VER0). Kernels accept a
// caller's size and fill no more than that.
struct PidfdInfo {
    std::uint64_t mask;
    std::uint64_t cgroup;
    std::uint32_t pid;
    std::uint32_t tgid;
    std::uint32_t ppid;
    std::uint32_t ids[8];
    std::int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);

constexpr std::uint64_t info_pid = 1U << 0;
constexpr std::uint64_t info_exit = 1U << 3;
constexpr unsigned long get_info = _IOWR(0xFF, 11, PidfdInfo);
constexpr unsigned thread_flag = O_EXCL;  // PIDFD_THREAD

int pidfd_open(pid_t pid, unsigned flags) {
    return static_cast<int>(syscall(SYS_pidfd_open, pid, flags));
}

std::optional<PidfdInfo> info(int pidfd, std::uint64_t wanted) {
    PidfdInfo answer{};
    answer.mask = wanted;
    if (ioctl(pidfd, get_info, &answer) != 0) return std::nullopt;
    return answer;
}

bool readable_now(int fd) {
    pollfd one{fd, POLLIN, 0};
    return poll(&one, 1, 0) != 0;
}

// Whether the number still is the process's: it is, until the parent has waited.
bool not_reaped(int pidfd) { return syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) == 0; }

// Without ptrace rights over the process its /proc/PID/stat says 0 for the status. The same rights
// guard `exe`, which a zombie no longer has (ENOENT).
bool may_inspect(int directory) {
    char byte;
    return readlinkat(directory, "exe", &byte, 1) >= 0 || errno != EACCES;
}

}  // namespace

Fd open_pidfd(pid_t pid) {
    if (pid <= 0) return {};
    return Fd(pidfd_open(pid, 0));
}

bool alive(int pidfd) { return pidfd >= 0 && !readable_now(pidfd); }

std::optional<int> exit_status(int pidfd, pid_t pid) {
    if (pidfd < 0 || alive(pidfd)) return std::nullopt;
    // First the zombie, then whether it was still there after we looked: its number may be
    // another's as soon as it is reaped.
    Fd directory = open_process_directory(pid);
    auto stat = directory ? read_stat_at(directory.get()) : std::nullopt;
    if (auto answer = info(pidfd, info_pid | info_exit); answer && (answer->mask & info_exit) != 0)
        return answer->exit_code;
    if (!stat || stat->state != 'Z' || !may_inspect(directory.get()) || !not_reaped(pidfd))
        return std::nullopt;
    return stat->exit_code;
}

ThreadHandle ThreadHandle::open(pid_t tid, bool pidfds) {
    ThreadHandle handle;
    if (tid <= 0) return handle;
    handle.tid_ = tid;
    if (pidfds) {
        handle.fd_ = Fd(pidfd_open(tid, thread_flag));
        if (handle.fd_) {
            // A kernel may know PIDFD_THREAD (6.9) and not GET_INFO (6.13): process() copes.
            if (!handle.alive()) return {};
            return handle;
        }
        if (errno != EINVAL && errno != ENOSYS) return {};
    }
    handle.kind_ = Kind::directory;
    handle.fd_ = open_process_directory(tid);
    if (!handle.alive()) return {};
    return handle;
}

bool ThreadHandle::alive() const {
    if (!fd_) return false;
    if (kind_ == Kind::pidfd) return !readable_now(fd_.get());
    // ESRCH once the thread is gone, whatever its number has come to mean.
    auto stat = read_stat_at(fd_.get());
    return stat && stat->state != 'Z' && stat->state != 'X';
}

std::optional<pid_t> ThreadHandle::process() const {
    if (!fd_) return std::nullopt;
    if (kind_ == Kind::pidfd) {
        if (auto answer = info(fd_.get(), info_pid)) return static_cast<pid_t>(answer->tgid);
        auto by_number = thread_group_at(open_process_directory(tid_));
        // What /proc said is true if the number was still the thread's after it.
        if (!by_number || !alive()) return std::nullopt;
        return by_number;
    }
    return thread_group_at(fd_);
}

}  // namespace artfs
