// Filesystem: new files: regular ones with their first handle, files without a name, FIFOs,
// sockets.
#include <fcntl.h>
#include <sys/stat.h>

#include "namespace/filesystem.h"

namespace artfs {

namespace {
Result<> refuse_mode(std::uint32_t mode) {
    if ((mode & (S_ISUID | S_ISGID)) == 0) return {};
    return fail(EPERM, "set-uid and set-gid bits do not get into a store");
}
}  // namespace

// The handle that a new file is born with; its staging file is open.
OpenReply Filesystem::open_new(Request& request, const OverlayNode& node, NodeId id, int flags) {
    auto who = runs_.who(request, true);
    Handle handle;
    handle.fh = mount_.session.next_handle();
    handle.node = id;
    handle.read = (flags & O_ACCMODE) != O_WRONLY;
    handle.write = (flags & O_ACCMODE) != O_RDONLY;
    handle.run = who.run;
    handle.pid = who.pid;
    if (who.is(Role::launcher)) handle.launcher = who.caller->process;
    auto backing = backing_of(OfView{mount_.session.view_of(id), &node}, id);
    if (handle.write || !backing) held_[handle.fh] = mount_.files.open_staging(node.staging);
    return opened(request, handle, backing);
}

Result<std::pair<EntryReply, OpenReply>> Filesystem::create(Request& request, NodeId parent,
                                                            const std::string& name,
                                                            std::uint32_t mode, int flags) {
    auto dir = place_for(request, parent, name);
    if (!dir) return tl::unexpected(dir.error());
    if (auto refused = refuse_mode(mode); !refused) return tl::unexpected(refused.error());
    const View& view = *dir->view;
    // Also what suspends in add_node: asked here, before a staging file is taken.
    name_for(view, dir->node->number, name, 0);
    auto node = new_node(request, view, *dir->node, Kind::file, mode);
    node.staging = mount_.files.take_staging();
    auto file = mount_.files.open_staging(node.staging);
    auto entry = add_node(request, *dir, name, node);
    if (!entry) return tl::unexpected(entry.error());
    return std::pair(*entry, open_new(request, node, entry->attr.node, flags));
}

Result<std::pair<EntryReply, OpenReply>> Filesystem::tmpfile(Request& request, NodeId parent,
                                                             std::uint32_t mode, int flags) {
    auto dir = resolve_directory(parent);
    if (!dir) return tl::unexpected(dir.error());
    if (auto refused = refuse_mode(mode); !refused) return tl::unexpected(refused.error());
    const View& view = *dir->view;
    if (auto begun = begin_write(request, view); !begun) return tl::unexpected(begun.error());
    auto node = new_node(request, view, *dir->node, Kind::file, mode);
    node.links = 0;
    node.staging = mount_.files.take_staging();
    auto file = mount_.files.open_staging(node.staging);
    ChangedDraft change{view.serial, {}, {}, {}};
    change.change.nodes.push_back(node);
    apply(request, std::move(change));
    auto reply = entry(attr_of(view, *view.overlay.node(node.number)));
    return std::pair(reply, open_new(request, node, reply.attr.node, flags));
}

Result<EntryReply> Filesystem::mknod(Request& request, NodeId parent, const std::string& name,
                                     std::uint32_t mode) {
    if (S_ISREG(mode)) {
        auto made = create(request, parent, name, mode & 07777U, O_WRONLY);
        if (!made) return tl::unexpected(made.error());
        release(made->second.fh);
        return made->first;
    }
    if (!S_ISFIFO(mode) && !S_ISSOCK(mode))
        return fail(EPERM, "device nodes do not get into a store");
    if (auto refused = refuse_mode(mode); !refused) return tl::unexpected(refused.error());
    auto dir = place_for(request, parent, name);
    if (!dir) return tl::unexpected(dir.error());
    auto node = new_node(request, *dir->view, *dir->node, Kind::file, mode);
    node.special = mode & S_IFMT;
    return add_node(request, *dir, name, node);
}

}  // namespace artfs
