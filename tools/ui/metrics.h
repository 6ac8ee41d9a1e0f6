// metrics.jsonl and other sources of metrics as columns, for charts.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "drafts/arrivals.h"
#include "lineage/metric_sources.h"

namespace artfs::ui {

// {"rows": 120, "shown": 120, "columns": {"epoch": [0, 0, null, …], …}, "times": [1.7e9, …]}:
// numbers of every line, by name, null where a line has none (nested objects as "a.b"), and when
// the line came, in seconds since 1970, null where nobody knows. More lines than `most` are thinned
// out evenly; the last one stays. Lines that are no JSON object (the end of a file that is being
// written, for one) are left out.
nlohmann::json metric_columns(std::string_view lines, const std::vector<Arrival>& arrivals,
                              std::size_t most);

// Adds what other files have: rows of their own, one a step, with the steps in the column "step",
// and the times of event files.
void add_series(nlohmann::json& document, const AllSeries& all, std::size_t most);

}  // namespace artfs::ui
