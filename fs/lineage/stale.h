// What was made from inputs that have newer versions, and what to repeat for it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "catalog/catalog.h"

namespace artfs {

// [{"artifact","version","run","inputs":[{"artifact","used","newest"}],"waits_for":["ARTIFACT"]}]
// of stale_versions (describe.h), in an order in which their runs can be repeated: makers before
// users. `waits_for`: what is stale and comes before it, at whatever distance.
nlohmann::json stale_json(const ReadTxn& txn, const std::string& project);

}  // namespace artfs
