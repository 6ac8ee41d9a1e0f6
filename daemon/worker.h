// The worker: one mounted project of a store, from opening the store to the last commit.
#pragma once

#include <functional>

#include "base/result.h"
#include "options.h"

namespace artfs {

// Serves until unmounted or told to end. `ready` is called when the mount answers. An Error that
// comes before that says why there is no mount.
Result<> serve_mount(const DaemonOptions& options, const std::function<void()>& ready);

// The exit status that `art` gives for an error (interface.md).
int exit_status_of(const Error& error);

}  // namespace artfs
