// What a run took, as interface.md's JSON has it: {"peak_memory", "cpu_user_seconds",
// "cpu_system_seconds", "bytes_read", "bytes_written"}, without what is not known.
#pragma once

#include <nlohmann/json.hpp>

#include "catalog/records.h"

namespace artfs {

nlohmann::json resources_json(const Resources& resources);
// What is no number, or none that can be, is not known.
Resources resources_from(const nlohmann::json& document);

}  // namespace artfs
