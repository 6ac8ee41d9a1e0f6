// What the children of this process took, learnt as each of them is reaped: processor time and
// memory from wait4(2), bytes from /proc/PID/io, which a zombie still has.
#pragma once

#include <sys/types.h>

#include <optional>

#include "catalog/records.h"

namespace artfs {

class Reaper {
public:
    // Before there are children.
    Reaper();
    // Reaps all that have ended; the wait status of `child` if it is among them.
    std::optional<int> reap(pid_t child);
    const Resources& figures() const { return figures_; }

private:
    void add_bytes(pid_t zombie);

    Resources figures_;
    std::uint64_t own_peak_ = 0;
    bool bytes_known_ = true;
};

}  // namespace artfs
