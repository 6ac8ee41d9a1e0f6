#include "processes.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace artfs {

unsigned ProcessCounts::of(const LiveRun& run) const {
    unsigned count = 0;
    if (auto found = begun.find(run.record.id); found != begun.end())
        count += found->second.below + (found->second.at.contains(run.root) ? 1U : 0U);
    if (auto found = inferred.find(run.root); found != inferred.end()) count += found->second;
    if (run.for_launcher) count += static_cast<unsigned>(run.tools.size());
    // Its root lives, also where it could not be asked.
    return std::max(count, run.exited ? 0U : 1U);
}

ProcessCounts count_processes(Identifier& identifier) {
    ProcessCounts counts;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        std::string name = entry.path().filename();
        pid_t pid = 0;
        auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (bad != std::errc() || end != name.data() + name.size()) continue;
        auto found = identifier.explain(pid);
        if (!found) continue;
        if (!found->explicit_run) {
            ++counts.inferred[found->inferred.key()];
            continue;
        }
        auto& run = counts.begun[*found->explicit_run];
        const auto process = found->chain.front().key();
        if (found->begun_at == process)
            run.at.insert(process);
        else
            ++run.below;
    }
    return counts;
}

}  // namespace artfs
