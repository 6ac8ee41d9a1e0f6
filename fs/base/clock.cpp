#include "base/clock.h"

#include <fmt/format.h>

namespace artfs {

Time now() {
    return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

std::timespec to_timespec(Time time) {
    auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    return {seconds.time_since_epoch().count(), (time - seconds).count()};
}

Time from_timespec(const std::timespec& spec) {
    return Time(std::chrono::seconds(spec.tv_sec) + std::chrono::nanoseconds(spec.tv_nsec));
}

std::string rfc3339(Time time) {
    auto spec = to_timespec(time);
    std::tm broken{};
    gmtime_r(&spec.tv_sec, &broken);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", broken.tm_year + 1900,
                       broken.tm_mon + 1, broken.tm_mday, broken.tm_hour, broken.tm_min,
                       broken.tm_sec, spec.tv_nsec / 1'000'000);
}

}  // namespace artfs
