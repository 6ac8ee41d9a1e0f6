// How many processes each run has, for `art status`.
#pragma once

#include <map>
#include <set>

#include "namespace/session.h"
#include "runs/identity.h"

namespace artfs {

struct ProcessCounts {
    // Of a run that was begun by name: what is below where it was begun, and where that is. `art
    // run` itself is such a place too, for what the command leaves behind.
    struct Begun {
        unsigned below = 0;
        std::set<ProcessKey> at;
    };
    std::map<RunId, Begun> begun;
    std::map<ProcessKey, unsigned> inferred;  // of the others, by their roots

    unsigned of(const LiveRun& run) const;
};

// Asks /proc of every process there is: not for the dispatch thread.
ProcessCounts count_processes(Identifier& identifier);

}  // namespace artfs
