#include "runs/git_state.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

namespace artfs {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t enough_output = 64U << 10;  // branch lines come first, then any change

// Prepared before fork: between fork and exec of a process with threads only async-signal-safe
// calls are allowed (fork(2), signal-safety(7)).
struct Command {
    std::string home;
    std::vector<gid_t> groups;
    std::vector<const char*> arguments;
    std::vector<const char*> environment;
    bool change_user = false;
};

std::optional<Command> prepare(uid_t uid, gid_t gid) {
    Command command;
    if (uid != geteuid() && geteuid() != 0) return std::nullopt;
    command.change_user = geteuid() == 0;
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

[[noreturn]] void become_git(const Command& command, uid_t uid, gid_t gid, int directory,
                             int output) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool ready = null >= 0 && dup2(null, 0) == 0 && dup2(output, 1) == 1 && dup2(null, 2) == 2;
    if (ready && command.change_user)
        ready = setgroups(command.groups.size(), command.groups.data()) == 0 &&
                setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0;
    ready = ready && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && fchdir(directory) == 0;
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

// Starts git as nobody's child, so that one that cannot be killed need not be waited for. Gives the
// process group, which is only its.
std::optional<pid_t> start(const Command& command, uid_t uid, gid_t gid, int directory,
                           int output) {
    pid_t child = fork();
    if (child < 0) return std::nullopt;
    if (child == 0) {
        setpgid(0, 0);
        pid_t git = fork();
        if (git == 0) become_git(command, uid, gid, directory, output);
        _exit(git < 0 ? 1 : 0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return child;
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
    auto command = prepare(uid, gid);
    int ends[2];
    if (!command || !directory || pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
    Fd reader(ends[0]);
    Fd writer(ends[1]);
    auto group = start(*command, uid, gid, directory.get(), writer.get());
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
