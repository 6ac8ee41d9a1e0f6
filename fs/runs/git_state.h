// The state of the git work tree a run was started in: only for this room.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace artfs {

struct GitState {
    std::string commit;
    bool dirty = false;  // tracked files differ; files git does not know do not count
};

// Asks the `git` program, as user `uid` and group `gid` (a repository's configuration may name
// programs to run). Nothing where there is no work tree or commit, no git, no right to be that
// user, or no answer in time. Whatever git does, this returns soon after `timeout`.
std::optional<GitState> git_state(const Fd& directory, uid_t uid, gid_t gid,
                                  std::chrono::milliseconds timeout);

// What `git status --porcelain=v2 --branch` printed, as far as it was read.
std::optional<GitState> parse_git_status(std::string_view text);

}  // namespace artfs
