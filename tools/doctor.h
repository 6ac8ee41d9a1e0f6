// What a machine allows (the table of what holds where), apart from asking it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace artfs {

struct Machine {
    std::string release;
    int major = 0;
    int minor = 0;
    bool root = false;
    bool fuse_device = false;
    bool fusermount = false;
    std::string store_type = "?";
    bool store_unfit = false;
    std::uint64_t store_free = 0;
    std::uint64_t descriptors = 0;
    std::uint64_t locked_memory = 0;
};
Machine this_machine(const std::filesystem::path& store);

enum class Verdict { good, limited, bad };

struct Finding {
    std::string what;
    std::string here;
    Verdict verdict = Verdict::good;
    std::string advice;
};
std::vector<Finding> examine(const Machine& machine);

}  // namespace artfs
