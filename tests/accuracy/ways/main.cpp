#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "ways.h"

namespace ways {

void die(std::string_view what) {
    std::fprintf(stderr, "artfs_ways: %.*s: %s\n", static_cast<int>(what.size()), what.data(),
                 std::strerror(errno));
    _exit(1);
}

long must(long result, std::string_view what) {
    if (result < 0) die(what);
    return result;
}

int open_read(const std::string& path) {
    return static_cast<int>(must(open(path.c_str(), O_RDONLY), path));
}

int open_write(const std::string& path) {
    return static_cast<int>(must(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), path));
}

std::string slurp(int fd) {
    std::string text;
    char chunk[65536];
    while (auto got = must(read(fd, chunk, sizeof chunk), "read"))
        text.append(chunk, static_cast<std::size_t>(got));
    return text;
}

void put(int fd, std::string_view text) {
    while (!text.empty()) {
        auto done = must(write(fd, text.data(), text.size()), "write");
        text.remove_prefix(static_cast<std::size_t>(done));
    }
}

void write_file(const std::string& path, std::string_view text) {
    int fd = open_write(path);
    put(fd, text);
    must(close(fd), "close");
}

std::size_t size_of(int fd) {
    struct stat status {};
    must(fstat(fd, &status), "fstat");
    return static_cast<std::size_t>(status.st_size);
}

void wait_for(int pid) {
    int status = 0;
    must(waitpid(pid, &status, 0), "waitpid");
    if (status != 0) _exit(1);
}

}  // namespace ways

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    ways::Words words(argv + 2, argv + argc);
    for (const auto* group : {&ways::reading, &ways::moving, &ways::naming, &ways::changing,
                              &ways::handing, &ways::executing, &ways::looking}) {
        for (const auto& way : *group) {
            if (way.name != argv[1]) continue;
            way.go(words);
            return 0;
        }
    }
    std::fprintf(stderr, "artfs_ways: no way is called %s\n", argv[1]);
    return 2;
}
