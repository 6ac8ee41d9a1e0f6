// Files of arrivals as a whole: on their way to another store, and when nothing needs them any
// more.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/uid.h"

namespace artfs {

// As the file has them, to go to another store; empty where none were noted.
std::string arrival_bytes(const std::filesystem::path& store, const RunId& run);
// Of a run that has none here. A full disk costs the times.
void take_arrivals(const std::filesystem::path& store, const RunId& run, std::string_view bytes);

struct NotedArrivals {
    RunId run;
    std::uint64_t bytes = 0;
};
std::vector<NotedArrivals> all_arrivals(const std::filesystem::path& store);
void forget_arrivals(const std::filesystem::path& store, const RunId& run);

}  // namespace artfs
