// Points in time, as stored and as shown.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

namespace artfs {

// Nanoseconds since the epoch, UTC.
using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

Time now();
inline std::int64_t to_ns(Time time) { return time.time_since_epoch().count(); }
inline Time from_ns(std::int64_t ns) { return Time(std::chrono::nanoseconds(ns)); }
std::timespec to_timespec(Time time);
Time from_timespec(const std::timespec& spec);

// RFC 3339 in UTC with milliseconds: 2026-01-02T03:04:05.678Z
std::string rfc3339(Time time);

}  // namespace artfs
