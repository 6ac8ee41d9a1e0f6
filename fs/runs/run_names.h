// Names for runs that got none: "sunny-smoke-1".
#pragma once

#include <cstdint>
#include <string>

namespace artfs {

// Adjective, noun and `n`: the same for the same number, for ever (tests of old stores see to it),
// and neighbours share no word.
std::string run_name(std::uint64_t n);

}  // namespace artfs
