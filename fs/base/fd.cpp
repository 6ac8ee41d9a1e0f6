#include "base/fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace artfs {

void Fd::reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
}

Result<Fd> open_file(const std::filesystem::path& path, int flags, unsigned mode) {
    Fd fd(open(path.c_str(), flags | O_CLOEXEC, mode));
    // O_NOATIME is for the file's owner only; anybody else does without.
    if (!fd && errno == EPERM && (flags & O_NOATIME) != 0)
        return open_file(path, flags & ~O_NOATIME, mode);
    if (!fd) return fail_errno("opening " + path.string());
    return fd;
}

Result<std::string> read_file(const std::filesystem::path& path) {
    auto fd = open_file(path, O_RDONLY);
    if (!fd) return tl::unexpected(fd.error());
    std::string bytes;
    char chunk[65536];
    while (true) {
        auto got = read(fd->get(), chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("reading " + path.string());
        if (got == 0) return bytes;
        bytes.append(chunk, static_cast<std::size_t>(got));
    }
}

Result<> write_all(int fd, std::string_view data) {
    while (!data.empty()) {
        auto put = write(fd, data.data(), data.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail_errno("writing");
        data.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

Result<> replace_file(const std::filesystem::path& path, std::string_view data) {
    auto temporary = path;
    temporary += ".new";
    auto fd = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (!fd) return tl::unexpected(fd.error());
    if (auto written = write_all(fd->get(), data); !written) return written;
    if (fsync(fd->get()) != 0) return fail_errno("syncing " + temporary.string());
    if (rename(temporary.c_str(), path.c_str()) != 0)
        return fail_errno("renaming " + temporary.string());
    return sync_directory(path.parent_path());
}

Result<> sync_directory(const std::filesystem::path& path) {
    auto fd = open_file(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
    if (!fd) return tl::unexpected(fd.error());
    if (fsync(fd->get()) != 0) return fail_errno("syncing " + path.string());
    return {};
}

}  // namespace artfs
