// An ordinary program for tests: does what its arguments say, one step after the other.
//
//   artfs_actor read a/latest/x : write b/latest/y "text" : exit 3
//
// A step that fails prints the errno's name and ends the program with status 1.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "%s: %s\n", what.c_str(), strerrorname_np(errno));
    _exit(1);
}

int check(int result, const std::string& what) {
    if (result < 0) die(what);
    return result;
}

std::string slurp(int fd) {
    std::string text;
    char chunk[65536];
    for (ssize_t got = 0; (got = read(fd, chunk, sizeof chunk)) != 0;) {
        check(static_cast<int>(got), "read");
        text.append(chunk, static_cast<std::size_t>(got));
    }
    return text;
}

void put(int fd, const std::string& text) {
    if (write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) die("write");
}

std::map<std::string, int> held;      // descriptors kept open, by path
std::map<std::string, void*> mapped;  // and mappings

void run(const std::vector<std::string>& step) {
    const std::string& verb = step.at(0);
    auto arg = [&](std::size_t i) -> const std::string& { return step.at(i); };
    auto path = [&](std::size_t i) { return step.at(i).c_str(); };
    if (verb == "read") {
        int fd = check(open(path(1), O_RDONLY), arg(1));
        std::fputs(slurp(fd).c_str(), stdout);
        std::fflush(stdout);
        close(fd);
    } else if (verb == "write" || verb == "append" || verb == "patch") {
        int flags = verb == "write"    ? O_WRONLY | O_CREAT | O_TRUNC
                    : verb == "append" ? O_WRONLY | O_CREAT | O_APPEND
                                       : O_RDWR;
        int fd = check(open(path(1), flags, 0644), arg(1));
        put(fd, arg(2));
        check(close(fd), "close");
    } else if (verb == "hold") {  // hold PATH TEXT: written, and kept open
        int fd = check(open(path(1), O_WRONLY | O_CREAT, 0644), arg(1));
        put(fd, arg(2));
        held[arg(1)] = fd;
    } else if (verb == "holdread") {
        held[arg(1)] = check(open(path(1), O_RDONLY), arg(1));
    } else if (verb == "reread") {  // what a descriptor held for reading gives now
        lseek(held.at(arg(1)), 0, SEEK_SET);
        std::fputs(slurp(held.at(arg(1))).c_str(), stdout);
        std::fflush(stdout);
    } else if (verb == "drop") {
        check(close(held.at(arg(1))), "close");
    } else if (verb == "fsync") {
        check(fsync(held.at(arg(1))), "fsync");
    } else if (verb == "mapread") {
        int fd = check(open(path(1), O_RDONLY), arg(1));
        struct stat status {};
        check(fstat(fd, &status), "fstat");
        auto size = static_cast<std::size_t>(status.st_size);
        void* at = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED) die("mmap");
        close(fd);
        fwrite(at, 1, size, stdout);
        std::fflush(stdout);
    } else if (verb == "mapwrite") {  // changes the first bytes through a shared mapping
        int fd = check(open(path(1), O_RDWR), arg(1));
        void* at = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED) die("mmap");
        close(fd);
        std::memcpy(at, arg(2).data(), arg(2).size());
        check(munmap(at, 4096), "munmap");
    } else if (verb == "mapleft") {  // the same, but only the mapping is left
        int fd = check(open(path(1), O_RDWR), arg(1));
        void* at = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED) die("mmap");
        check(close(fd), "close");
        std::memcpy(at, arg(2).data(), arg(2).size());
        mapped[arg(1)] = at;
    } else if (verb == "mapput") {
        std::memcpy(mapped.at(arg(1)), arg(2).data(), arg(2).size());
    } else if (verb == "unmap") {
        check(munmap(mapped.at(arg(1)), 4096), "munmap");
    } else if (verb == "more") {  // more PATH TEXT: through what is held
        put(held.at(arg(1)), arg(2));
    } else if (verb == "truncate") {
        check(truncate(path(1), std::atol(path(2))), arg(1));
    } else if (verb == "fallocate") {
        int fd = check(open(path(1), O_RDWR | O_CREAT, 0644), arg(1));
        if (int error = posix_fallocate(fd, 0, std::atol(path(2))); error != 0) {
            errno = error;
            die("fallocate");
        }
        close(fd);
    } else if (verb == "lock") {
        int fd = check(open(path(1), O_RDWR | O_CREAT, 0644), arg(1));
        struct flock whole {};
        whole.l_type = F_WRLCK;
        check(fcntl(fd, F_SETLK, &whole), "lock");
        close(fd);
    } else if (verb == "stat") {
        struct stat status {};
        check(stat(path(1), &status), arg(1));
        std::printf("%lld %o\n", static_cast<long long>(status.st_size), status.st_mode);
        std::fflush(stdout);
    } else if (verb == "mkdir") {
        check(mkdir(path(1), 0755), arg(1));
    } else if (verb == "rmdir") {
        check(rmdir(path(1)), arg(1));
    } else if (verb == "unlink") {
        check(unlink(path(1)), arg(1));
    } else if (verb == "rename") {
        check(rename(path(1), path(2)), arg(1));
    } else if (verb == "link") {
        check(link(path(1), path(2)), arg(1));
    } else if (verb == "symlink") {
        check(symlink(path(1), path(2)), arg(2));
    } else if (verb == "readlink") {
        char target[4096] = {};
        check(static_cast<int>(readlink(path(1), target, sizeof target - 1)), arg(1));
        std::puts(target);
        std::fflush(stdout);
    } else if (verb == "chdir") {
        check(chdir(path(1)), arg(1));
    } else if (verb == "touch") {  // a sign for the test, outside the mount
        close(check(open(path(1), O_WRONLY | O_CREAT, 0644), arg(1)));
    } else if (verb == "await") {
        while (access(path(1), F_OK) != 0) usleep(2000);
    } else if (verb == "sleep") {
        usleep(static_cast<useconds_t>(std::atol(path(1))) * 1000);
    } else if (verb == "fork") {  // the rest is done by a child that nobody waits for
        if (fork() > 0) _exit(0);
        setsid();
    } else if (verb == "child") {  // the rest is done by a child that is waited for
        if (pid_t pid = fork(); pid > 0) {
            int status = 0;
            waitpid(pid, &status, 0);
            _exit(WEXITSTATUS(status));
        }
    } else if (verb == "fan") {  // fan N: the rest is done by N children, each of them waited for
        for (long left = std::atol(path(1)); left > 0; --left) {
            pid_t pid = fork();
            check(pid, "fork");
            if (pid == 0) return;
        }
        while (wait(nullptr) > 0) continue;
        _exit(0);
    } else if (verb == "deep") {  // deep N: the rest is done N generations down
        for (long left = std::atol(path(1)); left > 0; --left) {
            pid_t pid = check(fork(), "fork");
            if (pid == 0) continue;
            int status = 0;
            waitpid(pid, &status, 0);
            _exit(WEXITSTATUS(status));
        }
    } else if (verb == "count") {  // one byte more in a file outside the mount
        int fd = check(open(path(1), O_WRONLY | O_CREAT | O_APPEND, 0644), arg(1));
        put(fd, "x");
        close(fd);
    } else if (verb == "reopen") {  // reopen PATH N: opened and closed N times
        for (long left = std::atol(path(2)); left > 0; --left)
            close(check(open(path(1), O_RDONLY), arg(1)));
    } else if (verb == "kill") {
        ::kill(getpid(), std::atoi(path(1)));
    } else if (verb == "exit") {
        _exit(std::atoi(path(1)));
    } else {
        std::fprintf(stderr, "no such step: %s\n", verb.c_str());
        _exit(2);
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> step;
    for (int i = 1; i <= argc; ++i) {
        if (i + 1 < argc && step.empty() && std::strcmp(argv[i], "exec") == 0) {
            execv(argv[i + 1], argv + i + 1);  // exec PROGRAM ARGUMENT…: the rest of the line
            die(argv[i + 1]);
        }
        if (i < argc && std::strcmp(argv[i], ":") != 0) {
            step.emplace_back(argv[i]);
            continue;
        }
        if (!step.empty()) run(step);
        step.clear();
    }
    return 0;
}
