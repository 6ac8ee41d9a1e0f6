// How art ends: exit statuses of interface.md, and the one line that goes with them.
#pragma once

#include <stdexcept>
#include <string>

#include "base/result.h"

namespace artfs {

enum Exit : int {
    exit_done = 0,
    exit_no = 1,  // the answer is no
    exit_usage = 2,
    exit_not_found = 3,
    exit_refused = 4,
    exit_failed = 5,  // the store or the machine
};

// Thrown by commands, printed once by main as `art: what is wrong: what to do`.
class Failure : public std::runtime_error {
public:
    Failure(int exit_status, const std::string& message)
        : std::runtime_error(message), status(exit_status) {}
    int status;
};

[[noreturn]] void fail_with(const Error& error);

template <class T>
T value_of(Result<T> result) {
    if (!result) fail_with(result.error());
    return std::move(*result);
}

inline void value_of(Result<> result) {
    if (!result) fail_with(result.error());
}

}  // namespace artfs
