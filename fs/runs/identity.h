// Who is calling: which run a thread that touches the mount belongs to.
//
// Rules 1 to 3, 8 and 9 of design.md, section 3. Everything here looks at processes; what a run then *is* (name,
// pins, drafts) is kept elsewhere, and a run is only a number here.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/uid.h"

namespace artfs {

// What a program is, by the lists of the configuration. A program can be in one class only; the
// order below is the order of precedence.
enum class ProgramClass : std::uint8_t { ordinary, launcher, supervisor, observer, file_tool };

// The lists of design.md, section 3, as configured. Matching is by the executable's file name, for an interpreter by
// the script's or module's name; entries of two words ("uv run") match the program and its first argument.
struct ProgramLists {
    std::vector<std::string> launchers;
    std::vector<std::string> supervisors;
    std::vector<std::string> observers;
    std::vector<std::string> file_tools;
    static ProgramLists built_in();
};

// What a process says of itself, read once when it is first identified.
struct ProcessFacts {
    pid_t pid = 0;
    pid_t parent = 0;
    pid_t session = 0;
    bool has_terminal = false;
    std::uint64_t start_ticks = 0;  // /proc/PID/stat field 22: with pid, unique in a boot
    std::uint64_t pid_namespace = 0;  // inode of /proc/PID/ns/pid
    std::string executable;         // path; empty for a kernel thread
    std::vector<std::string> arguments;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    bool kernel_thread = false;
    bool subreaper = false;         // where it can be known
};

// Reads facts of live processes. An interface because the walk is tested on made-up trees too.
class ProcessTable {
public:
    virtual ~ProcessTable() = default;
    virtual std::optional<ProcessFacts> facts(pid_t pid) = 0;
};
ProcessTable& system_processes();

// "train" for ./train, train.py, python -m pkg.train, Rscript train.R.
std::string job_type_of(const ProcessFacts& facts);
ProgramClass classify(const ProgramLists& lists, const ProcessFacts& facts);

// Command-line flags as configuration: --epochs 5, --lr=0.1, -v, --flag. Values that look like
// secrets are "***", in the arguments too.
nlohmann::json config_of(const std::vector<std::string>& arguments);
std::vector<std::string> redact(const std::vector<std::string>& arguments);
bool looks_secret(std::string_view key);

// The root of the inferred run that `pid` belongs to, and the class it got.
struct Inferred {
    pid_t root = 0;
    ProgramClass root_class = ProgramClass::ordinary;
};
// Walks up the parents; `daemon_namespace` is the pid namespace the line is drawn at when the
// caller is in the daemon's own.
std::optional<Inferred> infer_root(ProcessTable& table, const ProgramLists& lists, pid_t pid);

// What is recorded about a run's root (rule 9). Slow (hashes the executable, asks git): for the
// pool.
struct RunFacts {
    std::vector<std::string> command;  // redacted
    std::string cwd;
    std::string executable;
    std::optional<Digest> executable_digest;
    std::string user;
    std::string host;
    std::map<std::string, std::string> environment;  // allowed names only, redacted
    std::string git_commit;
    bool git_dirty = false;
    nlohmann::json config;
};

}  // namespace artfs
