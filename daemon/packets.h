// Messages between guardian and worker (guardian.h): text, and perhaps one descriptor.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"

namespace artfs {

struct Packet {
    std::string text;
    Fd fd;

    // The first word, and what follows it.
    std::string word() const { return text.substr(0, text.find(' ')); }
    std::string rest() const {
        auto space = text.find(' ');
        return space == std::string::npos ? "" : text.substr(space + 1);
    }
};

// Waits until it is sent. False: nobody is there.
bool send_packet(int socket, const std::string& text, int fd = -1);
// Waits for one. Nothing: nobody is there.
std::optional<Packet> receive_packet(int socket);

}  // namespace artfs
