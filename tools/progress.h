// A bar on standard error, when that is a terminal, for what takes long.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace artfs {

// One thread at a time. Its line is wiped when it goes.
class Progress {
public:
    explicit Progress(std::string what);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void show(std::uint64_t bytes, std::uint64_t all_bytes);

private:
    std::string what_;
    bool terminal_;
    bool shown_ = false;
    std::chrono::steady_clock::time_point start_;
    std::chrono::steady_clock::time_point last_;
};

// "putting [======>     ]  52 %  1.2 GiB of 2.3 GiB  310.0 MiB/s"
std::string progress_line(const std::string& what, std::uint64_t bytes, std::uint64_t all_bytes,
                          double seconds);

}  // namespace artfs
