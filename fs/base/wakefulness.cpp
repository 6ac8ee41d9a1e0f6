#include "base/wakefulness.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>

namespace artfs {

namespace {
using std::chrono::milliseconds;
constexpr milliseconds window{10};
constexpr unsigned many = 20;  // in a window
constexpr milliseconds idle{40};
}  // namespace

void Wakefulness::served(unsigned requests, Time now) {
    if (path_.empty()) return;
    if (now - window_ > window) {
        window_ = now;
        in_window_ = 0;
    }
    in_window_ += requests;
    if (in_window_ > many) {
        busy_ = now;
        if (!held_) hold();
    } else if (held_ && now - busy_ >= idle) {
        held_ = Fd();
    }
}

void Wakefulness::hold() {
    held_ = Fd(open(path_.c_str(), O_WRONLY | O_CLOEXEC));
    const std::int32_t microseconds = 0;
    if (held_ && write(held_.get(), &microseconds, sizeof microseconds) != sizeof microseconds)
        held_ = Fd();
    if (!held_) path_.clear();  // refused once is refused for good
}

}  // namespace artfs
