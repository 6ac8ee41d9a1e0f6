// Going on with a mount whose worker has died.
//
// The kernel keeps the connection as long as anybody has its descriptor. It made its agreement with
// the first worker, so every later one must say the same at FUSE_INIT, of which it only reads the
// kept request: the kernel does not know that number any more, and drops the reply. What a worker
// had read and not answered comes again when it is asked for (FUSE_NOTIFY_RESEND, Linux 6.9).
#include <linux/fuse.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "fuse/loop.h"

namespace artfs {

namespace {

// Of enum fuse_notify_code, newer than Debian 12's headers.
constexpr std::int32_t notify_resend = 7;
constexpr std::uint64_t has_resend = std::uint64_t{1} << 39U;  // FUSE_HAS_RESEND
constexpr std::int32_t notify_new_epoch = 8;

bool notify(int device, std::int32_t code) {
    fuse_out_header note{};
    note.len = sizeof note;
    note.error = code;
    return write(device, &note, sizeof note) == sizeof note;
}

const fuse_in_header& head(const fuse_buf& request) {
    return *static_cast<const fuse_in_header*>(request.mem);
}

// Others may wait for what these let go of.
bool lets_go(const fuse_buf& request) {
    auto opcode = head(request).opcode;
    return opcode == FUSE_FLUSH || opcode == FUSE_RELEASE || opcode == FUSE_RELEASEDIR;
}

}  // namespace

bool sends_again(const std::string& init) {
    fuse_init_in said{};
    if (init.size() <= sizeof(fuse_in_header)) return false;
    std::memcpy(&said, init.data() + sizeof(fuse_in_header),
                std::min(sizeof said, init.size() - sizeof(fuse_in_header)));
    std::uint64_t more = (said.flags & FUSE_INIT_EXT) != 0 ? said.flags2 : 0;
    return ((said.flags | more << 32U) & has_resend) != 0;
}

Result<std::unique_ptr<FuseAdapter>> FuseAdapter::resume(const MountOptions& options,
                                                         Executor& executor, Journal& journal,
                                                         Fd device) {
    if (journal.noted(first_request).empty())
        return fail(EIO, "the mount had not answered yet when its worker died");
    auto made = make_state(options, executor, journal);
    if (!made) return tl::unexpected(made.error());
    if (auto taken = (*made)->take(std::move(device)); !taken) return tl::unexpected(taken.error());
    (*made)->resumes = true;
    return std::unique_ptr<FuseAdapter>(new FuseAdapter(std::move(*made)));
}

bool FuseAdapter::State::go_on() {
    for (const auto& [fh, handle] : filesystem->session().handles())
        if (handle.path == DataPath::passthrough && !handle.mapped)
            passthrough_handles[fh] = handle.node;
    std::string init = journal.noted(first_request);
    can_resume = sends_again(init);
    fuse_buf request{};
    request.mem = init.data();
    request.size = init.size();
    fuse_session_process_buf(session, &request);
    if (!notify(fuse_session_fd(session), notify_resend)) {
        spdlog::error("the kernel does not send requests again (Linux 6.9 does): the mount ends");
        stopping = true;
        return false;
    }
    // Names that were to be forgotten when the worker died are looked up again; a kernel before
    // 6.16 does not know how.
    notify(fuse_session_fd(session), notify_new_epoch);
    return true;
}

// What the worker was doing comes first, in the order in which it was asked for.
void FuseAdapter::State::drain() {
    std::vector<fuse_buf> requests;
    fuse_buf into = buffers.take();
    while (true) {
        auto got = read(fuse_session_fd(session), into.mem, into.size);
        if (got < 0 && errno == ENOENT) continue;
        if (got <= 0) break;
        fuse_buf one{};
        one.size = static_cast<std::size_t>(got);
        one.mem = std::malloc(one.size);
        if (one.mem == nullptr) throw std::bad_alloc();
        std::memcpy(one.mem, into.mem, one.size);
        requests.push_back(one);
    }
    buffers.give(into);
    std::stable_sort(requests.begin(), requests.end(), [](const fuse_buf& a, const fuse_buf& b) {
        if (lets_go(a) != lets_go(b)) return lets_go(a);
        return (head(a).unique & ~resent_bit) < (head(b).unique & ~resent_bit);
    });
    if (!requests.empty()) spdlog::info("{} requests go on", requests.size());
    for (auto& one : requests) {
        buffer = one;
        process(one.size);
        if (buffer.mem != nullptr) buffers.give(buffer);  // else the pool has it
        buffer = {};
    }
}

bool serve_again(Pending& pending) {
    auto& state = pending.state;
    const auto unique = pending.request.unique;
    if (auto known = state.journal.answered(unique)) {
        pending.answered = true;
        reply_with(state, pending.req, *known);
        return true;
    }
    if (state.journal.is_poison(unique)) {
        spdlog::error("a request that workers crashed on is refused");
        pending.error(EIO);
        return true;
    }
    for (auto fh : state.filesystem->opened_by(unique)) state.release(fh);
    return false;
}

}  // namespace artfs
