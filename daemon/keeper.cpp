#include "keeper.h"

#include <fcntl.h>

#include <cstdlib>
#include <stdexcept>

#include "packets.h"

namespace artfs {

GuardianLink::GuardianLink(int socket) : socket_(socket) {
    fcntl(socket, F_SETFD, FD_CLOEXEC);
    while (auto packet = receive_packet(socket)) {
        if (packet->word() == "begin") {
            restarts_ = static_cast<unsigned>(std::strtoul(packet->rest().c_str(), nullptr, 10));
            crashed_ = packet->rest().ends_with("crashed");
            return;
        }
        if (packet->word() == "held") held_[packet->rest()] = std::move(packet->fd);
    }
    throw std::runtime_error("the guardian is gone");
}

void GuardianLink::hold(const std::string& name, int fd) {
    send_packet(socket_.get(), "hold " + name, fd);
}

void GuardianLink::drop(const std::string& name) { send_packet(socket_.get(), "drop " + name); }

Fd GuardianLink::take(const std::string& name) {
    std::lock_guard lock(mutex_);
    auto found = held_.extract(name);
    return found.empty() ? Fd() : std::move(found.mapped());
}

std::vector<std::string> GuardianLink::names(const std::string& prefix) const {
    std::lock_guard lock(mutex_);
    std::vector<std::string> found;
    for (const auto& [name, fd] : held_)
        if (name.starts_with(prefix)) found.push_back(name);
    return found;
}

void GuardianLink::tell(const std::string& message) { send_packet(socket_.get(), message); }

}  // namespace artfs
