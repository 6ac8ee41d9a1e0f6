// Rule 2 of design.md, section 3: the walk up the parents, and the line.
#include <algorithm>

#include "runs/identity.h"

namespace artfs {

namespace {

constexpr std::size_t max_steps = 4096;  // against a table that goes round in a circle

// How a walk ended: processes [0, below) are below the line.
struct Walk {
    std::size_t below = 0;
    Line line = Line::namespace_edge;
    bool seen = false;  // the process at `below` is the line
};

std::optional<Line> line_at(const std::vector<ProcessFacts>& chain,
                            const std::vector<ProgramClass>& classes, std::size_t i) {
    const auto& process = chain[i];
    if (process.kernel_thread) return Line::kernel_thread;
    // A container's first process, unlike ours, is the program that the container is for: only
    // the number that we see counts.
    if (process.pid == 1 || process.subreaper) return Line::init;
    if (classes[i] == ProgramClass::supervisor) return Line::supervisor;
    if (classes[i] != ProgramClass::launcher) return std::nullopt;
    if (process.has_terminal && process.session == process.pid) return Line::terminal_launcher;
    if (i + 1 < chain.size() && classes[i + 1] == ProgramClass::supervisor)
        return Line::supervised_launcher;
    return std::nullopt;
}

Walk walk(const std::vector<ProcessFacts>& chain, const std::vector<ProgramClass>& classes) {
    for (std::size_t i = 0; i < chain.size(); ++i) {
        if (i > 0 && other_namespace(chain[i], chain[0])) return {i, Line::namespace_edge, false};
        if (auto line = line_at(chain, classes, i)) return {i, *line, true};
    }
    return {chain.size(), Line::namespace_edge, false};
}

bool same_program(const ProcessFacts& a, const ProcessFacts& b) {
    return a.executable_file == b.executable_file && a.executable == b.executable &&
           a.arguments == b.arguments;
}

// The program that it is now did not start the one below.
bool became_another(const std::vector<ProcessFacts>& chain, std::size_t i) {
    return i > 0 && i < chain.size() && chain[i].execed > chain[i - 1].forked;
}

// An exec shows before it is told: so this comes after all facts were read. Until it does show it
// all, the process has a file and no arguments.
void note_execs(ProcessTable& table, std::vector<ProcessFacts>& chain) {
    for (auto& process : chain) {
        if (auto descent = table.descent(process.pid)) process.execed = descent->execed;
        bool within = process.arguments.empty() && !process.executable.empty();
        if (within) process.execed = std::chrono::steady_clock::now();
    }
}

Launcher launcher_at(const std::vector<ProcessFacts>& chain,
                     const std::vector<ProgramClass>& classes, std::size_t i) {
    const auto& process = chain[i];
    Launcher launcher{process.key(), program_name(process), false, false};
    launcher.desk = process.has_terminal && process.session == process.pid;
    if (i + 1 == chain.size() || classes[i + 1] != ProgramClass::launcher) return launcher;
    launcher.fork = became_another(chain, i + 1) ? process.execed <= process.forked
                                                 : same_program(process, chain[i + 1]);
    return launcher;
}

}  // namespace

std::vector<ProgramClass> classes_of(const ProgramLists& lists,
                                     const std::vector<ProcessFacts>& chain) {
    std::vector<ProgramClass> classes;
    classes.reserve(chain.size());
    for (std::size_t i = 0; i < chain.size(); ++i) {
        auto now = classify(lists, chain[i]);
        bool was_launcher = became_another(chain, i) && now != ProgramClass::supervisor;
        classes.push_back(was_launcher ? ProgramClass::launcher : now);
    }
    return classes;
}

const Launcher* Inferred::acts_for() const {
    if (launchers.empty()) return nullptr;
    bool of_line = launchers.back().process.pid == line_launcher;
    if (of_line && launchers.size() > 1) return &launchers[launchers.size() - 2];
    return &launchers.back();
}

Role role_of(const Inferred& inferred, ProgramClass own) {
    switch (inferred.root_class) {
        case ProgramClass::ordinary:
            return Role::program;
        case ProgramClass::launcher:
        case ProgramClass::supervisor:
            return Role::launcher;
        case ProgramClass::observer:
            return own == ProgramClass::observer ? Role::observer : Role::program;
        case ProgramClass::file_tool:
            return inferred.launchers.empty() ? Role::program : Role::file_tool;
    }
    return Role::program;
}

std::vector<ProcessFacts> ancestry(ProcessTable& table, pid_t pid) {
    std::vector<ProcessFacts> chain;
    auto process = pid > 0 ? table.facts(pid) : std::nullopt;
    if (!process || process->kernel_thread) return chain;
    chain.push_back(std::move(*process));
    for (std::size_t step = 0; step < max_steps; ++step) {
        auto& last = chain.back();
        if (last.parent <= 0 || last.pid == 1) break;
        auto descent = table.descent(last.pid);
        if (descent) {
            // An orphan's parent by /proc only adopted it.
            last.parent = descent->living_ancestor.value_or(last.parent);
            last.dead_parents = std::move(descent->dead);
            last.forked = descent->forked;
        }
        auto parent = table.facts(last.parent);
        if (parent && descent) {
            // One that dies meanwhile no longer says what it is, nor when it became that.
            if (auto of_parent = table.descent(last.parent))
                parent->execed = of_parent->execed;
            else if (auto now = table.descent(last.pid);
                     now && now->living_ancestor.value_or(last.parent) != last.parent)
                continue;
        }
        if (parent && parent->start_ticks <= last.start_ticks) {
            chain.push_back(std::move(*parent));
            continue;
        }
        // The parent died since we read its number, which may be another's now: who adopted?
        auto again = table.facts(last.pid);
        if (!again || again->key() != last.key() || again->parent == last.parent) break;
        last.parent = again->parent;
    }
    note_execs(table, chain);
    return chain;
}

Inferred infer_root(const ProgramLists& lists, const std::vector<ProcessFacts>& chain) {
    const auto classes = classes_of(lists, chain);
    Walk end = walk(chain, classes);
    Inferred inferred;
    inferred.line = end.line;
    if (end.seen) {
        inferred.line_process = chain[end.below].pid;
        if (classes[end.below] == ProgramClass::launcher)
            inferred.line_launcher = inferred.line_process;
        inferred.interactive = end.line == Line::supervisor && end.below > 0 &&
                               is_interactive(lists, chain[end.below]);
    }
    std::size_t root = 0;
    for (std::size_t i = 0; i < end.below; ++i) {
        if (classes[i] != ProgramClass::launcher) {
            // What a program starts its own by is a part of the program, and nobody acts for it.
            root = i;
            inferred.topmost_launcher = 0;
            inferred.launchers.clear();
            continue;
        }
        inferred.topmost_launcher = chain[i].pid;
        inferred.launchers.push_back(launcher_at(chain, classes, i));
    }
    if (inferred.line_launcher != 0)
        inferred.launchers.push_back(launcher_at(chain, classes, end.below));
    if (end.below == 0 && inferred.line_launcher == 0) {
        inferred.line = Line::own;
        // It lives long and looks again at what it starts has made: a run of its own that is pinned
        // to its first look would never see that. What it does itself is done as by a launcher.
        if (classes[0] == ProgramClass::supervisor)
            inferred.launchers.push_back(launcher_at(chain, classes, 0));
    }
    for (std::size_t i = end.below; i-- > root;)
        inferred.dead_above.insert(inferred.dead_above.end(), chain[i].dead_parents.rbegin(),
                                   chain[i].dead_parents.rend());
    inferred.root = chain[root].pid;
    inferred.root_start = chain[root].start_ticks;
    inferred.root_class = classes[root];
    return inferred;
}

std::optional<Inferred> infer_root(ProcessTable& table, const ProgramLists& lists, pid_t pid) {
    auto chain = ancestry(table, pid);
    if (chain.empty()) return std::nullopt;
    return infer_root(lists, chain);
}

}  // namespace artfs
