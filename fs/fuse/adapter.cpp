#include "fuse/adapter.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/wakefulness.h"
#include "fuse/loop.h"

namespace artfs {

namespace {

constexpr unsigned overlayfs_magic = 0x794c7630;
// So many requests are served before exits, timers and results get their turn.
constexpr unsigned requests_in_a_row = 64;

Result<Fd> mount_as_root(const MountOptions& options, const std::string& source) {
    Fd device(open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (!device) return fail_errno("opening /dev/fuse (is the fuse module there?)");
    std::string data = "fd=" + std::to_string(device.get()) +
                       ",rootmode=40000,user_id=0,group_id=0,default_permissions";
    if (options.allow_other) data += ",allow_other";
    unsigned long flags = MS_NOSUID | MS_NODEV;
    if (options.read_only) flags |= MS_RDONLY;
    if (mount(source.c_str(), options.mountpoint.c_str(), "fuse.artfs", flags, data.c_str()) != 0)
        return fail_errno("mounting on " + options.mountpoint.string());
    return device;
}

}  // namespace

FuseAdapter::FuseAdapter(std::unique_ptr<State> state) : state_(std::move(state)) {}

FuseAdapter::~FuseAdapter() {
    if (state_->session != nullptr) fuse_session_destroy(state_->session);
}

Result<std::unique_ptr<FuseAdapter::State>> FuseAdapter::make_state(const MountOptions& options,
                                                                    Executor& executor,
                                                                    Journal& journal) {
    auto state = std::make_unique<State>(options, executor, journal);
    struct statfs store {};
    if (statfs(options.source.c_str(), &store) == 0)
        state->overlay_store = static_cast<unsigned>(store.f_type) == overlayfs_magic;
    state->timer = Fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!state->timer) return fail_errno("making a timer");

    std::string mount_options = "default_permissions,subtype=artfs,fsname=" + options.source;
    if (options.allow_other) mount_options += ",allow_other";
    if (options.read_only) mount_options += ",ro";
    std::vector<const char*> words{"artfs"};
    if (geteuid() != 0) {
        words.push_back("-o");
        words.push_back(mount_options.c_str());
    }
    fuse_args args =
        FUSE_ARGS_INIT(static_cast<int>(words.size()), const_cast<char**>(words.data()));
    const auto& ops = operations();
    state->session = fuse_session_new(&args, &ops, sizeof ops, state.get());
    if (state->session == nullptr) return fail(EIO, "libfuse refused the session");
    return state;
}

Result<> FuseAdapter::State::take(Fd device) {
    // A name of this form makes libfuse take the descriptor, which is closed with the session.
    std::string path = "/dev/fd/" + std::to_string(device.release());
    if (fuse_session_mount(session, path.c_str()) != 0)
        return fail(EIO, "libfuse refused the mounted descriptor");
    return {};
}

Result<std::unique_ptr<FuseAdapter>> FuseAdapter::create(const MountOptions& options,
                                                         Executor& executor, Journal& journal) {
    auto made = make_state(options, executor, journal);
    if (!made) return tl::unexpected(made.error());
    auto& state = *made;
    if (geteuid() == 0) {
        auto device = mount_as_root(options, options.source);
        if (!device) return tl::unexpected(device.error());
        if (auto taken = state->take(std::move(*device)); !taken)
            return tl::unexpected(taken.error());
    } else {
        // libfuse opens the device itself, before fusermount3.
        if (access("/dev/fuse", R_OK | W_OK) != 0)
            return fail(EPERM,
                        "/dev/fuse is closed to ordinary users here: root opens it with "
                        "chmod 666 /dev/fuse (as udev does)");
        if (fuse_session_mount(state->session, options.mountpoint.c_str()) != 0)
            return fail(EPERM, "mounting failed: is fusermount3 installed (package fuse3)?");
        int fd = fuse_session_fd(state->session);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    return std::unique_ptr<FuseAdapter>(new FuseAdapter(std::move(state)));
}

void FuseAdapter::run(Filesystem& filesystem, RunKeeper& runs, PmQos qos,
                      const std::function<void()>& ready) {
    auto& state = *state_;
    state.filesystem = &filesystem;
    state.runs = &runs;
    state.backings.begin(filesystem, device());
    bool announced = false;
    if (state.resumes && state.go_on()) {
        announced = true;
        ready();
        state.drain();
    }
    std::array<pollfd, 4> watched{{{fuse_session_fd(state.session), POLLIN, 0},
                                   {state.executor.event_fd(), POLLIN, 0},
                                   {state.timer.get(), POLLIN, 0},
                                   {runs.exits_fd(), POLLIN, 0}}};
    Wakefulness awake(qos == PmQos::automatic ? Wakefulness::device : "");
    while (!state.stopping && !fuse_session_exited(state.session)) {
        if (poll(watched.data(), watched.size(), awake.patience_ms()) < 0 && errno != EINTR) break;
        unsigned served = 0;
        if (watched[0].revents != 0) {
            while (served < requests_in_a_row && !state.stopping && state.receive()) ++served;
        }
        awake.served(served, std::exchange(state.several, false), std::chrono::steady_clock::now());
        if (watched[1].revents != 0) state.executor.run_posted();
        if (watched[2].revents != 0) state.run_timers();
        if (watched[3].revents != 0) runs.poll_exits();
        state.commit();
        if (state.initialised && !announced) {
            announced = true;
            ready();
        }
    }
}

bool FuseAdapter::State::receive() {
    if (buffer.mem == nullptr) buffer = buffers.take();
    auto got = read(fuse_session_fd(session), buffer.mem, buffer.size);
    if (got < 0) {
        if (errno == ENOENT) return true;              // its caller was killed meanwhile
        stopping = errno != EAGAIN && errno != EINTR;  // else unmounted
        return false;
    }
    process(static_cast<std::size_t>(got));
    return true;
}

void FuseAdapter::State::process(std::size_t size) {
    const auto* header = static_cast<const fuse_in_header*>(buffer.mem);
    unique = header->unique & ~resent_bit;
    resent = (header->unique & resent_bit) != 0;
    if (header->opcode == FUSE_INIT) {
        std::string init(static_cast<const char*>(buffer.mem), size);
        can_resume = sends_again(init);
        journal.note(first_request, init);
        commit();
    }
    fuse_buf decoded = buffer;
    decoded.size = size;
    journal.serving(unique);
    fuse_session_process_buf(session, &decoded);
    journal.serving(0);
}

void FuseAdapter::State::commit() {
    journal.commit(filesystem->session());
    for (auto* req : released) fuse_reply_err(req, 0);
    released.clear();
}

int FuseAdapter::device() const { return fuse_session_fd(state_->session); }

bool FuseAdapter::can_resume() const { return state_->can_resume; }

void FuseAdapter::stop() { state_->stopping = true; }

const std::string& FuseAdapter::passthrough_why() const { return state_->passthrough_why; }

void FuseAdapter::invalidate_entry(NodeId parent, const std::string& name) {
    // Waits for the parent's lock, which a request that waits for us may hold: never on dispatch.
    state_->executor.pool([session = state_->session, parent, name] {
        fuse_lowlevel_notify_inval_entry(session, parent.value, name.c_str(), name.size());
    });
}

void FuseAdapter::invalidate_inode(NodeId node) {
    state_->executor.pool([session = state_->session, node] {
        fuse_lowlevel_notify_inval_inode(session, node.value, -1, 0);
    });
}

void FuseAdapter::let_go_of_idle_files() { state_->backings.drop_idle(state_->executor); }

void FuseAdapter::invalidate_entries(std::vector<std::pair<NodeId, std::string>> names,
                                     std::function<void()> done) {
    auto forget = [session = state_->session, names = std::move(names)] {
        for (const auto& [parent, name] : names) {
            fuse_lowlevel_notify_inval_entry(session, parent.value, name.c_str(), name.size());
            fuse_lowlevel_notify_inval_inode(session, parent.value, -1, 0);
        }
        return true;
    };
    state_->executor.offload(std::move(forget), [done = std::move(done)](bool) { done(); });
}

void FuseAdapter::after(unsigned milliseconds, std::function<void()> task) {
    state_->timers.emplace(
        std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds),
        std::move(task));
    state_->arm_timer();
}

void FuseAdapter::State::arm_timer() {
    itimerspec when{};
    if (!timers.empty()) {
        auto at = timers.begin()->first.time_since_epoch();
        auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at);
        when.it_value.tv_sec = seconds.count();
        when.it_value.tv_nsec = (at - seconds).count();
    }
    timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void FuseAdapter::State::run_timers() {
    std::uint64_t count = 0;
    [[maybe_unused]] auto got = read(timer.get(), &count, sizeof count);
    auto now_is = std::chrono::steady_clock::now();
    while (!timers.empty() && timers.begin()->first <= now_is) {
        auto task = std::move(timers.begin()->second);
        timers.erase(timers.begin());
        task();
    }
    arm_timer();
}

void Pending::attempt() {
    if (answered) return;
    state.journal.serving(request.unique);
    try {
        handler(*this);
    } catch (Suspend& suspend) {
        auto self = shared_from_this();
        if (suspend.may_interrupt) {
            // libfuse calls this with the request locked: the reply comes from the loop.
            fuse_req_interrupt_func(
                req,
                [](fuse_req_t, void* data) {
                    auto waiting = static_cast<Pending*>(data)->shared_from_this();
                    waiting->state.executor.post([waiting] { waiting->error(EINTR); });
                },
                this);
        }
        suspend.start([self](int code) {
            if (self->answered) return;
            fuse_req_interrupt_func(self->req, nullptr, nullptr);
            if (code != 0) return self->error(code);
            self->attempt();
        });
    } catch (const std::exception& broken) {
        spdlog::error("a request failed: {}", broken.what());
        error(EIO);
    }
    state.journal.serving(0);
}

void serve(fuse_req_t req, std::function<void(Pending&)> handler, bool changes) {
    auto& state = *static_cast<FuseAdapter::State*>(fuse_req_userdata(req));
    auto pending = std::make_shared<Pending>(state, req);
    pending->changes = changes;
    const auto* context = fuse_req_ctx(req);
    if (context->pid != 0) {
        const auto before = std::exchange(state.caller, context->pid);
        if (before != state.caller && before != 0) state.several = true;
    }
    pending->request.unique = state.unique;
    pending->request.resent = state.resent;
    if (state.resent && serve_again(*pending)) return;
    pending->request.tid = context->pid;
    pending->request.uid = context->uid;
    pending->request.gid = context->gid;
    pending->handler = std::move(handler);
    pending->attempt();
}

struct stat to_stat(const Attr& attr) {
    struct stat status {};
    status.st_ino = attr.node.value;
    status.st_mode = attr.mode;
    status.st_nlink = attr.links;
    status.st_uid = attr.uid;
    status.st_gid = attr.gid;
    status.st_size = static_cast<off_t>(attr.size);
    status.st_blocks = static_cast<blkcnt_t>(attr.blocks);
    status.st_blksize = 4096;
    status.st_mtim = to_timespec(attr.mtime);
    status.st_atim = to_timespec(attr.atime);
    status.st_ctim = to_timespec(attr.ctime);
    return status;
}

fuse_entry_param to_entry(const EntryReply& reply) {
    fuse_entry_param entry{};
    entry.ino = reply.attr.node.value;
    entry.generation = 1;
    entry.attr = to_stat(reply.attr);
    entry.attr_timeout = reply.attr.timeout;
    entry.entry_timeout = reply.timeout;
    return entry;
}

}  // namespace artfs
