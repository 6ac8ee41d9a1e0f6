// The texts that the mount makes up: run.json, version.json, graph.dot and their like.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "namespace/mount.h"

namespace artfs {

// What a document says of the present that the catalog does not know.
struct Present {
    std::optional<RunRecord> run;  // run.json of a live run, with the files it wrote
    std::filesystem::path config;
    std::filesystem::path summary;
    nlohmann::json status;  // status.json without what the catalog adds
};
Present present_for(const Mount& mount, const Synthetic& what);

// The document of a synthetic node as it is now. Reads the catalog; for the pool.
Result<std::string> make_document(Store& store, const std::string& project, const Synthetic& what,
                                  const Present& present);

// A version's fact as the text of an attribute; lists have a line an element. For the pool.
Result<std::string> version_attribute(const Store& store, const VersionId& version,
                                      const std::string& fact);

// What can be told without the catalog: short texts of a version or a view; none for others.
std::optional<std::string> short_document(const Mount& mount, const Synthetic& what);

// The names in vN/.art.
const std::vector<std::string>& version_documents();

}  // namespace artfs
