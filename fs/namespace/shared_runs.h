// What the mounted projects of one daemon know of runs together: who belongs to which, and that a
// run that touches two projects is in both under one id and name.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "namespace/session.h"
#include "runs/config.h"
#include "runs/identity.h"
#include "runs/resource_meter.h"

namespace artfs {

// Thread-safe: each project has a dispatch thread of its own.
class SharedRuns {
public:
    explicit SharedRuns(const Config& config)
        : connected_(connected_processes()),
          identifier(config.programs, config.group_by_environment,
                     connected_ ? *connected_ : system_processes()),
          meter(ResourceMeter::open()) {}

private:
    const std::unique_ptr<ProcessTable> connected_;  // none for an ordinary user

public:
    Identifier identifier;
    const std::unique_ptr<ResourceMeter> meter;  // none for an ordinary user

    struct Name {
        RunId id;
        std::string name;
    };
    // The run of a root as the project that saw it first named it: `fresh` if that is the caller.
    Name claim(const ProcessKey& root, const Name& fresh);
    // A project is done with it.
    void release(const ProcessKey& root, const RunId& run);

    // A run that ends in one project ends in all: `heard` is called on whatever thread says so.
    using Heard = std::function<void(const RunId& run, std::optional<int> wait_status,
                                     const Resources& told)>;
    void listen(const void* who, Heard heard);
    void unlisten(const void* who);
    // `told`: what its wrapper says the run took.
    void ended(const RunId& run, std::optional<int> wait_status, const Resources& told = {});

    // Versions that a run has used in a project, until that has them in the catalog: an edge that
    // another project makes must close no cycle with them.
    void used(const void* project, const RunId& run, const VersionId& version);
    void forget_uses(const void* project, const RunId& run);
    std::set<VersionId> uses_of(const RunId& run) const;
    // What was promised as a version turned out to be one that was there.
    void became(const VersionId& promised, const VersionId& version);

    // A run's segments have the same numbers in all projects, so that each follows the one before
    // it wherever that was: what is sealed in one closes the segment in the others.
    // From its start in a project to its end there. The segment it is in.
    std::uint32_t entered(const void* project, const RunId& run, std::uint32_t segment);
    void left(const void* project, const RunId& run);
    std::uint32_t segment_of(const RunId& run) const;
    // Closes it: the next one's number.
    std::uint32_t next_segment(const RunId& run);
    // It has ended and a project seals it. Others may seal the same segment; but what it still
    // uses there belongs to the next.
    void ends_segment(const RunId& run);
    std::uint32_t segment_to_use(const RunId& run);

    // Runs begun by name, for the projects they were not begun in.
    void put(const LiveRun& begun);
    // As it begins in another project.
    std::optional<LiveRun> begun(const RunId& run) const;

private:
    struct Claimed {
        Name run;
        unsigned projects = 0;
    };
    struct Segments {
        std::uint32_t newest = 1;
        bool ended = false;
        std::set<const void*> projects;
    };
    mutable std::mutex mutex_;  // guards what follows
    std::map<RunId, Segments> segments_;
    std::map<ProcessKey, Claimed> claimed_;
    std::map<RunId, LiveRun> begun_;
    std::map<RunId, std::map<const void*, std::set<VersionId>>> uses_;
    std::map<const void*, Heard> listeners_;
};

}  // namespace artfs
