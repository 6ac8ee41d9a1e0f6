// A run's or a version's document for those who show some of it: without the files, of which there
// may be a million, and the files of a use a few at a time.
//
// Pure reading of one catalog state; may block.
#pragma once

#include "lineage/describe.h"

namespace artfs {

// describe_run's full document but for "uses".
nlohmann::json run_facts(const Reading& at, const RunRecord& run,
                         const nlohmann::json& live_config = nullptr,
                         const nlohmann::json& live_summary = nullptr);

// describe_version's full document but for "files".
nlohmann::json version_facts(const Reading& at, const VersionRecord& version);

// What lists of them in JSON have: all that the contract names but files, uses, metadata and
// config.
nlohmann::json run_listed(const Reading& at, const RunRecord& run,
                          const nlohmann::json& live_summary = nullptr);
nlohmann::json version_listed(const Reading& at, const VersionRecord& version);

// The first files of a use edge, as files_of_use names them, and how many it has.
struct SomeFiles {
    std::vector<std::string> paths;
    std::uint64_t count = 0;
};
SomeFiles some_files_of_use(const Reading& at, const UseEdge& use, std::size_t most);

}  // namespace artfs
