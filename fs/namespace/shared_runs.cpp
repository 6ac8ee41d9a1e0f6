#include "namespace/shared_runs.h"

#include <algorithm>
#include <utility>

namespace artfs {

SharedRuns::Name SharedRuns::claim(const ProcessKey& root, const Name& fresh) {
    std::lock_guard lock(mutex_);
    auto& claimed = claimed_.try_emplace(root, Claimed{fresh, 0}).first->second;
    ++claimed.projects;
    return claimed.run;
}

void SharedRuns::release(const ProcessKey& root, const RunId& run) {
    std::lock_guard lock(mutex_);
    auto found = claimed_.find(root);
    if (found == claimed_.end() || found->second.run.id != run) return;
    if (--found->second.projects == 0) claimed_.erase(found);
}

void SharedRuns::used(const void* project, const RunId& run, const VersionId& version) {
    std::lock_guard lock(mutex_);
    uses_[run][project].insert(version);
}

void SharedRuns::forget_uses(const void* project, const RunId& run) {
    std::lock_guard lock(mutex_);
    auto found = uses_.find(run);
    if (found == uses_.end()) return;
    found->second.erase(project);
    if (found->second.empty()) uses_.erase(found);
}

std::set<VersionId> SharedRuns::uses_of(const RunId& run) const {
    std::lock_guard lock(mutex_);
    std::set<VersionId> all;
    auto found = uses_.find(run);
    if (found == uses_.end()) return all;
    for (const auto& [project, versions] : found->second)
        all.insert(versions.begin(), versions.end());
    return all;
}

void SharedRuns::became(const VersionId& promised, const VersionId& version) {
    std::lock_guard lock(mutex_);
    for (auto& [run, projects] : uses_)
        for (auto& [project, versions] : projects)
            if (versions.erase(promised) > 0) versions.insert(version);
}

std::uint32_t SharedRuns::entered(const void* project, const RunId& run, std::uint32_t segment) {
    std::lock_guard lock(mutex_);
    auto& segments = segments_[run];
    segments.projects.insert(project);
    segments.newest = std::max(segments.newest, segment);
    return segments.newest;
}

void SharedRuns::left(const void* project, const RunId& run) {
    std::lock_guard lock(mutex_);
    auto found = segments_.find(run);
    if (found == segments_.end()) return;
    found->second.projects.erase(project);
    if (found->second.projects.empty()) segments_.erase(found);
}

std::uint32_t SharedRuns::segment_of(const RunId& run) const {
    std::lock_guard lock(mutex_);
    return segments_.at(run).newest;
}

std::uint32_t SharedRuns::next_segment(const RunId& run) {
    std::lock_guard lock(mutex_);
    auto& segments = segments_.at(run);
    segments.ended = false;
    return ++segments.newest;
}

void SharedRuns::ends_segment(const RunId& run) {
    std::lock_guard lock(mutex_);
    segments_.at(run).ended = true;
}

std::uint32_t SharedRuns::segment_to_use(const RunId& run) {
    std::lock_guard lock(mutex_);
    auto& segments = segments_.at(run);
    if (std::exchange(segments.ended, false)) ++segments.newest;
    return segments.newest;
}

void SharedRuns::put(const LiveRun& begun) {
    // What it has used and written is of one mount; elsewhere it has done nothing yet.
    LiveRun elsewhere;
    elsewhere.record = begun.record;
    elsewhere.root = begun.root;
    elsewhere.pins = begun.pins;
    elsewhere.types = begun.types;
    elsewhere.aliases = begun.aliases;
    std::lock_guard lock(mutex_);
    begun_.insert_or_assign(begun.record.id, std::move(elsewhere));
}

std::optional<LiveRun> SharedRuns::begun(const RunId& run) const {
    std::lock_guard lock(mutex_);
    auto found = begun_.find(run);
    if (found == begun_.end()) return std::nullopt;
    return found->second;
}

void SharedRuns::listen(const void* who, Heard heard) {
    std::lock_guard lock(mutex_);
    listeners_[who] = std::move(heard);
}

void SharedRuns::unlisten(const void* who) {
    std::lock_guard lock(mutex_);
    listeners_.erase(who);
}

void SharedRuns::ended(const RunId& run, std::optional<int> wait_status, const Resources& told) {
    std::lock_guard lock(mutex_);
    begun_.erase(run);
    for (const auto& [who, heard] : listeners_) heard(run, wait_status, told);
}

}  // namespace artfs
