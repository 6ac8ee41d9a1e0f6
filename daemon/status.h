// What a mounted project is doing.
#pragma once

#include <nlohmann/json.hpp>

#include "namespace/run_keeper.h"

namespace artfs {

// The document of `art status --json` for one project. Dispatch thread.
nlohmann::json status_document(const Mount& mount, const RunKeeper& runs, Time started);

}  // namespace artfs
