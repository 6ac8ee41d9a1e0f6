#include "drafts/arrivals.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace artfs {

namespace {

constexpr auto least_apart = std::chrono::milliseconds(100);
constexpr std::size_t arrival_size = 16;

std::filesystem::path arrivals_path(const std::filesystem::path& store, const RunId& run) {
    return store / "arrivals" / run.text();
}

void put_number(char* at, std::uint64_t number) {
    for (unsigned i = 0; i < 8; ++i) at[i] = static_cast<char>(number >> (8 * i));
}

std::uint64_t number_at(const char* at) {
    std::uint64_t number = 0;
    for (unsigned i = 0; i < 8; ++i)
        number |= std::uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
    return number;
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
    std::array<char, arrival_size> sample{};
    put_number(sample.data(), from);
    put_number(sample.data() + 8, static_cast<std::uint64_t>(to_ns(at)));
    // A full disk costs times, not the write.
    if (file_.get() >= 0) (void)!write(file_.get(), sample.data(), sample.size());
}

std::vector<Arrival> arrivals_of(const std::filesystem::path& store, const RunId& run) {
    std::vector<Arrival> all;
    auto bytes = read_file(arrivals_path(store, run));
    if (!bytes) return all;
    for (std::size_t i = 0; i + arrival_size <= bytes->size(); i += arrival_size) {
        Arrival one{number_at(bytes->data() + i),
                    from_ns(static_cast<std::int64_t>(number_at(bytes->data() + i + 8)))};
        while (!all.empty() && all.back().from >= one.from) all.pop_back();
        all.push_back(one);
    }
    return all;
}

}  // namespace artfs
