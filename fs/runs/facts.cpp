#include "runs/facts.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"
#include "objects/object_store.h"
#include "runs/arguments.h"
#include "runs/patterns.h"
#include "runs/pidfd.h"

namespace artfs {

namespace {

std::string user_name(std::uint32_t uid) {
    passwd entry{};
    passwd* found = nullptr;
    char buffer[4096];
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr)
        return found->pw_name;
    return std::to_string(uid);
}

std::string host_name() {
    char name[256] = {};
    return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

// `git ARGUMENTS` in a directory, as its user. Nothing after the time is up, or when it fails.
std::optional<std::string> git(const RootProcess& root, std::vector<const char*> arguments,
                               std::chrono::milliseconds patience) {
    int out[2];
    if (pipe2(out, O_CLOEXEC) != 0) return std::nullopt;
    Fd reader(out[0]);
    Fd writer(out[1]);
    arguments.insert(arguments.begin(), "git");
    arguments.push_back(nullptr);
    pid_t pid = fork();
    if (pid == 0) {
        // Only async-signal-safe calls: other threads hold locks.
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(null, STDERR_FILENO);
        dup2(writer.get(), STDOUT_FILENO);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        if (geteuid() == 0 && root.facts.uid != 0 &&
            (setgroups(0, nullptr) != 0 || setgid(root.facts.gid) != 0 || setuid(root.facts.uid) != 0))
            _exit(126);
        if (fchdir(root.directory.get()) != 0) _exit(126);
        const char* environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "GIT_OPTIONAL_LOCKS=0",
                                     "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", nullptr};
        execve("/usr/bin/git", const_cast<char**>(arguments.data()), const_cast<char**>(environment));
        _exit(127);
    }
    writer.reset();
    if (pid < 0) return std::nullopt;
    std::string text;
    auto until = std::chrono::steady_clock::now() + patience;
    bool whole = false;
    while (!whole) {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd waiting{reader.get(), POLLIN, 0};
        if (left.count() <= 0 || poll(&waiting, 1, static_cast<int>(left.count())) <= 0) break;
        char chunk[4096];
        auto got = read(reader.get(), chunk, sizeof chunk);
        if (got <= 0) whole = true;
        else text.append(chunk, static_cast<std::size_t>(got));
    }
    if (!whole) kill(pid, SIGKILL);
    int status = 0;
    waitpid(pid, &status, 0);
    if (!whole || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

}  // namespace

std::optional<RootProcess> read_root(pid_t pid, const ProgramLists& lists) {
    RootProcess root;
    root.pidfd = open_pidfd(pid);
    auto facts = system_processes().facts(pid);
    if (!facts) return std::nullopt;
    root.facts = std::move(*facts);
    root.program_class = classify(lists, root.facts);
    std::string directory = "/proc/" + std::to_string(pid) + "/";
    root.executable = Fd(open((directory + "exe").c_str(), O_PATH | O_CLOEXEC));
    root.directory = Fd(open((directory + "cwd").c_str(), O_PATH | O_CLOEXEC));
    char path[4096] = {};
    if (readlink((directory + "cwd").c_str(), path, sizeof path - 1) > 0) root.cwd = path;
    root.environment = environment_of(pid);
    return root;
}

FactCollector::FactCollector(std::vector<std::string> record_environment,
                             std::vector<std::filesystem::path> mounts,
                             std::chrono::milliseconds git_timeout)
    : record_environment_(std::move(record_environment)),
      mounts_(std::move(mounts)),
      git_timeout_(git_timeout) {}

bool FactCollector::on_mount(const std::filesystem::path& path) const {
    return std::any_of(mounts_.begin(), mounts_.end(), [&](const std::filesystem::path& mount) {
        std::string text = path.string();
        return text == mount.string() || text.starts_with(mount.string() + "/");
    });
}

std::optional<Digest> FactCollector::digest_of(const RootProcess& root) {
    // A program on the mount is known by its use edge; reading it here would be asking ourselves.
    if (!root.executable || root.facts.executable.empty() || on_mount(root.facts.executable))
        return std::nullopt;
    struct stat status {};
    if (fstatat(root.executable.get(), "", &status, AT_EMPTY_PATH) != 0) return std::nullopt;
    FileState state{{status.st_dev, status.st_ino},
                    to_ns(from_timespec(status.st_mtim)),
                    static_cast<std::uint64_t>(status.st_size)};
    {
        std::lock_guard lock(mutex_);
        if (auto known = digests_.find(state); known != digests_.end()) return known->second;
    }
    auto file = open_file("/proc/self/fd/" + std::to_string(root.executable.get()), O_RDONLY);
    if (!file) return std::nullopt;
    auto hashed = hash_file(file->get());
    if (!hashed) return std::nullopt;
    std::lock_guard lock(mutex_);
    digests_[state] = hashed->digest;
    return hashed->digest;
}

void FactCollector::ask_git(const RootProcess& root, RunFacts& facts) const {
    if (!root.directory || root.cwd.empty() || on_mount(root.cwd)) return;
    auto commit = git(root, {"rev-parse", "HEAD"}, git_timeout_);
    if (!commit) return;
    facts.git_commit = *commit;
    auto changes = git(root, {"status", "--porcelain", "--untracked-files=no"}, git_timeout_);
    facts.git_dirty = changes && !changes->empty();
}

RunFacts FactCollector::collect(const RootProcess& root) {
    RunFacts facts;
    facts.command = redact(root.facts.arguments);
    facts.job_type = job_type_of(root.facts);
    facts.cwd = root.cwd;
    facts.executable = root.facts.executable;
    facts.executable_digest = digest_of(root);
    facts.uid = root.facts.uid;
    facts.user = user_name(root.facts.uid);
    facts.host = host_name();
    for (const auto& [name, value] : root.environment)
        if (matches_any(record_environment_, name)) facts.environment[name] = looks_secret(name) ? "***" : value;
    facts.parent = root.facts.parent;
    std::string program = program_name(root.facts);
    auto invocation = invocation_of(program, root.facts.arguments);
    std::vector<std::string> own = root.facts.arguments;
    if (invocation.interpreter && invocation.own_arguments > 0)
        own.erase(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(std::min(invocation.own_arguments - 1, own.size())));
    facts.config = config_of(own);
    ask_git(root, facts);
    return facts;
}

}  // namespace artfs
