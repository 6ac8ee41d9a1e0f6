// ControlServer: what changes sealed versions and runs. The catalog first, then what the mount
// shows of it.
#include "catalog/changes.h"

#include "base/users.h"
#include "control.h"
#include "worker.h"

namespace artfs {

using Json = nlohmann::json;

namespace {

// A pin that is not durable yet counts too.
std::string live_user(const Session& session, const VersionRecord& version) {
    for (const auto& [id, run] : session.runs()) {
        if (run.uses.contains(version.id)) return run.record.name;
        for (const auto& [artifact, serial] : run.views) {
            const auto* view = session.view(serial);
            const auto* base = view == nullptr ? nullptr : session.view_base(view->base_serial);
            if (base != nullptr && base->base.version == version.id) return run.record.name;
        }
    }
    return "";
}

void show_change(Mount& mount, const Changed& changed,
                 const std::map<std::string, std::uint32_t>& aliases) {
    if (changed.run) {
        if (const auto* live = mount.session.run(changed.run->id)) {
            RunRecord record = live->record;
            record.tags = changed.run->tags;
            record.description = changed.run->description;
            record.history = changed.run->history;
            mount.session.apply(0, ChangedRun{record, live->recorded});
        }
        mount.loader.forget_run(changed.run->name);
        return;
    }
    const auto& id = changed.artifact->id;
    const auto* shown = mount.loader.artifact(id);
    if (shown == nullptr) return;
    std::vector<std::string> dropped;
    for (const auto& [alias, number] : shown->aliases)
        if (!aliases.contains(alias)) dropped.push_back(alias);
    mount.loader.put(*changed.artifact);
    for (const auto& [alias, number] : aliases) mount.loader.put_alias(id, alias, number);
    for (const auto& alias : dropped) {
        mount.loader.erase_alias(id, alias);
        mount.forget_name(id, alias);
    }
    if (!changed.version) return;
    mount.loader.put(*changed.version);
    if (changed.version->deleted)
        mount.forget_name(id, "v" + std::to_string(changed.version->number));
}

}  // namespace

Result<> ControlServer::write(const CatalogThread::Change& change) {
    return served_.store.with_ballast([&] { return served_.catalog.write(change); });
}

SealContext ControlServer::seal_context() {
    return {served_.store, [this](const CatalogThread::Change& change) { return write(change); },
            served_.config.never_keep};
}

nlohmann::json ControlServer::change(const Json& request, const Project& project) {
    if (auto settled = settle(); settled.contains("error")) return settled;
    if (request.value("change", "") == "delete") {
        auto txn = project->mount.store.catalog().read();
        auto artifact = ArtifactId::parse(request.value("artifact", ""));
        auto version =
            artifact ? txn->version(*artifact, request.value("version", 0U)) : std::nullopt;
        if (!version) return refusal(3, "no such version");
        auto user = on_dispatch<std::string>(
            project, [project, version = *version](std::function<void(Result<std::string>)> done) {
                done(live_user(project->mount.session, version));
            });
        if (!user) return refusal(user.error());
        if (!user->empty())
            return refusal(4, "the live run " + *user + " uses it: wait for it or end it");
    }
    Result<Changed> changed;
    std::map<std::string, std::uint32_t> aliases;
    const std::string who = user_name(request.value("peer", 0U));
    auto written = write([&](WriteTxn& txn) {
        changed = apply_change(txn, request, who);
        if (changed && changed->artifact) aliases = txn.aliases(changed->artifact->id);
    });
    if (!written) return refusal(written.error());
    if (!changed) return refusal(changed.error());
    auto shown = on_dispatch<bool>(
        project, [project, now_is = *changed, aliases](std::function<void(Result<bool>)> done) {
            show_change(project->mount, now_is, aliases);
            done(true);
        });
    if (!shown) return refusal(shown.error());
    return {{"ok", true}};
}

}  // namespace artfs
