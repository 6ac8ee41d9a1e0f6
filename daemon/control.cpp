#include "control.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <future>

#include "base/json.h"
#include "worker.h"

namespace artfs {

namespace {

constexpr std::size_t longest_request = 1U << 20U;
constexpr const char* held_socket = "control socket";

}  // namespace

ControlServer::ControlServer(Mounts& mounts, const Served& served)
    : mounts_(mounts), served_(served), started_(now()) {}

ControlServer::~ControlServer() { stop(); }

Result<> ControlServer::start() {
    socket_ = served_.guardian.take(held_socket);
    if (!socket_)
        if (auto bound = bind(); !bound) return bound;
    listener_ = std::thread([this] { listen(); });
    return {};
}

Result<> ControlServer::bind() {
    const auto path = served_.store.socket_path();
    unlink(path.c_str());
    socket_ = Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_) return fail_errno("making the control socket");
    // A socket's address is short; a store's path need not be.
    auto directory = open_file(path.parent_path(), O_PATH | O_DIRECTORY);
    if (!directory) return tl::unexpected(directory.error());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string short_path =
        "/proc/self/fd/" + std::to_string(directory->get()) + "/" + path.filename().string();
    short_path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return fail_errno("binding " + path.string());
    if (chmod(path.c_str(), 0666) != 0 || ::listen(socket_.get(), 64) != 0)
        return fail_errno("listening on " + path.string());
    // Who asks while there is no worker waits for the next.
    served_.guardian.hold(held_socket, socket_.get());
    return {};
}

void ControlServer::stop() {
    if (!listener_.joinable()) return;
    stopping_ = true;
    listener_.join();
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return connections_ == 0; });
    unlink(served_.store.socket_path().c_str());
}

void ControlServer::listen() {
    while (!stopping_) {
        pollfd waiting{socket_.get(), POLLIN, 0};
        if (poll(&waiting, 1, static_cast<int>(control_poll.count())) <= 0) continue;
        Fd connection(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection) continue;
        {
            std::lock_guard lock(mutex_);
            ++connections_;
        }
        std::thread([this, fd = connection.release()] {
            serve(Fd(fd));
            std::lock_guard lock(mutex_);
            --connections_;
            idle_.notify_all();
        }).detach();
    }
}

void ControlServer::serve(Fd connection) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
    timeval patience{10, 0};
    setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string line;
    char chunk[4096];
    while (line.find('\n') == std::string::npos && line.size() < longest_request) {
        auto got = read(connection.get(), chunk, sizeof chunk);
        if (got <= 0) break;
        line.append(chunk, static_cast<std::size_t>(got));
    }
    Json reply;
    auto request = parse_json(line);
    if (request.is_object()) request.update({{"peer", peer.uid}, {"peer_gid", peer.gid}});
    try {
        reply = request.is_object() ? answer(request, {peer.pid, peer.uid}, connection)
                                    : refusal(2, "not a JSON object");
    } catch (const std::exception& broken) {
        reply = refusal(5, broken.what());
    }
    // Names in it may be any bytes.
    auto sent = write_all(connection.get(),
                          reply.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    if (!sent) spdlog::debug("a client went away: {}", sent.error().message);
    // As after any other death, the next worker goes on.
    if (reply.contains(replaced_key)) _exit(0);
}

}  // namespace artfs
