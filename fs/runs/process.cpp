#include "runs/process.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>
#include <ctime>

#include "runs/proc_files.h"
#include "runs/process_connector.h"

namespace artfs {

namespace {

constexpr std::size_t arguments_limit = 256U << 10;
constexpr std::size_t environment_limit = 1U << 20;

// "pid:[4026531836]" or "pipe:[1234]" with its kind.
std::uint64_t inode_in_link(const std::optional<std::string>& link, std::string_view kind) {
    std::uint64_t inode = 0;
    if (!link || !link->starts_with(kind)) return inode;
    auto from = link->find('[');
    if (from != std::string::npos)
        std::from_chars(link->data() + from + 1, link->data() + link->size(), inode);
    return inode;
}

class SystemProcesses : public ProcessTable {
public:
    std::optional<ProcessFacts> facts(pid_t pid) override {
        // One descriptor for all: what is read through it is of one process, or an error.
        Fd directory = open_process_directory(pid);
        if (!directory) return std::nullopt;
        int fd = directory.get();
        auto stat = read_stat_at(fd);
        auto status = read_status_at(fd);
        if (!stat || !status) return std::nullopt;
        ProcessFacts facts;
        facts.pid = pid;
        facts.parent = stat->parent;
        facts.session = stat->session;
        facts.has_terminal = stat->has_terminal;
        facts.start_ticks = stat->start_ticks;
        facts.comm = stat->comm;
        facts.kernel_thread = stat->kernel_thread;
        facts.uid = status->real_uid;
        facts.gid = status->real_gid;
        facts.pid_in_namespace = status->innermost_pid;
        facts.pid_namespace = inode_in_link(read_link_at(fd, "ns/pid"), "pid:");
        if (auto path = read_link_at(fd, "exe")) facts.executable = *path;
        if (auto file = file_identity(fd, "exe")) facts.executable_file = *file;
        if (auto text = read_proc_at(fd, "cmdline", arguments_limit))
            facts.arguments = split_at_zeros(*text);
        return facts;
    }
};

class ConnectedProcesses : public SystemProcesses {
public:
    explicit ConnectedProcesses(std::unique_ptr<ProcessConnector> connector)
        : connector_(std::move(connector)) {}
    std::optional<Descent> descent(pid_t pid) override { return connector_->descent(pid); }

private:
    std::unique_ptr<ProcessConnector> connector_;
};

}  // namespace

std::unique_ptr<ProcessTable> connected_processes() {
    auto connector = ProcessConnector::open();
    if (!connector) return nullptr;
    return std::make_unique<ConnectedProcesses>(std::move(connector));
}

bool other_namespace(const ProcessFacts& a, const ProcessFacts& b) {
    return a.pid_namespace != 0 && b.pid_namespace != 0 && a.pid_namespace != b.pid_namespace;
}

ProcessTable& system_processes() {
    static SystemProcesses table;
    return table;
}

bool is_in_execve(pid_t tid) {
    // The new memory is there, and nothing in it yet.
    auto status = read_status(tid);
    return status && status->has_code && !*status->has_code;
}

std::optional<Credentials> credentials_of(pid_t tid) {
    auto status = read_status(tid);
    if (!status) return std::nullopt;
    return Credentials{status->effective_uid, status->effective_gid, std::move(status->groups)};
}

std::vector<std::pair<std::string, std::string>> environment_of(pid_t pid) {
    std::vector<std::pair<std::string, std::string>> variables;
    Fd directory = open_process_directory(pid);
    if (!directory) return variables;
    auto text = read_proc_at(directory.get(), "environ", environment_limit);
    if (!text) return variables;
    for (const auto& line : split_at_zeros(*text)) {
        auto equals = line.find('=');
        if (equals != std::string::npos)
            variables.emplace_back(line.substr(0, equals), line.substr(equals + 1));
    }
    return variables;
}

std::optional<std::string> environment_variable(pid_t pid, std::string_view name) {
    for (auto& [key, value] : environment_of(pid))
        if (key == name) return std::move(value);
    return std::nullopt;
}

StandardPipes standard_pipes_of(pid_t pid) {
    Fd directory = open_process_directory(pid);
    if (!directory) return {};
    return {inode_in_link(read_link_at(directory.get(), "fd/0"), "pipe:"),
            inode_in_link(read_link_at(directory.get(), "fd/1"), "pipe:")};
}

std::optional<FileIdentity> file_identity(int directory_fd, const char* path) {
    struct statx found;
    int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | (*path == '\0' ? AT_EMPTY_PATH : 0);
    if (statx(directory_fd, path, flags, STATX_INO, &found) != 0) return std::nullopt;
    return FileIdentity{makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino};
}

std::optional<FileIdentity> file_identity(const Fd& fd) { return file_identity(fd.get(), ""); }

std::uint64_t now_ticks() {
    std::timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    auto per_second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
    return static_cast<std::uint64_t>(time.tv_sec) * per_second +
           static_cast<std::uint64_t>(time.tv_nsec) * per_second / 1'000'000'000U;
}

}  // namespace artfs
