#include "base/leases.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "base/fd.h"

namespace artfs {

bool is_written(const std::filesystem::path& file) {
    auto fd = open_file(file, O_RDONLY | O_NONBLOCK);
    if (!fd) return fd.error().code != ENOENT;
    if (fcntl(fd->get(), F_SETLEASE, F_RDLCK) != 0) return true;
    fcntl(fd->get(), F_SETLEASE, F_UNLCK);
    return false;
}

Result<> check_leases(const std::filesystem::path& directory) {
    constexpr std::size_t page = 4096;
    std::string path = (directory / "lease.XXXXXX").string();
    int made = mkstemp(path.data());
    if (made < 0) return fail_errno("making a file to try leases with");
    Fd file(made);
    fcntl(file.get(), F_SETFD, FD_CLOEXEC);
    void* mapped = MAP_FAILED;
    if (ftruncate(file.get(), page) == 0)
        mapped = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    file.reset();
    bool while_mapped = is_written(path);
    if (mapped != MAP_FAILED) munmap(mapped, page);
    bool afterwards = is_written(path);
    unlink(path.c_str());
    if (mapped == MAP_FAILED) return fail(EIO, "the store's file system maps no files");
    if (!while_mapped)
        return fail(EOPNOTSUPP, "the store's file system does not tell whether a file is mapped");
    if (afterwards) return fail(EOPNOTSUPP, "the store's file system grants no leases");
    return {};
}

}  // namespace artfs
