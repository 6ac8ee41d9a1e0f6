#include "reaper.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "base/fd.h"

namespace artfs {

namespace {

std::uint64_t microseconds(const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1000000 +
           static_cast<std::uint64_t>(time.tv_usec);
}

std::uint64_t bytes_of_peak(const rusage& usage) {
    return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

Reaper::Reaper() {
    rusage own{};
    getrusage(RUSAGE_SELF, &own);
    own_peak_ = bytes_of_peak(own);
}

void Reaper::add_bytes(pid_t zombie) {
    // Of another user's process (sudo) it may not be read: then nothing is said of bytes.
    auto text = read_file("/proc/" + std::to_string(zombie) + "/io");
    std::istringstream lines(text.value_or(""));
    unsigned found = 0;
    for (std::string name; lines >> name;) {
        std::uint64_t value = 0;
        lines >> value;
        if (name != "rchar:" && name != "wchar:") continue;
        auto& sum = name == "rchar:" ? figures_.bytes_read : figures_.bytes_written;
        sum = sum.value_or(0) + value;
        ++found;
    }
    if (found != 2) bytes_known_ = false;
    if (bytes_known_) return;
    figures_.bytes_read.reset();
    figures_.bytes_written.reset();
}

std::optional<int> Reaper::reap(pid_t child) {
    std::optional<int> ended;
    while (true) {
        siginfo_t zombie{};
        if (waitid(P_ALL, 0, &zombie, WEXITED | WNOHANG | WNOWAIT) != 0 || zombie.si_pid == 0)
            return ended;
        add_bytes(zombie.si_pid);
        rusage usage{};
        int status = 0;
        if (wait4(zombie.si_pid, &status, WNOHANG, &usage) != zombie.si_pid) return ended;
        figures_.user_us = figures_.user_us.value_or(0) + microseconds(usage.ru_utime);
        figures_.system_us = figures_.system_us.value_or(0) + microseconds(usage.ru_stime);
        // A child begins with what its parent had resident: what is no more than our own peak may
        // be just that.
        if (bytes_of_peak(usage) > own_peak_)
            figures_.peak_memory = std::max(figures_.peak_memory.value_or(0), bytes_of_peak(usage));
        if (zombie.si_pid == child) ended = status;
    }
}

}  // namespace artfs
