#include "drafts/arrivals.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/bytes.h"
#include "drafts/kept_arrivals.h"

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

std::string arrival_bytes(const std::filesystem::path& store, const RunId& run) {
    return read_file(arrivals_path(store, run)).value_or("");
}

void take_arrivals(const std::filesystem::path& store, const RunId& run, std::string_view bytes) {
    auto path = arrivals_path(store, run);
    std::error_code error;
    if (bytes.empty() || std::filesystem::exists(path, error)) return;
    std::filesystem::create_directories(path.parent_path(), error);
    [[maybe_unused]] auto written = replace_file(path, bytes);
}

std::vector<NotedArrivals> all_arrivals(const std::filesystem::path& store) {
    std::vector<NotedArrivals> all;
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator(store / "arrivals", error)) {
        auto run = RunId::parse(file.path().filename().string());
        if (run) all.push_back({*run, file.file_size(error)});
    }
    return all;
}

void forget_arrivals(const std::filesystem::path& store, const RunId& run) {
    unlink(arrivals_path(store, run).c_str());
}

std::vector<Arrival> arrivals_of(const std::filesystem::path& store, const RunId& run) {
    std::vector<Arrival> all;
    auto bytes = arrival_bytes(store, run);
    for (Decoder samples(bytes); samples.rest().size() >= arrival_size;) {
        const auto from = samples.u64();
        const Arrival one{from, from_ns(static_cast<std::int64_t>(samples.u64()))};
        while (!all.empty() && all.back().from >= one.from) all.pop_back();
        all.push_back(one);
    }
    return all;
}

}  // namespace artfs
