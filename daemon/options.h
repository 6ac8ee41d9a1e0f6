// What artd was asked to do.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace artfs {

struct DaemonOptions {
    std::filesystem::path store;
    std::filesystem::path mountpoint;
    std::string project = "default";
    bool foreground = false;
    bool allow_other = false;
    bool read_only = false;
    bool read_write = false;  // asked for in so many words
    bool passthrough = true;
    int worker = -1;    // the socket to the guardian, which starts artd so; -1: be the guardian
    int ready_fd = -1;  // gets "ok" or "error EXIT MESSAGE" when the mount answers, or cannot
};

// Applies a list as mount(8) passes it: "allow_other,ro".
Result<> apply_mount_options(const std::string& list, DaemonOptions& options);

// Parses the command line; an Error of code EINVAL is wrong usage. `help` is the text to print
// instead, if --help was given.
Result<DaemonOptions> parse_options(int argc, char** argv, std::string& help);

}  // namespace artfs
