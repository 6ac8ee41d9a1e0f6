// Filesystem: names to nodes.
#include <sys/stat.h>

#include "namespace/filesystem.h"

namespace artfs {

namespace {
tl::unexpected<Error> absent() { return fail(ENOENT, "no such name"); }

// For a name that cannot appear without the kernel knowing.
EntryReply surely_absent() {
    EntryReply none;
    none.timeout = 86400;
    return none;
}
}  // namespace

Result<EntryReply> Filesystem::lookup(Request& request, NodeId parent, const std::string& name) {
    auto resolved = resolve(parent);
    if (!resolved) return tl::unexpected(resolved.error());
    // The kernel lets 1024 bytes through.
    if (name.size() > 255) return fail(ENAMETOOLONG, "a name has at most 255 bytes");
    if (const auto* of = std::get_if<OfView>(&*resolved)) return lookup_view(request, *of, name);
    if (const auto* of = std::get_if<OfVersion>(&*resolved))
        return lookup_version(request, *of, name);
    if (const auto* what = std::get_if<const Synthetic*>(&*resolved))
        return lookup_synthetic(request, **what, name);
    return fail(ENOTDIR, "not a directory");
}

Result<EntryReply> Filesystem::lookup_synthetic(Request& request, const Synthetic& dir,
                                                const std::string& name) {
    switch (dir.place) {
        case Place::root:
            return lookup_root(request, name);
        case Place::artifact: {
            const auto* artifact = mount_.loader.artifact(dir.artifact);
            if (artifact == nullptr) return absent();
            return lookup_artifact(request, *artifact, name);
        }
        case Place::art:
            return lookup_art(request, name);
        case Place::runs:
            return lookup_run(request, name);
        case Place::run_links:
            return lookup_run_links(request, dir, name);
        case Place::version_art:
            for (const auto& document : version_documents()) {
                if (document != name) continue;
                Synthetic what{Place::version_document, dir.artifact, dir.version, {}, 0, name};
                const auto* tree = mount_.session.find_version_tree(dir.version);
                if (name == metadata_name && (tree == nullptr || !tree->snapshot.metadata))
                    return absent();
                return synthetic_entry(request, what);
            }
            return absent();
        default:
            return absent();
    }
}

Result<EntryReply> Filesystem::lookup_root(Request& request, const std::string& name) {
    if (name == art_dir_name) return synthetic_entry(request, {.place = Place::art});
    const auto* artifact = mount_.loader.artifact(name);
    if (artifact == nullptr) return absent();
    return synthetic_entry(request, {.place = Place::artifact, .artifact = artifact->record.id});
}

Result<EntryReply> Filesystem::lookup_artifact(Request& request, const ArtifactState& artifact,
                                               const std::string& name) {
    const auto& id = artifact.record.id;
    if (name == "latest") {
        if (!artifact.record.head && runs_.makes_paths(request)) {
            // Of an artifact that the caller has made just now: the draft itself, for it alone.
            if (const auto* view = runs_.latest(request, artifact)) {
                auto reply = entry(attr_of(*view, *view->overlay.node(root_number)));
                reply.timeout = 0;
                return reply;
            }
        }
        return synthetic_entry(request, {.place = Place::latest, .artifact = id});
    }
    if (name == "new" && !artifact.record.head)
        return synthetic_entry(request, {.place = Place::empty, .artifact = id});
    if (auto number = VersionNumber::parse(name)) {
        const auto* version = mount_.loader.version(id, number->value);
        if (version == nullptr) return absent();
        const auto& tree = version_tree(request, *version);
        auto root = resolve(NodeId::make(NodeKind::version, tree.serial, 0));
        return entry(attr_of(*root, NodeId::make(NodeKind::version, tree.serial, 0)));
    }
    if (artifact.aliases.contains(name))
        return synthetic_entry(request, Synthetic{Place::alias, id, {}, {}, 0, name});
    if (name.starts_with('@')) {
        std::string run_name = name.substr(1);
        const View* view = nullptr;
        if (const auto* live = mount_.session.find_run(run_name)) {
            auto found = live->views.find(id);
            if (found != live->views.end()) view = mount_.session.view(found->second);
        }
        if (view == nullptr) view = runs_.past_view(request, artifact, run_name);
        if (view == nullptr) return absent();
        auto reply = entry(attr_of(*view, *view->overlay.node(root_number)));
        // What `art commit` or `art discard` make of a kept draft is seen at the next walk.
        if (!view->abandoned.empty()) reply.timeout = 0;
        return reply;
    }
    return absent();
}

Result<EntryReply> Filesystem::lookup_art(Request& request, const std::string& name) {
    if (name == "run") return synthetic_entry(request, {.place = Place::run_link});
    if (name == "runs") return synthetic_entry(request, {.place = Place::runs});
    if (name == "graph.dot") return synthetic_entry(request, {.place = Place::graph_dot});
    if (name == "graph.json") return synthetic_entry(request, {.place = Place::graph_json});
    if (name == "status.json") return synthetic_entry(request, {.place = Place::status_json});
    return absent();
}

Result<EntryReply> Filesystem::lookup_run(Request& request, const std::string& name) {
    const View* view = nullptr;
    if (const auto* live = mount_.session.find_run(name))
        view = &runs_.data_view(request, live->record.id);
    else
        view = runs_.past_data_view(request, name);
    if (view == nullptr) return absent();
    return entry(attr_of(*view, *view->overlay.node(root_number)));
}

Result<EntryReply> Filesystem::lookup_run_links(const Request& request, const Synthetic& dir,
                                                const std::string& name) {
    if (!run_links(dir.run, dir.name).contains(name)) return absent();
    Synthetic what{Place::run_link_target, {}, {}, dir.run, 0, dir.name + "/" + name};
    auto reply = synthetic_entry(request, what);
    reply.timeout = 0;
    return reply;
}

Result<EntryReply> Filesystem::lookup_version(Request& request, const OfVersion& dir,
                                              const std::string& name) {
    if (dir.entry.kind != Kind::directory) return fail(ENOTDIR, "not a directory");
    if (dir.rank == 0 && name == art_dir_name)
        return synthetic_entry(
            request,
            Synthetic{Place::version_art, dir.tree->artifact, dir.tree->version, {}, 0, ""});
    auto found = find(mount_.loader.nodes(), dir.entry.dir, dir.rank, name);
    if (!found) return surely_absent();
    return entry(
        attr_of(found->entry, NodeId::make(NodeKind::version, dir.tree->serial, found->rank)));
}

const OverlayNode& Filesystem::enter_directory(const Request& request, const View& view,
                                               NodeNumber parent, const Ranked& found) {
    OverlayNode node;
    node.number = view.overlay.next_number();
    node.kind = Kind::directory;
    node.attributes = found.entry.attributes;
    node.ctime = node.attributes.mtime;
    node.base = found.entry.dir;
    node.base_rank = found.rank;
    node.parent = parent;
    ChangedDraft change{view.serial, {}, {}, {}};
    change.change.nodes.push_back(node);
    change.change.names.push_back({parent, found.entry.name, OverlayName{node.number, 0}});
    mount_.session.apply(request.unique, std::move(change));
    return *view.overlay.node(node.number);
}

Result<EntryReply> Filesystem::lookup_view(Request& request, OfView dir, const std::string& name) {
    const View& view = *dir.view;
    if (dir.node->kind != Kind::directory) return fail(ENOTDIR, "not a directory");
    const NodeNumber number = dir.node->number;
    if (view.kind == ViewKind::launcher) runs_.settle(request, view);
    runs_.follow_head(request, view);
    const auto* still_there = view.overlay.node(number);
    if (still_there == nullptr) return fail(ESTALE, "the directory is not in the new version");
    dir.node = still_there;
    if (dir.node->number == root_number) {
        if (view.kind != ViewKind::run_data && name == art_dir_name)
            return entry(attr_of(view, *view.overlay.node(art_dir_number)));
        if (view.kind == ViewKind::run_data && name == "run.json")
            return synthetic_entry(request, {.place = Place::run_json, .run = view.run});
        if (view.kind == ViewKind::run_data && (name == "uses" || name == "logs" || name == "view"))
            return synthetic_entry(request, Synthetic{Place::run_links, {}, {}, view.run, 0, name});
    }
    auto found = view.overlay.find(mount_.loader.nodes(), dir.node->number, name);
    if (const auto* node = std::get_if<const OverlayNode*>(&found)) {
        auto reply = entry(attr_of(view, **node));
        // A document can be replaced through an attribute too, which the kernel does not see.
        if (dir.node->number == art_dir_number) reply.timeout = 0;
        return reply;
    }
    if (const auto* ranked = std::get_if<Ranked>(&found)) {
        if (ranked->entry.kind == Kind::directory)
            return entry(attr_of(view, enter_directory(request, view, dir.node->number, *ranked)));
        return entry(attr_of(ranked->entry,
                             NodeId::make(NodeKind::view_base, view.base_serial, ranked->rank)));
    }
    if (dir.node->number != art_dir_number) {
        if (view.kind == ViewKind::launcher) return absent();  // the head may bring it
        return surely_absent();
    }
    bool document =
        name == "base" || name == commit_name ||
        (name == type_name && mount_.loader.artifact(*view.artifact)->record.type_fixed);
    if (document) {
        auto reply = synthetic_entry(
            request, Synthetic{Place::view_document, *view.artifact, {}, {}, view.serial, name});
        reply.timeout = 0;  // `type` may become a file
        return reply;
    }
    return absent();
}

}  // namespace artfs
