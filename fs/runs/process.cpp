#include "runs/process.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <sstream>

#include "base/fd.h"

namespace artfs {

namespace {

std::string proc(pid_t pid, const char* name) {
    return "/proc/" + std::to_string(pid) + "/" + name;
}

std::string link_target(const std::string& path) {
    std::string target(4096, '\0');
    auto length = readlink(path.c_str(), target.data(), target.size());
    if (length < 0) return "";
    target.resize(static_cast<std::size_t>(length));
    // What was replaced on disk since it was started.
    if (auto deleted = target.rfind(" (deleted)"); deleted != std::string::npos) target.resize(deleted);
    return target;
}

std::vector<std::string> split_at_nul(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < text.size();) {
        auto end = text.find('\0', at);
        if (end == std::string::npos) end = text.size();
        parts.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return parts;
}

// The fields of proc_pid_stat(5) after the name, which may hold anything.
bool parse_stat(const std::string& text, ProcessFacts& facts) {
    auto open = text.find('(');
    auto close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos) return false;
    facts.comm = text.substr(open + 1, close - open - 1);
    std::istringstream fields(text.substr(close + 1));
    char state = 0;
    long group = 0;
    long terminal = 0;
    fields >> state >> facts.parent >> group >> facts.session >> terminal;
    facts.has_terminal = terminal != 0;
    std::string skipped;
    for (int field = 8; field < 22; ++field) fields >> skipped;
    fields >> facts.start_ticks;
    return !fields.fail();
}

void parse_status(const std::string& text, ProcessFacts& facts) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream fields(line);
        std::string key;
        fields >> key;
        if (key == "Uid:") fields >> facts.uid;
        if (key == "Gid:") fields >> facts.gid;
        if (key == "Kthread:") {
            int is_kernel = 0;
            fields >> is_kernel;
            facts.kernel_thread = is_kernel != 0;
        }
        if (key == "NSpid:")
            for (pid_t pid = 0; fields >> pid;) facts.pid_in_namespace = pid;
    }
}

class SystemProcesses : public ProcessTable {
public:
    std::optional<ProcessFacts> facts(pid_t pid) override {
        ProcessFacts facts;
        facts.pid = pid;
        auto stat = read_file(proc(pid, "stat"));
        if (pid <= 0 || !stat || !parse_stat(*stat, facts)) return std::nullopt;
        if (auto status = read_file(proc(pid, "status"))) parse_status(*status, facts);
        facts.executable = link_target(proc(pid, "exe"));
        if (auto identity = file_identity(AT_FDCWD, proc(pid, "exe").c_str()))
            facts.executable_file = *identity;
        if (auto line = read_file(proc(pid, "cmdline"))) facts.arguments = split_at_nul(*line);
        if (pid == 2 || facts.parent == 2) facts.kernel_thread = true;  // kthreadd's, on older kernels
        struct stat space {};
        if (stat_of(proc(pid, "ns/pid"), space)) facts.pid_namespace = space.st_ino;
        return facts;
    }

private:
    static bool stat_of(const std::string& path, struct stat& status) {
        return ::stat(path.c_str(), &status) == 0;
    }
};

}  // namespace

ProcessTable& system_processes() {
    static SystemProcesses table;
    return table;
}

std::vector<std::pair<std::string, std::string>> environment_of(pid_t pid) {
    std::vector<std::pair<std::string, std::string>> variables;
    auto text = read_file(proc(pid, "environ"));
    if (!text) return variables;
    for (const auto& variable : split_at_nul(*text)) {
        auto equals = variable.find('=');
        if (equals != std::string::npos && equals > 0)
            variables.emplace_back(variable.substr(0, equals), variable.substr(equals + 1));
    }
    return variables;
}

std::optional<std::string> environment_variable(pid_t pid, std::string_view name) {
    for (auto& [key, value] : environment_of(pid))
        if (key == name) return value;
    return std::nullopt;
}

std::optional<FileIdentity> file_identity(int directory_fd, const char* path) {
    struct statx status {};
    if (statx(directory_fd, path, AT_STATX_DONT_SYNC, STATX_INO, &status) != 0) return std::nullopt;
    std::uint64_t device = (static_cast<std::uint64_t>(status.stx_dev_major) << 32U) | status.stx_dev_minor;
    return FileIdentity{device, status.stx_ino};
}

std::uint64_t now_ticks() {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    auto per_second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
    return static_cast<std::uint64_t>(time.tv_sec) * per_second +
           static_cast<std::uint64_t>(time.tv_nsec) * per_second / 1'000'000'000U;
}

}  // namespace artfs
