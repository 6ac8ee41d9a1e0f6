// The operations through which the store makes things durable, behind an interface, so that tests
// can lose whatever was not synced (tests/support) and fail any step. Reading, and writing the
// bytes of open files, need no such door.
#pragma once

#include <filesystem>

#include "base/fd.h"
#include "base/result.h"

namespace artfs {

// Implementations are thread-safe.
class Os {
public:
    virtual ~Os() = default;
    virtual Result<Fd> create_exclusive(const std::filesystem::path& path, unsigned mode) = 0;
    virtual Result<> make_directory(const std::filesystem::path& path, unsigned mode) = 0;
    // Existing targets are an error of code EEXIST.
    virtual Result<> link(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
    virtual Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
    virtual Result<> unlink(const std::filesystem::path& path) = 0;
    virtual Result<> chmod(const std::filesystem::path& path, unsigned mode) = 0;
    virtual Result<> sync_data(int fd) = 0;
    // All that is unwritten on the file system which `path` is on.
    virtual Result<> sync_file_system(const std::filesystem::path& path) = 0;
    virtual Result<> sync_directory(const std::filesystem::path& path) = 0;
};

// The real one.
Os& system_os();

}  // namespace artfs
