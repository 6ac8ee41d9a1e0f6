#include "runs/process_connector.h"

#include <dirent.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "runs/proc_files.h"

namespace artfs {

namespace {

// In linux/cn_proc.h, but inside the structure or outside it as the headers are old or new.
constexpr std::uint32_t event_fork = 0x00000001;
constexpr std::uint32_t event_exec = 0x00000002;
constexpr std::uint32_t event_exit = 0x80000000;

constexpr int receive_buffer = 8 << 20;  // some ten thousand forks

// The group's first process number is ours only in the first pid namespace: events name those.
bool in_first_pid_namespace() {
    constexpr std::uint64_t first = 0xEFFFFFFC;  // PROC_PID_INIT_INO
    auto facts = system_processes().facts(getpid());
    return facts && facts->pid_namespace == first;
}

bool subscribe(int socket) {
    // The parts one after the other: cn_msg ends in an array of unknown size.
    const proc_cn_mcast_op operation = PROC_CN_MCAST_LISTEN;
    cn_msg connector{};
    connector.id = {CN_IDX_PROC, CN_VAL_PROC};
    connector.len = sizeof operation;
    std::array<char, NLMSG_LENGTH(sizeof connector + sizeof operation)> message{};
    nlmsghdr netlink{};
    netlink.nlmsg_len = static_cast<std::uint32_t>(message.size());
    netlink.nlmsg_type = NLMSG_DONE;
    std::memcpy(message.data(), &netlink, sizeof netlink);
    std::memcpy(message.data() + NLMSG_HDRLEN, &connector, sizeof connector);
    std::memcpy(message.data() + NLMSG_HDRLEN + sizeof connector, &operation, sizeof operation);
    return send(socket, message.data(), message.size(), 0) == static_cast<ssize_t>(message.size());
}

// Calls `visit` with every process there is and its parent.
template <class Visit>
void every_process(Visit visit) {
    DIR* proc = opendir("/proc");
    if (proc == nullptr) return;
    while (const dirent* entry = readdir(proc)) {
        pid_t pid = 0;
        const char* end = entry->d_name + std::strlen(entry->d_name);
        auto [last, bad] = std::from_chars(entry->d_name, end, pid);
        if (bad != std::errc() || last != end) continue;
        if (auto status = read_status(pid)) visit(pid, status->parent);
    }
    closedir(proc);
}

}  // namespace

std::unique_ptr<ProcessConnector> ProcessConnector::open() {
    if (geteuid() != 0 || !in_first_pid_namespace()) return nullptr;
    Fd connector(socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
    if (!connector) return nullptr;
    setsockopt(connector.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = CN_IDX_PROC;
    if (bind(connector.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        !subscribe(connector.get()))
        return nullptr;
    Fd stop(eventfd(0, EFD_CLOEXEC));
    if (!stop) return nullptr;
    return std::unique_ptr<ProcessConnector>(
        new ProcessConnector(std::move(connector), std::move(stop)));
}

ProcessConnector::ProcessConnector(Fd socket, Fd stop)
    : socket_(std::move(socket)), stop_(std::move(stop)) {
    rebuild();
    rebuilds_ = 0;
    thread_ = std::thread([this] { listen(); });
}

ProcessConnector::~ProcessConnector() {
    std::uint64_t one = 1;
    [[maybe_unused]] auto told = write(stop_.get(), &one, sizeof one);
    thread_.join();
}

void ProcessConnector::listen() {
    pollfd waiting[2] = {{socket_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while (true) {
        if (poll(waiting, 2, -1) < 0 && errno != EINTR) return;
        if (waiting[1].revents != 0) return;
        std::lock_guard lock(mutex_);
        drain();
    }
}

void ProcessConnector::drain() {
    alignas(nlmsghdr) char data[8192];
    while (true) {
        sockaddr_nl from{};
        socklen_t size = sizeof from;
        auto got = recvfrom(socket_.get(), data, sizeof data, 0, reinterpret_cast<sockaddr*>(&from),
                            &size);
        if (got > 0) {
            if (from.nl_pid == 0) read_events(data, static_cast<std::size_t>(got));  // the kernel's
        } else if (got < 0 && errno == ENOBUFS) {
            spdlog::info("forks were missed: the process tree is read again");
            rebuild_locked();
        } else if (got == 0 || errno != EINTR) {
            return;
        }
    }
}

void ProcessConnector::read_events(const char* data, std::size_t size) {
    auto left = static_cast<int>(size);  // NLMSG_NEXT may take it below zero
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(data); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
        if (message->nlmsg_type == NLMSG_NOOP || message->nlmsg_type == NLMSG_ERROR) continue;
        constexpr std::size_t header = NLMSG_LENGTH(sizeof(cn_msg));
        proc_event event{};
        if (message->nlmsg_len < header + offsetof(proc_event, event_data)) continue;
        std::memcpy(&event, reinterpret_cast<const char*>(message) + header,
                    std::min<std::size_t>(sizeof event, message->nlmsg_len - header));
        auto what = static_cast<std::uint32_t>(event.what);
        Instant when(std::chrono::nanoseconds(event.timestamp_ns));  // of the monotonic clock
        if (what == event_fork) {
            const auto& fork = event.event_data.fork;
            // Another thread of its process is no new process.
            if (fork.child_pid == fork.child_tgid) forked(fork.parent_tgid, fork.child_tgid, when);
        } else if (what == event_exec) {
            execed(event.event_data.exec.process_tgid, when);
        } else if (what == event_exit) {
            const auto& exit = event.event_data.exit;
            if (exit.process_pid == exit.process_tgid) exited(exit.process_tgid);
        }
    }
}

std::shared_ptr<ProcessConnector::Node>& ProcessConnector::node_of(pid_t pid) {
    auto& node = live_[pid];
    if (!node) {
        node = std::make_shared<Node>();
        node->pid = pid;
    }
    return node;
}

void ProcessConnector::forked(pid_t parent, pid_t child, Instant when) {
    auto from = node_of(parent);
    auto node = std::make_shared<Node>();  // the number may have been another's
    node->pid = child;
    node->forked = when;
    node->parent = std::move(from);
    live_[child] = std::move(node);
}

void ProcessConnector::execed(pid_t pid, Instant when) {
    if (auto found = live_.find(pid); found != live_.end()) found->second->execed = when;
}

void ProcessConnector::exited(pid_t pid) {
    auto found = live_.find(pid);
    if (found == live_.end()) return;
    auto& node = *found->second;
    node.dead = true;
    if (node.parent && node.parent->dead) {
        node.dead_above = node.parent->dead_above + 1;
        if (node.dead_above >= most_dead) node.parent.reset();
    }
    live_.erase(found);
}

void ProcessConnector::rebuild() {
    std::lock_guard lock(mutex_);
    rebuild_locked();
}

void ProcessConnector::rebuild_locked() {
    live_.clear();
    ++rebuilds_;
    // Events of before that are still to be read are older than this.
    const auto now = std::chrono::steady_clock::now();
    every_process([this, now](pid_t pid, pid_t parent) {
        auto node = node_of(pid);
        node->forked = now;
        if (parent > 0) node->parent = node_of(parent);
    });
}

std::optional<Descent> ProcessConnector::descent(pid_t pid) {
    std::lock_guard lock(mutex_);
    drain();  // a fork that has been is there to be read
    auto found = live_.find(pid);
    if (found == live_.end()) return std::nullopt;
    const Node* at = found->second.get();
    Descent descent;
    descent.execed = at->execed;
    for (; at->parent != nullptr && at->parent->dead; at = at->parent.get())
        if (at->parent->execed <= at->forked) descent.dead.push_back(at->parent->pid);
    descent.forked = at->forked;
    if (at != found->second.get() && at->parent != nullptr)
        descent.living_ancestor = at->parent->pid;
    return descent;
}

std::size_t ProcessConnector::size() const {
    std::lock_guard lock(mutex_);
    return live_.size();
}

std::uint64_t ProcessConnector::rebuilds() const {
    std::lock_guard lock(mutex_);
    return rebuilds_;
}

}  // namespace artfs
