// Where events of runs go: a file, a line each, or a URL, a request each.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace artfs {

enum class Delivery : std::uint8_t {
    done,
    refused,  // it will never be taken
    later,    // nobody is there just now
};

// Owned by one thread. Sending may take seconds, never more than a few.
class EventSink {
public:
    virtual ~EventSink() = default;
    // `why` says what is wrong, if something is.
    virtual Delivery send(const std::string& event, std::string& why) = 0;
};

// "http://…" or "https://…", else a file: "file:///…" or a path.
std::unique_ptr<EventSink> open_event_sink(const std::string& target);

}  // namespace artfs
