// The files of /proc/PID as values: only for this room.
//
// Formats: proc_pid_stat(5), proc_pid_status(5). Everything is nullopt when the process is gone,
// which it may be at any moment.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace artfs {

struct ProcStat {
    std::string comm;
    char state = '?';
    pid_t parent = 0;
    pid_t session = 0;
    bool has_terminal = false;
    bool kernel_thread = false;
    std::uint64_t start_ticks = 0;
    int exit_code = 0;  // as of waitpid(2); 0 without ptrace rights over the process
};

// For processes and threads alike. Bound to the thread, not to its number.
Fd open_process_directory(pid_t tid);
std::optional<ProcStat> read_stat_at(int directory);
std::optional<ProcStat> parse_stat(std::string_view text);

struct ProcStatus {
    char state = '?';
    pid_t thread_group = 0;
    pid_t parent = 0;
    std::uint32_t real_uid = 0;
    std::uint32_t effective_uid = 0;
    std::uint32_t real_gid = 0;
    std::uint32_t effective_gid = 0;
    std::vector<std::uint32_t> groups;
    pid_t innermost_pid = 0;       // last of NSpid
    std::optional<bool> has_code;  // of its memory; none of a process that is exiting
};
// Fit for any process, also for who looks at all of them: on newer kernels stat waits while the
// process is in an execve, which may be closing a file of ours and so wait for us.
std::optional<ProcStatus> read_status(pid_t tid);
std::optional<ProcStatus> read_status_at(int directory);
ProcStatus parse_status(std::string_view text);

std::optional<pid_t> thread_group_at(const Fd& directory);

// A file of a process's directory, at most `limit` bytes of it.
std::optional<std::string> read_proc_at(int directory, const char* name, std::size_t limit);
std::optional<std::string> read_link_at(int directory, const char* name);
// "a\0b\0" -> {"a", "b"}.
std::vector<std::string> split_at_zeros(std::string_view text);

}  // namespace artfs
