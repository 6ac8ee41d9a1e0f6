#include "base/os.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace artfs {

namespace {

class SystemOs : public Os {
public:
    Result<Fd> create_exclusive(const std::filesystem::path& path, unsigned mode) override {
        return open_file(path, O_RDWR | O_CREAT | O_EXCL, mode);
    }
    Result<> make_directory(const std::filesystem::path& path, unsigned mode) override {
        return checked(mkdir(path.c_str(), mode), "making", path);
    }
    Result<> link(const std::filesystem::path& from, const std::filesystem::path& to) override {
        return checked(::link(from.c_str(), to.c_str()), "linking", to);
    }
    Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
        return checked(::rename(from.c_str(), to.c_str()), "renaming", from);
    }
    Result<> unlink(const std::filesystem::path& path) override {
        return checked(::unlink(path.c_str()), "removing", path);
    }
    Result<> chmod(const std::filesystem::path& path, unsigned mode) override {
        return checked(::chmod(path.c_str(), mode), "changing the mode of", path);
    }
    Result<> sync_data(int fd) override {
        return checked(fdatasync(fd), "syncing", "a staging file");
    }
    Result<> sync_file_system(const std::filesystem::path& path) override {
        auto fd = open_file(path, O_RDONLY | O_DIRECTORY);
        if (!fd) return tl::unexpected(fd.error());
        return checked(syncfs(fd->get()), "syncing the file system of", path);
    }
    Result<> sync_directory(const std::filesystem::path& path) override {
        return artfs::sync_directory(path);
    }

private:
    static Result<> checked(int result, const char* doing, const std::filesystem::path& path) {
        if (result == 0) return {};
        return fail_errno(std::string(doing) + " " + path.string());
    }
};

}  // namespace

Os& system_os() {
    static SystemOs os;
    return os;
}

}  // namespace artfs
