#include "client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "failure.h"

namespace artfs {

std::optional<nlohmann::json> ask_daemon(
    const std::filesystem::path& store, const nlohmann::json& request,
    const std::function<void(const nlohmann::json&)>& progress) {
    // A socket's address is short; a store's path need not be.
    auto directory = open_file(store, O_PATH | O_DIRECTORY);
    if (!directory) return std::nullopt;
    Fd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string path = "/proc/self/fd/" + std::to_string(directory->get()) + "/socket";
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (connect(socket_fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        if (errno == EACCES)
            throw Failure(exit_refused, "the store belongs to another user: ask its owner");
        return std::nullopt;
    }
    std::string line =
        request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    if (!write_all(socket_fd.get(), line)) return std::nullopt;
    std::string answer;
    char chunk[65536];
    for (ssize_t got = 0; (got = read(socket_fd.get(), chunk, sizeof chunk)) > 0;) {
        answer.append(chunk, static_cast<std::size_t>(got));
        for (auto end = answer.find('\n');
             progress && answer.starts_with("{\"progress\"") && end != std::string::npos;
             end = answer.find('\n')) {
            progress(nlohmann::json::parse(answer.substr(0, end)).at("progress"));
            answer.erase(0, end + 1);
        }
    }
    auto reply = nlohmann::json::parse(answer, nullptr, false);
    if (!reply.is_object())
        throw Failure(exit_failed, "the daemon did not answer: see artd.log in the store");
    if (reply.contains("error"))
        throw Failure(reply["error"].value("exit", 5), reply["error"].value("message", "refused"));
    return reply;
}

}  // namespace artfs
