#include "control.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "drafts/kept.h"
#include "lineage/text.h"
#include "mountpoint.h"
#include "worker.h"

namespace artfs {

namespace {

constexpr std::size_t longest_request = 1U << 20U;

std::map<std::string, std::string> text_map(const nlohmann::json& request, const char* key) {
    std::map<std::string, std::string> map;
    if (!request.contains(key) || !request[key].is_object()) return map;
    for (const auto& [name, value] : request[key].items())
        if (value.is_string()) map.emplace(name, value.get<std::string>());
    return map;
}

std::string text(const nlohmann::json& request, const char* key) {
    auto found = request.find(key);
    return found != request.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

ControlServer::ControlServer(Mount& mount, RunKeeper& runs, FuseAdapter& adapter)
    : mount_(mount), runs_(runs), adapter_(adapter), started_(now()) {}

ControlServer::~ControlServer() { stop(); }

Result<> ControlServer::start() {
    const auto path = mount_.store.socket_path();
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
    if (bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return fail_errno("binding " + path.string());
    if (chmod(path.c_str(), 0600) != 0 || ::listen(socket_.get(), 64) != 0)
        return fail_errno("listening on " + path.string());
    listener_ = std::thread([this] { listen(); });
    return {};
}

void ControlServer::stop() {
    if (!listener_.joinable()) return;
    stopping_ = true;
    listener_.join();
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return connections_ == 0; });
    unlink(mount_.store.socket_path().c_str());
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
    if (peer.uid != 0 && peer.uid != geteuid()) {
        reply = refusal(4, "only the store's owner may ask its daemon");
    } else {
        auto request = Json::parse(line, nullptr, false);
        if (request.is_object()) request.update({{"peer", peer.uid}, {"peer_gid", peer.gid}});
        try {
            if (!request.is_object())
                reply = refusal(2, "not a JSON object");
            else if (text(request, "op") == "put")
                reply = put(request, connection);
            else if (text(request, "op") == "unbundle")
                reply = unbundle(request, connection);
            else
                reply = answer(request);
        } catch (const std::exception& broken) {
            reply = refusal(5, broken.what());
        }
    }
    // Names in it may be any bytes.
    auto sent = write_all(connection.get(),
                          reply.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    if (!sent) spdlog::debug("a client went away: {}", sent.error().message);
}

nlohmann::json ControlServer::answer(const Json& request) {
    std::string op = text(request, "op");
    if (op == "settle") return settle();
    if (op == "status") return status();
    if (op == "run-start") return run_start(request);
    if (op == "run-end") return run_end(request);
    if (op == "run-data") return run_data(request);
    if (op == "commit") return commit(request, true);
    if (op == "discard") return commit(request, false);
    if (op == "change") return change(request);
    if (op == "collect") return collect(request);
    if (op == "repair") return repair(request);
    if (op == "revert") return revert(request);
    if (op == "umount") return umount(request);
    return refusal(2, "unknown request '" + op + "': the daemon is another version than art");
}

nlohmann::json ControlServer::settle() {
    auto settled = on_dispatch<bool>([this](std::function<void(Result<bool>)> done) {
        runs_.settle_all([done] { done(true); });
    });
    if (!settled) return refusal(settled.error());
    return {{"ok", true}};
}

nlohmann::json ControlServer::status() {
    auto document = on_dispatch<Json>([this](std::function<void(Result<Json>)> done) {
        done(status_document(mount_, runs_, started_));
    });
    if (!document) return refusal(document.error());
    return {{"ok", true}, {"status", *document}};
}

nlohmann::json ControlServer::run_start(const Json& request) {
    ExplicitRun order;
    order.pid = request.value("pid", 0);
    order.wrapper = request.value("wrapper", 0);
    order.name = text(request, "name");
    if (!order.name.empty() && !RunName::parse(order.name))
        return refusal(
            2, "'" + order.name + "' is no name for a run: use letters, digits, '_', '.' and '-'");
    order.job_type = text(request, "job_type");
    if (request.contains("config") && request["config"].is_object())
        order.config = request["config"];
    if (request.contains("tags")) order.tags = request["tags"].get<std::vector<std::string>>();
    if (request.contains("ok_exit")) order.ok_exit = request["ok_exit"].get<std::vector<int>>();
    if (request.contains("command"))
        order.command = request["command"].get<std::vector<std::string>>();
    order.pins = text_map(request, "pins");
    order.types = text_map(request, "types");
    order.aliases = text_map(request, "aliases");
    if (std::string resumed = text(request, "resume"); !resumed.empty()) {
        // A run that has just ended has its drafts once they are kept.
        if (auto settled = settle(); settled.contains("error")) return settled;
        auto run = named_run({{"run", resumed}});
        if (!run) return refusal(run.error());
        order.resume = run->id;
    }
    auto started = on_dispatch<RunRecord>(
        [this, order](RunKeeper::Started done) { runs_.start_explicit(order, std::move(done)); });
    if (!started) return refusal(started.error());
    return {{"ok", true},
            {"id", started->id.text()},
            {"name", started->name},
            {"mount", mount_.options.mountpoint.string()}};
}

nlohmann::json ControlServer::run_end(const Json& request) {
    auto id = RunId::parse(text(request, "id"));
    if (!id) return refusal(2, "run-end needs a run's id");
    int status = request.value("wait_status", 0);
    mount_.executor.post([this, run = *id, status] { runs_.explicit_ended(run, status); });
    return {{"ok", true}};
}

Result<ControlServer::Named> ControlServer::named_run(const Json& request) {
    std::string name = text(request, "run");
    if (name.starts_with('@')) name.erase(0, 1);
    auto live = on_dispatch<std::optional<RunId>>(
        [this, name](std::function<void(Result<std::optional<RunId>>)> done) {
            std::optional<RunId> found;
            for (const auto& [id, run] : mount_.session.runs())
                if (run.recorded && (run.record.name == name || id.text() == name)) found = id;
            done(found);
        });
    if (!live) return tl::unexpected(live.error());
    if (*live) return Named{**live, true};
    auto txn = mount_.store.catalog().read();
    if (name.empty()) {
        std::vector<DraftRecord> kept = txn->drafts();
        std::erase_if(kept, [](const DraftRecord& draft) {
            return draft.state != DraftState::abandoned || !draft.artifact;
        });
        if (kept.empty()) return fail(ENODATA, "no draft is waiting");
        for (const auto& draft : kept)
            if (draft.run != kept.front().run)
                return fail(EINVAL,
                            "drafts of several runs are waiting: name one (art status lists them)");
        return Named{kept.front().run, false};
    }
    auto run = txn->run(mount_.options.project, name);
    if (auto id = RunId::parse(name); !run && id) run = txn->run(*id);
    if (!run) return fail(ENOENT, "no run is called '" + name + "': art runs lists them");
    return Named{run->id, false};
}

nlohmann::json ControlServer::run_data(const Json& request) {
    auto run = named_run(request);
    if (!run) return refusal(run.error());
    Json reply{{"ok", true}, {"config", nullptr}, {"summary", nullptr}};
    if (!run->live) return reply;
    using Paths = std::map<std::string, std::string>;
    auto paths = on_dispatch<Paths>([this, id = run->id](std::function<void(Result<Paths>)> done) {
        Paths found;
        const auto* live = mount_.session.run(id);
        const auto* view = live == nullptr ? nullptr : mount_.session.view(live->data_view);
        for (const char* name : {"config", "summary"}) {
            if (view == nullptr) break;
            const auto& names = view->overlay.names(root_number);
            auto entry = names.find(std::string(name) + ".json");
            const auto* node =
                entry == names.end() ? nullptr : view->overlay.node(entry->second.node);
            if (node != nullptr && node->staging != 0)
                found[name] = mount_.store.staging_path(node->staging).string();
        }
        done(found);
    });
    if (!paths) return refusal(paths.error());
    for (const auto& [name, path] : *paths)
        if (auto bytes = read_file(path)) reply[name] = parse_metadata(*bytes);
    return reply;
}

nlohmann::json ControlServer::commit(const Json& request, bool keep) {
    // A run that has just ended is sealed first.
    if (auto settled = settle(); settled.contains("error")) return settled;
    auto run = named_run(request);
    if (!run && run.error().code == ENODATA) return refusal(1, run.error().message);
    if (!run) return refusal(run.error());
    Json reply{{"ok", true}, {"versions", Json::array()}, {"discarded", Json::array()}};
    if (run->live) {
        if (keep) {
            auto sealed =
                on_dispatch<std::vector<SealedDraft>>([this, id = run->id](RunKeeper::Sealed done) {
                    runs_.commit(id, std::move(done));
                });
            if (!sealed) return refusal(sealed.error());
            reply["versions"] = sealed_as_json(*mount_.store.catalog().read(), *sealed);
            if (reply["versions"].empty()) return refusal(1, "the run has nothing to commit");
            return reply;
        }
        auto dropped =
            on_dispatch<bool>([this, id = run->id](std::function<void(Result<bool>)> done) {
                runs_.discard(id, [done](Result<> outcome) {
                    if (outcome)
                        done(true);
                    else
                        done(tl::unexpected(outcome.error()));
                });
            });
        if (!dropped) return refusal(dropped.error());
        return reply;
    }
    SealContext context = seal_context();
    std::vector<SealedDraft> sealed;
    if (keep) {
        auto outcome = seal_kept(context, run->id);
        if (!outcome) return refusal(outcome.error());
        if (outcome->empty()) return refusal(1, "the run has nothing to commit");
        sealed = std::move(*outcome);
        reply["versions"] = sealed_as_json(*mount_.store.catalog().read(), sealed);
    } else {
        // Drafts of live runs that are built on it are in the catalog only after a checkpoint.
        auto recorded = on_dispatch<bool>([this](std::function<void(Result<bool>)> done) {
            runs_.checkpoint([done](const Result<>& written) { done(written.has_value()); });
        });
        if (!recorded) return refusal(recorded.error());
        auto outcome = drop_kept(context, run->id);
        if (!outcome) return refusal(outcome.error());
        if (outcome->empty()) return refusal(1, "the run has nothing to discard");
        reply["discarded"] = *outcome;
    }
    auto shown =
        on_dispatch<bool>([this, id = run->id, sealed](std::function<void(Result<bool>)> done) {
            runs_.kept_are_gone(id, sealed);
            done(true);
        });
    if (!shown) return refusal(shown.error());
    return reply;
}

nlohmann::json ControlServer::revert(const Json& request) {
    auto artifact = ArtifactId::parse(text(request, "artifact"));
    if (!artifact) return refusal(2, "revert needs an artifact's id");
    // What has ended is sealed first: else its seal would move the head again.
    if (auto settled = settle(); settled.contains("error")) return settled;
    auto reverted =
        on_dispatch<bool>([this, id = *artifact, version = request.value("version", 0U),
                           who = text(request, "who")](std::function<void(Result<bool>)> done) {
            runs_.revert(id, version, who, [done](Result<> outcome) {
                if (outcome)
                    done(true);
                else
                    done(tl::unexpected(outcome.error()));
            });
        });
    if (!reverted) return refusal(reverted.error());
    return {{"ok", true}};
}

nlohmann::json ControlServer::umount(const Json& request) {
    bool lazy = request.value("lazy", false);
    if (auto settled = settle(); settled.contains("error")) return settled;
    if (!lazy) {
        // What only the daemon knows would be lost with it.
        auto kept = on_dispatch<bool>([this](std::function<void(Result<bool>)> done) {
            runs_.checkpoint([done](const Result<>& written) {
                if (written)
                    done(true);
                else
                    done(tl::unexpected(written.error()));
            });
        });
        if (!kept)
            return refusal(5, "drafts could not be written to the store: " + kept.error().message +
                                  "; make room and try again");
        std::string who;
        for (const auto& holder : holders_of(mount_.options.mountpoint))
            who += (who.empty() ? "" : ", ") + holder;
        if (!who.empty())
            return refusal(4, "in use by " + who + ": end them, or art umount --lazy");
    }
    auto unmounted = adapter_.unmount(lazy);
    // What the daemon itself holds for a moment (a run's working directory) makes it busy, too.
    for (int i = 0; i < 20 && !unmounted; ++i) {
        mount_.executor.post([this] { runs_.release_processes(); });
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        unmounted = adapter_.unmount(lazy);
    }
    if (!unmounted) return refusal(4, unmounted.error().message);
    return {{"ok", true}};
}

}  // namespace artfs
