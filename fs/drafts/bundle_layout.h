// The names in a bundle, for who writes one and who reads it.
#pragma once

#include <cstddef>

namespace artfs {

constexpr const char* bundle_rows = "artfs-bundle";
constexpr const char* bundle_records = "records/";
constexpr const char* bundle_objects = "objects/";
constexpr const char* bundle_arrivals = "arrivals/";
constexpr std::size_t bundle_chunk = 1U << 20U;

}  // namespace artfs
