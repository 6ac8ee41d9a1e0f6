// What a worker keeps for the next one beside the session: how and where a project is mounted.
#pragma once

#include <filesystem>
#include <vector>

#include "namespace/journal.h"
#include "namespace/mount.h"

namespace artfs {

// What the guardian holds of a project, before its name.
inline constexpr const char* held_device = "device of ";
inline constexpr const char* held_journal = "session of ";

constexpr unsigned pool_threads = 4;

void keep_options(Journal& journal, const MountOptions& options);
MountOptions kept_options(const Journal& journal);  // throws FormatError
std::vector<std::filesystem::path> kept_places(const Journal& journal);

}  // namespace artfs
