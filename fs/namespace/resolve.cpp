// Filesystem: what a nodeid stands for, and its attributes.
#include <sys/stat.h>

#include "namespace/filesystem.h"

namespace artfs {

namespace {

constexpr double long_time = 86400;

std::uint32_t type_bits(Kind kind) {
    switch (kind) {
        case Kind::directory:
            return S_IFDIR;
        case Kind::symlink:
            return S_IFLNK;
        case Kind::file:
            break;
    }
    return S_IFREG;
}

std::uint64_t blocks_of(std::uint64_t size) { return (size + 511) / 512; }

}  // namespace

Result<Filesystem::Resolved> Filesystem::resolve(NodeId node) {
    const auto& session = mount_.session;
    switch (node.kind()) {
        case NodeKind::synthetic:
            if (const auto* what = session.synthetic(node)) return what;
            break;
        case NodeKind::version: {
            const auto* tree = session.version_tree(node.serial());
            if (tree == nullptr) break;
            OfVersion of{tree, node.number(), {}};
            if (of.rank == 0) {
                of.entry.kind = Kind::directory;
                of.entry.attributes = tree->snapshot.root_attributes;
                of.entry.dir = tree->snapshot.root;
                return of;
            }
            auto located = at_rank(mount_.loader.nodes(), tree->snapshot.root, of.rank);
            if (!located) break;
            of.entry = std::move(located->entry);
            return of;
        }
        case NodeKind::view_base: {
            const auto* base = session.view_base(node.serial());
            const auto* view = base == nullptr ? nullptr : session.view(base->view);
            if (view == nullptr) break;
            if (auto switched = base->switched.find(node.number());
                switched != base->switched.end())
                return OfView{view, view->overlay.node(switched->second)};
            auto located = at_rank(mount_.loader.nodes(), base->snapshot.root, node.number());
            if (!located) break;
            return OfBase{view, base, std::move(*located), node.number()};
        }
        case NodeKind::view: {
            const auto* view = session.view(node.serial());
            const auto* found = view == nullptr ? nullptr : view->overlay.node(node.number());
            if (found != nullptr) return OfView{view, found};
            break;
        }
    }
    return fail(ESTALE, "no such node");
}

Filesystem::OfView Filesystem::drafted(NodeId node) const {
    return {mount_.session.view_of(node), mount_.session.drafted(node)};
}

Result<Filesystem::OfView> Filesystem::resolve_directory(NodeId node) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    if (const auto* of = std::get_if<OfView>(&*resolved)) {
        if (of->node->kind != Kind::directory) return fail(ENOTDIR, "not a directory");
        if (of->node->links == 0) return fail(ENOENT, "the directory was removed");
        return *of;
    }
    if (std::holds_alternative<OfVersion>(*resolved)) return fail(EROFS, "versions never change");
    return fail(EPERM, "only artifacts, aliases and drafts can be changed");
}

NodeId Filesystem::id_of(const Request& request, const Synthetic& what) {
    if (what.place == Place::root) return {root_nodeid};
    if (auto known = mount_.session.find_synthetic(what)) return *known;
    NodeId node = mount_.session.next_synthetic();
    mount_.session.apply(request.unique, MadeSynthetic{node, what});
    return node;
}

NodeId Filesystem::id_of(const View& view, const OverlayNode& node) {
    if (node.nodeid != 0) return {node.nodeid};
    return NodeId::make(NodeKind::view, view.serial, node.number);
}

const VersionTree& Filesystem::version_tree(const Request& request, const VersionRecord& version) {
    if (const auto* known = mount_.session.find_version_tree(version.id)) return *known;
    const Snapshot& snapshot = mount_.loader.snapshot(version.tree);
    std::uint32_t serial = mount_.session.next_serial();
    mount_.session.apply(request.unique, OpenedVersionTree{{serial, version.id, version.artifact,
                                                            version.number, snapshot}});
    return *mount_.session.version_tree(serial);
}

Attr Filesystem::attr_of(const Synthetic& what, NodeId node) {
    Attr attr;
    attr.node = node;
    attr.mode = S_IFREG | 0444;
    if (const auto* artifact = mount_.loader.artifact(what.artifact)) {
        attr.uid = artifact->record.uid;
        attr.gid = artifact->record.gid;
        attr.atime = attr.mtime = attr.ctime = artifact->record.created;
    }
    switch (what.place) {
        case Place::root:
            attr.mode = S_IFDIR | mount_.loader.root().mode;
            attr.uid = mount_.loader.root().uid;
            attr.gid = mount_.loader.root().gid;
            break;
        case Place::artifact:
            attr.mode = S_IFDIR | mount_.loader.artifact(what.artifact)->record.mode;
            break;
        case Place::latest:
        case Place::alias:
        case Place::run_link:
        case Place::run_link_target:
            // Size 0, as /proc does: the target depends on the caller.
            attr.mode = S_IFLNK | 0777;
            break;
        case Place::empty:
        case Place::art:
        case Place::runs:
        case Place::run_links:
        case Place::version_art:
            attr.mode = S_IFDIR | 0555;
            break;
        case Place::version_document:
        case Place::view_document:
            if (auto text = short_document(mount_, what)) attr.size = text->size();
            if (what.place == Place::view_document && what.name == commit_name)
                attr.mode = S_IFREG | 0644;
            break;
        case Place::graph_dot:
        case Place::graph_json:
        case Place::status_json:
        case Place::run_json:
            break;
    }
    // metadata.json of a version is an object like any file.
    if (what.place == Place::version_document && what.name == metadata_name) {
        const auto* tree = mount_.session.find_version_tree(what.version);
        if (tree != nullptr && tree->snapshot.metadata) attr.size = tree->snapshot.metadata->size;
    }
    attr.blocks = blocks_of(attr.size);
    return attr;
}

Attr Filesystem::attr_of(const Entry& entry, NodeId node) {
    Attr attr;
    attr.node = node;
    attr.mode = type_bits(entry.kind) | entry.attributes.mode;
    attr.uid = entry.attributes.uid;
    attr.gid = entry.attributes.gid;
    attr.size = entry.kind == Kind::symlink ? entry.target.size() : entry.size;
    attr.blocks = blocks_of(attr.size);
    attr.atime = attr.mtime = attr.ctime = entry.attributes.mtime;
    attr.timeout = long_time;
    return attr;
}

Attr Filesystem::attr_of(const View& view, const OverlayNode& node) {
    Attr attr;
    attr.node = id_of(view, node);
    attr.mode = (node.special != 0 ? node.special : type_bits(node.kind)) | node.attributes.mode;
    attr.links = node.links;
    attr.uid = node.attributes.uid;
    attr.gid = node.attributes.gid;
    attr.size = node.kind == Kind::symlink ? node.target.size() : node.size;
    attr.blocks = blocks_of(attr.size);
    attr.mtime = node.attributes.mtime;
    attr.atime = node.atime.value_or(attr.mtime);
    attr.ctime = node.ctime;
    attr.timeout = long_time;
    if (node.staging == 0) return attr;
    // While a staging file is open, the file itself knows best. (It is in memory then: this does
    // not wait for the disk.)
    struct stat status {};
    auto file = mount_.files.open_staging(node.staging);
    if (file && fstat(file->fd.get(), &status) == 0) {
        attr.size = static_cast<std::uint64_t>(status.st_size);
        attr.blocks = static_cast<std::uint64_t>(status.st_blocks);
        if (!file->unwritten(status)) attr.mtime = from_timespec(status.st_mtim);
        attr.atime = node.atime.value_or(attr.mtime);
        attr.ctime = std::max(node.ctime, from_timespec(status.st_ctim));
        // What a mapping stores changes them without our being asked, and the kernel does not know.
        const auto counts = mount_.session.open_counts(attr.node);
        if (counts.passthrough > 0 && counts.mappers > 0) attr.timeout = 0;
    }
    return attr;
}

Attr Filesystem::attr_of(const Resolved& resolved, NodeId node) {
    if (const auto* of = std::get_if<OfVersion>(&resolved)) return attr_of(of->entry, node);
    if (const auto* of = std::get_if<OfView>(&resolved)) return attr_of(*of->view, *of->node);
    if (const auto* of = std::get_if<OfBase>(&resolved)) {
        Attr attr = attr_of(of->located.entry, node);
        if (of->base->unlinked.contains(of->rank)) attr.links = 0;
        return attr;
    }
    return attr_of(*std::get<const Synthetic*>(resolved), node);
}

EntryReply Filesystem::entry(const Attr& attr) const {
    const auto* view = mount_.session.view_of(attr.node);
    EntryReply reply{attr, long_time};
    // Names of a launcher's view may lead elsewhere when the head moves.
    if (view != nullptr && view->kind == ViewKind::launcher) reply.timeout = reply.attr.timeout = 0;
    return reply;
}

EntryReply Filesystem::synthetic_entry(const Request& request, const Synthetic& what) {
    // Names of artifacts and what is in them can go; the rest is for ever.
    bool passing = what.place == Place::artifact || what.place == Place::alias;
    return {attr_of(what, id_of(request, what)), passing ? 0.0 : long_time};
}

Result<Attr> Filesystem::getattr(Request& /*request*/, NodeId node) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    const auto* what = std::get_if<const Synthetic*>(&*resolved);
    if (what != nullptr && (*what)->place == Place::artifact &&
        mount_.loader.artifact((*what)->artifact) == nullptr)
        return fail(ENOENT, "the artifact was removed");
    return attr_of(*resolved, node);
}

}  // namespace artfs
