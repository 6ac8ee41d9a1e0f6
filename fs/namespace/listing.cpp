// Filesystem: opendir, readdir and readlink.
#include <sys/stat.h>

#include "namespace/filesystem.h"

namespace artfs {

namespace {

std::uint32_t type_of(Kind kind) {
    if (kind == Kind::directory) return S_IFDIR;
    return kind == Kind::symlink ? S_IFLNK : S_IFREG;
}

std::uint32_t type_of(const OverlayNode& node) {
    return node.special != 0 ? node.special : type_of(node.kind);
}

bool is_link(Place place) {
    return place == Place::latest || place == Place::alias || place == Place::run_link ||
           place == Place::run_link_target;
}

bool is_directory(Place place) {
    return place == Place::root || place == Place::artifact || place == Place::empty ||
           place == Place::art || place == Place::runs || place == Place::run_links ||
           place == Place::version_art;
}

// Cookies 1 and 2 are "." and ".."; an entry's own cookie is moved up by that.
constexpr std::uint64_t dots = 2;

}  // namespace

Result<bool> Filesystem::opendir(Request& request, NodeId node) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    const auto* what = std::get_if<const Synthetic*>(&*resolved);
    if (what != nullptr && (*what)->place == Place::artifact)
        runs_.settle(request, (*what)->artifact);
    if (const auto* view = mount_.session.view_of(node)) {
        runs_.settle(request, *view);
        view = mount_.session.view_of(node);
        if (view != nullptr) runs_.follow_head(request, *view);
    }
    return std::holds_alternative<OfVersion>(*resolved);
}

std::vector<Filesystem::Listed> Filesystem::list_artifact(const ArtifactState& artifact) {
    const auto& id = artifact.record.id;
    std::vector<Listed> names;
    for (const auto& [number, version] : mount_.loader.versions(id))
        names.push_back({"v" + std::to_string(number),
                         Synthetic{Place::version_art, id, version.id, {}, 0, ""}});
    names.push_back({"latest", {.place = Place::latest, .artifact = id}});
    for (const auto& [alias, number] : artifact.aliases)
        names.push_back({alias, Synthetic{Place::alias, id, {}, {}, 0, alias}});
    std::map<std::string, bool> views;  // those with an unsealed draft
    for (const auto& [serial, view] : mount_.session.views())
        if (view.artifact == id && view.draft) views.emplace(view.name, true);
    for (const auto& kept : mount_.loader.kept_drafts())
        if (kept.record.artifact == id) views.emplace(kept.run_name, true);
    for (const auto& [name, listed] : views)
        names.push_back({"@" + name, {.place = Place::artifact, .artifact = id}});
    return names;
}

std::vector<Filesystem::Listed> Filesystem::list_synthetic(const Synthetic& dir) {
    std::vector<Listed> names;
    switch (dir.place) {
        case Place::root:
            for (const auto& [name, id] : mount_.loader.artifacts())
                names.push_back({name, {.place = Place::artifact, .artifact = id}});
            break;
        case Place::artifact:
            if (const auto* artifact = mount_.loader.artifact(dir.artifact))
                return list_artifact(*artifact);
            break;
        case Place::art:
            names = {{"run", {.place = Place::run_link}},
                     {"runs", {.place = Place::runs}},
                     {"graph.dot", {.place = Place::graph_dot}},
                     {"graph.json", {.place = Place::graph_json}},
                     {"status.json", {.place = Place::status_json}}};
            break;
        case Place::runs:
            // All runs of a project can be very many: `art runs` lists them.
            for (const auto& [id, run] : mount_.session.runs())
                if (run.recorded) names.push_back({run.record.name, {.place = Place::runs}});
            break;
        case Place::run_links:
            for (const auto& [name, target] : run_links(dir.run, dir.name))
                names.push_back(
                    {name,
                     Synthetic{Place::run_link_target, {}, {}, dir.run, 0, dir.name + "/" + name}});
            break;
        case Place::version_art: {
            const auto* tree = mount_.session.find_version_tree(dir.version);
            for (const auto& name : version_documents()) {
                if (name == metadata_name && (tree == nullptr || !tree->snapshot.metadata))
                    continue;
                names.push_back(
                    {name,
                     Synthetic{Place::version_document, dir.artifact, dir.version, {}, 0, name}});
            }
            break;
        }
        default:
            break;
    }
    return names;
}

Result<> Filesystem::readdir(Request& /*request*/, NodeId node, std::uint64_t cookie,
                             const Visit& visit) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    static const std::string dot = ".";
    static const std::string dotdot = "..";
    if (cookie < 1 && !visit({dot, 1, node, S_IFDIR})) return {};
    if (cookie < dots && !visit({dotdot, dots, node, S_IFDIR})) return {};
    std::uint64_t from = cookie < dots ? 0 : cookie - dots;

    if (const auto* of = std::get_if<OfView>(&*resolved)) {
        const View& view = *of->view;
        view.overlay.list(
            mount_.loader.nodes(), of->node->number, from, [&](const Overlay::Listed& listed) {
                if (listed.node != nullptr)
                    return visit({listed.name, listed.cookie + dots, id_of(view, *listed.node),
                                  type_of(*listed.node)});
                // A directory has no number before somebody looks it up; any will do here.
                return visit({listed.name, listed.cookie + dots,
                              NodeId::make(NodeKind::view_base, view.base_serial, listed.rank),
                              type_of(listed.entry->kind)});
            });
        return {};
    }
    if (const auto* of = std::get_if<OfVersion>(&*resolved)) {
        list(mount_.loader.nodes(), of->entry.dir, of->rank, static_cast<std::uint32_t>(from),
             [&](const Entry& entry, std::uint32_t rank) {
                 return visit({entry.name, rank + dots,
                               NodeId::make(NodeKind::version, of->tree->serial, rank),
                               type_of(entry.kind)});
             });
        return {};
    }
    const auto* const* what = std::get_if<const Synthetic*>(&*resolved);
    if (what == nullptr) return fail(ENOTDIR, "not a directory");
    auto names = list_synthetic(**what);
    for (std::uint64_t at = from; at < names.size(); ++at) {
        const auto& listed = names[at];
        std::uint32_t type = is_link(listed.what.place)        ? S_IFLNK
                             : is_directory(listed.what.place) ? S_IFDIR
                                                               : S_IFREG;
        if (!visit({listed.name, at + 1 + dots, node, type})) break;
    }
    return {};
}

std::string Filesystem::run_name_of(const RunId& run) const {
    if (const auto* live = mount_.session.run(run)) return live->record.name;
    for (const auto& [serial, view] : mount_.session.views())
        if (view.run == run) return view.name;
    return "";
}

std::map<std::string, std::string> Filesystem::run_links(const RunId& run,
                                                         const std::string& kind) {
    std::map<std::string, std::string> links;
    const std::string up = "../../../../";
    auto add = [&](const ArtifactId& id, const std::string& last) {
        if (const auto* artifact = mount_.loader.artifact(id))
            links[artifact->record.name] = up + artifact->record.name + "/" + last;
    };
    std::string name = run_name_of(run);
    if (kind == "view") {
        for (const auto& [serial, view] : mount_.session.views())
            if (view.run == run && view.artifact) add(*view.artifact, "@" + view.name);
        return links;
    }
    if (const auto* live = mount_.session.run(run)) {
        // What it has used so far; what it logged is known when it is sealed.
        for (const auto& [name_of_artifact, id] : mount_.loader.artifacts())
            for (const auto& [number, version] : mount_.loader.versions(id))
                if (kind == "uses" && live->uses.contains(version.id))
                    add(id, "v" + std::to_string(number));
        return links;
    }
    const auto& past = mount_.loader.run_links(run);
    for (const auto& [artifact, number] : kind == "uses" ? past.uses : past.logs)
        add(artifact, "v" + std::to_string(number));
    return links;
}

Result<std::string> Filesystem::readlink(Request& request, NodeId node) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    if (const auto* of = std::get_if<OfVersion>(&*resolved)) return of->entry.target;
    if (const auto* of = std::get_if<OfBase>(&*resolved)) return of->located.entry.target;
    if (const auto* of = std::get_if<OfView>(&*resolved)) return of->node->target;
    const auto& what = *std::get<const Synthetic*>(*resolved);
    switch (what.place) {
        case Place::alias: {
            const auto* artifact = mount_.loader.artifact(what.artifact);
            if (artifact == nullptr) return fail(ENOENT, "the artifact was removed");
            auto alias = artifact->aliases.find(what.name);
            if (alias == artifact->aliases.end()) return fail(ENOENT, "the alias was removed");
            return "v" + std::to_string(alias->second);
        }
        case Place::latest: {
            const auto* artifact = mount_.loader.artifact(what.artifact);
            if (artifact == nullptr) return fail(ENOENT, "the artifact was removed");
            if (const auto* view = runs_.latest(request, *artifact)) return "@" + view->name;
            if (!artifact->record.head) return "new";
            return "v" + std::to_string(*artifact->record.head);
        }
        case Place::run_link: {
            auto who = runs_.who(request, true);
            if (who.is(Role::launcher)) who.run = runs_.own_run(request, *who.caller);
            if (!who.run) return fail(ENOENT, "the caller is in no run");
            return "runs/" + mount_.session.run(*who.run)->record.name;
        }
        case Place::run_link_target: {
            auto slash = what.name.find('/');
            auto links = run_links(what.run, what.name.substr(0, slash));
            auto found = links.find(what.name.substr(slash + 1));
            if (found == links.end()) return fail(ENOENT, "no such link any more");
            return found->second;
        }
        default:
            return fail(EINVAL, "not a link");
    }
}

}  // namespace artfs
