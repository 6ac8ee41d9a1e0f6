#include "runs/identity.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "runs/facts.h"
#include "runs/proc_files.h"

namespace artfs {

namespace {

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    for (std::size_t from = 0; from <= text.size();) {
        auto to = std::min(text.find(separator, from), text.size());
        if (to > from) parts.push_back(text.substr(from, to - from));
        from = to + 1;
    }
    return parts;
}

std::vector<std::vector<std::string>> split_groups(const std::vector<std::string>& groups) {
    std::vector<std::vector<std::string>> all;
    for (const auto& group : groups)
        if (auto names = split(group, '+'); !names.empty()) all.push_back(std::move(names));
    return all;
}

bool gone(pid_t pid) { return kill(pid, 0) != 0 && errno == ESRCH; }

}  // namespace

RootProcess open_root(const ProcessFacts& facts, ProgramClass program_class) {
    RootProcess root;
    root.facts = facts;
    root.program_class = program_class;
    Fd process = open_process_directory(facts.pid);
    Fd pidfd = open_pidfd(facts.pid);
    // Both are of the process we mean only if it is still there after they were opened.
    auto stat = process ? read_stat_at(process.get()) : std::nullopt;
    if (!stat || stat->start_ticks != facts.start_ticks) return root;
    root.pidfd = std::move(pidfd);
    int fd = process.get();
    root.executable = Fd(openat(fd, "exe", O_PATH | O_CLOEXEC));
    root.directory = Fd(openat(fd, "cwd", O_PATH | O_CLOEXEC));
    root.cwd = read_link_at(fd, "cwd").value_or("");
    root.environment = environment_of(facts.pid);
    auto mounts = read_link_at(fd, "ns/mnt");
    root.same_mounts = mounts && mounts == read_link_at(AT_FDCWD, "/proc/self/ns/mnt");
    return root;
}

std::optional<RootProcess> read_root(pid_t pid, const ProgramLists& lists) {
    auto facts = system_processes().facts(pid);
    if (!facts) return std::nullopt;
    RootProcess root = open_root(*facts, classify(lists, *facts));
    if (!root.pidfd) return std::nullopt;
    return root;
}

Identifier::Identifier(ProgramLists lists, std::vector<std::string> groups, ProcessTable& table)
    : lists_(std::move(lists)), groups_(split_groups(groups)), table_(table) {}

std::optional<Identified> Identifier::identify(pid_t tid) {
    auto thread = ThreadHandle::open(tid);
    auto pid = thread.process();
    if (!pid) return std::nullopt;
    auto chain = ancestry(table_, *pid);
    auto credentials = credentials_of(tid);
    if (chain.empty() || !credentials) return std::nullopt;
    const auto& self = chain.front();

    Identified identified;
    Caller& caller = identified.caller;
    caller.tid = tid;
    caller.process = self.key();
    caller.parent = self.parent;
    caller.credentials = std::move(*credentials);
    caller.program_class = classify(lists_, self);
    caller.program = program_name(self);
    caller.job_type = job_type_of(self);
    caller.executable = self.executable_file;
    caller.comm = self.comm;
    caller.pipes = standard_pipes_of(self.pid);
    if (auto begun = explicit_run_of(chain)) caller.explicit_run = begun->run;
    auto membership = membership_of(chain);
    caller.inferred = membership->inferred;
    if (!caller.explicit_run) caller.role = role_of(caller.inferred, caller.program_class);
    if (!caller.explicit_run)
        identified.root = open_root(membership->root, caller.inferred.root_class);
    if (caller.may_become_another()) caller.process_directory = open_process_directory(self.pid);
    // All of the above went by number: it is true if the number was the thread's to the end.
    if (!thread.alive()) return std::nullopt;
    caller.thread = std::move(thread);
    return identified;
}

std::optional<Identifier::Begun> Identifier::explicit_run_of(
    const std::vector<ProcessFacts>& chain) const {
    if (explicit_runs_.empty()) return std::nullopt;
    const auto& self = chain.front();
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const auto& branch = chain[i == 0 ? 0 : i - 1];
        if (auto run = explicit_runs_.by_ancestor(chain[i].key(), branch.key(), self.key()))
            return Begun{*run, chain[i].key()};
    }
    auto named = environment_variable(self.pid, "ART_RUN");
    auto claimed = named ? RunId::parse(*named) : std::nullopt;
    if (!claimed) return std::nullopt;
    auto run = explicit_runs_.by_environment(*claimed, self.uid, self.key());
    return run ? std::optional(Begun{*run, {}}) : std::nullopt;
}

std::optional<Identifier::Explained> Identifier::explain(pid_t pid) {
    Explained found;
    found.chain = ancestry(table_, pid);
    if (found.chain.empty()) return std::nullopt;
    found.classes = classes_of(lists_, found.chain);
    if (auto begun = explicit_run_of(found.chain)) {
        found.explicit_run = begun->run;
        found.begun_at = begun->at;
    }
    const auto walked = infer_root(lists_, found.chain);
    found.inferred = walked;
    auto root = std::find_if(found.chain.begin(), found.chain.end(),
                             [&](const ProcessFacts& one) { return one.pid == walked.root; });
    std::string group = group_text(*root, &found.by_group);
    std::lock_guard lock(mutex_);
    if (auto grouped = by_group_.find(group); !group.empty() && grouped != by_group_.end())
        found.inferred = grouped->second->inferred;
    if (auto known = find_known(found.chain, walked); known != known_.end()) {
        found.by_walk = known->second.membership->inferred.key() == walked.key();
        found.inferred = known->second.membership->inferred;
    }
    return found;
}

// With the lock held: the nearest, up to the line, that was seen in a run.
Identifier::KnownProcesses::iterator Identifier::find_known(const std::vector<ProcessFacts>& chain,
                                                            const Inferred& inferred) {
    bool own = inferred.line == Line::own && inferred.root_class == ProgramClass::supervisor;
    for (auto process = chain.begin(); process != chain.end(); ++process) {
        const bool line = process->pid == inferred.line_process;
        if (other_namespace(*process, chain[0])) break;
        if (line && inferred.line != Line::supervisor && !own) break;
        auto known = known_.find(process->key());
        if (known != known_.end()) {
            const auto seen = known->second.execed;
            // Seen only after it had become another than the one that forked the process below.
            bool later = process != chain.begin() && seen > std::prev(process)->forked;
            // A program that only calls itself a supervisor now stays what it was.
            bool another = line && seen != process->execed;
            if (!later && !another) return known;
        }
        if (line) break;
    }
    return known_.end();
}

std::shared_ptr<const Identifier::Membership> Identifier::membership_of(
    const std::vector<ProcessFacts>& chain) {
    Inferred inferred = infer_root(lists_, chain);
    auto root = std::find_if(chain.begin(), chain.end(),
                             [&](const ProcessFacts& one) { return one.pid == inferred.root; });
    auto membership = std::make_shared<const Membership>(Membership{inferred, *root});
    auto above = std::next(root);
    bool under_supervisor = inferred.line == Line::supervisor && above != chain.end() &&
                            above->pid == inferred.line_process;
    if (under_supervisor) membership = group_of(std::move(membership));

    auto end = above;  // of what is in the run for sure
    std::lock_guard lock(mutex_);
    if (auto known = find_known(chain, inferred); known != known_.end()) {
        membership = known->second.membership;
        end = std::find_if(chain.begin(), chain.end(),
                           [&](const ProcessFacts& one) { return one.key() == known->first; });
    }
    // Launchers go on to start other runs, observers and tools become programs; what is under a
    // program stays with it.
    if (membership->inferred.root_class != ProgramClass::ordinary) return membership;
    for (auto process = chain.begin(); process != end; ++process)
        known_.insert_or_assign(process->key(), Known{membership, process->execed});
    if (known_.size() >= sweep_at_) forget_dead();
    return membership;
}

// What the processes of a group have in common; empty: the root is in none. `entry`: of the
// configuration, where that is asked for.
std::string Identifier::group_text(const ProcessFacts& root, std::string* entry) const {
    if (groups_.empty()) return "";
    auto environment = environment_of(root.pid);
    for (const auto& names : groups_) {
        std::string group = std::to_string(root.uid);
        std::string joined;
        bool complete = std::all_of(names.begin(), names.end(), [&](const std::string& name) {
            auto variable = std::find_if(environment.begin(), environment.end(),
                                         [&](const auto& one) { return one.first == name; });
            if (variable == environment.end()) return false;
            group.append("\n").append(name).append("=").append(variable->second);
            joined.append(joined.empty() ? "" : "+").append(name);
            return true;
        });
        if (!complete) continue;
        if (entry != nullptr) *entry = joined;
        return group;
    }
    return "";
}

std::shared_ptr<const Identifier::Membership> Identifier::group_of(
    std::shared_ptr<const Membership> alone) {
    if (alone->inferred.root_class != ProgramClass::ordinary) return alone;
    std::string group = group_text(alone->root, nullptr);
    if (group.empty()) return alone;
    std::lock_guard lock(mutex_);
    return by_group_.try_emplace(group, std::move(alone)).first->second;
}

void Identifier::forget_dead() {
    std::erase_if(known_, [](const auto& entry) { return gone(entry.first.pid); });
    std::erase_if(by_group_, [this](const auto& entry) {
        return std::none_of(known_.begin(), known_.end(),
                            [&](const auto& one) { return one.second.membership == entry.second; });
    });
    sweep_at_ = std::max(min_sweep, 2 * known_.size());
}

}  // namespace artfs
