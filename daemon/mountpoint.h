// The directory that is mounted on: made ready, and who keeps it busy.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace artfs {

// Makes the directory if it is missing and cleans a dead mount that was left there. Refuses what
// is mounted on already, is no directory, or is not empty.
Result<> prepare_mountpoint(const std::filesystem::path& mountpoint,
                            const std::filesystem::path& store);

// "vim (pid 471)" for each process with a file, working directory, root or mapping there. Reads
// /proc only, never the mount.
std::vector<std::string> holders_of(const std::filesystem::path& mountpoint);

}  // namespace artfs
