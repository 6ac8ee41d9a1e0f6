// Keeps the processors from halting while requests flow.
//
// Where an idle processor halts until an interrupt comes, waking it costs a virtual machine some
// 45 us, more than all else in a request and its answer. The kernel's PM QoS stops that for as long
// as a descriptor of /dev/cpu_dma_latency is open in which 0 was written; only root may. Meanwhile
// the caller does not sleep either for some moments after each request.
#pragma once

#include <chrono>
#include <string>

#include "base/fd.h"

namespace artfs {

class Wakefulness {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr const char* device = "/dev/cpu_dma_latency";

    // Nothing is ever held where `path` is "" or cannot be opened.
    explicit Wakefulness(std::string path) : path_(std::move(path)) {}

    // So many requests were served by now, of more than one caller or not.
    void served(unsigned requests, bool of_several, Time now);
    // How long to wait for the next at most, before served() is called with none: -1 is for ever;
    // 0 while a lone caller's next is about to come: to sleep and be woken costs more than to look.
    // (Several want the processor that this would take from them.)
    int patience_ms() const;
    bool holds() const { return static_cast<bool>(held_); }

private:
    void hold();

    std::string path_;
    Fd held_;
    Time window_{};
    Time busy_{};     // last
    Time latest_{};   // request
    Time crowded_{};  // last
    Time now_{};
    unsigned in_window_ = 0;
};

}  // namespace artfs
