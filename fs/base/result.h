// Expected failure as a value.
//
// A Result carries either a value or an Error. Errors are for what a user, a full disk or another
// program can cause; broken invariants throw. The text of an Error is one line, written for a
// person, and says what to do; `code` is the errno that the same failure has inside a file system
// call.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>
#include <tl/expected.hpp>
#include <utility>

namespace artfs {

struct Error {
    int code = EIO;
    std::string message;
};

template <class T = void>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(int code, std::string message) {
    return tl::unexpected<Error>(Error{code, std::move(message)});
}

// For a failed system call: what was tried, and errno's own text.
inline tl::unexpected<Error> fail_errno(const std::string& what, int code = errno) {
    return fail(code, what + ": " + std::generic_category().message(code));
}

}  // namespace artfs
