#include "worker.h"

#include <signal.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "catalog/store.h"
#include "control.h"
#include "drafts/kept.h"
#include "lineage_feed.h"
#include "mounts.h"
#include "runs/event_target.h"

namespace artfs {

namespace {

void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    // A live run takes a descriptor or two; root may have more than it was given.
    constexpr rlim_t plenty = 1U << 20U;
    rlimit more{plenty, plenty};
    if (limit.rlim_max < plenty && setrlimit(RLIMIT_NOFILE, &more) == 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// In the background the log stands beside the store's own files.
void log_to(const std::filesystem::path& store) {
    auto log = spdlog::basic_logger_mt("artd", (store / "artd.log").string());
    log->flush_on(spdlog::level::info);
    spdlog::set_default_logger(log);
}

// SIGTERM, SIGINT and SIGHUP end the mount in good order. The set is blocked in every thread.
class SignalThread {
public:
    explicit SignalThread(std::function<void()> end) {
        sigemptyset(&signals_);
        for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR2}) sigaddset(&signals_, signal);
        pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
        thread_ = std::thread([this, end = std::move(end)] {
            int signal = 0;
            while (sigwait(&signals_, &signal) == 0 && signal != SIGUSR2) {
                spdlog::info("signal {}: unmounting", signal);
                end();
            }
        });
    }
    ~SignalThread() {
        pthread_kill(thread_.native_handle(), SIGUSR2);
        thread_.join();
    }
    SignalThread(const SignalThread&) = delete;
    SignalThread& operator=(const SignalThread&) = delete;

private:
    sigset_t signals_{};
    std::thread thread_;
};

}  // namespace

MountOptions mount_options(const DaemonOptions& options) {
    MountOptions mount;
    mount.project = options.project;
    mount.mountpoint = options.mountpoint;
    mount.source = options.store.string();
    mount.read_only = options.read_only;
    mount.allow_other = options.allow_other;
    mount.passthrough = options.passthrough;
    mount.passthrough_why = mount.writes_why = "the kernel has not answered yet";
    return mount;
}

namespace {

constexpr const char* store_lock = "store-lock";

Result<std::unique_ptr<Store>> open_store(const DaemonOptions& options, GuardianLink& guardian) {
    if (Fd lock = guardian.take(store_lock))
        return Store::go_on(options.store, std::move(lock), getppid());
    auto store = Store::create_or_open(options.store, Store::Access::read_write);
    if (!store) return store;
    (*store)->is_served_by(getppid());
    guardian.hold(store_lock, (*store)->lock());
    return store;
}

// What the store needs after a worker has died is less than after a fall of the machine: the
// sessions know the drafts. The first staging number that is free.
Result<std::uint64_t> first_free_staging(const Store& store) {
    auto present = store.staging_files();
    if (!present) return tl::unexpected(present.error());
    std::uint64_t next = 1;
    for (auto number : *present) next = std::max(next, number + 1);
    return next;
}

}  // namespace

Result<> serve_store(const DaemonOptions& options, GuardianLink& guardian) {
    raise_descriptor_limit();
    signal(SIGIO, SIG_IGN);    // somebody opens a file in the moment of asking for a lease on it
    signal(SIGPIPE, SIG_IGN);  // a client of the control socket may go away
    if (access("/dev/fuse", F_OK) != 0)
        return fail(ENODEV,
                    "this machine has no /dev/fuse: load the fuse module (modprobe fuse), "
                    "or give the container the device");
    // Every thread that is made from here on has the signals blocked.
    std::atomic<Mounts*> mounted{nullptr};
    SignalThread signals([&mounted] {
        if (mounted == nullptr) _exit(1);
        mounted.load()->remove_all();
    });

    const bool again = guardian.restarts() > 0;
    auto store = open_store(options, guardian);
    if (!store) return tl::unexpected(store.error());
    if (!options.foreground) log_to(options.store);
    auto config = load_config((*store)->config_path());
    if (!config) return tl::unexpected(config.error());
    CatalogThread catalog((*store)->catalog());
    auto write = [&catalog](CatalogThread::Change change) {
        return catalog.write(std::move(change));
    };
    auto recovered =
        again ? first_free_staging(**store) : recover({**store, write, config->never_keep});
    if (!recovered) return tl::unexpected(recovered.error());
    std::atomic<std::uint64_t> next_staging{*recovered};
    SharedRuns runs(*config);
    Served served{**store, catalog, *config, runs, next_staging, guardian};
    Mounts mounts(served);
    ControlServer control(mounts, served);
    auto target = load_event_target((*store)->config_path());
    if (!target) return tl::unexpected(target.error());
    std::optional<LineageFeed> feed;
    if (!target->empty()) feed.emplace(**store, *target);
    if (auto resumed = mounts.go_on(); !resumed) return resumed;
    if (auto listening = control.start(); !listening) return listening;
    if (!again)
        if (auto added = mounts.add(mount_options(options)); !added) return added;
    mounted = &mounts;
    guardian.tell("ready");
    mounts.wait_until_empty();
    mounted = nullptr;
    feed.reset();
    control.stop();
    return {};
}

}  // namespace artfs
