// Versions and runs as documents: the JSON of interface.md, and what else is shown of them.
//
// Pure reading of one catalog state; may block.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "catalog/store.h"

namespace artfs {

// One state of the catalog, and how to read what it leads to.
struct Reading {
    const Store& store;
    const ReadTxn& txn;
    NodeSource& nodes;
};

enum class Detail { brief, full };

nlohmann::json describe_version(const Reading& at, const VersionRecord& version, Detail detail);
// `live_config`, `live_summary`: of a run that is not over, whose data is not in the catalog yet.
nlohmann::json describe_run(const Reading& at, const RunRecord& run, Detail detail,
                            const nlohmann::json& live_config = nullptr,
                            const nlohmann::json& live_summary = nullptr);

// [{"when":…,"who":…,"what":…,"detail":{…}}], oldest first: changes of one version, or all.
nlohmann::json history_of(const ReadTxn& txn, const ArtifactId& artifact,
                          std::optional<std::uint32_t> version);

// Paths of the files of a use edge, sorted; metadata as ".art/metadata.json".
std::vector<std::string> files_of_use(const Reading& at, const UseEdge& use);

std::optional<std::string> object_text(const Store& store, const Digest& digest);

// Heads that were made from inputs that have newer heads.
std::vector<VersionRecord> stale_versions(const ReadTxn& txn, const std::string& project);

}  // namespace artfs
