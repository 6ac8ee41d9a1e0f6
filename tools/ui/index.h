// Runs, versions and edges of a project in memory: what counting, sorting and drawing need of a
// hundred thousand runs, which reading record by record for each request would make slow.
//
// An index is an immutable value of one catalog state. Where building takes long, the last one
// answers until the watcher's thread has built the next, at most a twentieth of the time.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "catalog/store.h"

namespace artfs::ui {

struct IndexedVersion {
    VersionId id;
    std::uint32_t artifact = 0;  // place in ProjectIndex::artifacts
    std::uint32_t number = 0;
    Time created{};
};

struct IndexedEdge {
    std::uint32_t version = 0;  // place in ProjectIndex::versions
    std::uint32_t segment = 1;
    bool log = false;
};

struct IndexedRun {
    RunId id;
    std::string name;
    std::string job_type;
    RunState state = RunState::running;
    Time started{};
    std::optional<Time> ended;
    bool listed = true;  // not one that only reads
    std::vector<std::string> tags;
    std::vector<IndexedEdge> edges;
};

// Runs that are listed, by what they are; and all edges.
struct ProjectCounts {
    std::map<RunState, std::size_t> states;
    std::map<std::string, std::size_t> job_types;
    std::map<std::string, std::size_t> types;  // of artifacts
    std::size_t listed = 0;
    std::size_t edges = 0;
};

struct ProjectIndex {
    std::vector<ArtifactRecord> artifacts;  // by name
    std::vector<IndexedVersion> versions;   // by artifact, then number
    std::vector<IndexedRun> runs;           // newest first
    ProjectCounts counts;
};

// Thread-safe.
class IndexKeeper {
public:
    explicit IndexKeeper(const Store& store) : store_(store) {}

    // Waits only for a project's first index, or for one that is built at once.
    std::shared_ptr<const ProjectIndex> of(const std::string& project);
    // None while the first is being built.
    std::shared_ptr<const ProjectIndex> if_built(const std::string& project);
    // Builds what is out of date and was built slowly; true if there is something new to show.
    bool refresh();
    // The next answer sees what has just been changed.
    void forget();

private:
    using Clock = std::chrono::steady_clock;
    struct Kept {
        std::shared_ptr<const ProjectIndex> index;
        std::string state;  // of the catalog
        Clock::time_point built;
        Clock::duration took{};
    };

    Kept built(const std::string& project, const std::string& state) const;
    bool is_slow(const Kept& kept) const { return kept.took > std::chrono::milliseconds(100); }

    const Store& store_;
    std::mutex building_;  // held while one builds; taken before mutex_
    std::mutex mutex_;     // guards the one below
    std::map<std::string, Kept> kept_;
};

// A text that differs after every change of the catalog; empty where the store has gone away.
std::string catalog_state(const Store& store);

}  // namespace artfs::ui
