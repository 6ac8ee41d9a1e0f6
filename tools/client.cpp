#include "client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "failure.h"

namespace artfs {

namespace {

// A worker that was killed is followed by another within moments.
constexpr int most_tries = 200;
constexpr unsigned between_tries_us = 50'000;

enum class Asked : std::uint8_t { answered, nobody, lost };

Asked ask_once(const std::filesystem::path& store, const nlohmann::json& request,
               const std::function<void(const nlohmann::json&)>& progress, std::string& answer) {
    // A socket's address is short; a store's path need not be.
    auto directory = open_file(store, O_PATH | O_DIRECTORY);
    if (!directory) return Asked::nobody;
    Fd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string path = "/proc/self/fd/" + std::to_string(directory->get()) + "/socket";
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (connect(socket_fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        if (errno == EACCES)
            throw Failure(exit_refused, "the store belongs to another user: ask its owner");
        return Asked::nobody;
    }
    std::string line =
        request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    for (std::string_view rest = line; !rest.empty();) {
        auto sent = send(socket_fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent <= 0) return Asked::lost;
        rest.remove_prefix(static_cast<std::size_t>(sent));
    }
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
    return answer.ends_with('\n') ? Asked::answered : Asked::lost;
}

// Whether asking twice is as asking once. What copies files in is begun by hand again.
bool may_repeat(const nlohmann::json& request) {
    auto op = request.value("op", "");
    return op != "put" && op != "unbundle" && op != "run-next";
}

// What changes nothing where nobody is there to ask: a daemon that ended while it was asked, as
// after umount(8), is one that does not run.
bool may_find_nobody(const nlohmann::json& request) {
    auto op = request.value("op", "");
    return op == "mount" || op == "status" || op == "settle";
}

}  // namespace

std::optional<nlohmann::json> ask_daemon(
    const std::filesystem::path& store, const nlohmann::json& request,
    const std::function<void(const nlohmann::json&)>& progress) {
    nlohmann::json asked = request;
    std::string answer;
    auto outcome = ask_once(store, asked, progress, answer);
    for (int i = 0; outcome == Asked::lost && may_repeat(request) && i < most_tries; ++i) {
        usleep(between_tries_us);
        asked["again"] = true;
        answer.clear();
        outcome = ask_once(store, asked, progress, answer);
        if (outcome == Asked::nobody) break;
    }
    if (outcome == Asked::nobody && (!asked.contains("again") || may_find_nobody(request)))
        return std::nullopt;
    auto reply = nlohmann::json::parse(answer, nullptr, false);
    if (outcome != Asked::answered || !reply.is_object())
        throw Failure(exit_failed, "the daemon did not answer: see artd.log in the store");
    if (reply.contains("error"))
        throw Failure(reply["error"].value("exit", 5), reply["error"].value("message", "refused"));
    return reply;
}

}  // namespace artfs
