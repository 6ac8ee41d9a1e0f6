#include "worker.h"

#include <signal.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

#include "catalog/store.h"
#include "control.h"
#include "drafts/kept.h"
#include "fuse/adapter.h"
#include "mountpoint.h"
#include "namespace/filesystem.h"

namespace artfs {

namespace {

constexpr unsigned pool_threads = 4;
constexpr unsigned checkpoint_ms = 5000;  // what a draft may lose when the machine stops

void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// In the background the log stands beside the store's own files.
void log_to(const std::filesystem::path& store) {
    auto log = spdlog::basic_logger_mt("artd", (store / "artd.log").string());
    log->flush_on(spdlog::level::info);
    spdlog::set_default_logger(log);
}

void tick_for_ever(FuseAdapter& adapter, RunKeeper& runs) {
    adapter.after(checkpoint_ms, [&adapter, &runs] {
        runs.tick();
        tick_for_ever(adapter, runs);
    });
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

int exit_status_of(const Error& error) {
    switch (error.code) {
        case EINVAL:
            return 2;
        case ENOENT:
            return 3;
        case EBUSY:
        case EPERM:
        case EACCES:
        case EEXIST:
        case ENOTEMPTY:
        case ENOTDIR:
            return 4;
        default:
            return 5;
    }
}

Result<> serve_mount(const DaemonOptions& options, const std::function<void()>& ready) {
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);  // a client of the control socket may go away
    if (access("/dev/fuse", F_OK) != 0)
        return fail(ENODEV,
                    "this machine has no /dev/fuse: load the fuse module (modprobe fuse), "
                    "or give the container the device");
    // Every thread that is made from here on has the signals blocked.
    FuseAdapter* mounted = nullptr;
    SignalThread signals([&mounted] {
        if (mounted == nullptr) _exit(1);
        [[maybe_unused]] auto unmounted = mounted->unmount(true);
    });

    auto store = Store::create_or_open(options.store, Store::Access::read_write);
    if (!store) return tl::unexpected(store.error());
    if (!options.foreground) log_to(options.store);
    auto config = load_config((*store)->config_path());
    if (!config) return tl::unexpected(config.error());
    CatalogThread catalog((*store)->catalog());
    auto write = [&catalog](CatalogThread::Change change) {
        return catalog.write(std::move(change));
    };
    auto next_staging = recover({**store, write, config->never_keep});
    if (!next_staging) return tl::unexpected(next_staging.error());
    if (auto prepared = prepare_mountpoint(options.mountpoint, options.store); !prepared)
        return prepared;

    MountOptions mount_options;
    mount_options.project = options.project;
    mount_options.mountpoint = options.mountpoint;
    mount_options.source = options.store.string();
    mount_options.read_only = options.read_only;
    mount_options.allow_other = options.allow_other;
    mount_options.passthrough = options.passthrough;
    mount_options.passthrough_why = "the kernel has not answered yet";

    Executor executor(pool_threads);
    auto adapter = FuseAdapter::create(mount_options, executor);
    if (!adapter) return tl::unexpected(adapter.error());
    Mount mount{**store,
                catalog,
                executor,
                *config,
                mount_options,
                **adapter,
                Session(),
                Loader(**store, executor, options.project),
                DataFiles(**store, executor, *next_staging)};
    RunKeeper runs(mount);
    mount.status = [&mount, &runs, started = now()] {
        return status_document(mount, runs, started);
    };
    Filesystem filesystem(mount, runs);
    ControlServer control(mount, runs, **adapter);
    if (auto listening = control.start(); !listening) {
        [[maybe_unused]] auto unmounted = (*adapter)->unmount(true);
        return listening;
    }
    mounted = adapter->get();
    tick_for_ever(**adapter, runs);
    (*adapter)->run(filesystem, runs, [&] {
        mount.options.passthrough_why = (*adapter)->passthrough_why();
        spdlog::info("serving project {} of {} on {}", options.project, options.store.string(),
                     options.mountpoint.string());
        ready();
    });
    mounted = nullptr;
    control.stop();
    runs.shut_down();
    spdlog::info("unmounted");
    return {};
}

}  // namespace artfs
