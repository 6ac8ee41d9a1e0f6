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

// Backing files registered with the kernel: one a nodeid while anything has it open, and some more
// kept for the next open. The kernel holds the file; no descriptor of ours stays open.
class Backings {
public:
    // The id for the node's object, counted as one more open; 0 if none is registered.
    int acquire(fuse_req_t req, NodeId node, const Digest& object);
    // Registers `fd` for the node unless somebody has. 0 where the kernel refuses.
    int add(fuse_req_t req, NodeId node, const Digest& object, int fd);
    void release(fuse_req_t req, NodeId node);

private:
    struct Backing {
        Digest object;
        int id = 0;
        unsigned opens = 0;
        std::list<NodeId>::iterator idle;
    };
    void drop(fuse_req_t req, std::unordered_map<NodeId, Backing>::iterator backing);

    std::unordered_map<NodeId, Backing> by_node_;
    std::list<NodeId> idle_;  // longest first
};

// Receive buffers go to the pool with WRITE requests and come back.
class BufferStock {
public:
    ~BufferStock();
    fuse_buf take();
    void give(fuse_buf buffer);  // thread-safe

private:
    std::mutex mutex_;
    std::vector<fuse_buf> stock_;
};

struct FuseAdapter::State {
    State(const MountOptions& mount_options, Executor& executor_ref)
        : options(mount_options), executor(executor_ref) {}

    MountOptions options;
    Executor& executor;
    Filesystem* filesystem = nullptr;
    RunKeeper* runs = nullptr;
    fuse_session* session = nullptr;
    Fd timer;
    std::string passthrough_why = "the kernel has not answered yet";
    bool overlay_store = false;
    bool initialised = false;
    bool stopping = false;
    std::uint64_t unique = 0;  // of the request that is being decoded
    fuse_buf buffer{};         // that it lies in
    BufferStock buffers;
    Backings backings;
    std::unordered_map<std::uint64_t, NodeId> passthrough_handles;
    std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> timers;

    void arm_timer();
    void run_timers();
    bool receive();  // serves one request; false if none is there
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
    bool answered = false;

    Pending(FuseAdapter::State& state_ref, fuse_req_t request_handle)
        : state(state_ref), req(request_handle) {}

    void attempt();
    void error(int code);
    void error(const Error& failure) { error(failure.code); }
};

// Begins a request: `handler` runs now, and again after every Suspend.
void serve(fuse_req_t req, std::function<void(Pending&)> handler);

void reply(Pending& pending, const Result<EntryReply>& result);
void reply(Pending& pending, const Result<Attr>& result);
void reply(Pending& pending, const Result<>& result);

struct stat to_stat(const Attr& attr);
fuse_entry_param to_entry(const EntryReply& reply);

}  // namespace artfs
