// artd: the daemon that serves a store.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "base/exit_status.h"
#include "base/fd.h"
#include "guardian.h"
#include "keeper.h"
#include "worker.h"

namespace {

using namespace artfs;

void tell(int ready_fd, const std::string& line) {
    if (ready_fd < 0) return;
    [[maybe_unused]] auto told = write_all(ready_fd, line);
    close(ready_fd);
}

// What the guardian is told reaches who started us.
void pass_on(const DaemonOptions& options, const std::string& line) {
    tell(options.ready_fd, line);
    if (options.ready_fd >= 0 || !line.starts_with("error ")) return;
    auto message = line.substr(line.find(' ', 6) + 1);
    std::fprintf(stderr, "artd: %s", message.c_str());
}

int refuse(const DaemonOptions& options, const Error& error) {
    int status = exit_status_of(error);
    pass_on(options, "error " + std::to_string(status) + " " + error.message + "\n");
    return status;
}

// Where options make no sense, who started us is told all the same.
int ready_fd_of(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; ++i)
        if (std::string_view(argv[i]) == "--ready-fd") return std::atoi(argv[i + 1]);
    return -1;
}

// Whoever comes after us goes on from what was kept last; the log says why.
[[noreturn]] void end_of_worker() {
    try {
        if (auto broken = std::current_exception()) std::rethrow_exception(broken);
        spdlog::critical("the worker ends");
    } catch (const std::exception& broken) {
        spdlog::critical("the worker ends: {}", broken.what());
    } catch (...) {
        spdlog::critical("the worker ends");
    }
    std::abort();
}

int work(const DaemonOptions& options) {
    std::set_terminate(end_of_worker);
    GuardianLink guardian(options.worker);
    auto failed = [&](const Error& error) {
        int status = exit_status_of(error);
        spdlog::error("{}", error.message);
        guardian.tell("error " + std::to_string(status) + " " + error.message);
        return status;
    };
    try {
        auto served = serve_store(options, guardian);
        return served ? 0 : failed(served.error());
    } catch (const std::exception& broken) {
        return failed(Error{EIO, broken.what()});
    }
}

// Leaves the terminal and the caller's directory; before any thread is made.
void go_to_background() {
    if (fork() > 0) _exit(0);
    setsid();
    if (fork() > 0) _exit(0);
    umask(0022);
    if (chdir("/") != 0) _exit(5);
    int null = open("/dev/null", O_RDWR);
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
    if (null > STDERR_FILENO) close(null);
}

}  // namespace

int main(int argc, char** argv) {
    std::string help;
    auto options = parse_options(argc, argv, help);
    if (!help.empty()) {
        std::fputs(help.c_str(), stdout);
        return 0;
    }
    if (!options) {
        DaemonOptions none;
        none.ready_fd = ready_fd_of(argc, argv);
        return refuse(none, options.error());
    }
    if (options->worker >= 0) return work(*options);
    if (options->ready_fd >= 0) fcntl(options->ready_fd, F_SETFD, FD_CLOEXEC);
    if (!options->foreground) go_to_background();
    return guard(*options, argv, [&](const std::string& line) { pass_on(*options, line); });
}
