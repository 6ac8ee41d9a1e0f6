// When the lines of a run's metrics.jsonl came, for charts over time: a program need not write the
// time itself.
//
// STORE/arrivals/RUN-ID has a sample of 16 bytes for each write, but for those within a tenth of a
// second of the one before: where in the file it began, and when (ns since 1970), both little
// endian. Nothing depends on them: they are not synced, and no part of any version.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/uid.h"

namespace artfs {

// What begins at `from` came at that time, or less than a tenth of a second later.
struct Arrival {
    std::uint64_t from = 0;
    Time at{};
    bool operator==(const Arrival&) const = default;
};

// Thread-safe.
class Arrivals {
public:
    Arrivals(const std::filesystem::path& store, const RunId& run);
    void note(std::uint64_t from, Time at);

private:
    std::mutex mutex_;
    std::filesystem::path path_;
    Fd file_;
    bool tried_ = false;
    Arrival last_;
};

// In order of `from`: what was written over has the time of the later write. None where none were
// noted.
std::vector<Arrival> arrivals_of(const std::filesystem::path& store, const RunId& run);

}  // namespace artfs
