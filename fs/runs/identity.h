// Who is calling: which run a thread that touches the mount belongs to.
//
// Rules 1 to 4 of design.md, section 3. Everything here looks at processes; what a run then *is*
// (name, pins, drafts) is kept elsewhere, and a run is only a number here. Rules 4 to 7 build on
// what the walk notes beside the root: the launchers and the line.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/uid.h"
#include "runs/arguments.h"
#include "runs/explicit_runs.h"
#include "runs/pidfd.h"
#include "runs/process.h"
#include "runs/programs.h"

namespace artfs {

// Why the walk up the parents went no further.
enum class Line : std::uint8_t {
    terminal_launcher,  // a launcher that leads a session with a controlling terminal
    supervisor,
    supervised_launcher,  // a launcher that a supervisor started
    namespace_edge,       // the parent is in another pid namespace, or none that we see
    init,                 // pid 1, a subreaper
    kernel_thread,
    own,  // the caller is itself a supervisor or pid 1: a run of its own
};

// A launcher that a process is below, or is.
struct Launcher {
    ProcessKey process;
    std::string name;   // "bash"
    bool fork = false;  // runs what its parent, a launcher too, runs: a subshell, or about to exec
    bool desk = false;  // leads a session with a controlling terminal: somebody types
};

// The inferred run that a process belongs to.
struct Inferred {
    pid_t root = 0;
    ProgramClass root_class = ProgramClass::ordinary;
    std::uint64_t root_start = 0;
    Line line = Line::init;
    pid_t line_process = 0;      // 0: not one that we see
    pid_t line_launcher = 0;     // line_process if that is a launcher
    pid_t topmost_launcher = 0;  // below the line; 0: none
    bool interactive = false;    // directly under a notebook's or an editor's server
    // The nearest first, the process itself where it is one; the line's last.
    std::vector<Launcher> launchers;
    // Who has died between the root and the line, the topmost first: one of them may have been the
    // root of a run (rule 8).
    std::vector<pid_t> dead_above;

    ProcessKey key() const { return {root, root_start}; }
    // Whom file tools act for (rule 4): the topmost below the line, else the line's; null: none.
    const Launcher* acts_for() const;
};

// What a caller is to the artifacts it touches.
enum class Role : std::uint8_t {
    program,    // of a run: an explicit one, or the one its root is the root of
    file_tool,  // acts for a launcher
    observer,   // leaves no trace while it only reads
    launcher,   // what it opens is for what it starts, or becomes
};

// A process and its ancestors, the process first: empty for pid 0, kernel threads and what is gone.
std::vector<ProcessFacts> ancestry(ProcessTable& table, pid_t pid);
// Each by its program, but for one that has become another since it started the one below: a shell
// did that (`sh -c 'work & exec prog'`, bash's `tee >(work)`). If it was a program, and was seen
// here, Identifier knows that. Supervisors start themselves anew and stay what they are.
std::vector<ProgramClass> classes_of(const ProgramLists& lists,
                                     const std::vector<ProcessFacts>& ancestry);
// Rule 2 over an ancestry that is not empty.
Inferred infer_root(const ProgramLists& lists, const std::vector<ProcessFacts>& ancestry);

// What a process is whose class is `own`, outside explicit runs.
Role role_of(const Inferred& inferred, ProgramClass own);

// Walks up the parents by rule 2. Nothing for pid 0, kernel threads and processes that are gone.
// A launcher with only launchers up to the line is its own root.
std::optional<Inferred> infer_root(ProcessTable& table, const ProgramLists& lists, pid_t pid);

// The root of an inferred run, with what must be read while it lives. `executable` and `directory`
// are O_PATH descriptors and keep their file systems busy: drop them when the facts are collected
// (facts.h), never keep them.
struct RootProcess {
    ProcessFacts facts;
    ProgramClass program_class = ProgramClass::ordinary;
    Fd pidfd;  // empty: has exited, its run lingers
    Fd executable;
    Fd directory;
    std::string cwd;
    std::vector<std::pair<std::string, std::string>>
        environment;          // all of it: never record as it is
    bool same_mounts = true;  // in our own mount namespace: its paths mean the same to us
};

// Reads the rest of a process whose facts are known; without descriptors if it is gone.
RootProcess open_root(const ProcessFacts& facts, ProgramClass program_class);

// A thread that touched the mount, as it was when it was identified.
struct Caller {
    pid_t tid = 0;
    ProcessKey process;
    pid_t parent = 0;
    Credentials credentials;
    ProgramClass program_class = ProgramClass::ordinary;
    std::string program;      // program_name
    std::string job_type;     // job_type_of
    FileIdentity executable;  // zero where not readable: comm is compared instead
    std::string comm;
    std::optional<RunId> explicit_run;
    Inferred inferred;  // also noted for members of an explicit run
    Role role = Role::program;
    StandardPipes pipes;

    ThreadHandle thread;
    Fd process_directory;  // /proc/PID, where the program may be compared again

    ProcessKey root() const { return inferred.key(); }
    // Exec makes another caller of it: compare with CallerCache::same_program at READLINK, OPEN
    // and CREATE. A program keeps its run.
    bool may_become_another() const {
        return program_class == ProgramClass::launcher || program_class == ProgramClass::observer ||
               program_class == ProgramClass::file_tool;
    }
};

struct Identified {
    Caller caller;
    std::optional<RootProcess> root;  // none for members of an explicit run
};

// Finds out who a thread is. Slow (tens of microseconds a parent; for the pool), and never asks
// the mount. Thread-safe.
//
// It remembers which run the programs it has seen belong to, for as long as they live: so new
// threads and children of a process whose run's root has died stay in that run, and so does what a
// program becomes by exec.
class Identifier {
public:
    // `groups`: entries of `group_by_environment`, variables joined by '+'. Processes directly
    // under a supervisor that agree in all of an entry's variables, and in the user, are one run.
    explicit Identifier(ProgramLists lists, std::vector<std::string> groups = {},
                        ProcessTable& table = system_processes());

    // Nothing for tid 0, kernel threads and threads that are gone.
    std::optional<Identified> identify(pid_t tid);

    // What identify() would find, and all it would find it by. Changes nothing.
    struct Explained {
        std::vector<ProcessFacts> chain;  // the process first
        std::vector<ProgramClass> classes;
        std::optional<RunId> explicit_run;
        ProcessKey begun_at;  // the ancestor that makes it one; none: ART_RUN says so
        Inferred inferred;
        bool by_walk = true;   // false: remembered from before an ancestor died or changed
        std::string by_group;  // the entry of group_by_environment that decided; empty: none
    };
    std::optional<Explained> explain(pid_t pid);

    // Its generation says when a cache of callers must be cleared.
    ExplicitRuns& explicit_runs() { return explicit_runs_; }
    const ProgramLists& lists() const { return lists_; }

private:
    struct Membership {
        Inferred inferred;
        ProcessFacts root;
    };

    struct Known {
        std::shared_ptr<const Membership> membership;
        Instant execed;  // as it was when the process was seen
    };
    using KnownProcesses = std::unordered_map<ProcessKey, Known>;

    struct Begun {
        RunId run;
        ProcessKey at;  // none: by environment
    };
    std::optional<Begun> explicit_run_of(const std::vector<ProcessFacts>& chain) const;
    std::string group_text(const ProcessFacts& root, std::string* entry) const;
    std::shared_ptr<const Membership> membership_of(const std::vector<ProcessFacts>& chain);
    std::shared_ptr<const Membership> group_of(std::shared_ptr<const Membership> alone);
    KnownProcesses::iterator find_known(const std::vector<ProcessFacts>& chain,
                                        const Inferred& inferred);
    void forget_dead();

    const ProgramLists lists_;
    const std::vector<std::vector<std::string>> groups_;
    ProcessTable& table_;
    ExplicitRuns explicit_runs_;

    static constexpr std::size_t min_sweep = 1024;

    std::mutex mutex_;                  // guards what follows; nothing else is locked under it
    std::size_t sweep_at_ = min_sweep;  // known processes
    KnownProcesses known_;
    std::map<std::string, std::shared_ptr<const Membership>> by_group_;
};

}  // namespace artfs
