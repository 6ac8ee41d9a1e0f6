// The key `openlineage` of the configuration: where events of runs are sent while they happen. Of
// all that serves a store only the feed of events asks for it.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace artfs {

// A URL (http, https), or a file (file:///… or an absolute path); "": nowhere.
Result<std::string> load_event_target(const std::filesystem::path& config);

}  // namespace artfs
