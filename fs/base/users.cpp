#include "base/users.h"

#include <pwd.h>
#include <unistd.h>

#include <array>

namespace artfs {

std::string user_name(std::uint32_t uid) {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 16384> buffer;
    if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
        return found->pw_name;
    return std::to_string(uid);
}

std::string host_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return {};
    return name.data();
}

}  // namespace artfs
