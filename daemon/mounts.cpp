#include "mounts.h"

#include <spdlog/spdlog.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <future>

#include "base/leases.h"
#include "mountpoint.h"
#include "remount.h"
#include "status.h"

namespace artfs {

namespace fs = std::filesystem;

namespace {
constexpr unsigned checkpoint_ms = 5000;  // what a draft may lose when the machine stops
}  // namespace

Result<std::shared_ptr<MountedProject>> MountedProject::create(const Served& served,
                                                               const MountOptions& options) {
    Parts parts;
    parts.options = options;
    parts.executor = std::make_unique<Executor>(pool_threads);
    auto journal = Journal::create();
    if (!journal) return tl::unexpected(journal.error());
    parts.journal = std::move(*journal);
    auto kernel = FuseAdapter::create(options, *parts.executor, *parts.journal);
    if (!kernel) return tl::unexpected(kernel.error());
    parts.adapter = std::move(*kernel);
    keep_options(*parts.journal, options);
    served.guardian.hold(held_journal + options.project, parts.journal->fd());
    served.guardian.hold(held_device + options.project, parts.adapter->device());
    return std::shared_ptr<MountedProject>(new MountedProject(served, std::move(parts)));
}

MountedProject::MountedProject(const Served& served, Parts parts)
    : executor(std::move(parts.executor)),
      journal(std::move(parts.journal)),
      adapter(std::move(parts.adapter)),
      mount{served.store,
            served.catalog,
            *executor,
            served.config,
            parts.options,
            *adapter,
            served.guardian,
            std::move(parts.session),
            Loader(served.store, *executor, parts.options.project),
            DataFiles(served.store, *executor, served.next_staging)},
      runs(mount, served.runs),
      filesystem(mount, runs),
      guardian_(served.guardian),
      again_(parts.again),
      mountpoints_{parts.options.mountpoint} {
    mount.session.keep_in(journal.get());
    mount.options.restarts = served.guardian.restarts();
    mount.status = [this] { return status_document(mount, runs, started); };
    if (again_)
        mountpoints_ = kept_places(*journal);
    else
        keep_places(mountpoints_);
}

MountedProject::~MountedProject() { executor->finish(); }

void MountedProject::tick() {
    adapter->after(checkpoint_ms, [this] {
        runs.tick();
        tick();
    });
}

void MountedProject::serve(const std::function<void()>& ready) {
    tick();
    if (again_) {
        filesystem.go_on();
        runs.go_on();
    }
    adapter->run(filesystem, runs, mount.config.pm_qos, [&] {
        mount.options.passthrough_why = mount.options.writes_why = adapter->passthrough_why();
        if (mount.options.passthrough_why.empty())
            if (auto told = check_leases(mount.store.staging_path(0).parent_path()); !told)
                mount.options.writes_why = told.error().message;
        spdlog::info("serving project {} of {} on {}", name(), mount.options.source,
                     mount.options.mountpoint.string());
        guardian_.tell(std::string("can-resume ") + (adapter->can_resume() ? "yes" : "no"));
        ready();
    });
    runs.shut_down();
    guardian_.drop(held_device + name());
    guardian_.drop(held_journal + name());
    spdlog::info("project {} is unmounted", name());
}

Mounts::~Mounts() {
    for (auto& thread : threads_) thread.join();
}

std::shared_ptr<MountedProject> Mounts::find(const std::string& project) const {
    std::lock_guard lock(mutex_);
    std::shared_ptr<MountedProject> otherwise;
    for (const auto& one : projects_) {
        if (one->ended) continue;
        if (one->name() == project) return one;
        if (project.empty() && (!otherwise || one->name() == "default")) otherwise = one;
    }
    return otherwise;
}

std::vector<std::shared_ptr<MountedProject>> Mounts::projects() const {
    std::lock_guard lock(mutex_);
    auto live = projects_;
    std::erase_if(live, [](const auto& project) { return project->ended.load(); });
    return live;
}

std::vector<Mounts::Place> Mounts::places() const {
    std::lock_guard lock(mutex_);
    std::vector<Place> places;
    for (const auto& project : projects_)
        for (const auto& mountpoint : project->mountpoints_)
            places.push_back({mountpoint, project});
    return places;
}

fs::path Mounts::mountpoint_of(const MountedProject& project) const {
    std::lock_guard lock(mutex_);
    return project.mountpoints_.empty() ? project.mount.options.mountpoint
                                        : project.mountpoints_.front();
}

Result<> Mounts::add(const MountOptions& options) {
    std::lock_guard one_at_a_time(adding_);
    for (const auto& place : places())
        if (options.mountpoint != place.mountpoint &&
            is_at_or_under(options.mountpoint, place.mountpoint))
            return fail(EINVAL, options.mountpoint.string() + " is on the mount " +
                                    place.mountpoint.string() + ": mount elsewhere");
    if (auto prepared = prepare_mountpoint(options.mountpoint, served_.store.dir()); !prepared)
        return prepared;
    std::shared_ptr<MountedProject> known;
    {
        std::lock_guard lock(mutex_);
        for (const auto& project : projects_)
            if (project->name() == options.project) known = project;
    }
    if (known) return add_mountpoint(*known, options);
    auto project = MountedProject::create(served_, options);
    if (!project) return tl::unexpected(project.error());
    served_.guardian.tell("mounted " + options.mountpoint.string());
    return serve(*project);
}

Result<> Mounts::serve(const std::shared_ptr<MountedProject>& project) {
    std::promise<bool> answers;
    auto answer = answers.get_future();
    {
        std::lock_guard lock(mutex_);
        projects_.push_back(project);
        threads_.emplace_back([this, project, answers = std::move(answers)]() mutable {
            bool answered = false;
            project->serve([&] {
                answered = true;
                answers.set_value(true);
            });
            if (!answered) answers.set_value(false);
            std::lock_guard ending(mutex_);
            project->ended = true;
            std::erase(projects_, project);
            changed_.notify_all();
        });
    }
    if (answer.get()) return {};
    return fail(EIO, "the mount went away before it answered: see artd.log in the store");
}

Result<> Mounts::add_mountpoint(MountedProject& project, const MountOptions& options) {
    fs::path first;
    {
        std::lock_guard lock(mutex_);
        if (!project.mountpoints_.empty()) first = project.mountpoints_.front();
    }
    const std::string shown = options.mountpoint.string();
    if (first.empty())
        return fail(EBUSY, "project " + project.name() +
                               " was unmounted while files were open, and they still are: end what "
                               "uses them first");
    if (geteuid() != 0)
        return fail(EPERM, "only root can mount a project at a second place: ln -s " +
                               first.string() + " " + shown);
    if (options.allow_other && !project.mount.options.allow_other)
        return fail(EINVAL, "--allow-other is of the project's first mount, " + first.string() +
                                ": mount it there");
    if (mount(first.c_str(), shown.c_str(), nullptr, MS_BIND, nullptr) != 0)
        return fail_errno("mounting on " + shown);
    constexpr unsigned long read_only = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
    if (options.read_only && mount(nullptr, shown.c_str(), nullptr, read_only, nullptr) != 0) {
        auto failed = fail_errno("making " + shown + " read-only");
        umount2(shown.c_str(), MNT_DETACH);
        return failed;
    }
    std::lock_guard lock(mutex_);
    project.mountpoints_.push_back(options.mountpoint);
    for (const auto& one : projects_)
        if (one.get() == &project) places_changed(one);
    served_.guardian.tell("mounted " + shown);
    spdlog::info("project {} is on {}, too", project.name(), shown);
    return {};
}

Result<> Mounts::remove(const fs::path& mountpoint, bool lazy, bool& last) {
    if (auto gone = unmount(mountpoint, lazy); !gone) return gone;
    served_.guardian.tell("unmounted " + mountpoint.string());
    last = false;
    std::lock_guard lock(mutex_);
    for (const auto& project : projects_) {
        if (std::erase(project->mountpoints_, mountpoint) == 0) continue;
        last = project->mountpoints_.empty();
        places_changed(project);
    }
    return {};
}

void Mounts::remove_all() {
    for (const auto& place : places()) {
        bool last = false;
        if (auto gone = remove(place.mountpoint, true, last); !gone)
            spdlog::error("{}", gone.error().message);
    }
}

void Mounts::wait_until_empty() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return projects_.empty(); });
}

}  // namespace artfs
