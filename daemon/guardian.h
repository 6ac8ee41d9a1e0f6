// The guardian: a small process that holds what must not die with the worker (the mounts' devices
// and sessions, the store's lock, the control socket, pidfds of runs), starts the worker, and
// starts it again when it dies. It touches neither mounts nor catalog. When it dies itself the
// worker dies with it, and the mounts with both.
//
// Between them is a socket of packets, one message each, of words; `hold` and `held` carry a
// descriptor:
//
//   worker    hold NAME | drop NAME | mounted PATH | unmounted PATH
//             ready | can-resume | replace PROGRAM
//             error STATUS MESSAGE    before the first `ready`: there is no mount
//   guardian  held NAME               all that is held, then
//             begin RESTARTS CRASHED  the worker is the first where that is 0
#pragma once

#include <functional>
#include <string>

#include "options.h"

namespace artfs {

// Serves until the worker has ended in good order, or cannot be kept alive; the exit status of
// artd. `tell` gets "ok" or "error STATUS MESSAGE" once.
int guard(const DaemonOptions& options, char** argv,
          const std::function<void(const std::string&)>& tell);

}  // namespace artfs
