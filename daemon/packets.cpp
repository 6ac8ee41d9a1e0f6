#include "packets.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

namespace artfs {

namespace {
constexpr std::size_t longest = 16384;

union Control {
    cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};
}  // namespace

bool send_packet(int socket, const std::string& text, int fd) {
    iovec data{const_cast<char*>(text.data()), std::min(text.size(), longest)};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    Control control{};
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        auto* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) return false;
    return true;
}

std::optional<Packet> receive_packet(int socket) {
    std::string text(longest, '\0');
    iovec data{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    Control control{};
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    ssize_t got = 0;
    while ((got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0)
        if (errno != EINTR) return std::nullopt;
    if (got == 0) return std::nullopt;
    text.resize(static_cast<std::size_t>(got));
    Packet packet{std::move(text), {}};
    for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
        packet.fd = Fd(fd);
    }
    return packet;
}

}  // namespace artfs
