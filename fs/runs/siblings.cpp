#include "runs/siblings.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "runs/proc_files.h"

namespace artfs {

namespace {

// Not every kernel has /proc/PID/task/TID/children: this looks at every process.
std::vector<pid_t> children_of(pid_t parent) {
    std::vector<pid_t> children;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", failed)) {
        std::string name = entry.path().filename().string();
        pid_t pid = 0;
        auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (parsed.ptr != name.data() + name.size()) continue;
        auto status = read_status(pid);
        if (status && status->parent == parent) children.push_back(pid);
    }
    return children;
}

// Or wants to.
bool is_at_work(pid_t pid) {
    auto status = read_status(pid);
    return status && (status->state == 'R' || status->state == 'D');
}

// A fork has its parent's until it execs.
std::optional<std::string> command_of(pid_t pid) {
    constexpr std::size_t limit = 4096;
    Fd directory = open_process_directory(pid);
    return directory ? read_proc_at(directory.get(), "cmdline", limit) : std::nullopt;
}

}  // namespace

Pipeline follow_pipe(pid_t parent, std::uint64_t output, const ProgramLists& lists) {
    std::map<std::uint64_t, std::pair<pid_t, StandardPipes>> readers;  // by what they read
    const auto children = children_of(parent);
    for (pid_t pid : children) {
        StandardPipes pipes = standard_pipes_of(pid);
        if (pipes.input != 0) readers[pipes.input] = {pid, pipes};
    }
    Pipeline found;
    for (auto reader = readers.find(output); reader != readers.end();
         reader = readers.find(output)) {
        const auto [pid, pipes] = reader->second;
        readers.erase(reader);  // a ring ends here
        auto facts = system_processes().facts(pid);
        // A shell may be about to become what comes next.
        if (!facts || classify(lists, *facts) == ProgramClass::launcher) {
            found.growing = is_at_work(pid);
            return found;
        }
        found.programs.push_back({{pid, facts->start_ticks}, pipes});
        found.complete = pipes.output == 0;
        if (found.complete) return found;
        output = pipes.output;
    }
    found.growing =
        is_at_work(parent) || std::any_of(children.begin(), children.end(), [&](pid_t child) {
            return is_at_work(child) && command_of(child) == command_of(parent);
        });
    return found;
}

}  // namespace artfs
