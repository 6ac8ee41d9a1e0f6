// What the kernel says of a process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace artfs {

// Which process, for as long as the machine is up: a number is used again, never with the same
// start. Exec changes neither, so it names what a process was before and after.
struct ProcessKey {
    pid_t pid = 0;
    std::uint64_t start_ticks = 0;  // /proc/PID/stat, field 22
    auto operator<=>(const ProcessKey&) const = default;
    explicit operator bool() const { return pid != 0; }
};

// Which file, among those there are now.
struct FileIdentity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    auto operator<=>(const FileIdentity&) const = default;
};

using Instant = std::chrono::steady_clock::time_point;

// What a process says of itself, read once when it is first identified.
struct ProcessFacts {
    pid_t pid = 0;
    pid_t parent = 0;
    pid_t session = 0;
    bool has_terminal = false;
    std::uint64_t start_ticks = 0;    // /proc/PID/stat field 22: with pid, unique in a boot
    std::uint64_t pid_namespace = 0;  // inode of /proc/PID/ns/pid; 0: not readable
    pid_t pid_in_namespace = 0;       // its number in its own pid namespace
    std::string comm;                 // at most 15 bytes; threads and programs may change it
    std::string executable;           // path; empty for a kernel thread, or where not readable
    FileIdentity executable_file;     // zero where not readable
    std::vector<std::string> arguments;
    std::uint32_t uid = 0;  // real
    std::uint32_t gid = 0;  // real
    bool kernel_thread = false;
    bool subreaper = false;  // where it can be known (the kernel does not tell)
    // In an ancestry, as far as it is known: those between it and the next, who have died, the
    // nearest first; when the next one forked it, or the first of those in between; and when it
    // last became another program.
    std::vector<pid_t> dead_parents;
    Instant forked{};
    Instant execed{};

    ProcessKey key() const { return {pid, start_ticks}; }
};

// Where a process came from, as /proc does not say it.
struct Descent {
    std::optional<pid_t> living_ancestor;  // the nearest; none: its parent lives, or is not known
    // Those in between, the nearest first, but for those that became another program afterwards.
    std::vector<pid_t> dead;
    Instant forked{};  // as in ProcessFacts
    Instant execed{};
};

// In different pid namespaces, as far as that can be read.
bool other_namespace(const ProcessFacts& a, const ProcessFacts& b);

// Reads facts of live processes. An interface because the walk is tested on made-up trees too.
// Implementations are thread-safe.
class ProcessTable {
public:
    virtual ~ProcessTable() = default;
    virtual std::optional<ProcessFacts> facts(pid_t pid) = 0;
    virtual std::optional<Descent> descent(pid_t /*pid*/) { return std::nullopt; }
};
// /proc. Never asks the file system an executable lies on, which may be our own mount.
ProcessTable& system_processes();
// The same, with the kernel's process connector; null where that cannot be had.
std::unique_ptr<ProcessTable> connected_processes();

// The process is between its old program and its new one. Safe to ask for the caller of a request
// that execve(2) has sent, as /proc/PID/stat and its like are not on newer kernels.
bool is_in_execve(pid_t tid);

// Who a thread acts as: threads of one process may differ.
struct Credentials {
    std::uint32_t uid = 0;  // effective
    std::uint32_t gid = 0;  // effective
    std::vector<std::uint32_t> groups;
};
std::optional<Credentials> credentials_of(pid_t tid);

// The variables a process was started with, as far as it has not overwritten them; empty where
// not readable.
std::vector<std::pair<std::string, std::string>> environment_of(pid_t pid);
std::optional<std::string> environment_variable(pid_t pid, std::string_view name);

// The pipes at standard input and output, by inode number; 0: no pipe.
struct StandardPipes {
    std::uint64_t input = 0;
    std::uint64_t output = 0;
};
StandardPipes standard_pipes_of(pid_t pid);

// The file at `path` relative to `directory_fd`, through links, without a request to the file
// system it is on (AT_STATX_DONT_SYNC): safe for a thread that serves that file system.
std::optional<FileIdentity> file_identity(int directory_fd, const char* path);
std::optional<FileIdentity> file_identity(const Fd& fd);

// The clock of `start_ticks`, now.
std::uint64_t now_ticks();

}  // namespace artfs

template <>
struct std::hash<artfs::ProcessKey> {
    std::size_t operator()(const artfs::ProcessKey& key) const noexcept {
        return std::hash<std::uint64_t>()(key.start_ticks * 4194301u +
                                          static_cast<std::uint64_t>(key.pid));
    }
};
