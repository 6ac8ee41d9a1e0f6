// The FUSE side: the session with the kernel, its receive loop, and the translation of requests
// to calls of namespace/ and of results to replies. The only place that knows libfuse.
//
// Protocol: Documentation/filesystems/fuse in the kernel, and libfuse's low-level API. The loop is
// our own: it knows each request's `unique`, it also serves timers, exits and posted results, and
// requests that cannot be answered yet simply wait their turn on the heap.
//
// A mount outlives the process that serves it. Whoever holds its device and its journal goes on:
// the first request of the connection is taken from the journal, and the kernel sends again what
// was not answered (resume.cpp).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "namespace/journal.h"
#include "namespace/mount.h"

namespace artfs {

class Filesystem;
class RunKeeper;

class FuseAdapter : public KernelPort {
public:
    // Mounts: as root by mount(2), else through fusermount3.
    static Result<std::unique_ptr<FuseAdapter>> create(const MountOptions& options,
                                                       Executor& executor, Journal& journal);
    // Of a mount whose worker has died: `device` is its /dev/fuse.
    static Result<std::unique_ptr<FuseAdapter>> resume(const MountOptions& options,
                                                       Executor& executor, Journal& journal,
                                                       Fd device);
    ~FuseAdapter() override;

    // Becomes the dispatch thread: serves requests until the mount is gone or stop() was posted.
    // `ready` is called once, when the kernel has agreed on the protocol.
    void run(Filesystem& filesystem, RunKeeper& runs, PmQos qos,
             const std::function<void()>& ready);
    // Dispatch thread: leaves run() after what is at hand.
    void stop();

    int device() const;
    // The kernel sends requests again (Linux 6.9). Known once ready.
    bool can_resume() const;
    // Why data of sealed files does not pass through; "" where it does. Known once ready.
    const std::string& passthrough_why() const;

    void invalidate_entry(NodeId parent, const std::string& name) override;
    void invalidate_inode(NodeId node) override;
    void let_go_of_idle_files() override;
    void invalidate_entries(std::vector<std::pair<NodeId, std::string>> names,
                            std::function<void()> done) override;
    void after(unsigned milliseconds, std::function<void()> task) override;

    struct State;  // for fuse/ itself

private:
    explicit FuseAdapter(std::unique_ptr<State> state);
    static Result<std::unique_ptr<State>> make_state(const MountOptions& options,
                                                     Executor& executor, Journal& journal);
    std::unique_ptr<State> state_;
};

}  // namespace artfs
