// The control socket, STORE/socket: one JSON object a line, one answer, and the connection ends.
//
// Answers are {"ok":true, …} or {"error":{"exit":4,"message":"one line"}}, with the exit statuses
// of `art`. Who asks is known by SO_PEERCRED. The store's owner and root may ask everything; other
// users, where the mount lets them in, may look, and begin, end, commit and discard runs of their
// own. Requests that concern one project name it ("project"); else they mean the only one, or
// `default`. What is no matter of a mount is done for a project that is not mounted, too. A request
// is asked again ("again") where a worker died before it answered: then what it asks for may have
// been done.
//
//   settle                 seals what has ended and makes the rest durable, in all projects
//   status                 "status": the document of `art status --json`; asked for "processes",
//                          they are counted (without, only whether there are any)
//   run-start, run-end     what `art run` says of its command; `art begin` and `art end`
//   run-next               `art next`
//   run-data               of a live run: "config", "summary", and "files": path -> staging file
//   commit, discard        the drafts of a run
//   change                 a change of a version or a run (catalog/changes.h)
//   put                    files become a version (drafts/put.h); lines {"progress":…} before the
//                          answer
//   unbundle               a bundle's versions are taken over (drafts/bundle.h); likewise
//   collect                art gc (drafts/collect.h)
//   repair                 what art fsck --repair writes (drafts/check.h)
//   why                    "why": which run a process ("pid") belongs to, or what a path on the
//                          mount is, and by which rule
//   mount, umount          another mountpoint, or one less; without the last the daemon ends. Where
//                          the project is mounted already, "program" takes our place
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/result.h"
#include "drafts/collect.h"
#include "mounts.h"
#include "options.h"
#include "status.h"

namespace artfs {

// In the answer: another program is about to go on with our mounts.
constexpr const char* replaced_key = "replaced";

constexpr auto control_poll = std::chrono::milliseconds(200);

// What it says under that key; empty: no text.
std::string request_text(const nlohmann::json& request, const char* key);
nlohmann::json refusal(int exit_status, const std::string& message);
nlohmann::json refusal(const Error& error);

// Each connection has a thread; what concerns a mount runs on its dispatch thread.
class ControlServer {
public:
    ControlServer(Mounts& mounts, const Served& served);
    ~ControlServer();

    Result<> start();
    // Waits for the connections that are being served.
    void stop();

private:
    using Json = nlohmann::json;
    using Project = std::shared_ptr<MountedProject>;

    struct Peer {
        pid_t pid = 0;
        uid_t uid = 0;
        bool owner() const;  // of the store, or root
    };

    Result<> bind();
    void listen();
    void serve(Fd connection);
    Json answer(const Json& request, const Peer& peer, const Fd& connection);
    Json answer_project(const Json& request, const Peer& peer, const Fd& connection,
                        const Project& project);
    Json settle();
    Json status(const Json& request);
    Json mount(const Json& request);
    Json umount(const Json& request);

    Json run_start(const Json& request, const Peer& peer, const Project& project);
    Json run_end(const Json& request, const Peer& peer, const Project& project);
    Json run_began(const Result<RunRecord>& run, const Project& project);
    Json run_data(const Json& request, const Peer& peer, const Project& project);
    Json why(const Json& request, const Peer& peer, const Project& project);
    Json why_process(pid_t pid, const Project& project);
    Json why_path(const std::string& path, const Peer& peer, const Project& project);
    Json change(const Json& request, const Project& project);
    Json collect(const Json& request, const Project& project);
    Result<Needed> needed_by_mounts();
    Json repair(const Json& request);
    Json revert(const Json& request, const Project& project);
    // Progress goes to the connection, a line each; the put ends where the client goes away.
    Json put(const Json& request, const Fd& connection, const Project& project);
    Json unbundle(const Json& request, const Fd& connection, const Project& project);
    // Durably, if need be with the ballast's room.
    Result<> write(const CatalogThread::Change& change);
    SealContext seal_context();
    Json commit(const Json& request, const Peer& peer, const Project& project, bool keep);
    Json commit_live(const RunId& run, const Project& project, bool keep, bool again);
    Json commit_kept(const RunId& run, const Project& project, bool keep, bool again);
    Json replace(const Json& request, const Project& project, const DaemonOptions& options);

    // Runs `ask` on the project's dispatch thread and waits until it has called what it was given,
    // and the session keeps what changed: another worker would not know of it else.
    template <class T>
    static Result<T> on_dispatch(const Project& project,
                                 std::function<void(std::function<void(Result<T>)>)> ask);
    // As on_dispatch, one project after the other.
    Result<> on_every_dispatch(
        const std::function<void(const Project&, std::function<void(Result<bool>)>)>& ask);
    struct Named {
        RunId id;
        bool live = false;
    };
    // The project that is meant: where it is not mounted, `asked` stands in for it.
    static std::string project_meant(const Json& request, const Project& asked);
    // EACCES for another user's run.
    Result<Named> named_run(const Json& request, const Peer& peer, const Project& project);

    Mounts& mounts_;
    const Served served_;
    Fd socket_;
    Time started_;
    std::thread listener_;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;  // guards connections_
    std::condition_variable idle_;
    unsigned connections_ = 0;
};

template <class T>
Result<T> ControlServer::on_dispatch(const Project& project,
                                     std::function<void(std::function<void(Result<T>)>)> ask) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto future = promise->get_future();
    project->executor->post([&executor = *project->executor, ask = std::move(ask), promise] {
        ask([&executor, promise](Result<T> result) {
            // What is posted now runs after the loop's next commit.
            executor.post([promise, result = std::move(result)]() mutable {
                promise->set_value(std::move(result));
            });
        });
    });
    // When the mount ends, what was posted is never run.
    while (future.wait_for(control_poll) != std::future_status::ready)
        if (project->ended) return fail(ESHUTDOWN, "the mount is ending");
    return future.get();
}

}  // namespace artfs
