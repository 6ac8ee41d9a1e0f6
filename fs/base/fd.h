// Owned file descriptors and the few whole-file operations everybody needs.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace artfs {

class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    ~Fd() { reset(); }
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }
    void reset();

private:
    int fd_ = -1;
};

// Opens with O_CLOEXEC.
Result<Fd> open_file(const std::filesystem::path& path, int flags, unsigned mode = 0644);
Result<std::string> read_file(const std::filesystem::path& path);
Result<> write_all(int fd, std::string_view data);
// Writes a temporary name, syncs it, renames it over `path` and syncs the directory.
Result<> replace_file(const std::filesystem::path& path, std::string_view data);
Result<> sync_directory(const std::filesystem::path& path);

}  // namespace artfs
