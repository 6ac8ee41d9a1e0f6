// art run: a command as one run.
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <sstream>

#include "base/clock.h"
#include "base/fd.h"
#include "command.h"
#include "lineage/resources.h"
#include "reaper.h"
#include "runs/config.h"
#include "runs/pidfd.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

pid_t child_pid = 0;
volatile sig_atomic_t window_changed = 0;

void forward(int signal) {
    if (signal == SIGWINCH)
        window_changed = 1;
    else if (child_pid > 0)
        kill(child_pid, signal);
}

// What the command prints goes where it would have gone, and into output.log; when, into
// output.times beside it: a line "OFFSET TIME out|err" for what begins there. Both together up to a
// limit.
class OutputLog {
public:
    void open(const std::filesystem::path& directory, std::uint64_t limit) {
        left_ = limit;
        // The run's own directory on the mount; a mount that is gone only loses the log.
        text_ = opened(directory / "output.log");
        times_ = opened(directory / "output.times");
    }
    void add(std::string_view text, int stream) {
        if (!text_ || left_ == 0) return;
        note_time(stream);
        auto kept = text.substr(0, left_);
        left_ -= kept.size();
        written_ += kept.size();
        [[maybe_unused]] auto written = write_all(text_.get(), kept);
        if (left_ == 0)
            written =
                write_all(text_.get(), "\n[art: output.log is full, the rest was not kept]\n");
    }
    void close() {
        text_.reset();
        times_.reset();
    }

private:
    // Closer together than people tell apart.
    static constexpr auto one_moment = std::chrono::milliseconds(10);

    static Fd opened(const std::filesystem::path& path) {
        auto file = open_file(path, O_WRONLY | O_CREAT | O_APPEND);
        return file ? std::move(*file) : Fd();
    }
    void note_time(int stream) {
        auto time = now();
        if (stream == last_stream_ && time - last_time_ < one_moment) return;
        last_stream_ = stream;
        last_time_ = time;
        auto line = std::to_string(written_) + " " + rfc3339(time) +
                    (stream == STDERR_FILENO ? " err\n" : " out\n");
        if (!times_ || line.size() >= left_) return;
        left_ -= line.size();
        [[maybe_unused]] auto written = write_all(times_.get(), line);
    }

    Fd text_;
    Fd times_;
    std::uint64_t left_ = 0;
    std::uint64_t written_ = 0;
    int last_stream_ = -1;
    Time last_time_{};
};

struct Stream {
    Fd from;
    int to = -1;
};

// False at its end.
bool relay(Stream& stream, OutputLog& log) {
    char chunk[65536];
    auto got = read(stream.from.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) return false;
    std::string_view text(chunk, static_cast<std::size_t>(got));
    [[maybe_unused]] auto written = write_all(stream.to, text);
    log.add(text, stream.to);
    return true;
}

// The terminal in raw mode while a command has a terminal of its own behind it.
class RawTerminal {
public:
    RawTerminal() {
        if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios raw = before_;
        cfmakeraw(&raw);
        changed_ = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    ~RawTerminal() {
        if (changed_) tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
    }
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

private:
    termios before_{};
    bool changed_ = false;
};

struct Child {
    pid_t pid = 0;
    Fd go;  // a byte lets it exec, its end makes it exit
    std::vector<Stream> outputs;
    Fd terminal;  // the master, when the command runs on a terminal
};

[[noreturn]] void become(const std::vector<std::string>& command, int go) {
    // ART_RUN and the rest of the environment come with the word to go.
    std::string settings;
    char chunk[4096];
    for (ssize_t got = 0; (got = read(go, chunk, sizeof chunk)) > 0;)
        settings.append(chunk, static_cast<std::size_t>(got));
    if (settings.empty()) _exit(exit_failed);
    std::istringstream lines(settings);
    for (std::string name, value;
         std::getline(lines, name, '\0') && std::getline(lines, value, '\0');)
        setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> argv;
    for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    execvp(argv[0], argv.data());
    int status = errno == ENOENT ? 127 : 126;
    std::fprintf(stderr, "art: cannot run %s: %s\n", argv[0], std::strerror(errno));
    _exit(status);
}

Child start(const std::vector<std::string>& command) {
    int go[2];
    int out[2];
    int err[2];
    if (pipe2(go, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        throw Failure(exit_failed, "no pipe could be made");
    bool on_terminal =
        isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
    Child child;
    int master = -1;
    if (on_terminal) {
        winsize size{};
        ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
        termios like{};
        tcgetattr(STDIN_FILENO, &like);
        child.pid = forkpty(&master, nullptr, &like, &size);
    } else {
        child.pid = fork();
    }
    if (child.pid < 0) throw Failure(exit_failed, "no process could be made");
    if (child.pid == 0) {
        close(go[1]);
        if (!on_terminal) {
            dup2(out[1], STDOUT_FILENO);
            dup2(err[1], STDERR_FILENO);
        }
        become(command, go[0]);
    }
    close(go[0]);
    close(out[1]);
    close(err[1]);
    child.go = Fd(go[1]);
    if (on_terminal) {
        close(out[0]);
        close(err[0]);
        child.terminal = Fd(master);
        child.outputs.push_back({Fd(fcntl(master, F_DUPFD_CLOEXEC, 3)), STDOUT_FILENO});
    } else {
        child.outputs.push_back({Fd(out[0]), STDOUT_FILENO});
        child.outputs.push_back({Fd(err[0]), STDERR_FILENO});
    }
    return child;
}

// Relays until the command has ended and what it printed is through. A process that it left behind
// may keep the pipes; nobody waits for that.
int relay_until_end(Child& child, OutputLog& log, Reaper& reaper) {
    int status = 0;
    Fd end = open_pidfd(child.pid);
    bool over = false;
    bool typing = static_cast<bool>(child.terminal);
    while (true) {
        std::vector<pollfd> waiting;
        for (const auto& output : child.outputs) waiting.push_back({output.from.get(), POLLIN, 0});
        if (!over && end) waiting.push_back({end.get(), POLLIN, 0});
        if (typing) waiting.push_back({STDIN_FILENO, POLLIN, 0});
        int ready = poll(waiting.data(), waiting.size(), over ? 0 : 20);
        if (window_changed != 0 && child.terminal) {
            window_changed = 0;
            winsize size{};
            if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
                ioctl(child.terminal.get(), TIOCSWINSZ, &size);
        }
        bool moved = false;
        for (std::size_t i = 0; ready > 0 && i < child.outputs.size(); ++i) {
            if (waiting[i].revents == 0) continue;
            moved = relay(child.outputs[i], log) || moved;
            if ((waiting[i].revents & POLLIN) == 0) child.outputs[i].from.reset();
        }
        if (ready > 0 && typing && waiting.back().revents != 0) {
            char keys[4096];
            auto got = read(STDIN_FILENO, keys, sizeof keys);
            if (got <= 0 || !write_all(child.terminal.get(), {keys, static_cast<std::size_t>(got)}))
                typing = false;
        }
        std::erase_if(child.outputs, [](const Stream& stream) { return !stream.from; });
        auto ended = reaper.reap(child.pid);
        if (ended) status = *ended;
        if (!over && ended)
            over = true;
        else if (over && !moved)
            return status;
    }
}

}  // namespace

int run_run(const Arguments& arguments) {
    if (arguments.command.empty())
        throw Failure(exit_usage, "usage: art run [options] -- COMMAND…");
    Site site = find_site(arguments);
    Json request = beginning(arguments);
    request["wrapper"] = getpid();
    request["command"] = arguments.command;
    // What the command leaves behind becomes ours, and so stays in the run.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    Reaper reaper;
    Child child = start(arguments.command);
    child_pid = child.pid;
    request["pid"] = child.pid;
    Json reply;
    try {
        reply = ask_live_daemon(site, request);
    } catch (const Failure&) {
        child.go.reset();
        waitpid(child.pid, nullptr, 0);
        throw;
    }
    std::string name = reply["name"];
    std::string mountpoint = reply["mount"];
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH}) {
        struct sigaction action {};
        action.sa_handler = forward;
        sigaction(signal, &action, nullptr);
    }
    auto config = load_config(site.store / "config.toml");
    OutputLog log;
    log.open(std::filesystem::path(mountpoint) / ".art" / "runs" / name,
             config ? config->limits.output_log : Limits().output_log);
    std::string settings;
    for (const auto& [key, value] :
         std::map<std::string, std::string>{{"ART_RUN", reply["id"]},
                                            {"ART_MOUNT", mountpoint},
                                            {"ART_STORE", site.store.string()}})
        settings.append(key).append(1, '\0').append(value).append(1, '\0');
    [[maybe_unused]] auto told = write_all(child.go.get(), settings);
    child.go.reset();
    int status = 0;
    {
        std::optional<RawTerminal> raw;
        if (child.terminal) raw.emplace();
        status = relay_until_end(child, log, reaper);
    }
    log.close();
    ask_daemon(site, {{"op", "run-end"},
                      {"id", reply["id"]},
                      {"wait_status", status},
                      {"resources", resources_json(reaper.figures())}});
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace artfs
