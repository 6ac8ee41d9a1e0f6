// What is recorded about a run's root (rule 9 of design.md, section 3).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "runs/identity.h"

namespace artfs {

struct RunFacts {
    std::vector<std::string> command;  // redacted
    std::string job_type;
    std::string cwd;
    std::string executable;
    std::optional<Digest> executable_digest;
    std::uint32_t uid = 0;
    std::string user;
    std::string host;
    std::map<std::string, std::string> environment;  // allowed names only, redacted
    std::string git_commit;
    bool git_dirty = false;
    pid_t parent = 0;
    nlohmann::json config;
};

// Reads a root process by number, for what is no caller's root (`art run`'s command). Empty when it
// is gone.
std::optional<RootProcess> read_root(pid_t pid, const ProgramLists& lists);

// Collects what is recorded about a root. Slow: hashes the executable (once a file), asks git (as
// the process's user, at most two seconds). For the pool. Thread-safe.
class FactCollector {
public:
    // `record_environment`: names or patterns of what may be recorded. Nothing at or under
    // `mounts`, whatever path leads there, is opened or looked at.
    FactCollector(std::vector<std::string> record_environment,
                  std::vector<std::filesystem::path> mounts,
                  std::chrono::milliseconds git_timeout = std::chrono::seconds(2));
    RunFacts collect(const RootProcess& root);
    // Closes what is on a mount, of which nothing is looked at anyway: as long as it is open, the
    // mount cannot be unmounted.
    void let_go_of_mounts(RootProcess& root) const;

private:
    struct FileState {
        FileIdentity file;
        std::int64_t modified_ns = 0;
        std::uint64_t size = 0;
        auto operator<=>(const FileState&) const = default;
    };

    bool on_mount(const Fd& fd, const std::filesystem::path& path) const;
    std::optional<Digest> digest_of(const RootProcess& root);

    const std::vector<std::string> record_environment_;
    const std::vector<std::filesystem::path> mounts_;
    const std::chrono::milliseconds git_timeout_;
    std::mutex mutex_;  // guards digests_
    std::map<FileState, Digest> digests_;
};

}  // namespace artfs
