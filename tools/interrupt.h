// Long work that can be interrupted at any moment, and leaves nothing half done.
#pragma once

#include "command.h"
#include "progress.h"

namespace artfs {

// From now on SIGINT, SIGTERM and SIGHUP only make `interrupted` true.
void end_in_good_order();
bool interrupted();
[[noreturn]] void fail_interrupted();

// A request whose progress is shown; an interruption closes the connection, and the daemon stops.
std::optional<nlohmann::json> ask_in_good_order(const Site& site, const nlohmann::json& request,
                                                Progress& bar);

}  // namespace artfs
