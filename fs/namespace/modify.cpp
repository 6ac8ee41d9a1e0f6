// Filesystem: making, removing and linking in the draft of a view.
#include <fcntl.h>
#include <sys/stat.h>

#include "namespace/filesystem.h"

namespace artfs {

Result<> Filesystem::begin_write(Request& request, const View& view) {
    if (mount_.options.read_only) return fail(EROFS, "the mount is read-only");
    if (auto allowed = may_write(view); !allowed) return allowed;
    return runs_.begin_write(request, view);
}

// `chmod a-w ARTIFACT` makes its views read-only, to everybody. Who else may write where is up to
// the modes of what is in the view, which the kernel checks.
Result<> Filesystem::may_write(const View& view) const {
    const auto* artifact = view.artifact ? mount_.loader.artifact(*view.artifact) : nullptr;
    if (artifact != nullptr && (artifact->record.mode & 0222U) == 0)
        return fail(EROFS, "the artifact is read-only");
    return {};
}

// `.art` and what the mount itself shows beside it cannot be made, moved or removed.
Result<> Filesystem::refuse_name(const OfView& dir, const std::string& name) const {
    const auto number = dir.node->number;
    bool ours = false;
    if (number == root_number)
        ours = dir.view->kind != ViewKind::run_data
                   ? name == art_dir_name
                   : name == "run.json" || name == "uses" || name == "logs" || name == "view";
    else if (number == art_dir_number)
        ours = name == "base" || name == commit_name;
    if (ours) return fail(EPERM, "the name is the mount's own");
    if (number == art_dir_number && name == type_name &&
        mount_.loader.artifact(*dir.view->artifact)->record.type_fixed)
        return fail(EPERM, "the type of an artifact is fixed by its first version");
    if (name.size() > 255) return fail(ENAMETOOLONG, "a name has at most 255 bytes");
    return {};
}

OverlayNode Filesystem::new_node(const Request& request, const View& view,
                                 const OverlayNode& parent, Kind kind, std::uint32_t mode) const {
    OverlayNode node;
    node.number = view.overlay.next_number();
    node.kind = kind;
    node.attributes.mode = mode & kept_modes;
    node.attributes.uid = request.uid;
    node.attributes.gid = request.gid;
    node.attributes.mtime = node.ctime = now();
    node.parent = parent.number;
    node.changed = true;
    return node;
}

OverlayName Filesystem::name_for(const View& view, NodeNumber directory, const std::string& name,
                                 NodeNumber number) {
    // A name that is given to something else keeps its place in listings.
    const auto& names = view.overlay.names(directory);
    if (auto old = names.find(name); old != names.end() && old->second.serial != 0)
        return {number, old->second.serial};
    if (view.overlay.in_base(mount_.loader.nodes(), directory, name)) return {number, 0};
    return {number, view.overlay.next_serial()};
}

void Filesystem::touch_directory(const View& view, NodeNumber directory,
                                 ChangedDraft& change) const {
    for (auto& node : change.change.nodes) {
        if (node.number != directory) continue;
        node.attributes.mtime = node.ctime = now();
        return;
    }
    OverlayNode node = *view.overlay.node(directory);
    node.attributes.mtime = node.ctime = now();
    node.kept = true;
    change.change.nodes.push_back(std::move(node));
}

void Filesystem::apply(const Request& request, ChangedDraft change) {
    mount_.session.apply(request.unique, std::move(change));
}

Result<EntryReply> Filesystem::add_node(Request& request, const OfView& dir,
                                        const std::string& name, const OverlayNode& node) {
    const View& view = *dir.view;
    ChangedDraft change{view.serial, {}, {}, {}};
    change.change.nodes.push_back(node);
    change.change.names.push_back(
        {dir.node->number, name, name_for(view, dir.node->number, name, node.number)});
    touch_directory(view, dir.node->number, change);
    apply(request, std::move(change));
    auto reply = entry(attr_of(view, *view.overlay.node(node.number)));
    if (dir.node->number == art_dir_number) reply.timeout = 0;  // as lookup() answers it
    return reply;
}

Result<Filesystem::OfView> Filesystem::place_for(Request& request, NodeId parent,
                                                 const std::string& name) {
    auto dir = resolve_directory(parent);
    if (!dir) return dir;
    if (auto refused = refuse_name(*dir, name); !refused) return tl::unexpected(refused.error());
    auto found = dir->view->overlay.find(mount_.loader.nodes(), dir->node->number, name);
    if (!std::holds_alternative<std::monostate>(found)) return fail(EEXIST, "the name exists");
    if (auto begun = begin_write(request, *dir->view); !begun) return tl::unexpected(begun.error());
    return dir;
}

Result<EntryReply> Filesystem::mkdir(Request& request, NodeId parent, const std::string& name,
                                     std::uint32_t mode) {
    if (parent.value == root_nodeid) return make_artifact(request, name, mode);
    auto dir = place_for(request, parent, name);
    if (!dir) return tl::unexpected(dir.error());
    return add_node(request, *dir, name,
                    new_node(request, *dir->view, *dir->node, Kind::directory, mode));
}

Result<EntryReply> Filesystem::symlink(Request& request, NodeId parent, const std::string& name,
                                       const std::string& target) {
    if (const auto* what = mount_.session.synthetic(parent);
        what != nullptr && what->place == Place::artifact) {
        const auto* artifact = mount_.loader.artifact(what->artifact);
        if (artifact == nullptr) return fail(ENOENT, "the artifact was removed");
        return set_alias(request, *artifact, name, target);
    }
    auto dir = place_for(request, parent, name);
    if (!dir) return tl::unexpected(dir.error());
    auto node = new_node(request, *dir->view, *dir->node, Kind::symlink, 0777);
    node.target = target;
    return add_node(request, *dir, name, node);
}

OverlayNode Filesystem::materialise(const OfBase& file, ChangedDraft& change) const {
    const auto& clean = file.located.entry;
    NodeId id = NodeId::make(NodeKind::view_base, file.base->serial, file.rank);
    OverlayNode node;
    node.number = file.view->overlay.next_number();
    node.kind = clean.kind;
    node.attributes = clean.attributes;
    node.ctime = clean.attributes.mtime;
    node.digest = clean.digest;
    node.size = clean.size;
    node.target = clean.target;
    node.nodeid = id.value;
    if (file.base->base.version) node.origin = Origin{*file.base->base.version, file.rank, false};
    node.changed = true;
    change.switched.push_back({id, node.number});
    return node;
}

Result<EntryReply> Filesystem::link(Request& request, NodeId node, NodeId parent,
                                    const std::string& name) {
    auto dir = resolve_directory(parent);
    if (!dir) return tl::unexpected(dir.error());
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    const auto* base = std::get_if<OfBase>(&*resolved);
    const auto* own = std::get_if<OfView>(&*resolved);
    const View* view = base != nullptr ? base->view : own != nullptr ? own->view : nullptr;
    if (view != dir->view) return fail(EXDEV, "links do not leave a view");
    if (own != nullptr && own->node->kind == Kind::directory)
        return fail(EPERM, "a directory has one name");
    if (base != nullptr && base->base->serial != view->base_serial)
        return fail(ESTALE, "the base has changed: look again");
    if (auto refused = refuse_name(*dir, name); !refused) return tl::unexpected(refused.error());
    auto found = view->overlay.find(mount_.loader.nodes(), dir->node->number, name);
    if (!std::holds_alternative<std::monostate>(found)) return fail(EEXIST, "the name exists");
    OverlayName new_name = name_for(*view, dir->node->number, name, 0);
    if (auto begun = begin_write(request, *view); !begun) return tl::unexpected(begun.error());

    ChangedDraft change{view->serial, {}, {}, {}};
    OverlayNode linked;
    if (base != nullptr) {
        linked = materialise(*base, change);
        const auto* home = view->overlay.directory_of_rank(base->located.parent_rank);
        if (home == nullptr) return fail(ESTALE, "the file's directory is not known");
        change.change.names.push_back(
            {home->number, base->located.entry.name, OverlayName{linked.number, 0}});
    } else {
        linked = *own->node;
    }
    linked.links += 1;
    linked.ctime = now();
    linked.changed = true;
    new_name.node = linked.number;
    NodeNumber number = linked.number;
    change.change.nodes.push_back(std::move(linked));
    change.change.names.push_back({dir->node->number, name, new_name});
    touch_directory(*view, dir->node->number, change);
    apply(request, std::move(change));
    return entry(attr_of(*view, *view->overlay.node(number)));
}

void Filesystem::drop_name(const View& view, NodeNumber directory, const std::string& name,
                           const Overlay::Found& found, ChangedDraft& change) {
    std::optional<OverlayName> left;
    if (view.overlay.in_base(mount_.loader.nodes(), directory, name)) left = OverlayName{};
    change.change.names.push_back({directory, name, left});
    if (const auto* ranked = std::get_if<Ranked>(&found)) {
        change.unlinked.push_back(
            NodeId::make(NodeKind::view_base, view.base_serial, ranked->rank));
        return;
    }
    // The node stays until the kernel has let go of it: who has it open goes on with it, and who
    // has walked to it may yet open it.
    OverlayNode node = *std::get<const OverlayNode*>(found);
    node.links = node.kind == Kind::directory ? 0 : node.links - 1;
    node.ctime = now();
    change.change.nodes.push_back(std::move(node));
}

void Filesystem::forget(NodeId id) {
    auto own = drafted(id);
    if (own.node == nullptr || own.node->links != 0 || own.node->kind == Kind::directory) return;
    auto counts = mount_.session.open_counts(id);
    if (counts.cached + counts.passthrough + counts.writers > 0 || own.node->frozen) return;
    ChangedDraft change{own.view->serial, {}, {}, {}};
    if (own.node->staging != 0) mount_.files.remove({own.node->staging});
    if (own.node->nodeid == 0) {
        change.change.erased.push_back(own.node->number);
    } else {
        // A nodeid of the base leads to it for ever; what it held is gone.
        OverlayNode emptied = *own.node;
        emptied.staging = emptied.size = 0;
        emptied.inline_text = true;
        emptied.target.clear();
        change.change.nodes.push_back(std::move(emptied));
    }
    apply({}, std::move(change));
}

Result<> Filesystem::unlink(Request& request, NodeId parent, const std::string& name) {
    if (const auto* what = mount_.session.synthetic(parent);
        what != nullptr && what->place == Place::artifact) {
        const auto* artifact = mount_.loader.artifact(what->artifact);
        if (artifact == nullptr) return fail(ENOENT, "the artifact was removed");
        return erase_alias(request, *artifact, name);
    }
    auto dir = resolve_directory(parent);
    if (!dir) return tl::unexpected(dir.error());
    if (auto refused = refuse_name(*dir, name); !refused) return refused;
    const View& view = *dir->view;
    auto found = view.overlay.find(mount_.loader.nodes(), dir->node->number, name);
    if (std::holds_alternative<std::monostate>(found)) return fail(ENOENT, "no such name");
    if (const auto* node = std::get_if<const OverlayNode*>(&found);
        node != nullptr && (*node)->kind == Kind::directory)
        return fail(EISDIR, "a directory");
    ChangedDraft change{view.serial, {}, {}, {}};
    drop_name(view, dir->node->number, name, found, change);
    if (auto begun = begin_write(request, view); !begun) return begun;
    touch_directory(view, dir->node->number, change);
    apply(request, std::move(change));
    return {};
}

Result<> Filesystem::rmdir(Request& request, NodeId parent, const std::string& name) {
    if (parent.value == root_nodeid) return remove_artifact(request, name);
    auto dir = resolve_directory(parent);
    if (!dir) return tl::unexpected(dir.error());
    if (auto refused = refuse_name(*dir, name); !refused) return refused;
    const View& view = *dir->view;
    auto found = view.overlay.find(mount_.loader.nodes(), dir->node->number, name);
    if (std::holds_alternative<std::monostate>(found)) return fail(ENOENT, "no such name");
    const auto* ranked = std::get_if<Ranked>(&found);
    if (ranked != nullptr) {
        if (ranked->entry.kind != Kind::directory) return fail(ENOTDIR, "not a directory");
        found = &enter_directory(request, view, dir->node->number, *ranked);
    }
    const auto* node = std::get<const OverlayNode*>(found);
    if (node->kind != Kind::directory) return fail(ENOTDIR, "not a directory");
    if (!view.overlay.is_empty(mount_.loader.nodes(), node->number))
        return fail(ENOTEMPTY, "the directory is not empty");
    ChangedDraft change{view.serial, {}, {}, {}};
    drop_name(view, dir->node->number, name, found, change);
    if (auto begun = begin_write(request, view); !begun) return begun;
    touch_directory(view, dir->node->number, change);
    apply(request, std::move(change));
    return {};
}

}  // namespace artfs
