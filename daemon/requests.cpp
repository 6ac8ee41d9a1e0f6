// The control socket's requests (control.h has the protocol).
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/exit_status.h"
#include "control.h"
#include "drafts/kept.h"
#include "lineage/resources.h"
#include "lineage/text.h"
#include "mountpoint.h"
#include "options.h"
#include "worker.h"

namespace artfs {

namespace {

std::map<std::string, std::string> text_map(const nlohmann::json& request, const char* key) {
    std::map<std::string, std::string> map;
    if (!request.contains(key) || !request[key].is_object()) return map;
    for (const auto& [name, value] : request[key].items())
        if (value.is_string()) map.emplace(name, value.get<std::string>());
    return map;
}

}  // namespace

std::string request_text(const nlohmann::json& request, const char* key) {
    auto found = request.find(key);
    return found != request.end() && found->is_string() ? found->get<std::string>() : "";
}

nlohmann::json refusal(int exit_status, const std::string& message) {
    return {{"error", {{"exit", exit_status}, {"message", message}}}};
}
nlohmann::json refusal(const Error& error) { return refusal(exit_status_of(error), error.message); }

bool ControlServer::Peer::owner() const { return uid == 0 || uid == geteuid(); }

nlohmann::json ControlServer::answer(const Json& request, const Peer& peer, const Fd& connection) {
    std::string op = request_text(request, "op");
    if (op == "settle") return settle();
    if (op == "status") return status(request);
    if (op == "mount" || op == "umount") {
        if (!peer.owner()) return refusal(4, "only the store's owner may mount and unmount it");
        return op == "mount" ? mount(request) : umount(request);
    }
    std::string name = request_text(request, "project");
    auto project = mounts_.find(name);
    // What concerns the store goes through whichever project is mounted.
    static const std::set<std::string> of_the_store{"change", "put",    "unbundle", "collect",
                                                    "repair", "commit", "discard",  "revert"};
    if (!project && of_the_store.contains(op)) project = mounts_.find("");
    if (!project)
        return refusal(4, "project " + (name.empty() ? "default" : name) +
                              " is not mounted: art mount DIR --project " + name);
    return answer_project(request, peer, connection, project);
}

std::string ControlServer::project_meant(const Json& request, const Project& asked) {
    auto name = request_text(request, "project");
    return name.empty() ? asked->name() : name;
}

nlohmann::json ControlServer::answer_project(const Json& request, const Peer& peer,
                                             const Fd& connection, const Project& project) {
    std::string op = request_text(request, "op");
    if (op == "run-start") return run_start(request, peer, project);
    if (op == "run-end") return run_end(request, peer, project);
    if (op == "run-next")
        return run_began(on_dispatch<RunRecord>(project,
                                                [project, pid = peer.pid](RunKeeper::Started done) {
                                                    project->runs.next(pid, std::move(done));
                                                }),
                         project);
    if (op == "run-data") return run_data(request, peer, project);
    if (op == "why") return why(request, peer, project);
    if (op == "commit") return commit(request, peer, project, true);
    if (op == "discard") return commit(request, peer, project, false);
    static const std::set<std::string> owners{"change",  "put",    "unbundle",
                                              "collect", "repair", "revert"};
    if (owners.contains(op) && !peer.owner())
        return refusal(4, "only the store's owner may ask its daemon for that");
    if (op == "change") return change(request, project);
    if (op == "put") return put(request, connection, project);
    if (op == "unbundle") return unbundle(request, connection, project);
    if (op == "collect") return collect(request, project);
    if (op == "repair") return repair(request);
    if (op == "revert") return revert(request, project);
    return refusal(2, "unknown request '" + op + "': the daemon is another version than art");
}

Result<> ControlServer::on_every_dispatch(
    const std::function<void(const Project&, std::function<void(Result<bool>)>)>& ask) {
    for (const auto& project : mounts_.projects()) {
        auto answered =
            on_dispatch<bool>(project, [&ask, project](std::function<void(Result<bool>)> done) {
                ask(project, std::move(done));
            });
        // A project that is unmounted meanwhile has made all of it durable.
        if (!answered && answered.error().code != ESHUTDOWN)
            return tl::unexpected(answered.error());
    }
    return {};
}

nlohmann::json ControlServer::settle() {
    auto settled = on_every_dispatch([](const Project& project, auto done) {
        project->runs.settle_all([done] { done(true); });
    });
    if (!settled) return refusal(settled.error());
    return {{"ok", true}};
}

nlohmann::json ControlServer::status(const Json& request) {
    Json all{{"mounts", Json::array()}, {"runs", Json::array()},     {"drafts", Json::array()},
             {"stale", Json::array()},  {"warnings", Json::array()}, {"daemon", nullptr}};
    ProcessCounts processes;
    if (request.value("processes", false)) processes = count_processes(served_.runs.identifier);
    for (const auto& project : mounts_.projects()) {
        auto one = on_dispatch<Json>(project, [&](std::function<void(Result<Json>)> done) {
            done(status_document(project->mount, project->runs, started_, processes));
        });
        if (!one) continue;
        all["daemon"] = (*one)["daemon"];
        for (auto& place : mounts_.places()) {
            if (place.project != project) continue;
            Json row = (*one)["mounts"][0];
            row["path"] = place.mountpoint.string();
            all["mounts"].push_back(std::move(row));
        }
        for (const char* list : {"runs", "drafts", "stale", "warnings"})
            for (auto& row : (*one)[list]) {
                if (row.is_object()) row["project"] = project->name();
                all[list].push_back(std::move(row));
            }
    }
    return {{"ok", true}, {"status", all}};
}

nlohmann::json ControlServer::run_start(const Json& request, const Peer& peer,
                                        const Project& project) {
    ExplicitRun order;
    order.pid = request.value("pid", 0);
    order.wrapper = request.value("wrapper", 0);
    // Nobody begins a run in another user's process.
    for (pid_t pid : {order.pid, order.wrapper}) {
        if (pid == 0 || peer.uid == 0) continue;
        auto facts = system_processes().facts(pid);
        if (facts && facts->uid != peer.uid)
            return refusal(4, "process " + std::to_string(pid) + " is another user's");
    }
    order.id = RunId::parse(request_text(request, "id"));
    order.name = request_text(request, "name");
    if (!order.name.empty() && !RunName::parse(order.name))
        return refusal(
            2, "'" + order.name + "' is no name for a run: use letters, digits, '_', '.' and '-'");
    order.job_type = request_text(request, "job_type");
    if (request.contains("config") && request["config"].is_object())
        order.config = request["config"];
    if (request.contains("tags")) order.tags = request["tags"].get<std::vector<std::string>>();
    if (request.contains("ok_exit")) order.ok_exit = request["ok_exit"].get<std::vector<int>>();
    if (request.contains("command"))
        order.command = request["command"].get<std::vector<std::string>>();
    order.pins = text_map(request, "pins");
    order.types = text_map(request, "types");
    order.aliases = text_map(request, "aliases");
    if (std::string resumed = request_text(request, "resume"); !resumed.empty()) {
        // A run that has just ended has its drafts once they are kept.
        if (auto settled = settle(); settled.contains("error")) return settled;
        auto run = named_run({{"run", resumed}}, peer, project);
        if (!run) return refusal(run.error());
        order.resume = run->id;
    }
    return run_began(on_dispatch<RunRecord>(project,
                                            [project, order](RunKeeper::Started done) {
                                                project->runs.start_explicit(order,
                                                                             std::move(done));
                                            }),
                     project);
}

nlohmann::json ControlServer::run_began(const Result<RunRecord>& run, const Project& project) {
    if (!run) return refusal(run.error());
    return {{"ok", true},
            {"id", run->id.text()},
            {"name", run->name},
            {"project", project->name()},
            {"mount", mounts_.mountpoint_of(*project).string()}};
}

nlohmann::json ControlServer::run_end(const Json& request, const Peer& peer,
                                      const Project& project) {
    if (!request.contains("id")) {
        auto ended =
            on_dispatch<RunRecord>(project, [project, pid = peer.pid](RunKeeper::Started done) {
                project->runs.end_begun(pid, std::move(done));
            });
        // Asked again, because a worker died: that one has ended it.
        if (!ended && request.value("again", false))
            return {{"ok", true}, {"name", ""}, {"id", ""}};
        if (!ended) return refusal(ended.error());
        if (auto settled = settle(); settled.contains("error")) return settled;
        return run_began(ended, project);
    }
    auto named = RunId::parse(request_text(request, "id"));
    if (!named) return refusal(2, "run-end needs a run's id");
    // `art run` knows the run it began with; `art next` may have gone on from that.
    const auto& begun = served_.runs.identifier.explicit_runs();
    RunId run = begun.live(*named).value_or(*named);
    auto known = begun.find(run);
    if (known && !peer.owner() && known->uid != peer.uid)
        return refusal(4, "the run is another user's");
    served_.runs.ended(run, request.value("wait_status", 0),
                       resources_from(request.value("resources", Json::object())));
    // Behind what they were just told of it.
    auto kept = on_every_dispatch([](const Project& /*project*/, const auto& done) { done(true); });
    if (!kept) return refusal(kept.error());
    return {{"ok", true}};
}

nlohmann::json ControlServer::mount(const Json& request) {
    DaemonOptions options;
    if (auto applied = apply_mount_options(request_text(request, "options"), options); !applied)
        return refusal(applied.error());
    options.store = served_.store.dir();
    options.mountpoint = request_text(request, "path");
    options.project = request_text(request, "project");
    options.allow_other = options.allow_other || request.value("allow_other", false);
    options.read_only = options.read_only || request.value("read_only", false);
    if (!options.mountpoint.is_absolute() || !ProjectName::parse(options.project))
        return refusal(2, "mount needs an absolute path and a project's name");
    for (const auto& place : mounts_.places())
        if (place.mountpoint == options.mountpoint && place.project->name() == options.project)
            return replace(request, place.project, options);
    if (auto mounted = mounts_.add(mount_options(options)); !mounted)
        return refusal(mounted.error());
    return {{"ok", true}};
}

nlohmann::json ControlServer::umount(const Json& request) {
    bool lazy = request.value("lazy", false);
    if (auto settled = settle(); settled.contains("error")) return settled;
    auto places = mounts_.places();
    std::filesystem::path path = request_text(request, "path");
    if (path.empty() && places.size() == 1) path = places.front().mountpoint;
    auto place = std::find_if(places.begin(), places.end(),
                              [&](const auto& one) { return one.mountpoint == path; });
    if (place == places.end()) {
        std::string known;
        for (const auto& one : places) known += " " + one.mountpoint.string();
        return refusal(path.empty() ? 2 : 3,
                       path.empty()
                           ? "name the mount, one of:" + known
                           : path.string() + " is no mount of this store; these are:" + known);
    }
    const auto& project = place->project;
    if (!lazy) {
        // What only the daemon knows would be lost with it.
        auto kept = on_dispatch<bool>(project, [project](std::function<void(Result<bool>)> done) {
            project->runs.checkpoint([done](const Result<>& written) {
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
        for (const auto& holder : holders_of(path)) who += (who.empty() ? "" : ", ") + holder;
        if (!who.empty())
            return refusal(4, "in use by " + who + ": end them, or art umount --lazy");
    }
    bool last = false;
    auto unmounted = mounts_.remove(path, lazy, last);
    // What the daemon itself holds for a moment (a run's working directory) makes it busy, too.
    for (int i = 0; i < 20 && !unmounted; ++i) {
        project->executor->post([project] { project->runs.release_processes(); });
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        unmounted = mounts_.remove(path, lazy, last);
    }
    if (!unmounted) return refusal(4, unmounted.error().message);
    // It can be mounted again when this is answered.
    for (int i = 0; i < 1000 && last && !lazy && !project->ended; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return {{"ok", true}, {"last", places.size() == 1}};
}

}  // namespace artfs
