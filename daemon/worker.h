// The worker: a store and the projects of it that are mounted, from opening the store to the last
// commit.
#pragma once

#include "base/result.h"
#include "keeper.h"
#include "namespace/mount.h"
#include "options.h"

namespace artfs {

// Serves until the last mount is gone or it is told to end. The guardian is told when the first
// mount answers; an Error that comes before that says why there is no mount. Where another worker
// has died, goes on with its mounts.
Result<> serve_store(const DaemonOptions& options, GuardianLink& guardian);

MountOptions mount_options(const DaemonOptions& options);

}  // namespace artfs
