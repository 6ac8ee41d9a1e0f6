// The programs of a pipeline: children of one process that are joined by pipes.
#pragma once

#include <sys/types.h>

#include <vector>

#include "runs/process.h"
#include "runs/programs.h"

namespace artfs {

struct Pipeline {
    struct Program {
        ProcessKey process;
        StandardPipes pipes;
    };
    std::vector<Program> programs;  // in their order
    bool complete = false;          // the last one writes into no pipe
    bool growing = false;           // else: who starts them, or is to be the next, is at work
};

// Where what is written into the pipe `output` goes, among the children of `parent`. Slow (a look
// at every process): for the pool.
Pipeline follow_pipe(pid_t parent, std::uint64_t output, const ProgramLists& lists);

}  // namespace artfs
