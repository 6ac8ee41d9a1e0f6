// What the namespace asks of the kernel's side.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "namespace/nodeid.h"

namespace artfs {

// Calls return at once; they may be made from the dispatch thread only.
class KernelPort {
public:
    virtual ~KernelPort() = default;
    // The kernel shall forget the name (and look again), or what it keeps of the inode.
    virtual void invalidate_entry(NodeId parent, const std::string& name) = 0;
    virtual void invalidate_inode(NodeId node) = 0;
    // Objects were removed: whatever is only kept open for the next open is closed.
    virtual void let_go_of_idle_files() = 0;
    // Forgets the names, then runs `done` on the dispatch thread: who looks after that looks again.
    virtual void invalidate_entries(std::vector<std::pair<NodeId, std::string>> names,
                                    std::function<void()> done) = 0;
    // `task` runs once, on the dispatch thread, no sooner than `milliseconds` from now.
    virtual void after(unsigned milliseconds, std::function<void()> task) = 0;
};

}  // namespace artfs
