// Whether anybody can still write a file: has it open for writing, or mapped. Linux tells by
// granting a lease for reading (fcntl(2), F_SETLEASE), or refusing it.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace artfs {

// True also where it cannot be told; a file that is gone is written by nobody. Our own descriptors
// count. Who opens the file in the moment of asking waits for that moment, and the holder of the
// lease, this process, is sent SIGIO, which it must ignore.
bool is_written(const std::filesystem::path& file);

// Fails, saying so, where the file system of the directory grants the lease on a file that is
// mapped for writing (overlayfs does), or never grants any.
Result<> check_leases(const std::filesystem::path& directory);

}  // namespace artfs
