#include "drafts/copy.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/fd.h"

namespace artfs {

namespace {

constexpr std::size_t copied_at_once = 1U << 20U;

tl::unexpected<Error> copy_failed() { return fail_errno("copying a file into a draft"); }
tl::unexpected<Error> too_short() { return fail(EIO, "a stored file is shorter than recorded"); }

// FICLONE takes the whole file; a part of it has to end with a block, so the rest is cut off.
bool reflink(int from, int to, std::uint64_t bytes) {
    struct stat status {};
    if (fstat(from, &status) != 0 || static_cast<std::uint64_t>(status.st_size) < bytes)
        return false;
    if (ioctl(to, FICLONE, from) != 0) return false;
    return static_cast<std::uint64_t>(status.st_size) == bytes ||
           ftruncate(to, static_cast<off_t>(bytes)) == 0;
}

// The file system has no such call; what is said of the bytes themselves (EIO, ENOSPC) stands.
bool cannot_copy(int error) {
    return error == EXDEV || error == EINVAL || error == EOPNOTSUPP || error == ENOSYS ||
           error == EPERM;
}

Result<> copy_by_hand(int from, int to, std::uint64_t bytes, off_t at) {
    std::string buffer(copied_at_once, '\0');
    while (static_cast<std::uint64_t>(at) < bytes) {
        auto wanted =
            std::min<std::uint64_t>(copied_at_once, bytes - static_cast<std::uint64_t>(at));
        auto got = pread(from, buffer.data(), static_cast<std::size_t>(wanted), at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return copy_failed();
        if (got == 0) return too_short();
        for (ssize_t done = 0; done < got;) {
            auto put =
                pwrite(to, buffer.data() + done, static_cast<std::size_t>(got - done), at + done);
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return copy_failed();
            done += put;
        }
        at += got;
    }
    return {};
}

}  // namespace

Result<CopiedBy> copy_file(int from, int to, std::uint64_t bytes, CopiedBy best) {
    if (best == CopiedBy::reflink && reflink(from, to, bytes)) return CopiedBy::reflink;
    off_t in = 0;
    off_t out = 0;
    while (best != CopiedBy::hand && static_cast<std::uint64_t>(out) < bytes) {
        auto copied =
            copy_file_range(from, &in, to, &out, bytes - static_cast<std::uint64_t>(out), 0);
        if (copied > 0) continue;
        if (copied == 0) return too_short();
        if (!cannot_copy(errno)) return copy_failed();
        break;
    }
    if (best != CopiedBy::hand && static_cast<std::uint64_t>(out) == bytes) return CopiedBy::kernel;
    if (auto copied = copy_by_hand(from, to, bytes, out); !copied)
        return tl::unexpected(copied.error());
    return CopiedBy::hand;
}

}  // namespace artfs
