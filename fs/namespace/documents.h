// The texts that the mount makes up: run.json, version.json, graph.dot and their like.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "namespace/mount.h"

namespace artfs {

// The document of a synthetic node as it is now. Reads the catalog; for the pool.
Result<std::string> make_document(Store& store, const std::string& project, const Synthetic& what);

// What can be told without the catalog: short texts of a version or a view; none for others.
std::optional<std::string> short_document(const Mount& mount, const Synthetic& what);

// The names in vN/.art.
const std::vector<std::string>& version_documents();

}  // namespace artfs
