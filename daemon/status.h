// What a mounted project is doing.
#pragma once

#include <nlohmann/json.hpp>

#include "namespace/run_keeper.h"
#include "processes.h"

namespace artfs {

// The document of `art status --json` for one project. Dispatch thread. Without counts a run that
// lives is said to have one process.
nlohmann::json status_document(const Mount& mount, const RunKeeper& runs, Time started,
                               const ProcessCounts& processes = {});

}  // namespace artfs
