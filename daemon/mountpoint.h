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

// Unmounts: as root by umount(2), else through fusermount3; `lazy`: even while files are open.
// EBUSY while they are. Not from the dispatch thread.
Result<> unmount(const std::filesystem::path& mountpoint, bool lazy);

// As the kernel's table has it.
bool is_mounted_read_only(const std::filesystem::path& mountpoint);

// True if `path`, taken as it is written, is `top` or lies below it.
bool is_at_or_under(const std::filesystem::path& path, const std::filesystem::path& top);

// "vim (pid 471)" for each process with a file, working directory, root or mapping there. Reads
// /proc only, never the mount.
std::vector<std::string> holders_of(const std::filesystem::path& mountpoint);

}  // namespace artfs
