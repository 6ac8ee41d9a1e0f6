#include "runs/identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "runs/facts.h"

namespace artfs {

namespace {

constexpr std::size_t most_known = 65536;
constexpr std::size_t highest_chain = 256;  // parents; more is a loop in what /proc said

// The caller and its parents, as far up as they can be seen.
std::vector<ProcessFacts> chain_of(ProcessTable& table, pid_t pid) {
    std::vector<ProcessFacts> chain;
    while (pid > 0 && chain.size() < highest_chain) {
        auto facts = table.facts(pid);
        if (!facts) break;
        // A parent is older than its child: else the number was given to somebody new meanwhile.
        if (!chain.empty() && facts->start_ticks > chain.back().start_ticks) break;
        pid = facts->parent;
        chain.push_back(std::move(*facts));
    }
    return chain;
}

// The line that chain[i] draws, seen from below; none if the walk may go on above it.
std::optional<Line> line_at(const ProgramLists& lists, const std::vector<ProcessFacts>& chain,
                            std::size_t i) {
    const auto& process = chain[i];
    if (process.kernel_thread) return Line::kernel_thread;
    if (process.pid == 1 || process.subreaper || process.pid_in_namespace == 1) return Line::init;
    if (process.pid_namespace != 0 && chain.front().pid_namespace != 0 &&
        process.pid_namespace != chain.front().pid_namespace)
        return Line::namespace_edge;
    auto program_class = classify(lists, process);
    if (program_class == ProgramClass::supervisor) return Line::supervisor;
    if (program_class != ProgramClass::launcher) return std::nullopt;
    if (process.has_terminal && process.session == process.pid) return Line::terminal_launcher;
    if (i + 1 < chain.size() && classify(lists, chain[i + 1]) == ProgramClass::supervisor)
        return Line::supervised_launcher;
    return std::nullopt;
}

Inferred infer(const ProgramLists& lists, const std::vector<ProcessFacts>& chain) {
    Inferred inferred;
    const auto& caller = chain.front();
    auto root_is = [&](const ProcessFacts& process) {
        inferred.root = process.pid;
        inferred.root_start = process.start_ticks;
        inferred.root_class = classify(lists, process);
    };
    root_is(caller);
    if (inferred.root_class == ProgramClass::supervisor || caller.pid == 1) {
        inferred.line = Line::own;
        return inferred;
    }
    for (std::size_t i = 0; i < chain.size(); ++i) {
        // A launcher that draws the line may itself be the caller: then it acts for itself.
        if (auto line = line_at(lists, chain, i); line && i > 0) {
            inferred.line = *line;
            inferred.line_process = chain[i].pid;
            if (classify(lists, chain[i]) == ProgramClass::launcher) inferred.line_launcher = chain[i].pid;
            break;
        }
        auto program_class = classify(lists, chain[i]);
        if (program_class == ProgramClass::launcher)
            inferred.topmost_launcher = chain[i].pid;
        else if (i > 0)
            root_is(chain[i]);
    }
    return inferred;
}

}  // namespace

std::optional<Inferred> infer_root(ProcessTable& table, const ProgramLists& lists, pid_t pid) {
    auto chain = chain_of(table, pid);
    if (chain.empty() || chain.front().kernel_thread) return std::nullopt;
    return infer(lists, chain);
}

Identifier::Identifier(ProgramLists lists, ProcessTable& table)
    : lists_(std::move(lists)), table_(table) {}

std::optional<RunId> Identifier::explicit_run_of(const std::vector<ProcessFacts>& chain) const {
    if (explicit_runs_.empty()) return std::nullopt;
    for (const auto& ancestor : chain)
        if (auto run = explicit_runs_.by_ancestor(ancestor.key(), chain.front().key())) return run;
    auto claimed = environment_variable(chain.front().pid, "ART_RUN");
    auto id = claimed ? RunId::parse(*claimed) : std::nullopt;
    if (!id) return std::nullopt;
    return explicit_runs_.by_environment(*id, chain.front().uid, chain.front().key());
}

std::optional<Identified> Identifier::identify(pid_t tid) {
    auto thread = ThreadHandle::open(tid);
    if (!thread) return std::nullopt;
    auto pid = thread.process();
    if (!pid) return std::nullopt;
    auto chain = chain_of(table_, *pid);
    if (chain.empty() || chain.front().kernel_thread) return std::nullopt;
    const auto& process = chain.front();

    Identified identified;
    Caller& caller = identified.caller;
    caller.tid = tid;
    caller.process = process.key();
    caller.parent = process.parent;
    caller.uid = process.uid;
    caller.program_class = classify(lists_, process);
    caller.program = program_name(process);
    caller.executable = process.executable_file;
    caller.explicit_run = explicit_run_of(chain);
    caller.inferred = infer(lists_, chain);
    {
        // A child whose run's root has died stays in that run: somebody between them was seen.
        std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < chain.size() && !(i > 0 && line_at(lists_, chain, i)); ++i) {
            auto known = known_.find(chain[i].key());
            if (known == known_.end()) continue;
            caller.inferred = known->second;
            break;
        }
        bool program = caller.inferred.root_class == ProgramClass::ordinary &&
                       caller.program_class == ProgramClass::ordinary;
        if (program) {
            if (known_.size() > most_known) known_.clear();
            known_[caller.process] = caller.inferred;
        }
    }
    caller.observer = !caller.explicit_run && caller.inferred.root == process.pid &&
                      caller.program_class == ProgramClass::observer;
    std::string directory = "/proc/" + std::to_string(*pid);
    caller.process_directory = Fd(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    caller.thread = std::move(thread);
    if (!caller.explicit_run) {
        auto root = read_root(caller.inferred.root, lists_);
        if (root && root->facts.key() == caller.root()) identified.root = std::move(*root);
    }
    return identified;
}

}  // namespace artfs
