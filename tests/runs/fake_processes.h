// A made-up process table, written as a tree.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runs/identity.h"

namespace artfs::test {

// Not thread-safe; a test owns it.
class FakeProcesses : public ProcessTable {
public:
    struct Options {
        bool terminal = false;  // leads a session with a controlling terminal
        std::uint64_t pid_namespace = 1;
        bool subreaper = false;
        bool kernel_thread = false;
    };

    // Adds a process that runs `arguments`, whose first word is the executable's path too.
    pid_t add(pid_t parent, std::vector<std::string> arguments, Options options) {
        ProcessFacts facts;
        facts.pid = next_++;
        facts.parent = parent;
        facts.session = options.terminal ? facts.pid : 1;
        facts.has_terminal = options.terminal;
        facts.start_ticks = static_cast<std::uint64_t>(facts.pid) * 10;
        facts.pid_namespace = options.pid_namespace;
        facts.executable = options.kernel_thread ? "" : arguments.front();
        facts.arguments = std::move(arguments);
        facts.subreaper = options.subreaper;
        facts.kernel_thread = options.kernel_thread;
        processes_[facts.pid] = facts;
        return facts.pid;
    }
    pid_t add(pid_t parent, std::vector<std::string> arguments) {
        return add(parent, std::move(arguments), Options{});
    }

    ProcessFacts& operator[](pid_t pid) { return processes_.at(pid); }
    void remove(pid_t pid) { processes_.erase(pid); }

    std::optional<ProcessFacts> facts(pid_t pid) override {
        if (asked) asked(pid);
        auto found = processes_.find(pid);
        if (found == processes_.end()) return std::nullopt;
        return found->second;
    }

    std::function<void(pid_t)> asked;  // runs before each answer

private:
    pid_t next_ = 1;
    std::map<pid_t, ProcessFacts> processes_;
};

}  // namespace artfs::test
