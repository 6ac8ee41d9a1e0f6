// What may be shown on a terminal.
#pragma once

#include <string>

namespace artfs {

// Names may be any bytes: of what a terminal would obey, only colours are left.
std::string for_terminal(const std::string& text);

}  // namespace artfs
