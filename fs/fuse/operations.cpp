// The callbacks of libfuse's low-level API: decode, call, encode. No decision is made here.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "fuse/loop.h"

namespace artfs {

FuseAdapter::State& state_of(fuse_req_t req) {
    return *static_cast<FuseAdapter::State*>(fuse_req_userdata(req));
}

namespace {

using State = FuseAdapter::State;

// ---- the session

void on_init(void* data, fuse_conn_info* conn) {
    auto& state = *static_cast<State*>(data);
    // Each caller's `latest` differs: the kernel must ask every time.
    fuse_unset_feature_flag(conn, FUSE_CAP_CACHE_SYMLINKS);
    // Passthrough excludes it, and it would hide when a file was written.
    fuse_unset_feature_flag(conn, FUSE_CAP_WRITEBACK_CACHE);
    // All changes go through this mount, so a new mtime says nothing new about cached pages.
    fuse_unset_feature_flag(conn, FUSE_CAP_AUTO_INVAL_DATA);
    // Buffers are handed to the pool as they are.
    fuse_unset_feature_flag(conn, FUSE_CAP_SPLICE_READ);
    fuse_unset_feature_flag(conn, FUSE_CAP_SPLICE_WRITE);
    fuse_unset_feature_flag(conn, FUSE_CAP_SPLICE_MOVE);
    // Our promise for it: set-uid bits and security.* never get into a store.
    fuse_set_feature_flag(conn, FUSE_CAP_HANDLE_KILLPRIV_V2);
    fuse_set_feature_flag(conn, FUSE_CAP_PARALLEL_DIROPS);
    // What a launcher opened is read and written call by call, and may be mapped all the same.
    fuse_set_feature_flag(conn, FUSE_CAP_DIRECT_IO_ALLOW_MMAP);
    conn->max_write = std::min(conn->max_write, static_cast<unsigned>(most_written));
    conn->max_background = 65535;
    conn->congestion_threshold = 65535;
    if (!state.options.passthrough)
        state.passthrough_why = "switched off (-o passthrough=off)";
    else if (geteuid() != 0)
        state.passthrough_why = "only root may pass files through (CAP_SYS_ADMIN)";
    else if (!fuse_set_feature_flag(conn, FUSE_CAP_PASSTHROUGH))
        state.passthrough_why = "the kernel has no FUSE passthrough (Linux 6.9 has it)";
    else
        state.passthrough_why.clear();
    // On overlayfs (a container's root) files are one layer up already.
    conn->max_backing_stack_depth = state.overlay_store ? 1 : 0;
    state.initialised = true;
}

// ---- names

void on_lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
    serve(req, [parent, name = std::string(name)](Pending& pending) {
        reply(pending, pending.state.filesystem->lookup(pending.request, {parent}, name));
    });
}

// Nothing counts lookups: nodeids are numbers that mean the same for as long as the mount lives.
void on_forget(fuse_req_t req, fuse_ino_t node, std::uint64_t) {
    state_of(req).filesystem->forget({node});
    fuse_reply_none(req);
}

void on_forget_multi(fuse_req_t req, std::size_t count, fuse_forget_data* forgets) {
    for (std::size_t i = 0; i < count; ++i) state_of(req).filesystem->forget({forgets[i].ino});
    fuse_reply_none(req);
}

void on_readlink(fuse_req_t req, fuse_ino_t node) {
    serve(req, [node](Pending& pending) {
        auto target = pending.state.filesystem->readlink(pending.request, {node});
        if (!target) return pending.error(target.error());
        pending.about_to_reply();
        fuse_reply_readlink(pending.req, target->c_str());
    });
}

void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
    serve_change(req, [parent, name = std::string(name), mode](Pending& pending) {
        reply(pending, pending.state.filesystem->mkdir(pending.request, {parent}, name, mode));
    });
}

void on_symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
    serve_change(req, [parent, name = std::string(name),
                       target = std::string(target)](Pending& pending) {
        reply(pending, pending.state.filesystem->symlink(pending.request, {parent}, name, target));
    });
}

void on_link(fuse_req_t req, fuse_ino_t node, fuse_ino_t parent, const char* name) {
    serve_change(req, [node, parent, name = std::string(name)](Pending& pending) {
        reply(pending, pending.state.filesystem->link(pending.request, {node}, {parent}, name));
    });
}

void on_unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
    serve_change(req, [parent, name = std::string(name)](Pending& pending) {
        reply(pending, pending.state.filesystem->unlink(pending.request, {parent}, name));
    });
}

void on_rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) {
    serve_change(req, [parent, name = std::string(name)](Pending& pending) {
        reply(pending, pending.state.filesystem->rmdir(pending.request, {parent}, name));
    });
}

void on_rename(fuse_req_t req, fuse_ino_t from, const char* from_name, fuse_ino_t to,
               const char* to_name, unsigned flags) {
    serve_change(req, [from, from_name = std::string(from_name), to, to_name = std::string(to_name),
                       flags](Pending& pending) {
        reply(pending, pending.state.filesystem->rename(pending.request, {from}, from_name, {to},
                                                        to_name, flags));
    });
}

// ---- attributes

void on_getattr(fuse_req_t req, fuse_ino_t node, fuse_file_info*) {
    serve(req, [node](Pending& pending) {
        reply(pending, pending.state.filesystem->getattr(pending.request, {node}));
    });
}

void on_setattr(fuse_req_t req, fuse_ino_t node, struct stat* attr, int valid, fuse_file_info*) {
    SetAttr wanted;
    if ((valid & FUSE_SET_ATTR_MODE) != 0) wanted.mode = attr->st_mode & 07777;
    if ((valid & FUSE_SET_ATTR_UID) != 0) wanted.uid = attr->st_uid;
    if ((valid & FUSE_SET_ATTR_GID) != 0) wanted.gid = attr->st_gid;
    if ((valid & FUSE_SET_ATTR_SIZE) != 0) wanted.size = static_cast<std::uint64_t>(attr->st_size);
    if ((valid & FUSE_SET_ATTR_ATIME_NOW) != 0)
        wanted.atime_now = true;
    else if ((valid & FUSE_SET_ATTR_ATIME) != 0)
        wanted.atime = from_timespec(attr->st_atim);
    if ((valid & FUSE_SET_ATTR_MTIME_NOW) != 0)
        wanted.mtime_now = true;
    else if ((valid & FUSE_SET_ATTR_MTIME) != 0)
        wanted.mtime = from_timespec(attr->st_mtim);
    serve_change(req, [node, wanted](Pending& pending) {
        reply(pending, pending.state.filesystem->setattr(pending.request, {node}, wanted));
    });
}

void reply_xattr(Pending& pending, const std::string& value, std::size_t size) {
    if (size != 0 && size < value.size()) return pending.error(ERANGE);
    pending.about_to_reply();
    if (size == 0)
        fuse_reply_xattr(pending.req, value.size());
    else
        fuse_reply_buf(pending.req, value.data(), value.size());
}

void on_getxattr(fuse_req_t req, fuse_ino_t node, const char* name, std::size_t size) {
    // Asked on every first write. Never ENOSYS: that would turn all attributes off for good.
    if (std::strncmp(name, "security.", 9) == 0 || std::strncmp(name, "system.", 7) == 0) {
        fuse_reply_err(req, ENODATA);
        return;
    }
    serve(req, [node, name = std::string(name), size](Pending& pending) {
        auto value = pending.state.filesystem->getxattr(pending.request, {node}, name);
        if (!value) return pending.error(value.error());
        reply_xattr(pending, *value, size);
    });
}

void on_listxattr(fuse_req_t req, fuse_ino_t node, std::size_t size) {
    serve(req, [node, size](Pending& pending) {
        auto names = pending.state.filesystem->listxattr(pending.request, {node});
        if (!names) return pending.error(names.error());
        std::string list;
        for (const auto& name : *names) list.append(name).push_back('\0');
        reply_xattr(pending, list, size);
    });
}

void on_setxattr(fuse_req_t req, fuse_ino_t node, const char* name, const char* value,
                 std::size_t size, int flags) {
    serve_change(req, [node, name = std::string(name), value = std::string(value, size),
                       flags](Pending& pending) {
        reply(pending,
              pending.state.filesystem->setxattr(pending.request, {node}, name, value, flags));
    });
}

void on_removexattr(fuse_req_t req, fuse_ino_t node, const char* name) {
    serve_change(req, [node, name = std::string(name)](Pending& pending) {
        reply(pending, pending.state.filesystem->removexattr(pending.request, {node}, name));
    });
}

void on_statfs(fuse_req_t req, fuse_ino_t) {
    struct statvfs status {};
    if (statvfs(state_of(req).options.source.c_str(), &status) != 0) {
        fuse_reply_err(req, errno);
        return;
    }
    status.f_namemax = 255;
    fuse_reply_statfs(req, &status);
}

// ---- directories

void on_opendir(fuse_req_t req, fuse_ino_t node, fuse_file_info* info) {
    serve(req, [node, info = *info](Pending& pending) mutable {
        auto opened = pending.state.filesystem->opendir(pending.request, {node});
        if (!opened) return pending.error(opened.error());
        pending.about_to_reply();
        info.cache_readdir = info.keep_cache = *opened ? 1 : 0;
        fuse_reply_open(pending.req, &info);
    });
}

void on_readdir(fuse_req_t req, fuse_ino_t node, std::size_t size, off_t cookie, fuse_file_info*) {
    serve(req, [node, size, cookie](Pending& pending) {
        std::string listing(size, '\0');
        std::size_t used = 0;
        auto done = pending.state.filesystem->readdir(
            pending.request, {node}, static_cast<std::uint64_t>(cookie),
            [&](const DirectoryEntry& entry) {
                struct stat status {};
                status.st_ino = entry.node.value;
                status.st_mode = entry.type;
                std::size_t needs = fuse_add_direntry(pending.req, listing.data() + used,
                                                      size - used, entry.name.c_str(), &status,
                                                      static_cast<off_t>(entry.cookie));
                if (needs > size - used) return false;
                used += needs;
                return true;
            });
        if (!done) return pending.error(done.error());
        pending.about_to_reply();
        fuse_reply_buf(pending.req, listing.data(), used);
    });
}

void on_releasedir(fuse_req_t req, fuse_ino_t, fuse_file_info*) { fuse_reply_err(req, 0); }

fuse_lowlevel_ops make_operations() {
    fuse_lowlevel_ops ops{};
    ops.init = on_init;
    ops.lookup = on_lookup;
    ops.forget = on_forget;
    ops.forget_multi = on_forget_multi;
    ops.getattr = on_getattr;
    ops.setattr = on_setattr;
    ops.readlink = on_readlink;
    ops.mkdir = on_mkdir;
    ops.unlink = on_unlink;
    ops.rmdir = on_rmdir;
    ops.symlink = on_symlink;
    ops.rename = on_rename;
    ops.link = on_link;
    ops.opendir = on_opendir;
    ops.readdir = on_readdir;
    ops.releasedir = on_releasedir;
    ops.statfs = on_statfs;
    ops.setxattr = on_setxattr;
    ops.getxattr = on_getxattr;
    ops.listxattr = on_listxattr;
    ops.removexattr = on_removexattr;
    add_file_operations(ops);
    return ops;
}

}  // namespace

const fuse_lowlevel_ops& operations() {
    static const fuse_lowlevel_ops ops = make_operations();
    return ops;
}

}  // namespace artfs
