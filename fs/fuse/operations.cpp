// The callbacks of libfuse's low-level API: decode, call, encode. No decision is made here.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstring>

#include "fuse/loop.h"

namespace artfs {

namespace {

using State = FuseAdapter::State;

State& state_of(fuse_req_t req) { return *static_cast<State*>(fuse_req_userdata(req)); }

void reply(Pending& pending, const Result<EntryReply>& result) {
    if (!result) return pending.error(result.error());
    pending.answered = true;
    auto entry = to_entry(*result);
    fuse_reply_entry(pending.req, &entry);
}

void reply(Pending& pending, const Result<Attr>& result) {
    if (!result) return pending.error(result.error());
    pending.answered = true;
    struct stat status = to_stat(*result);
    fuse_reply_attr(pending.req, &status, result->timeout);
}

void reply(Pending& pending, const Result<>& result) {
    pending.error(result ? 0 : result.error().code);
}

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
void on_forget(fuse_req_t req, fuse_ino_t, std::uint64_t) { fuse_reply_none(req); }
void on_forget_multi(fuse_req_t req, std::size_t, fuse_forget_data*) { fuse_reply_none(req); }

void on_readlink(fuse_req_t req, fuse_ino_t node) {
    serve(req, [node](Pending& pending) {
        auto target = pending.state.filesystem->readlink(pending.request, {node});
        if (!target) return pending.error(target.error());
        pending.answered = true;
        fuse_reply_readlink(pending.req, target->c_str());
    });
}

void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
    serve(req, [parent, name = std::string(name), mode](Pending& pending) {
        reply(pending, pending.state.filesystem->mkdir(pending.request, {parent}, name, mode));
    });
}

void on_symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
    serve(req, [parent, name = std::string(name), target = std::string(target)](Pending& pending) {
        reply(pending, pending.state.filesystem->symlink(pending.request, {parent}, name, target));
    });
}

void on_link(fuse_req_t req, fuse_ino_t node, fuse_ino_t parent, const char* name) {
    serve(req, [node, parent, name = std::string(name)](Pending& pending) {
        reply(pending, pending.state.filesystem->link(pending.request, {node}, {parent}, name));
    });
}

void on_unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
    serve(req, [parent, name = std::string(name)](Pending& pending) {
        reply(pending, pending.state.filesystem->unlink(pending.request, {parent}, name));
    });
}

void on_rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) {
    serve(req, [parent, name = std::string(name)](Pending& pending) {
        reply(pending, pending.state.filesystem->rmdir(pending.request, {parent}, name));
    });
}

void on_rename(fuse_req_t req, fuse_ino_t from, const char* from_name, fuse_ino_t to,
               const char* to_name, unsigned flags) {
    serve(req, [from, from_name = std::string(from_name), to, to_name = std::string(to_name),
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
    if ((valid & FUSE_SET_ATTR_MTIME_NOW) != 0)
        wanted.mtime_now = true;
    else if ((valid & FUSE_SET_ATTR_MTIME) != 0)
        wanted.mtime = from_timespec(attr->st_mtim);
    serve(req, [node, wanted](Pending& pending) {
        reply(pending, pending.state.filesystem->setattr(pending.request, {node}, wanted));
    });
}

void reply_xattr(Pending& pending, const std::string& value, std::size_t size) {
    if (size != 0 && size < value.size()) return pending.error(ERANGE);
    pending.answered = true;
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
    serve(req, [node, name = std::string(name), value = std::string(value, size),
                flags](Pending& pending) {
        reply(pending,
              pending.state.filesystem->setxattr(pending.request, {node}, name, value, flags));
    });
}

void on_removexattr(fuse_req_t req, fuse_ino_t node, const char* name) {
    serve(req, [node, name = std::string(name)](Pending& pending) {
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
        pending.answered = true;
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
        pending.answered = true;
        fuse_reply_buf(pending.req, listing.data(), used);
    });
}

void on_releasedir(fuse_req_t req, fuse_ino_t, fuse_file_info*) { fuse_reply_err(req, 0); }

// ---- files

fuse_file_info to_info(const OpenReply& opened) {
    fuse_file_info info{};
    info.fh = opened.fh;
    info.keep_cache = opened.keep_cache ? 1 : 0;
    info.direct_io = opened.direct_io ? 1 : 0;
    info.noflush = opened.no_flush ? 1 : 0;
    return info;
}

void reply_open(Pending& pending, const OpenReply& opened, int backing) {
    pending.answered = true;
    fuse_file_info info = to_info(opened);
    if (backing > 0) {
        info.backing_id = backing;
        info.keep_cache = 0;  // the kernel refuses the two together
    }
    // The caller may be gone already; then no RELEASE comes.
    if (fuse_reply_open(pending.req, &info) == -ENOENT)
        pending.state.filesystem->release(opened.fh);
}

// First open of a node: its object is opened on the pool and registered here.
void register_backing(Pending& pending, NodeId node, const OpenReply& opened) {
    auto self = pending.shared_from_this();
    auto& state = pending.state;
    state.executor.offload(
        [path = state.filesystem->object_path(*opened.passthrough)] {
            return open_file(path, O_RDONLY);
        },
        [self, node, opened, &state](const Result<Fd>& file) {
            int id = 0;
            if (file) id = state.backings.add(self->req, node, *opened.passthrough, file->get());
            if (id == 0) {
                spdlog::warn("passthrough refused for a file: its data goes through the daemon");
                state.filesystem->passthrough_refused(opened.fh);
            } else {
                state.passthrough_handles[opened.fh] = node;
            }
            reply_open(*self, opened, id);
        });
}

void on_open(fuse_req_t req, fuse_ino_t node, fuse_file_info* info) {
    serve(req, [node, flags = info->flags](Pending& pending) {
        auto opened = pending.state.filesystem->open(pending.request, {node}, flags);
        if (!opened) return pending.error(opened.error());
        if (!opened->passthrough) return reply_open(pending, *opened, 0);
        int id = pending.state.backings.acquire(pending.req, {node}, *opened->passthrough);
        if (id == 0) return register_backing(pending, {node}, *opened);
        pending.state.passthrough_handles[opened->fh] = {node};
        reply_open(pending, *opened, id);
    });
}

void on_create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* info) {
    serve(req, [parent, name = std::string(name), mode, flags = info->flags](Pending& pending) {
        auto made = pending.state.filesystem->create(pending.request, {parent}, name, mode, flags);
        if (!made) return pending.error(made.error());
        pending.answered = true;
        auto entry = to_entry(made->first);
        fuse_file_info opened = to_info(made->second);
        if (fuse_reply_create(pending.req, &entry, &opened) == -ENOENT)
            pending.state.filesystem->release(opened.fh);
    });
}

void on_mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
    if (!S_ISREG(mode)) {
        fuse_reply_err(req, EPERM);
        return;
    }
    serve(req, [parent, name = std::string(name), mode](Pending& pending) {
        auto made =
            pending.state.filesystem->create(pending.request, {parent}, name, mode, O_WRONLY);
        if (!made) return pending.error(made.error());
        pending.state.filesystem->release(made->second.fh);
        reply(pending, Result<EntryReply>(made->first));
    });
}

void on_read(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
    serve(req, [size, offset, fh = info->fh](Pending& pending) {
        auto source = pending.state.filesystem->read_source(pending.request, fh);
        if (!source) return pending.error(source.error());
        pending.answered = true;
        if (source->text) {
            auto from = std::min(static_cast<std::size_t>(offset), source->text->size());
            fuse_reply_buf(pending.req, source->text->data() + from,
                           std::min(size, source->text->size() - from));
            return;
        }
        pending.state.executor.pool([req = pending.req, file = source->file, size, offset] {
            thread_local std::string buffer;
            if (buffer.size() < size) buffer.resize(size);
            auto got = pread(file->fd.get(), buffer.data(), size, offset);
            if (got < 0)
                fuse_reply_err(req, errno);
            else
                fuse_reply_buf(req, buffer.data(), static_cast<std::size_t>(got));
        });
    });
}

void on_write(fuse_req_t req, fuse_ino_t, const char* data, std::size_t size, off_t offset,
              fuse_file_info* info) {
    // The bytes lie in the receive buffer, which goes with them to the pool.
    auto& state = state_of(req);
    std::shared_ptr<void> owner(
        state.buffer.mem, [&state, buffer = state.buffer](void*) { state.buffers.give(buffer); });
    state.buffer = {};
    serve(req, [owner, data, size, offset, fh = info->fh](Pending& pending) {
        auto file = pending.state.filesystem->write_target(pending.request, fh);
        if (!file) return pending.error(file.error());
        pending.answered = true;
        pending.state.executor.pool([owner, req = pending.req, file = *file, data, size, offset] {
            std::size_t done = 0;
            while (done < size) {
                auto put = pwrite(file->fd.get(), data + done, size - done,
                                  offset + static_cast<off_t>(done));
                if (put <= 0) break;
                done += static_cast<std::size_t>(put);
            }
            if (done == 0 && size != 0)
                fuse_reply_err(req, errno);
            else
                fuse_reply_write(req, done);
        });
    });
}

// Nothing happens at close(2): what must wait for a file's last writer waits for RELEASE.
void on_flush(fuse_req_t req, fuse_ino_t, fuse_file_info*) { fuse_reply_err(req, 0); }

void on_release(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
    auto& state = state_of(req);
    if (auto handle = state.passthrough_handles.extract(info->fh); !handle.empty())
        state.backings.release(req, handle.mapped());
    state.filesystem->release(info->fh);
    fuse_reply_err(req, 0);
}

void on_fsync(fuse_req_t req, fuse_ino_t node, int, fuse_file_info* info) {
    serve(req, [node, fh = info->fh](Pending& pending) {
        reply(pending, pending.state.filesystem->fsync(pending.request, fh, {node}));
    });
}

void on_fsyncdir(fuse_req_t req, fuse_ino_t node, int, fuse_file_info*) {
    serve(req, [node](Pending& pending) {
        reply(pending, pending.state.filesystem->fsync(pending.request, 0, {node}));
    });
}

void on_fallocate(fuse_req_t req, fuse_ino_t, int mode, off_t offset, off_t length,
                  fuse_file_info* info) {
    serve(req, [mode, offset, length, fh = info->fh](Pending& pending) {
        reply(pending, pending.state.filesystem->fallocate(pending.request, fh, mode,
                                                           static_cast<std::uint64_t>(offset),
                                                           static_cast<std::uint64_t>(length)));
    });
}

void on_lseek(fuse_req_t req, fuse_ino_t, off_t offset, int whence, fuse_file_info* info) {
    serve(req, [offset, whence, fh = info->fh](Pending& pending) {
        auto source = pending.state.filesystem->read_source(pending.request, fh);
        if (!source) return pending.error(source.error());
        if (source->text) return pending.error(EINVAL);
        pending.answered = true;
        pending.state.executor.pool([req = pending.req, file = source->file, offset, whence] {
            off_t at = lseek(file->fd.get(), offset, whence);
            if (at < 0)
                fuse_reply_err(req, errno);
            else
                fuse_reply_lseek(req, at);
        });
    });
}

fuse_lowlevel_ops make_operations() {
    fuse_lowlevel_ops ops{};
    ops.init = on_init;
    ops.lookup = on_lookup;
    ops.forget = on_forget;
    ops.forget_multi = on_forget_multi;
    ops.getattr = on_getattr;
    ops.setattr = on_setattr;
    ops.readlink = on_readlink;
    ops.mknod = on_mknod;
    ops.mkdir = on_mkdir;
    ops.unlink = on_unlink;
    ops.rmdir = on_rmdir;
    ops.symlink = on_symlink;
    ops.rename = on_rename;
    ops.link = on_link;
    ops.open = on_open;
    ops.read = on_read;
    ops.write = on_write;
    ops.flush = on_flush;
    ops.release = on_release;
    ops.fsync = on_fsync;
    ops.opendir = on_opendir;
    ops.readdir = on_readdir;
    ops.releasedir = on_releasedir;
    ops.fsyncdir = on_fsyncdir;
    ops.statfs = on_statfs;
    ops.setxattr = on_setxattr;
    ops.getxattr = on_getxattr;
    ops.listxattr = on_listxattr;
    ops.removexattr = on_removexattr;
    ops.create = on_create;
    ops.fallocate = on_fallocate;
    ops.lseek = on_lseek;
    return ops;
}

}  // namespace

const fuse_lowlevel_ops& operations() {
    static const fuse_lowlevel_ops ops = make_operations();
    return ops;
}

}  // namespace artfs
