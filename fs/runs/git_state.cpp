#include "runs/git_state.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

namespace artfs {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t enough_output = 64U << 10;  // branch lines come first, then any change

// Prepared before the child is there, which has our memory and must only make system calls.
struct Command {
    std::string home;
    std::vector<gid_t> groups;
    std::vector<const char*> arguments;
    std::vector<const char*> environment;
    bool change_user = false;
    uid_t uid = 0;
    gid_t gid = 0;
    int directory = -1;
    int output = -1;
};

std::optional<Command> prepare(uid_t uid, gid_t gid) {
    Command command;
    if (uid != geteuid() && geteuid() != 0) return std::nullopt;
    command.change_user = geteuid() == 0;
    command.uid = uid;
    command.gid = gid;
    std::array<char, 16384> buffer;
    passwd entry{};
    passwd* found = nullptr;
    getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
    command.home = std::string("HOME=") + (found != nullptr ? found->pw_dir : "/");
    command.groups = {gid};
    if (found != nullptr && command.change_user) {
        int count = 1024;
        command.groups.resize(static_cast<std::size_t>(count));
        if (getgrouplist(found->pw_name, gid, command.groups.data(), &count) < 0)
            count = static_cast<int>(command.groups.size());
        command.groups.resize(static_cast<std::size_t>(count));
    }
    // Without -uno git walks every directory of the tree, maybe into our mount. Programs that the
    // repository's configuration names for watching files are not run.
    command.arguments = {"git",
                         "-c",
                         "core.fsmonitor=false",
                         "status",
                         "--porcelain=v2",
                         "--branch",
                         "--untracked-files=no",
                         "--ignore-submodules=all",
                         nullptr};
    command.environment = {"PATH=/usr/local/bin:/usr/bin:/bin",
                           command.home.c_str(),
                           "LC_ALL=C",
                           "GIT_OPTIONAL_LOCKS=0",
                           "GIT_TERMINAL_PROMPT=0",
                           nullptr};
    return command;
}

// Runs a child on our memory and waits until it has executed a program or ended, as posix_spawn(3)
// does: fork would copy the page tables of the whole worker, and every thread would then copy each
// page that it writes to.
pid_t spawn(int (*child)(void*), void* given) {
    alignas(16) std::array<char, 64U << 10U> stack;
    return clone(child, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, given);
}

// The C library would change the user of all our threads.
bool become_user(const Command& command) {
    const auto [uid, gid] = std::pair(command.uid, command.gid);
    return syscall(SYS_setgroups, command.groups.size(), command.groups.data()) == 0 &&
           syscall(SYS_setresgid, gid, gid, gid) == 0 && syscall(SYS_setresuid, uid, uid, uid) == 0;
}

int become_git(void* given) {
    const auto& command = *static_cast<const Command*>(given);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool ready =
        null >= 0 && dup2(null, 0) == 0 && dup2(command.output, 1) == 1 && dup2(null, 2) == 2;
    if (ready && command.change_user) ready = become_user(command);
    ready = ready && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && fchdir(command.directory) == 0;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    if (ready) {
        for (const char* path : {"/usr/bin/git", "/usr/local/bin/git", "/bin/git"})
            execve(path, const_cast<char* const*>(command.arguments.data()),
                   const_cast<char* const*>(command.environment.data()));
    }
    _exit(127);
}

int lead_group(void* given) {
    setpgid(0, 0);
    _exit(spawn(become_git, given) < 0 ? 1 : 0);
}

// Starts git as nobody's child, so that one that cannot be killed need not be waited for. Gives the
// process group, which is only its.
std::optional<pid_t> start(Command& command) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // no handler of ours runs in the child
    pid_t child = spawn(lead_group, &command);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (child < 0) return std::nullopt;
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return child;
}

long open_cached(int directory, const char* name) {
    open_how how{};
    how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_CACHED;
    return syscall(SYS_openat2, directory, name, &how, sizeof how);
}

bool same_directory(int one, int other) {
    struct statx first {};
    struct statx second {};
    constexpr int from_memory = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    return statx(one, "", from_memory, STATX_INO, &first) == 0 &&
           statx(other, "", from_memory, STATX_INO, &second) == 0 &&
           first.stx_ino == second.stx_ino && first.stx_dev_major == second.stx_dev_major &&
           first.stx_dev_minor == second.stx_dev_minor;
}

// That no directory from here up has a .git, if the kernel can tell from what it has in memory:
// nothing here waits for a disk or a server. To start git takes longer than the rest of what is
// asked about a run.
bool surely_in_no_repository(const Fd& directory) {
    Fd here(fcntl(directory.get(), F_DUPFD_CLOEXEC, 0));
    while (here) {
        if (Fd found(static_cast<int>(open_cached(here.get(), ".git"))); found || errno != ENOENT)
            return false;
        Fd above(static_cast<int>(open_cached(here.get(), "..")));
        if (!above) return false;
        if (same_directory(here.get(), above.get())) return true;
        here = std::move(above);
    }
    return false;
}

// Until the end, enough, or the time is up; whether the end was seen.
bool read_until(int fd, Clock::time_point deadline, std::string& text) {
    std::array<char, 4096> chunk;
    while (text.size() < enough_output) {
        auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd one{fd, POLLIN, 0};
        if (left.count() <= 0) return false;
        if (poll(&one, 1, static_cast<int>(left.count())) <= 0) continue;
        ssize_t got = read(fd, chunk.data(), chunk.size());
        if (got == 0) return true;
        if (got < 0 && errno != EINTR) return true;
        if (got > 0) text.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return false;
}

}  // namespace

std::optional<GitState> parse_git_status(std::string_view text) {
    GitState state;
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        constexpr std::string_view commit = "# branch.oid ";
        if (line.starts_with(commit))
            state.commit = line.substr(commit.size());
        else if (!line.empty() && line.front() != '#')
            state.dirty = true;
    }
    if (state.commit.empty() || state.commit.front() == '(') return std::nullopt;  // "(initial)"
    return state;
}

std::optional<GitState> git_state(const Fd& directory, uid_t uid, gid_t gid,
                                  std::chrono::milliseconds timeout) {
    auto deadline = Clock::now() + timeout;
    if (directory && surely_in_no_repository(directory)) return std::nullopt;
    auto command = prepare(uid, gid);
    int ends[2];
    if (!command || !directory || pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
    Fd reader(ends[0]);
    Fd writer(ends[1]);
    command->directory = directory.get();
    command->output = writer.get();
    auto group = start(*command);
    writer.reset();
    if (!group) return std::nullopt;
    std::string text;
    bool ended = read_until(reader.get(), deadline, text);
    // Somebody of the group has the pipe open still, so the number is still the group's.
    if (!ended) kill(-*group, SIGKILL);
    if (!ended && text.size() < enough_output) return std::nullopt;
    return parse_git_status(text);
}

}  // namespace artfs
