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

std::string text(const nlohmann::json& request, const char* key) {
    auto found = request.find(key);
    return found != request.end() && found->is_string() ? found->get<std::string>() : "";
}

// Files of a directory of a view and below that have bytes in staging, by path.
void add_staged(const Overlay& overlay, NodeNumber directory, const std::string& prefix,
                std::map<std::string, std::uint64_t>& found) {
    for (const auto& [name, entry] : overlay.names(directory)) {
        const auto* node = overlay.node(entry.node);
        if (node == nullptr) continue;
        if (node->kind == Kind::directory)
            add_staged(overlay, node->number, prefix + name + "/", found);
        else if (node->staging != 0)
            found[prefix + name] = node->staging;
    }
}

std::vector<std::string> artifacts_with_drafts(const Mount& mount, const RunId& run) {
    std::vector<std::string> names;
    const auto* live = mount.session.run(run);
    if (live == nullptr) return names;
    for (const auto& [artifact, serial] : live->views) {
        const auto* view = mount.session.view(serial);
        const auto* state = mount.loader.artifact(artifact);
        if (view != nullptr && view->draft) names.push_back(state ? state->record.name : "?");
    }
    return names;
}

}  // namespace

nlohmann::json refusal(int exit_status, const std::string& message) {
    return {{"error", {{"exit", exit_status}, {"message", message}}}};
}
nlohmann::json refusal(const Error& error) { return refusal(exit_status_of(error), error.message); }

bool ControlServer::Peer::owner() const { return uid == 0 || uid == geteuid(); }

nlohmann::json ControlServer::answer(const Json& request, const Peer& peer, const Fd& connection) {
    std::string op = text(request, "op");
    if (op == "settle") return settle();
    if (op == "status") return status();
    if (op == "mount" || op == "umount") {
        if (!peer.owner()) return refusal(4, "only the store's owner may mount and unmount it");
        return op == "mount" ? mount(request) : umount(request);
    }
    std::string name = text(request, "project");
    auto project = mounts_.find(name);
    // What concerns the store goes through whichever project is mounted.
    static const std::set<std::string> of_the_store{"change", "unbundle", "collect", "repair"};
    if (!project && of_the_store.contains(op)) project = mounts_.find("");
    if (!project)
        return refusal(4, "project " + (name.empty() ? "default" : name) +
                              " is not mounted: art mount DIR --project " + name);
    return answer_project(request, peer, connection, project);
}

nlohmann::json ControlServer::answer_project(const Json& request, const Peer& peer,
                                             const Fd& connection, const Project& project) {
    std::string op = text(request, "op");
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
    if (op == "repair") return repair(request, project);
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

nlohmann::json ControlServer::status() {
    Json all{{"mounts", Json::array()}, {"runs", Json::array()},     {"drafts", Json::array()},
             {"stale", Json::array()},  {"warnings", Json::array()}, {"daemon", nullptr}};
    for (const auto& project : mounts_.projects()) {
        auto one =
            on_dispatch<Json>(project, [this, project](std::function<void(Result<Json>)> done) {
                done(status_document(project->mount, project->runs, started_));
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
    order.id = RunId::parse(text(request, "id"));
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
    auto named = RunId::parse(text(request, "id"));
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

Result<ControlServer::Named> ControlServer::named_run(const Json& request, const Peer& peer,
                                                      const Project& project) {
    auto allowed = [&](const RunId& run, std::uint32_t uid, bool live) -> Result<Named> {
        if (!peer.owner() && uid != peer.uid) return fail(EACCES, "the run is another user's");
        return Named{run, live};
    };
    std::string name = text(request, "run");
    if (name.starts_with('@')) name.erase(0, 1);
    using Live = std::optional<std::pair<RunId, std::uint32_t>>;
    auto live = on_dispatch<Live>(project, [project, name](std::function<void(Result<Live>)> done) {
        Live found;
        for (const auto& [id, run] : project->mount.session.runs())
            if (run.recorded && (run.record.name == name || id.text() == name))
                found = std::pair(id, run.record.uid);
        done(found);
    });
    if (!live) return tl::unexpected(live.error());
    if (*live) return allowed((*live)->first, (*live)->second, true);
    auto txn = served_.store.catalog().read();
    if (name.empty()) {
        std::vector<DraftRecord> kept = txn->drafts();
        std::erase_if(kept, [&](const DraftRecord& draft) {
            return draft.state != DraftState::abandoned || !draft.artifact ||
                   !txn->run(project->name(), draft.run);
        });
        if (kept.empty())
            return fail(ENODATA, "no draft is waiting: a live run's are sealed by art commit RUN");
        for (const auto& draft : kept)
            if (draft.run != kept.front().run)
                return fail(EINVAL,
                            "drafts of several runs are waiting: name one (art status lists them)");
        name = kept.front().run.text();
    }
    auto run = txn->run(project->name(), name);
    if (auto id = RunId::parse(name); !run && id) run = txn->run(*id);
    if (!run) return fail(ENOENT, "no run is called '" + name + "': art runs lists them");
    return allowed(run->id, run->uid, false);
}

nlohmann::json ControlServer::run_data(const Json& request, const Peer& peer,
                                       const Project& project) {
    auto run = named_run(request, peer, project);
    if (!run) return refusal(run.error());
    Json reply{{"ok", true}, {"config", nullptr}, {"summary", nullptr}, {"files", Json::object()}};
    if (!run->live) return reply;
    using Files = std::map<std::string, std::uint64_t>;
    auto files = on_dispatch<Files>(
        project, [project, id = run->id](std::function<void(Result<Files>)> done) {
            Files found;
            const auto* live = project->mount.session.run(id);
            const auto* view =
                live == nullptr ? nullptr : project->mount.session.view(live->data_view);
            if (view != nullptr) add_staged(view->overlay, root_number, "", found);
            done(found);
        });
    if (!files) return refusal(files.error());
    for (const auto& [path, number] : *files) {
        if (is_utf8(path)) reply["files"][path] = number;
        for (const char* name : {"config", "summary"})
            if (path == std::string(name) + ".json")
                if (auto bytes = read_file(project->mount.store.staging_path(number)))
                    reply[name] = parse_metadata(*bytes);
    }
    return reply;
}

nlohmann::json ControlServer::commit(const Json& request, const Peer& peer, const Project& project,
                                     bool keep) {
    // A run that has just ended is sealed first.
    if (auto settled = settle(); settled.contains("error")) return settled;
    auto run = named_run(request, peer, project);
    if (!run && run.error().code == ENODATA) return refusal(1, run.error().message);
    if (!run) return refusal(run.error());
    const bool again = request.value("again", false);
    return run->live ? commit_live(run->id, project, keep, again)
                     : commit_kept(run->id, project, keep, again);
}

nlohmann::json ControlServer::commit_live(const RunId& run, const Project& project, bool keep,
                                          bool again) {
    Json reply{{"ok", true}, {"versions", Json::array()}, {"discarded", Json::array()}};
    if (keep) {
        auto sealed = on_dispatch<std::vector<SealedDraft>>(
            project,
            [project, run](RunKeeper::Sealed done) { project->runs.commit(run, std::move(done)); });
        if (!sealed) return refusal(sealed.error());
        reply["versions"] = sealed_as_json(*served_.store.catalog().read(), *sealed);
        if (reply["versions"].empty() && !again)
            return refusal(1, "the run has nothing to commit: art status lists drafts");
        return reply;
    }
    using Names = std::vector<std::string>;
    auto dropped =
        on_dispatch<Names>(project, [project, run](std::function<void(Result<Names>)> done) {
            Names names = artifacts_with_drafts(project->mount, run);
            project->runs.discard(run, [done, names](Result<> outcome) {
                if (outcome)
                    done(names);
                else
                    done(tl::unexpected(outcome.error()));
            });
        });
    if (!dropped) return refusal(dropped.error());
    if (dropped->empty() && !again)
        return refusal(1, "the run has nothing to discard: art status lists drafts");
    reply["discarded"] = *dropped;
    return reply;
}

nlohmann::json ControlServer::commit_kept(const RunId& run, const Project& project, bool keep,
                                          bool again) {
    Json reply{{"ok", true}, {"versions", Json::array()}, {"discarded", Json::array()}};
    SealContext context = seal_context();
    std::vector<SealedDraft> sealed;
    if (keep) {
        auto outcome = seal_kept(context, run);
        if (!outcome) return refusal(outcome.error());
        if (outcome->empty() && !again)
            return refusal(1, "the run has nothing to commit: art status lists drafts");
        sealed = std::move(*outcome);
        reply["versions"] = sealed_as_json(*served_.store.catalog().read(), sealed);
    } else {
        // Drafts of live runs that are built on it are in the catalog only after a checkpoint.
        auto recorded =
            on_dispatch<bool>(project, [project](std::function<void(Result<bool>)> done) {
                project->runs.checkpoint(
                    [done](const Result<>& written) { done(written.has_value()); });
            });
        if (!recorded) return refusal(recorded.error());
        auto outcome = drop_kept(context, run);
        if (!outcome) return refusal(outcome.error());
        if (outcome->empty())
            return refusal(1, "the run has nothing to discard: art status lists drafts");
        reply["discarded"] = *outcome;
    }
    auto shown =
        on_dispatch<bool>(project, [project, run, sealed](std::function<void(Result<bool>)> done) {
            project->runs.kept_are_gone(run, sealed);
            done(true);
        });
    if (!shown) return refusal(shown.error());
    return reply;
}

nlohmann::json ControlServer::revert(const Json& request, const Project& project) {
    auto artifact = ArtifactId::parse(text(request, "artifact"));
    if (!artifact) return refusal(2, "revert needs an artifact's id");
    // What has ended is sealed first: else its seal would move the head again.
    if (auto settled = settle(); settled.contains("error")) return settled;
    auto reverted = on_dispatch<bool>(
        project, [project, id = *artifact, version = request.value("version", 0U),
                  who = text(request, "who")](std::function<void(Result<bool>)> done) {
            project->runs.revert(id, version, who, [done](Result<> outcome) {
                if (outcome)
                    done(true);
                else
                    done(tl::unexpected(outcome.error()));
            });
        });
    if (!reverted) return refusal(reverted.error());
    return {{"ok", true}};
}

nlohmann::json ControlServer::mount(const Json& request) {
    DaemonOptions options;
    if (auto applied = apply_mount_options(text(request, "options"), options); !applied)
        return refusal(applied.error());
    options.store = served_.store.dir();
    options.mountpoint = text(request, "path");
    options.project = text(request, "project");
    options.allow_other = options.allow_other || request.value("allow_other", false);
    options.read_only = options.read_only || request.value("read_only", false);
    if (!options.mountpoint.is_absolute() || !ProjectName::parse(options.project))
        return refusal(2, "mount needs an absolute path and a project's name");
    for (const auto& place : mounts_.places())
        if (place.mountpoint == options.mountpoint && place.project->name() == options.project)
            return replace(request, place.project);
    if (auto mounted = mounts_.add(mount_options(options)); !mounted)
        return refusal(mounted.error());
    return {{"ok", true}};
}

nlohmann::json ControlServer::umount(const Json& request) {
    bool lazy = request.value("lazy", false);
    if (auto settled = settle(); settled.contains("error")) return settled;
    auto places = mounts_.places();
    std::filesystem::path path = text(request, "path");
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
