// What people see of metrics.
#pragma once

#include <string>

#include "command.h"

namespace artfs {

// A table with a line drawn of each; "" where the run wrote none.
std::string metrics_of_run(Reader& reader, const RunRecord& run);
// The last value of each, for who compares runs.
nlohmann::json last_metrics(Reader& reader, const RunRecord& run);

}  // namespace artfs
