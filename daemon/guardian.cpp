#include "guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include "base/clock.h"
#include "mountpoint.h"
#include "packets.h"

namespace artfs {

namespace {

using Clock = std::chrono::steady_clock;

// So many deaths within that time, and no more workers are tried.
constexpr std::size_t deaths_allowed = 5;
constexpr std::chrono::seconds death_window{10};
// Workers that were killed one after the other before they answered.
constexpr unsigned early_kills_allowed = 200;
// One that ends has so long for it.
constexpr int end_tries = 30'000;
constexpr unsigned end_try_us = 1'000;

class Guardian {
public:
    Guardian(const DaemonOptions& options, char** argv,
             const std::function<void(const std::string&)>& tell)
        : options_(options), argv_(argv), tell_(tell) {}

    int run();

private:
    bool start_worker();
    int wait_for_worker();
    [[noreturn]] void become_worker(int socket, pid_t parent) const;
    void heard(Packet packet);
    void pass_signal();
    // The worker has died: true to start another.
    bool again(int status);
    int give_up(const std::string& why);
    void log(const std::string& line) const;

    const DaemonOptions& options_;
    char** argv_;
    const std::function<void(const std::string&)>& tell_;
    std::string program_ = "/proc/self/exe";
    std::string newer_;  // program that is being tried
    std::map<std::string, Fd> held_;
    std::set<std::string> mountpoints_;
    sigset_t before_{};
    Fd signals_;
    Fd socket_;
    pid_t worker_ = 0;
    bool was_ready_ = false;  // a worker, once
    bool is_ready_ = false;   // this one
    bool can_resume_ = false;
    bool replacing_ = false;
    bool crashed_ = false;
    int refused_ = 0;
    unsigned restarts_ = 0;
    unsigned early_kills_ = 0;
    std::deque<Clock::time_point> deaths_;
};

void Guardian::log(const std::string& line) const {
    auto text = "[" + rfc3339(now()) + "] [artd] guardian: " + line + "\n";
    auto file = open_file(options_.store / "artd.log", O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (file && !options_.foreground) [[maybe_unused]]
        auto written = write_all(file->get(), text);
    if (options_.foreground) [[maybe_unused]]
        auto shown = write_all(STDERR_FILENO, text);
}

// In the child, between fork and exec.
void Guardian::become_worker(int socket, pid_t parent) const {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(5);  // it was gone before
    sigprocmask(SIG_SETMASK, &before_, nullptr);
    fcntl(socket, F_SETFD, 0);
    std::string number = std::to_string(socket);
    std::vector<char*> words;
    for (char** word = argv_; *word != nullptr; ++word) words.push_back(*word);
    std::string flag = "--worker";
    words.push_back(flag.data());
    words.push_back(number.data());
    words.push_back(nullptr);
    execv(newer_.empty() ? program_.c_str() : newer_.c_str(), words.data());
    _exit(127);
}

bool Guardian::start_worker() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
    pid_t self = getpid();
    pid_t child = fork();
    if (child < 0) {
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    if (child == 0) become_worker(ends[1], self);
    close(ends[1]);
    socket_ = Fd(ends[0]);
    worker_ = child;
    is_ready_ = replacing_ = false;
    for (const auto& [name, fd] : held_) send_packet(socket_.get(), "held " + name, fd.get());
    send_packet(socket_.get(),
                "begin " + std::to_string(restarts_) + (crashed_ ? " crashed" : " "));
    return true;
}

void Guardian::heard(Packet packet) {
    const auto word = packet.word();
    const auto rest = packet.rest();
    if (word == "hold" && packet.fd) {
        held_[rest] = std::move(packet.fd);
    } else if (word == "drop") {
        held_.erase(rest);
    } else if (word == "mounted") {
        mountpoints_.insert(rest);
    } else if (word == "unmounted") {
        mountpoints_.erase(rest);
    } else if (word == "can-resume") {
        can_resume_ = rest == "yes";
    } else if (word == "replace") {
        newer_ = rest;
        replacing_ = true;
    } else if (word == "ready") {
        is_ready_ = true;
        if (!std::exchange(was_ready_, true)) tell_("ok\n");
        // It works: from now on it is the program.
        if (!newer_.empty()) program_ = std::exchange(newer_, "");
    } else if (word == "error") {
        refused_ = std::atoi(rest.c_str());
        if (was_ready_)
            log("the worker cannot go on: " + rest);
        else
            tell_("error " + rest + "\n");
    }
}

void Guardian::pass_signal() {
    signalfd_siginfo info{};
    if (read(signals_.get(), &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo != SIGCHLD && worker_ > 0) kill(worker_, static_cast<int>(info.ssi_signo));
}

int Guardian::give_up(const std::string& why) {
    log(why + ": the mount ends");
    for (const auto& mountpoint : mountpoints_)
        if (auto gone = unmount(mountpoint, true); !gone) log(gone.error().message);
    return 5;
}

bool Guardian::again(int status) {
    const bool killed = WIFSIGNALED(status);
    crashed_ = (killed && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM) ||
               (WIFEXITED(status) && !replacing_);
    if (!is_ready_ && !newer_.empty()) {
        log("the new program " + newer_ + " cannot go on: the old one does");
        newer_.clear();
    }
    auto at = Clock::now();
    // What is killed from outside, or replaced, does not say that the worker is bad.
    if (crashed_) deaths_.push_back(at);
    while (!deaths_.empty() && at - deaths_.front() > death_window) deaths_.pop_front();
    early_kills_ = killed && !is_ready_ ? early_kills_ + 1 : 0;
    if (deaths_.size() >= deaths_allowed || early_kills_ > early_kills_allowed) return false;
    ++restarts_;
    log((killed ? "the worker was ended by signal " + std::to_string(WTERMSIG(status))
                : "the worker ended with status " + std::to_string(WEXITSTATUS(status))) +
        ": the next one goes on");
    return start_worker();
}

// It has closed its socket: it is dead, or ends.
int Guardian::wait_for_worker() {
    int status = 0;
    for (int i = 0; i < end_tries; ++i) {
        if (waitpid(worker_, &status, WNOHANG) == worker_) return status;
        usleep(end_try_us);
    }
    kill(worker_, SIGKILL);
    while (waitpid(worker_, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

int Guardian::run() {
    prctl(PR_SET_NAME, "artd: guardian");
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    sigset_t all;
    sigemptyset(&all);
    for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&all, signal);
    sigprocmask(SIG_BLOCK, &all, &before_);
    signals_ = Fd(signalfd(-1, &all, SFD_CLOEXEC));
    // A file of a mount that the guardian held open would wait for the worker at its closing.
    if (chdir("/") != 0 || !signals_ || !start_worker()) {
        tell_("error 5 artd cannot start its worker\n");
        return 5;
    }
    while (true) {
        pollfd waiting[2] = {{socket_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
        if (poll(waiting, 2, -1) < 0) continue;
        if (waiting[1].revents != 0) pass_signal();
        if (waiting[0].revents == 0) continue;
        if (auto packet = receive_packet(socket_.get())) {
            heard(std::move(*packet));
            continue;
        }
        int status = wait_for_worker();
        worker_ = 0;
        socket_.reset();
        if (!was_ready_) {
            if (refused_ == 0) tell_("error 5 artd ended before the mount answered\n");
            return refused_ == 0 ? 5 : refused_;
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !replacing_) return 0;
        if (!can_resume_) return give_up("the worker died, and this kernel cannot go on after it");
        if (!again(status)) return give_up("the worker cannot be kept alive");
    }
}

}  // namespace

int guard(const DaemonOptions& options, char** argv,
          const std::function<void(const std::string&)>& tell) {
    return Guardian(options, argv, tell).run();
}

}  // namespace artfs
