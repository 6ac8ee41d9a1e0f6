// ControlServer: files in, garbage out, damage repaired.
#include "control.h"
#include "drafts/bundle.h"
#include "drafts/check.h"
#include "drafts/collect.h"
#include "drafts/kept.h"
#include "drafts/put.h"

namespace artfs {

using Json = nlohmann::json;

namespace {

constexpr auto between_reports = std::chrono::milliseconds(100);

constexpr const char* read_only_text =
    "the mount is read-only: mount the project anew without that, or name another (--project)";

// A project that is not mounted is not mounted read-only.
bool is_read_only(const std::shared_ptr<MountedProject>& asked, const std::string& project) {
    return asked->mount.options.read_only && asked->name() == project;
}

// What runs that live, unsealed drafts and open handles hold.
Needed needed_by(const Mount& mount) {
    Needed needed;
    const auto& session = mount.session;
    for (const auto& [id, run] : session.runs()) {
        needed.runs.insert(id);
        for (const auto& [version, use] : run.uses) needed.versions.insert(version);
    }
    auto view = [&](const View* of) {
        if (of == nullptr) return;
        for (const auto& [number, node] : of->overlay.nodes()) {
            if (node.kind == Kind::file) needed.objects.insert(node.digest);
            if (node.base) needed.directories.push_back(*node.base);
        }
    };
    auto base = [&](std::uint32_t serial) {
        if (const auto* of = session.view_base(serial)) needed.trees.insert(of->base.tree);
    };
    for (const auto& [serial, of] : session.views()) {
        if (!of.draft && session.run(of.run) == nullptr) continue;
        view(&of);
        base(of.base_serial);
        base(of.first_serial);
    }
    for (const auto& [fh, handle] : session.handles()) {
        const auto serial = handle.node.serial();
        switch (handle.node.kind()) {
            case NodeKind::version:
                if (const auto* tree = session.version_tree(serial))
                    needed.trees.insert(tree_id(tree->snapshot));
                break;
            case NodeKind::view_base:
                base(serial);
                break;
            case NodeKind::view:
                if (const auto* of = session.view(serial)) {
                    view(of);
                    base(of->base_serial);
                }
                break;
            case NodeKind::synthetic:
                break;
        }
    }
    return needed;
}

// Of versions that are this mount's.
void show_hidden(Mount& mount, const std::vector<Changed>& hidden) {
    for (const auto& one : hidden) {
        if (mount.loader.artifact(one.artifact->id) == nullptr) continue;
        mount.loader.put(*one.artifact);
        mount.loader.put(*one.version);
        mount.forget_name(one.artifact->id, "v" + std::to_string(one.version->number));
    }
}

// Says how far the work is, but not too often; false when the client has gone.
class Reporter {
public:
    explicit Reporter(const Fd& connection) : connection_(connection) {}
    bool operator()(const Json& at) {
        auto time = std::chrono::steady_clock::now();
        if (time - last_ < between_reports) return true;
        last_ = time;
        return write_all(connection_.get(), Json{{"progress", at}}.dump() + "\n").has_value();
    }

private:
    const Fd& connection_;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

std::vector<std::string> texts(const Json& request, const char* key) {
    return request.contains(key) ? request.at(key).get<std::vector<std::string>>()
                                 : std::vector<std::string>();
}

}  // namespace

nlohmann::json ControlServer::put(const Json& request, const Fd& connection,
                                  const Project& project) {
    const auto into = project_meant(request, project);
    if (is_read_only(project, into)) return refusal(4, read_only_text);
    if (auto settled = settle(); settled.contains("error")) return settled;
    PutOrder order = put_order(request);
    order.project = into;
    order.uid = request.value("peer", 0U);
    order.gid = request.value("peer_gid", 0U);
    auto numbers = [project](std::uint64_t count) {
        auto first = on_dispatch<std::uint64_t>(
            project, [project, count](std::function<void(Result<std::uint64_t>)> done) {
                done(project->mount.files.reserve(count));
            });
        if (!first) throw std::runtime_error(first.error().message);
        return *first;
    };
    Reporter report(connection);
    auto progress = [&](const PutProgress& at) {
        return !stopping_ && report({at.bytes, at.all_bytes, at.files, at.all_files});
    };
    auto result = put_files(seal_context(), order, numbers, progress);
    if (!result) return refusal(result.error());
    auto txn = project->mount.store.catalog().read();
    Json reply{{"ok", true},
               {"run", result->run.name},
               {"versions", sealed_as_json(*txn, result->sealed)}};
    std::map<std::string, std::uint32_t> aliases;
    const auto artifact = *result->sealed.front().artifact;
    auto record = txn->artifact(artifact);
    aliases = txn->aliases(artifact);
    txn.reset();
    auto shown =
        on_dispatch<bool>(project, [project, sealed = result->sealed, record, aliases,
                                    run = result->run.id](std::function<void(Result<bool>)> done) {
            project->runs.kept_are_gone(run, sealed);
            if (record) project->mount.loader.put(*record);
            for (const auto& [alias, number] : aliases)
                project->mount.loader.put_alias(record->id, alias, number);
            done(true);
        });
    if (!shown) return refusal(shown.error());
    return reply;
}

nlohmann::json ControlServer::unbundle(const Json& request, const Fd& connection,
                                       const Project& project) {
    const auto into = project_meant(request, project);
    if (is_read_only(project, into)) return refusal(4, read_only_text);
    auto staging = on_dispatch<std::uint64_t>(
        project, [project](std::function<void(Result<std::uint64_t>)> done) {
            done(project->mount.files.reserve(1));
        });
    if (!staging) return refusal(staging.error());
    Reporter report(connection);
    auto merged = read_bundle(seal_context(), into, request.value("file", ""), *staging,
                              [&](std::uint64_t bytes, std::uint64_t all) {
                                  return !stopping_ && report({bytes, all});
                              });
    if (!merged) return refusal(merged.error());
    auto txn = project->mount.store.catalog().read();
    std::map<ArtifactId, std::map<std::string, std::uint32_t>> aliases;
    for (const auto& artifact : merged->artifacts) aliases[artifact.id] = txn->aliases(artifact.id);
    txn.reset();
    auto shown = on_dispatch<bool>(
        project, [project, aliases, merged = *merged](std::function<void(Result<bool>)> done) {
            for (const auto& artifact : merged.artifacts) {
                project->mount.loader.put(artifact);
                for (const auto& [alias, number] : aliases.at(artifact.id))
                    project->mount.loader.put_alias(artifact.id, alias, number);
            }
            for (const auto& version : merged.versions) project->mount.loader.put(version);
            done(true);
        });
    if (!shown) return refusal(shown.error());
    auto reply = merged_json(*merged);
    reply["ok"] = true;
    return reply;
}

// What any mounted project holds stays: objects are the store's.
Result<Needed> ControlServer::needed_by_mounts() {
    Needed needed;
    for (const auto& one : mounts_.projects()) {
        auto held = on_dispatch<Needed>(
            one, [one](std::function<void(Result<Needed>)> done) { done(needed_by(one->mount)); });
        if (!held) return held;
        needed.runs.merge(held->runs);
        needed.versions.merge(held->versions);
        needed.objects.merge(held->objects);
        needed.trees.merge(held->trees);
        needed.directories.insert(needed.directories.end(), held->directories.begin(),
                                  held->directories.end());
    }
    return needed;
}

nlohmann::json ControlServer::collect(const Json& request, const Project& project) {
    if (auto settled = settle(); settled.contains("error")) return settled;
    CollectOptions options{request.value("dry_run", false),
                           std::chrono::seconds(request.value("older_than", std::int64_t{0}))};
    auto config = load_config(project->mount.store.config_path());
    if (!config) return refusal(config.error());
    auto show = [this](const std::vector<Changed>& hidden) -> Result<> {
        for (const auto& one : mounts_.projects()) {
            auto shown =
                on_dispatch<bool>(one, [one, hidden](std::function<void(Result<bool>)> done) {
                    show_hidden(one->mount, hidden);
                    done(true);
                });
            if (!shown) return tl::unexpected(shown.error());
        }
        return {};
    };
    auto collected = artfs::collect_beside(seal_context(), *config,
                                           {[this] { return needed_by_mounts(); }, show}, options);
    if (!collected) return refusal(collected.error());
    for (const auto& one : mounts_.projects())
        if (!options.dry_run)
            one->executor->post([one] { one->mount.kernel.let_go_of_idle_files(); });
    auto reply = artfs::collected_json(*collected);
    reply["ok"] = true;
    return reply;
}

nlohmann::json ControlServer::repair(const Json& request) {
    std::vector<Digest> objects;
    for (const auto& hex : texts(request, "objects"))
        if (auto digest = Digest::from_hex(hex)) objects.push_back(*digest);
    auto repaired = repair_store(seal_context(), objects);
    if (!repaired) return refusal(repaired.error());
    // Heads may have moved, in any project.
    std::map<std::string, std::vector<ArtifactRecord>> artifacts;
    for (const auto& one : mounts_.projects())
        artifacts[one->name()] = served_.store.catalog().read()->artifacts(one->name());
    auto shown = on_every_dispatch([&](const Project& one, const auto& done) {
        for (const auto& artifact : artifacts[one->name()]) one->mount.loader.put(artifact);
        done(true);
    });
    if (!shown) return refusal(shown.error());
    return {{"ok", true}, {"repairs", *repaired}};
}

}  // namespace artfs
