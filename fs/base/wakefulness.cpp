#include "base/wakefulness.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>

namespace artfs {

namespace {
constexpr std::chrono::milliseconds flow_window{10};
constexpr unsigned flowing = 20;  // requests in a window
constexpr std::chrono::milliseconds flow_ended{40};
// A program that does little between two requests sends the next in less.
constexpr std::chrono::microseconds about_to_come{40};
}  // namespace

void Wakefulness::served(unsigned requests, bool of_several, Time now) {
    if (path_.empty()) return;
    now_ = now;
    if (requests > 0) latest_ = now;
    if (of_several) crowded_ = now;
    if (now - window_ > flow_window) {
        window_ = now;
        in_window_ = 0;
    }
    in_window_ += requests;
    if (in_window_ > flowing) {
        busy_ = now;
        if (!held_) hold();
    } else if (held_ && now - busy_ >= flow_ended) {
        held_ = Fd();
    }
}

int Wakefulness::patience_ms() const {
    if (!held_) return -1;
    bool about = now_ - latest_ < about_to_come && now_ - crowded_ > flow_window;
    return about ? 0 : static_cast<int>(flow_ended.count());
}

void Wakefulness::hold() {
    held_ = Fd(open(path_.c_str(), O_WRONLY | O_CLOEXEC));
    const std::int32_t microseconds = 0;
    if (held_ && write(held_.get(), &microseconds, sizeof microseconds) != sizeof microseconds)
        held_ = Fd();
    if (!held_) path_.clear();  // refused once is refused for good
}

}  // namespace artfs
