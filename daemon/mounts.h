// The projects of the store that are mounted, and where.
//
// A project is mounted once; further mountpoints of it are bind mounts of the first, so that the
// kernel keeps one set of inodes and pages for them and all see one state.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "catalog/store.h"
#include "fuse/adapter.h"
#include "keeper.h"
#include "namespace/filesystem.h"

namespace artfs {

// What all mounts of the daemon share.
struct Served {
    Store& store;
    CatalogThread& catalog;
    const Config& config;
    SharedRuns& runs;
    std::atomic<std::uint64_t>& next_staging;
    GuardianLink& guardian;
};

// A mounted project: all that its dispatch thread owns. Others ask it through the executor.
class MountedProject {
public:
    static Result<std::shared_ptr<MountedProject>> create(const Served& served,
                                                          const MountOptions& options);
    // The project as a worker that died left it.
    static Result<std::shared_ptr<MountedProject>> go_on(const Served& served,
                                                         const std::string& project);
    ~MountedProject();
    MountedProject(const MountedProject&) = delete;
    MountedProject& operator=(const MountedProject&) = delete;

    const std::string& name() const { return mount.options.project; }
    // True once nothing runs on the dispatch thread any more: what was posted is not answered.
    std::atomic<bool> ended{false};

    const std::unique_ptr<Executor> executor;
    const std::unique_ptr<Journal> journal;
    const std::unique_ptr<FuseAdapter> adapter;
    Mount mount;
    RunKeeper runs;
    Filesystem filesystem;
    const Time started = now();

private:
    friend class Mounts;
    struct Parts {
        MountOptions options;
        std::unique_ptr<Executor> executor;
        std::unique_ptr<Journal> journal;
        std::unique_ptr<FuseAdapter> adapter;
        Session session;
        bool again = false;
    };
    MountedProject(const Served& served, Parts parts);
    // Where it is mounted, kept for the next worker. On the dispatch thread, or before it runs.
    void keep_places(const std::vector<std::filesystem::path>& places);
    // Becomes the dispatch thread, until the mount is gone and all of it durable.
    void serve(const std::function<void()>& ready);
    void tick();

    GuardianLink& guardian_;
    const bool again_;
    std::vector<std::filesystem::path> mountpoints_;  // guarded by Mounts; the first is the mount's
};

// Thread-safe.
class Mounts {
public:
    explicit Mounts(Served served) : served_(served), first_number_(served.next_staging.load()) {}
    ~Mounts();

    // Serves what the worker before us served.
    Result<> go_on();
    // Returns when the mount answers, or says why there is none.
    Result<> add(const MountOptions& options);
    // Lazily: even while files are open. `last`: the project is not mounted anywhere now.
    Result<> remove(const std::filesystem::path& mountpoint, bool lazy, bool& last);
    // Takes everything away, lazily.
    void remove_all();
    void wait_until_empty();

    struct Place {
        std::filesystem::path mountpoint;
        std::shared_ptr<MountedProject> project;
    };
    std::vector<Place> places() const;
    std::vector<std::shared_ptr<MountedProject>> projects() const;
    // By name; with no name the only one, or `default`, or the first.
    std::shared_ptr<MountedProject> find(const std::string& project) const;
    std::filesystem::path mountpoint_of(const MountedProject& project) const;

private:
    Result<> add_mountpoint(MountedProject& project, const MountOptions& options);
    Result<> serve(const std::shared_ptr<MountedProject>& project);
    void remove_unneeded_staging(const std::vector<std::shared_ptr<MountedProject>>& projects);
    // With the lock held.
    void places_changed(const std::shared_ptr<MountedProject>& project);

    const Served served_;
    const std::uint64_t first_number_;  // of staging files that this process makes
    std::mutex adding_;                 // one add at a time; taken before mutex_
    mutable std::mutex mutex_;          // guards what follows
    std::condition_variable changed_;
    std::vector<std::shared_ptr<MountedProject>> projects_;  // also those that are ending
    std::vector<std::thread> threads_;
};

}  // namespace artfs
