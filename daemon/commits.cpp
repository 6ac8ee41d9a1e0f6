// ControlServer: what becomes of a run's drafts, and which version an artifact's head is.
#include <algorithm>

#include "control.h"
#include "drafts/kept.h"
#include "lineage/text.h"
#include "worker.h"

namespace artfs {

namespace {

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

Result<ControlServer::Named> ControlServer::named_run(const Json& request, const Peer& peer,
                                                      const Project& project) {
    auto allowed = [&](const RunId& run, std::uint32_t uid, bool live) -> Result<Named> {
        if (!peer.owner() && uid != peer.uid) return fail(EACCES, "the run is another user's");
        return Named{run, live};
    };
    std::string name = request_text(request, "run");
    if (name.starts_with('@')) name.erase(0, 1);
    const std::string of = project_meant(request, project);
    const bool mounted = of == project->name();
    using Live = std::optional<std::pair<RunId, std::uint32_t>>;
    auto live = on_dispatch<Live>(project, [=](std::function<void(Result<Live>)> done) {
        Live found;
        for (const auto& [id, run] : project->mount.session.runs())
            if (mounted && run.recorded && (run.record.name == name || id.text() == name))
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
                   !txn->run(of, draft.run);
        });
        if (kept.empty())
            return fail(ENODATA, "no draft is waiting: a live run's are sealed by art commit RUN");
        for (const auto& draft : kept)
            if (draft.run != kept.front().run)
                return fail(EINVAL,
                            "drafts of several runs are waiting: name one (art status lists them)");
        name = kept.front().run.text();
    }
    auto run = txn->run(of, name);
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
    auto artifact = ArtifactId::parse(request_text(request, "artifact"));
    if (!artifact) return refusal(2, "revert needs an artifact's id");
    // What has ended is sealed first: else its seal would move the head again.
    if (auto settled = settle(); settled.contains("error")) return settled;
    auto reverted = on_dispatch<bool>(
        project, [project, id = *artifact, version = request.value("version", 0U),
                  who = request_text(request, "who")](std::function<void(Result<bool>)> done) {
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

}  // namespace artfs
