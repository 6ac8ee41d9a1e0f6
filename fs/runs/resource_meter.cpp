#include "runs/resource_meter.h"

#include <linux/acct.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>

namespace artfs {

namespace {

constexpr int exits_buffer = 8 << 20;  // some seven thousand exits
// A storm of exits wakes the thread this rarely.
constexpr int batch_ms = 20;
constexpr std::uint16_t oldest_version = 12;
constexpr std::uint64_t never = UINT64_MAX;

bool is_in_first_namespace() {
    constexpr std::uint64_t first = 0xEFFFFFFC;  // PROC_PID_INIT_INO
    auto facts = system_processes().facts(getpid());
    return facts && facts->pid_namespace == first;
}

// One request of generic netlink with one attribute.
bool send_request(int socket, std::uint16_t family, std::uint8_t command, std::uint16_t attribute,
                  std::string_view value) {
    nlmsghdr netlink{};
    netlink.nlmsg_type = family;
    netlink.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    genlmsghdr generic{};
    generic.cmd = command;
    generic.version = 1;
    nlattr head{};
    head.nla_type = attribute;
    head.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + value.size() + 1);
    std::string message(NLMSG_HDRLEN + GENL_HDRLEN + NLA_HDRLEN, '\0');
    netlink.nlmsg_len = static_cast<std::uint32_t>(message.size() + NLA_ALIGN(value.size() + 1));
    std::memcpy(message.data(), &netlink, sizeof netlink);
    std::memcpy(message.data() + NLMSG_HDRLEN, &generic, sizeof generic);
    std::memcpy(message.data() + NLMSG_HDRLEN + GENL_HDRLEN, &head, sizeof head);
    message.append(value);
    message.resize(netlink.nlmsg_len);
    return send(socket, message.data(), message.size(), 0) == static_cast<ssize_t>(message.size());
}

// Calls `visit` with the kind and the bytes of every attribute.
template <class Visit>
void attributes(std::string_view bytes, Visit visit) {
    while (bytes.size() >= NLA_HDRLEN) {
        nlattr head{};
        std::memcpy(&head, bytes.data(), sizeof head);
        if (head.nla_len < NLA_HDRLEN || head.nla_len > bytes.size()) return;
        visit(head.nla_type & NLA_TYPE_MASK, bytes.substr(NLA_HDRLEN, head.nla_len - NLA_HDRLEN));
        bytes.remove_prefix(std::min<std::size_t>(bytes.size(), NLA_ALIGN(head.nla_len)));
    }
}

// The messages of one datagram: their kind and what follows the header.
template <class Visit>
void messages(const char* data, std::size_t size, Visit visit) {
    auto left = static_cast<int>(size);  // NLMSG_NEXT may take it below zero
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(data); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left))
        visit(message->nlmsg_type,
              std::string_view(reinterpret_cast<const char*>(message) + NLMSG_HDRLEN,
                               message->nlmsg_len - NLMSG_HDRLEN));
}

// The answers to one request, up to its acknowledgement; false if it was refused.
template <class Visit>
bool answers(int socket, Visit visit) {
    alignas(nlmsghdr) char data[8192];
    while (true) {
        auto got = recv(socket, data, sizeof data, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        std::optional<int> error;
        messages(data, static_cast<std::size_t>(got), [&](int type, std::string_view body) {
            if (type != NLMSG_ERROR) return visit(body);
            int code = EINVAL;
            if (body.size() >= sizeof code) std::memcpy(&code, body.data(), sizeof code);
            error = code;
        });
        if (error) return *error == 0;
    }
}

std::optional<std::uint16_t> family_of_taskstats(int socket) {
    if (!send_request(socket, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME,
                      TASKSTATS_GENL_NAME))
        return std::nullopt;
    std::optional<std::uint16_t> family;
    bool known = answers(socket, [&](std::string_view body) {
        if (body.size() < GENL_HDRLEN) return;
        attributes(body.substr(GENL_HDRLEN), [&](int type, std::string_view value) {
            std::uint16_t id = 0;
            if (type != CTRL_ATTR_FAMILY_ID || value.size() < sizeof id) return;
            std::memcpy(&id, value.data(), sizeof id);
            family = id;
        });
    });
    return known ? family : std::nullopt;
}

// Exits on every processor there may be.
bool subscribe_to_exits(int socket) {
    auto family = family_of_taskstats(socket);
    auto processors = sysconf(_SC_NPROCESSORS_CONF);
    if (!family || processors < 1) return false;
    std::string mask = "0-" + std::to_string(processors - 1);
    return send_request(socket, *family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK,
                        mask) &&
           answers(socket, [](std::string_view) {});
}

}  // namespace

std::unique_ptr<ResourceMeter> ResourceMeter::open() {
    if (geteuid() != 0 || !is_in_first_namespace()) return nullptr;
    Fd netlink(socket(PF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    if (!netlink || bind(netlink.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return nullptr;
    setsockopt(netlink.get(), SOL_SOCKET, SO_RCVBUFFORCE, &exits_buffer, sizeof exits_buffer);
    timeval patience{1, 0};
    setsockopt(netlink.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    Fd stop(eventfd(0, EFD_CLOEXEC));
    if (!stop || !subscribe_to_exits(netlink.get())) return nullptr;
    return std::unique_ptr<ResourceMeter>(new ResourceMeter(std::move(netlink), std::move(stop)));
}

ResourceMeter::ResourceMeter(Fd socket, Fd stop)
    : socket_(std::move(socket)), stop_(std::move(stop)), complete_since_(now_ticks()) {
    thread_ = std::thread([this] { listen(); });
}

ResourceMeter::~ResourceMeter() {
    std::uint64_t one = 1;
    [[maybe_unused]] auto told = write(stop_.get(), &one, sizeof one);
    thread_.join();
}

void ResourceMeter::listen() {
    pollfd waiting[2] = {{socket_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while (true) {
        if (poll(waiting, 2, -1) < 0 && errno != EINTR) return;
        if (waiting[1].revents != 0) return;
        {
            std::lock_guard lock(mutex_);
            drain();
        }
        if (poll(&waiting[1], 1, batch_ms) > 0) return;
    }
}

void ResourceMeter::drain() {
    alignas(nlmsghdr) char data[8192];
    while (true) {
        sockaddr_nl from{};
        socklen_t size = sizeof from;
        auto got = recvfrom(socket_.get(), data, sizeof data, MSG_DONTWAIT,
                            reinterpret_cast<sockaddr*>(&from), &size);
        if (got > 0) {
            if (from.nl_pid == 0) read_message(data, static_cast<std::size_t>(got));
        } else if (got < 0 && errno == ENOBUFS) {
            // Who lives now has lost something; so has who is told of here and has not been yet.
            living_.clear();
            ended_.clear();
            order_.clear();
            if (complete_since_ != never) complete_since_ = now_ticks() + 1;
        } else if (got == 0 || errno != EINTR) {
            return;
        }
    }
}

void ResourceMeter::read_message(const char* data, std::size_t size) {
    messages(data, size, [this](int, std::string_view body) {
        if (body.size() < GENL_HDRLEN) return;
        attributes(body.substr(GENL_HDRLEN), [this](int type, std::string_view inner) {
            if (type != TASKSTATS_TYPE_AGGR_PID) return;
            attributes(inner, [this](int kind, std::string_view value) {
                if (kind != TASKSTATS_TYPE_STATS) return;
                taskstats stats{};
                std::memcpy(&stats, value.data(), std::min(sizeof stats, value.size()));
                thread_ended(stats);
            });
        });
    });
}

void ResourceMeter::Totals::add(const Totals& more) {
    user_us += more.user_us;
    system_us += more.system_us;
    peak_memory = std::max(peak_memory, more.peak_memory);
    bytes_read += more.bytes_read;
    bytes_written += more.bytes_written;
}

void ResourceMeter::thread_ended(const taskstats& stats) {
    if (stats.version < oldest_version) {
        complete_since_ = never;
        return;
    }
    Totals totals;
    // Where the clock's ticks account for user and system, a short process has none of either: the
    // time on a processor, which is exact, is divided as the ticks are.
    auto ticks = stats.ac_utime + stats.ac_stime;
    auto ran = std::max<std::uint64_t>(ticks, stats.cpu_run_virtual_total / 1000);
    double system =
        ticks == 0 ? 0 : static_cast<double>(stats.ac_stime) / static_cast<double>(ticks);
    totals.system_us = static_cast<std::uint64_t>(static_cast<double>(ran) * system);
    totals.user_us = ran - totals.system_us;
    totals.peak_memory = stats.hiwater_rss * 1024;
    totals.bytes_read = stats.read_char;
    totals.bytes_written = stats.write_char;
    auto process = static_cast<pid_t>(stats.ac_tgid);
    auto parent = static_cast<pid_t>(stats.ac_ppid);
    add_to(process, totals);
    if ((stats.ac_flag & AGROUP) != 0) process_ended(process, parent);
}

// A thread's message may come after that of the last thread of its process.
void ResourceMeter::add_to(pid_t process, const Totals& totals) {
    for (std::size_t up = 0; up < most_ended; ++up) {
        if (process <= 1) return;  // who inherits orphans did not run them
        auto ended = ended_.find(process);
        if (ended == ended_.end()) {
            living_[process].add(totals);
            return;
        }
        ended->second.totals.add(totals);
        process = ended->second.parent;
    }
}

void ResourceMeter::process_ended(pid_t process, pid_t parent) {
    auto found = living_.find(process);
    if (found == living_.end()) return;  // its number was another's a moment ago
    Totals totals = found->second;
    living_.erase(found);
    add_to(parent, totals);
    ended_[process] = {totals, parent};
    order_.push_back(process);
    if (order_.size() <= most_ended) return;
    ended_.erase(order_.front());
    order_.pop_front();
}

std::optional<Resources> ResourceMeter::of(const ProcessKey& process) {
    std::lock_guard lock(mutex_);
    drain();  // what the kernel has said of an exit that was noticed is there to be read
    auto found = ended_.find(process.pid);
    if (found == ended_.end() || process.start_ticks < complete_since_) return std::nullopt;
    const Totals& totals = found->second.totals;
    Resources resources;
    resources.peak_memory = totals.peak_memory;
    resources.user_us = totals.user_us;
    resources.system_us = totals.system_us;
    resources.bytes_read = totals.bytes_read;
    resources.bytes_written = totals.bytes_written;
    return resources;
}

}  // namespace artfs
