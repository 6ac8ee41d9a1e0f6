// What is different between two versions, or between two runs.
//
// Pure reading of one catalog state; may block.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lineage/describe.h"

namespace artfs {

enum class FileChange { added, removed, changed, renamed };
const char* to_string(FileChange change);

struct FileDifference {
    FileChange change = FileChange::changed;
    std::string path;
    std::string from;  // of what was renamed: its old path
    std::optional<Entry> before;
    std::optional<Entry> after;
};

// The first run that logged it.
std::optional<RunRecord> first_maker_of(const ReadTxn& txn, const VersionRecord& version);

// Sorted by path. A file that is gone and one of the same content that is new are one renamed.
std::vector<FileDifference> compare_files(const Reading& at, const VersionRecord& before,
                                          const VersionRecord& after);

// {"added":{k:v},"removed":{k:v},"changed":{k:[before,after]}} of two objects, by their own keys.
nlohmann::json compare_objects(const nlohmann::json& before, const nlohmann::json& after);
bool nothing_in(const nlohmann::json& compared);

// The document of `art diff --json`: "files", "metadata" and "config" of the runs that logged them.
nlohmann::json compare_versions(const Reading& at, const VersionRecord& before,
                                const VersionRecord& after,
                                const std::vector<FileDifference>& files);
// "config", "summary", "command" and the inputs of two runs, as describe_run gives them.
nlohmann::json compare_runs(const nlohmann::json& before, const nlohmann::json& after);

}  // namespace artfs
