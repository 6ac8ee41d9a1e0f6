// Names of users, and of this machine.
#pragma once

#include <cstdint>
#include <string>

namespace artfs {

// The user's name, or the number where nobody has it.
std::string user_name(std::uint32_t uid);
std::string host_name();  // empty where it cannot be had

}  // namespace artfs
