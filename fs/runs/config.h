// STORE/config.toml: every key is optional (interface.md, "Configuration").
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runs/programs.h"

namespace artfs {

// When drafts are sealed: "end" (of the run) or "quiet:5s" (no write handle and no change so long).
struct CommitPolicy {
    enum class When : std::uint8_t { end, quiet };
    When when = When::end;
    std::chrono::milliseconds quiet{0};
    bool operator==(const CommitPolicy&) const = default;
};

// Which ends of a run seal: "success" (what the run allows), "always", or "ok:0,1" (these exits).
struct SealPolicy {
    enum class Which : std::uint8_t { success, always, exits };
    Which which = Which::success;
    std::vector<int> exits;
    bool operator==(const SealPolicy&) const = default;
};

// What a draft begins as: "latest", or "empty".
enum class BasePolicy : std::uint8_t { latest, empty };

// What is set for an artifact or a type; what is not set is left to the next wider table.
struct Policy {
    std::optional<std::string> type;  // of an artifact only
    std::optional<std::string> description;
    std::optional<CommitPolicy> commit;
    std::optional<SealPolicy> seal;
    std::optional<BasePolicy> base;
    std::optional<std::uint32_t> keep_last;
    std::optional<std::chrono::seconds> ttl;
};

// Of each user; nothing set: no limit.
struct Limits {
    std::optional<std::uint64_t> drafts;
    std::optional<std::uint64_t> bytes;
    std::optional<std::uint64_t> views;
    std::optional<std::chrono::seconds> draft_age;  // abandoned drafts older than that are dropped
    std::uint64_t output_log = 16u << 20;           // bytes kept of what `art run` saw printed
};

enum class PmQos : std::uint8_t { automatic, off };

struct Config {
    ProgramLists programs = ProgramLists::built_in();
    std::vector<std::string> never_keep;            // patterns of file names
    std::vector<std::string> record_environment;    // names and patterns
    std::vector<std::string> group_by_environment;  // variables joined by '+'
    std::map<std::string, Policy> artifacts;
    std::map<std::string, Policy> types;
    Limits limits;
    PmQos pm_qos = PmQos::automatic;

    static Config built_in();
    // The artifact's table over its type's.
    Policy policy(const std::string& artifact, const std::string& type) const;
};

// A missing file is the defaults. A bad one is one line that names file, line and what is wrong
// (EINVAL).
Result<Config> load_config(const std::filesystem::path& path);
// The same from text; `name` stands for the file in messages.
Result<Config> parse_config(std::string_view text, const std::string& name);

// "5s", "250ms", "2h", "30d"; "10MiB", "2G", "4096".
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
std::optional<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace artfs
