#include "drafts/arrivals.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/bytes.h"

namespace artfs {

namespace {

constexpr auto least_apart = std::chrono::milliseconds(100);
constexpr std::size_t arrival_size = 16;

std::filesystem::path arrivals_path(const std::filesystem::path& store, const RunId& run) {
    return store / "arrivals" / run.text();
}

}  // namespace

Arrivals::Arrivals(const std::filesystem::path& store, const RunId& run)
    : path_(arrivals_path(store, run)) {}

void Arrivals::note(std::uint64_t from, Time at) {
    std::lock_guard lock(mutex_);
    if (from >= last_.from && at - last_.at < least_apart && at >= last_.at) return;
    if (!tried_) {
        tried_ = true;
        std::error_code error;
        std::filesystem::create_directories(path_.parent_path(), error);
        if (auto file = open_file(path_, O_WRONLY | O_CREAT | O_APPEND, 0600))
            file_ = std::move(*file);
    }
    last_ = {from, at};
    const auto sample = Encoder().u64(from).u64(static_cast<std::uint64_t>(to_ns(at))).take();
    // A full disk costs times, not the write.
    if (file_.get() >= 0) (void)!write(file_.get(), sample.data(), sample.size());
}

std::vector<Arrival> arrivals_of(const std::filesystem::path& store, const RunId& run) {
    std::vector<Arrival> all;
    auto bytes = read_file(arrivals_path(store, run));
    if (!bytes) return all;
    for (Decoder samples(*bytes); samples.rest().size() >= arrival_size;) {
        const auto from = samples.u64();
        const Arrival one{from, from_ns(static_cast<std::int64_t>(samples.u64()))};
        while (!all.empty() && all.back().from >= one.from) all.pop_back();
        all.push_back(one);
    }
    return all;
}

}  // namespace artfs
