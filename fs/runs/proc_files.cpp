#include "runs/proc_files.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string>

namespace artfs {

namespace {

constexpr std::size_t stat_limit = 4096;
constexpr std::size_t status_limit = 1U << 20;            // Groups may have 65536 entries
constexpr unsigned long kernel_thread_flag = 0x00200000;  // PF_KTHREAD, include/linux/sched.h

template <class Number>
Number number(std::string_view text) {
    Number value{};
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::vector<std::string_view> words(std::string_view text) {
    std::vector<std::string_view> found;
    while (true) {
        auto from = text.find_first_not_of(" \t\n");
        if (from == std::string_view::npos) return found;
        auto to = text.find_first_of(" \t\n", from);
        found.push_back(text.substr(from, to - from));
        if (to == std::string_view::npos) return found;
        text.remove_prefix(to);
    }
}

}  // namespace

Fd open_process_directory(pid_t tid) {
    if (tid <= 0) return {};
    std::string path = "/proc/" + std::to_string(tid);
    return Fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::optional<std::string> read_proc_at(int directory, const char* name, std::size_t limit) {
    Fd fd(openat(directory, name, O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    std::string text;
    std::array<char, 4096> chunk;
    while (text.size() < limit) {
        ssize_t got = read(fd.get(), chunk.data(), std::min(chunk.size(), limit - text.size()));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;  // ESRCH: it died under our hands
        if (got == 0) break;
        text.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return text;
}

std::optional<std::string> read_link_at(int directory, const char* name) {
    std::array<char, PATH_MAX> target;
    ssize_t got = readlinkat(directory, name, target.data(), target.size());
    if (got < 0) return std::nullopt;
    return std::string(target.data(), static_cast<std::size_t>(got));
}

std::optional<ProcStat> parse_stat(std::string_view text) {
    // The name may hold anything, parentheses and line ends too: it ends at the last ')'.
    auto open = text.find('(');
    auto close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
        return std::nullopt;
    auto field = words(text.substr(close + 1));  // field[0] is the manual's field 3
    if (field.size() < 20) return std::nullopt;
    ProcStat stat;
    stat.comm = text.substr(open + 1, close - open - 1);
    stat.state = field[0].front();
    stat.parent = number<pid_t>(field[1]);
    stat.session = number<pid_t>(field[3]);
    stat.has_terminal = number<int>(field[4]) != 0;
    stat.kernel_thread = (number<unsigned long>(field[6]) & kernel_thread_flag) != 0;
    stat.start_ticks = number<std::uint64_t>(field[19]);
    if (field.size() > 49) stat.exit_code = number<int>(field[49]);
    return stat;
}

std::optional<ProcStat> read_stat_at(int directory) {
    auto text = read_proc_at(directory, "stat", stat_limit);
    if (!text) return std::nullopt;
    return parse_stat(*text);
}

ProcStatus parse_status(std::string_view text) {
    ProcStatus status;
    while (!text.empty()) {
        auto end = text.find('\n');
        auto line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        auto key = line.substr(0, colon);
        auto value = words(line.substr(colon + 1));
        if (key == "State" && !value.empty()) {
            status.state = value[0].front();
        } else if (key == "Tgid" && !value.empty()) {
            status.thread_group = number<pid_t>(value[0]);
        } else if (key == "PPid" && !value.empty()) {
            status.parent = number<pid_t>(value[0]);
        } else if (key == "Uid" && value.size() >= 2) {
            status.real_uid = number<std::uint32_t>(value[0]);
            status.effective_uid = number<std::uint32_t>(value[1]);
        } else if (key == "Gid" && value.size() >= 2) {
            status.real_gid = number<std::uint32_t>(value[0]);
            status.effective_gid = number<std::uint32_t>(value[1]);
        } else if (key == "Groups") {
            for (auto group : value) status.groups.push_back(number<std::uint32_t>(group));
        } else if (key == "VmExe" && !value.empty()) {
            status.has_code = value[0] != "0";
        } else if (key == "NSpid" && !value.empty()) {
            status.innermost_pid = number<pid_t>(value.back());
        }
    }
    return status;
}

std::optional<ProcStatus> read_status_at(int directory) {
    auto text = read_proc_at(directory, "status", status_limit);
    if (!text) return std::nullopt;
    return parse_status(*text);
}

std::optional<ProcStatus> read_status(pid_t tid) {
    Fd directory = open_process_directory(tid);
    return directory ? read_status_at(directory.get()) : std::nullopt;
}

std::optional<pid_t> thread_group_at(const Fd& directory) {
    if (!directory) return std::nullopt;
    auto status = read_status_at(directory.get());
    if (!status || status->thread_group == 0) return std::nullopt;
    return status->thread_group;
}

std::vector<std::string> split_at_zeros(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        auto end = text.find('\0');
        parts.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return parts;
}

}  // namespace artfs
