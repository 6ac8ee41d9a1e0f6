#include "progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "output.h"

namespace artfs {

namespace {
constexpr std::size_t bar_width = 24;
constexpr auto between_lines = std::chrono::milliseconds(100);
// What is over sooner needs no bar.
constexpr auto patience = std::chrono::milliseconds(300);
}  // namespace

std::string progress_line(const std::string& what, std::uint64_t bytes, std::uint64_t all_bytes,
                          double seconds) {
    double part = all_bytes == 0
                      ? 1.0
                      : std::min(1.0, static_cast<double>(bytes) / static_cast<double>(all_bytes));
    auto filled = static_cast<std::size_t>(part * bar_width);
    std::string bar(filled, '=');
    if (filled < bar_width) bar += '>';
    bar.resize(bar_width, ' ');
    auto rate = seconds > 0 ? static_cast<double>(bytes) / seconds : 0.0;
    return fmt::format("{} [{}] {:3.0f} %  {} of {}  {}/s", what, bar, part * 100,
                       human_size(bytes), human_size(all_bytes),
                       human_size(static_cast<std::uint64_t>(rate)));
}

Progress::Progress(std::string what)
    : what_(std::move(what)),
      terminal_(isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      last_(start_) {}

Progress::~Progress() {
    if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::show(std::uint64_t bytes, std::uint64_t all_bytes) {
    auto time = std::chrono::steady_clock::now();
    if (!terminal_ || time - start_ < patience || time - last_ < between_lines) return;
    last_ = time;
    shown_ = true;
    double seconds = std::chrono::duration<double>(time - start_).count();
    std::fprintf(stderr, "\r\033[K%s", progress_line(what_, bytes, all_bytes, seconds).c_str());
}

}  // namespace artfs
