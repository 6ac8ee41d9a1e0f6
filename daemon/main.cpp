// artd: the daemon that serves a store.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/fd.h"
#include "worker.h"

namespace {

using namespace artfs;

void tell(int ready_fd, const std::string& line) {
    if (ready_fd < 0) return;
    [[maybe_unused]] auto told = write_all(ready_fd, line);
    close(ready_fd);
}

int refuse(const DaemonOptions& options, const Error& error) {
    int status = exit_status_of(error);
    spdlog::error("{}", error.message);
    tell(options.ready_fd, "error " + std::to_string(status) + " " + error.message + "\n");
    if (options.ready_fd < 0) std::fprintf(stderr, "artd: %s\n", error.message.c_str());
    return status;
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
        return refuse(none, options.error());
    }
    if (options->ready_fd >= 0) fcntl(options->ready_fd, F_SETFD, FD_CLOEXEC);
    if (!options->foreground) go_to_background();
    try {
        auto served = serve_store(*options, [&] { tell(options->ready_fd, "ok\n"); });
        if (!served) return refuse(*options, served.error());
    } catch (const std::exception& broken) {
        return refuse(*options, Error{EIO, broken.what()});
    }
    return 0;
}
