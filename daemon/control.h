// The control socket, STORE/socket: one JSON object a line, one answer, and the connection ends.
//
// Answers are {"ok":true, …} or {"error":{"exit":4,"message":"one line"}}, with the exit statuses
// of `art`. Only the store's owner and root are served (SO_PEERCRED).
//
//   settle                 seals what has ended and makes the rest durable
//   status                 "status": the document of `art status --json`
//   run-start, run-end     what `art run` says of its command
//   run-data               "config" and "summary" of a live run
//   commit, discard        the drafts of a run
//   change                 a change of a version or a run (catalog/changes.h)
//   put                    files become a version (drafts/put.h); lines {"progress":…} before the
//                          answer
//   unbundle               a bundle's versions are taken over (drafts/bundle.h); likewise
//   collect                art gc (drafts/collect.h)
//   repair                 what art fsck --repair writes (drafts/check.h)
//   umount
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
#include "fuse/adapter.h"
#include "namespace/run_keeper.h"

namespace artfs {

constexpr auto control_poll = std::chrono::milliseconds(200);

nlohmann::json refusal(int exit_status, const std::string& message);
nlohmann::json refusal(const Error& error);

// Each connection has a thread; what concerns the mount runs on the dispatch thread.
class ControlServer {
public:
    ControlServer(Mount& mount, RunKeeper& runs, FuseAdapter& adapter);
    ~ControlServer();

    Result<> start();
    // Waits for the connections that are being served.
    void stop();

private:
    using Json = nlohmann::json;

    void listen();
    void serve(Fd connection);
    Json answer(const Json& request);
    Json settle();
    Json status();
    Json run_start(const Json& request);
    Json run_end(const Json& request);
    Json run_data(const Json& request);
    Json commit(const Json& request, bool keep);
    Json change(const Json& request);
    Json collect(const Json& request);
    Json repair(const Json& request);
    // Progress goes to the connection, a line each; the put ends where the client goes away.
    Json put(const Json& request, const Fd& connection);
    Json unbundle(const Json& request, const Fd& connection);
    Json revert(const Json& request);
    Json umount(const Json& request);

    // Runs `ask` on the dispatch thread and waits until it has called what it was given.
    template <class T>
    Result<T> on_dispatch(std::function<void(std::function<void(Result<T>)>)> ask);
    struct Named {
        RunId id;
        bool live = false;
    };
    Result<Named> named_run(const Json& request);
    // Durably, if need be with the ballast's room.
    Result<> write(const CatalogThread::Change& change);
    SealContext seal_context();

    Mount& mount_;
    RunKeeper& runs_;
    FuseAdapter& adapter_;
    Fd socket_;
    Time started_;
    std::thread listener_;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;  // guards connections_
    std::condition_variable idle_;
    unsigned connections_ = 0;
};

template <class T>
Result<T> ControlServer::on_dispatch(std::function<void(std::function<void(Result<T>)>)> ask) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto future = promise->get_future();
    mount_.executor.post([ask = std::move(ask), promise] {
        ask([promise](Result<T> result) { promise->set_value(std::move(result)); });
    });
    // When the mount ends, what was posted is never run.
    while (future.wait_for(control_poll) != std::future_status::ready)
        if (stopping_) return fail(ESHUTDOWN, "the mount is ending");
    return future.get();
}

// The document of `art status --json`. Dispatch thread.
nlohmann::json status_document(const Mount& mount, const RunKeeper& runs, Time started);

}  // namespace artfs
