// What --help, the manual and completion say of a command, from the one table of commands.
#pragma once

#include <string>
#include <vector>

#include "command.h"

namespace artfs {

po::options_description options_of(const Command& command);
const Command* find_command(const std::string& name);
// Hidden commands are for other programs.
bool is_hidden(const Command& command);

std::string help_of(const Command& command);
std::string overview();

// Pages in roff, man(7): art(1), and art-COMMAND(1).
std::string manual_overview();
std::string manual_of(const Command& command);

}  // namespace artfs
