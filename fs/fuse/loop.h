// Inside fuse/: the state of the adapter and how a request is served.
#pragma once

#define FUSE_USE_VERSION 317

#include <fuse_lowlevel.h>

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "fuse/adapter.h"
#include "namespace/filesystem.h"

namespace artfs {

// The journal's note with the bytes of FUSE_INIT.
inline constexpr const char* first_request = "init";
// Whether the kernel says in it that it sends requests again.
bool sends_again(const std::string& init);
// Bytes in one WRITE.
constexpr std::size_t most_written = 1U << 20U;

// Backing files registered with the kernel: one a file, whatever number of nodes it serves (each
// run has nodes of its own for the same object), and some more kept for the next open. The kernel
// holds the file; no descriptor of ours stays open.
class Backings {
public:
    // The id of the node's file, counted as one more open; 0 if none is registered.
    int acquire(NodeId node, const BackingSource& source);
    // Registers `fd` for the node unless somebody has. 0 where the kernel refuses. It must be open
    // for reading only, or it would look like a writer (base/leases.h); the kernel opens the file
    // anew for each open of a node, as that one is opened.
    int add(fuse_req_t req, NodeId node, const BackingSource& source, int fd);
    void release(NodeId node);
    // Those kept for the next open.
    void drop_idle(Executor& executor);
    // What the session knows of the time before; `filesystem` is told what changes.
    void begin(Filesystem& filesystem, int device);

private:
    struct File {
        BackingSource source;
        unsigned nodes = 0;  // that have it open
        std::list<int>::iterator idle;
    };
    struct OpenNode {
        int id = 0;
        unsigned opens = 0;
    };
    void forget(int id);
    void drop(int id);
    int back(NodeId node, int id);

    Filesystem* filesystem_ = nullptr;
    int device_ = -1;
    std::unordered_map<int, File> files_;  // by the kernel's number
    std::unordered_map<BackingSource, int> ids_;
    std::unordered_map<NodeId, OpenNode> open_;
    std::list<int> idle_;  // longest first
};

// Receive buffers go to the pool with WRITE requests and come back. Their pages are there before
// the kernel writes to them: a worker that is killed while one is fetched in read(2) makes the
// kernel end that request with EIO.
class BufferStock {
public:
    ~BufferStock();
    fuse_buf take();
    void give(fuse_buf buffer);  // thread-safe; one that is not ours is freed

private:
    std::mutex mutex_;
    std::vector<fuse_buf> stock_;
};

struct FuseAdapter::State {
    State(const MountOptions& mount_options, Executor& executor_ref, Journal& journal_ref)
        : options(mount_options), executor(executor_ref), journal(journal_ref) {}

    MountOptions options;
    Executor& executor;
    Journal& journal;
    Filesystem* filesystem = nullptr;
    RunKeeper* runs = nullptr;
    fuse_session* session = nullptr;
    Fd timer;
    std::string passthrough_why = "the kernel has not answered yet";
    bool overlay_store = false;
    bool initialised = false;
    bool stopping = false;
    bool resumes = false;      // another process has served the mount before
    bool can_resume = false;   // and one may after us
    std::uint64_t unique = 0;  // of the request that is being decoded
    bool resent = false;
    fuse_buf buffer{};     // that it lies in
    pid_t caller = 0;      // the last one's
    bool several = false;  // have called in this turn
    BufferStock buffers;
    Backings backings;
    std::unordered_map<std::uint64_t, NodeId> passthrough_handles;
    std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> timers;

    void arm_timer();
    void run_timers();
    // RELEASEs that are done. Nobody waits for their replies, which go out after the next commit.
    std::vector<fuse_req_t> released;

    bool receive();                  // serves one request; false if none is there
    void process(std::size_t size);  // that lies in `buffer`
    void commit();
    Result<> take(Fd device);
    bool go_on();  // takes the connection over; false: the kernel cannot
    void drain();  // serves what came while nobody served
    void release(std::uint64_t fh);
};

const fuse_lowlevel_ops& operations();
void add_file_operations(fuse_lowlevel_ops& ops);
FuseAdapter::State& state_of(fuse_req_t req);

// One request from its arrival to its reply.
struct Pending : std::enable_shared_from_this<Pending> {
    FuseAdapter::State& state;
    fuse_req_t req;
    Request request;
    std::function<void(Pending&)> handler;  // replies, or throws Suspend
    bool changes = false;                   // it must not be done twice: its answer is kept
    bool answered = false;

    Pending(FuseAdapter::State& state_ref, fuse_req_t request_handle)
        : state(state_ref), req(request_handle) {}

    void attempt();
    void finish(const Answer& answer);
    // For what is answered otherwise, and may be done twice.
    void about_to_reply();
    void error(int code);
    void error(const Error& failure) { error(failure.code); }
};

// Begins a request: `handler` runs now, and again after every Suspend.
void serve(fuse_req_t req, std::function<void(Pending&)> handler, bool changes = false);
// The same for what must not be done twice.
inline void serve_change(fuse_req_t req, std::function<void(Pending&)> handler) {
    serve(req, std::move(handler), true);
}
// A request that another worker may have done: true if it is answered.
bool serve_again(Pending& pending);

void reply_with(FuseAdapter::State& state, fuse_req_t req, const Answer& answer);
void reply(Pending& pending, const Result<EntryReply>& result);
void reply(Pending& pending, const Result<Attr>& result);
void reply(Pending& pending, const Result<>& result);
void reply(Pending& pending, const OpenReply& opened, int backing);
void reply(Pending& pending, const Result<std::pair<EntryReply, OpenReply>>& made, int backing);

struct stat to_stat(const Attr& attr);
fuse_entry_param to_entry(const EntryReply& reply);

}  // namespace artfs
