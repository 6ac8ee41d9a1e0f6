// Loaded into artd by tests (LD_PRELOAD): while a file of that name is in the directory that
// ARTFS_TEST_FAULTS names, something goes wrong.
//
//   passthrough   the kernel refuses to pass files through
//   memory        there is no memory for the session
//   held          the session is not written before the file is gone; "holding" says that it waits
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

std::string path_of(const char* fault) {
    const char* directory = std::getenv("ARTFS_TEST_FAULTS");
    return directory == nullptr ? "" : std::string(directory) + "/" + fault;
}

bool is_on(const char* fault) { return access(path_of(fault).c_str(), F_OK) == 0; }

bool is_session(int fd) {
    char name[64] = {};
    auto link = "/proc/self/fd/" + std::to_string(fd);
    return readlink(link.c_str(), name, sizeof name - 1) > 0 &&
           std::strstr(name, "memfd:artfs-session") != nullptr;
}

// FUSE_DEV_IOC_BACKING_OPEN, newer than Debian 12's headers: a number of three 32-bit words.
constexpr unsigned long backing_open = _IOW(FUSE_DEV_IOC_MAGIC, 1, std::uint32_t[4]);

}  // namespace

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
    va_list rest;
    va_start(rest, request);
    void* argument = va_arg(rest, void*);
    va_end(rest);
    if (request == backing_open && is_on("passthrough")) {
        errno = EPERM;
        return -1;
    }
    static auto* next =
        reinterpret_cast<int (*)(int, unsigned long, void*)>(dlsym(RTLD_NEXT, "ioctl"));
    return next(fd, request, argument);
}

extern "C" ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
    if (is_on("memory") && is_session(fd)) {
        errno = ENOSPC;
        return -1;
    }
    while (is_on("held") && is_session(fd)) {
        close(open(path_of("holding").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        usleep(1000);
    }
    static auto* next =
        reinterpret_cast<ssize_t (*)(int, const void*, size_t, off_t)>(dlsym(RTLD_NEXT, "pwrite"));
    return next(fd, bytes, size, at);
}
