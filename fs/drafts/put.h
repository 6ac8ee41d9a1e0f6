// `art put`: files from outside the mount become a version, logged by a run of job type `put`.
//
// The files are copied to staging and sealed like any draft; until the seal's last transaction
// nothing can be seen, and an interrupted put leaves nothing behind.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "drafts/seal.h"

namespace artfs {

struct PutOrder {
    std::string project;
    std::string artifact;
    // Absolute. A file goes in under its own name; of a directory its contents do.
    std::vector<std::filesystem::path> paths;
    bool add = false;  // to what `latest` has; else the version holds these files and no others
    std::optional<std::string> type;
    std::optional<std::string> description;
    std::optional<std::string> metadata;  // the text of a JSON object
    std::vector<std::string> aliases;
    // Of the run.
    std::vector<std::string> command;
    std::string cwd;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
};

// As `art` sends it to the daemon, under the names above; what the daemon knows better is left out.
PutOrder put_order(const nlohmann::json& request);

struct PutProgress {
    std::uint64_t bytes = 0;
    std::uint64_t all_bytes = 0;
    std::size_t files = 0;
    std::size_t all_files = 0;
};

struct PutResult {
    RunRecord run;
    std::vector<SealedDraft> sealed;
};

// `reserve` gives the first of so many free staging numbers. `progress` may say false: then the put
// ends with EINTR.
Result<PutResult> put_files(const SealContext& context, const PutOrder& order,
                            const std::function<std::uint64_t(std::uint64_t)>& reserve,
                            const std::function<bool(const PutProgress&)>& progress);

}  // namespace artfs
