// Names of users.
#pragma once

#include <cstdint>
#include <string>

namespace artfs {

// The user's name, or the number where nobody has it.
std::string user_name(std::uint32_t uid);

}  // namespace artfs
