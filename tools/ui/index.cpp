#include "ui/index.h"

#include <sys/stat.h>

#include <unordered_map>

namespace artfs::ui {

namespace {

ProjectCounts counted(const ProjectIndex& index) {
    ProjectCounts counts;
    for (const auto& artifact : index.artifacts) ++counts.types[artifact.type];
    for (const auto& run : index.runs) {
        counts.edges += run.edges.size();
        if (!run.listed) continue;
        ++counts.listed;
        ++counts.states[run.state];
        ++counts.job_types[run.job_type];
    }
    return counts;
}

ProjectIndex build(const ReadTxn& txn, const std::string& project) {
    ProjectIndex index;
    index.artifacts = txn.artifacts(project);
    std::unordered_map<VersionId, std::uint32_t> places;
    for (std::uint32_t place = 0; place < index.artifacts.size(); ++place)
        txn.version_sketches(index.artifacts[place].id, [&](const VersionSketch& version) {
            places.emplace(version.id, static_cast<std::uint32_t>(index.versions.size()));
            index.versions.push_back({version.id, place, version.number, version.created});
        });
    // Of one run at a time; each keeps a copy, which has no more room than it needs.
    std::vector<IndexedEdge> edges;
    auto add = [&](const VersionId& version, std::uint32_t segment, bool log) {
        if (auto found = places.find(version); found != places.end())
            edges.push_back({found->second, segment, log});
    };
    txn.run_sketches(project, [&](const RunSketch& run) {
        edges.clear();
        txn.each_use(run.id, [&](std::uint32_t segment, const VersionId& version) {
            add(version, segment, false);
        });
        for (const auto& log : txn.logs_of(run.id))
            if (log.kind == LogKind::logged) add(log.version, log.segment, true);
        index.runs.push_back({run.id, run.name, run.job_type, run.state, run.started, run.ended,
                              run.wrote || run.explicitly_started, run.tags, edges});
    });
    index.counts = counted(index);
    return index;
}

}  // namespace

std::string catalog_state(const Store& store) {
    // LMDB writes its pages with pwrite, so every commit changes the file's time.
    struct stat found {};
    if (stat((store.dir() / "catalog" / "data.mdb").c_str(), &found) != 0) return {};
    return std::to_string(found.st_mtim.tv_sec) + "." + std::to_string(found.st_mtim.tv_nsec) +
           "." + std::to_string(found.st_ino);
}

IndexKeeper::Kept IndexKeeper::built(const std::string& project, const std::string& state) const {
    auto begun = Clock::now();
    auto txn = store_.catalog().read();
    auto index = std::make_shared<const ProjectIndex>(build(*txn, project));
    auto ended = Clock::now();
    return {std::move(index), state, ended, ended - begun};
}

std::shared_ptr<const ProjectIndex> IndexKeeper::if_built(const std::string& project) {
    std::lock_guard lock(mutex_);
    auto found = kept_.find(project);
    return found == kept_.end() ? nullptr : found->second.index;
}

std::shared_ptr<const ProjectIndex> IndexKeeper::of(const std::string& project) {
    auto good = [&]() -> std::shared_ptr<const ProjectIndex> {
        std::lock_guard lock(mutex_);
        auto found = kept_.find(project);
        if (found == kept_.end()) return nullptr;
        bool fresh = found->second.state == catalog_state(store_);
        return fresh || is_slow(found->second) ? found->second.index : nullptr;
    };
    if (auto index = good()) return index;
    std::lock_guard one_builds(building_);
    if (auto index = good()) return index;
    auto fresh = built(project, catalog_state(store_));
    std::lock_guard lock(mutex_);
    return (kept_[project] = std::move(fresh)).index;
}

bool IndexKeeper::refresh() {
    auto state = catalog_state(store_);
    std::vector<std::string> old;
    {
        std::lock_guard lock(mutex_);
        for (const auto& [project, kept] : kept_)
            if (kept.state != state && is_slow(kept) && Clock::now() - kept.built > 20 * kept.took)
                old.push_back(project);
    }
    for (const auto& project : old) {
        std::lock_guard one_builds(building_);
        auto fresh = built(project, state);
        std::lock_guard lock(mutex_);
        kept_[project] = std::move(fresh);
    }
    return !old.empty();
}

void IndexKeeper::forget() {
    std::lock_guard lock(mutex_);
    kept_.clear();
}

}  // namespace artfs::ui
