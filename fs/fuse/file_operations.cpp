// The callbacks for open files: decode, call, encode. What needs the disk goes to the pool.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuse/loop.h"

namespace artfs {

namespace {

// The id of what the kernel shall read and write the node in; 0 if that must go through us.
int registered(Pending& pending, NodeId node, const OpenReply& opened, const Result<Fd>& file) {
    auto& state = pending.state;
    int id = 0;
    if (file) id = state.backings.add(pending.req, node, *opened.passthrough, file->get());
    if (id == 0) {
        spdlog::warn("passthrough refused for a file: its data goes through the daemon");
        state.filesystem->passthrough_refused(opened.fh);
    } else {
        state.passthrough_handles[opened.fh] = node;
    }
    return id;
}

// First open of a node: its file is opened on the pool, unless it is in memory, and registered.
void register_backing(Pending& pending, NodeId node, const OpenReply& opened) {
    auto self = pending.shared_from_this();
    auto path = pending.state.filesystem->path_of(*opened.passthrough);
    if (pending.state.filesystem->is_in_memory(*opened.passthrough))
        return reply(pending, opened, registered(pending, node, opened, open_file(path, O_RDONLY)));
    pending.state.executor.offload([path] { return open_file(path, O_RDONLY); },
                                   [self, node, opened](const Result<Fd>& file) {
                                       reply(*self, opened, registered(*self, node, opened, file));
                                   });
}

// A new file is open, so its inode is in memory.
void reply_made(Pending& pending, const Result<std::pair<EntryReply, OpenReply>>& made) {
    if (!made || !made->second.passthrough) return reply(pending, made, 0);
    const auto& [entry, opened] = *made;
    auto file = open_file(pending.state.filesystem->path_of(*opened.passthrough), O_RDONLY);
    reply(pending, made, registered(pending, entry.attr.node, opened, file));
}

void on_open(fuse_req_t req, fuse_ino_t node, fuse_file_info* info) {
    serve_change(req, [node, flags = info->flags](Pending& pending) {
        auto opened = pending.state.filesystem->open(pending.request, {node}, flags);
        if (!opened) return pending.error(opened.error());
        if (!opened->passthrough) return reply(pending, *opened, 0);
        int id = pending.state.backings.acquire({node}, *opened->passthrough);
        if (id == 0) return register_backing(pending, {node}, *opened);
        pending.state.passthrough_handles[opened->fh] = {node};
        reply(pending, *opened, id);
    });
}

void on_create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* info) {
    serve_change(
        req, [parent, name = std::string(name), mode, flags = info->flags](Pending& pending) {
            reply_made(pending, pending.state.filesystem->create(pending.request, {parent}, name,
                                                                 mode & 07777U, flags));
        });
}

void on_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, fuse_file_info* info) {
    serve_change(req, [parent, mode, flags = info->flags](Pending& pending) {
        reply_made(pending, pending.state.filesystem->tmpfile(pending.request, {parent},
                                                              mode & 07777U, flags));
    });
}

void on_mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
    serve_change(req, [parent, name = std::string(name), mode](Pending& pending) {
        reply(pending, pending.state.filesystem->mknod(pending.request, {parent}, name, mode));
    });
}

void on_read(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
    serve(req, [size, offset, fh = info->fh](Pending& pending) {
        auto source = pending.state.filesystem->read_source(pending.request, fh);
        if (!source) return pending.error(source.error());
        pending.about_to_reply();
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
        if (auto committed = pending.state.filesystem->write_commit(pending.request, fh)) {
            if (!*committed) return pending.error(committed->error());
            pending.about_to_reply();
            fuse_reply_write(pending.req, size);
            return;
        }
        auto file = pending.state.filesystem->write_target(pending.request, fh);
        if (!file) return pending.error(file.error());
        pending.about_to_reply();
        pending.state.executor.pool([owner, req = pending.req, file = *file,
                                     arrivals = (*file)->arrivals, data, size, offset] {
            if (arrivals) arrivals->note(static_cast<std::uint64_t>(offset), now());
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

// Little happens at close(2): what must wait for a file's last writer waits for RELEASE.
void on_flush(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
    serve(req, [fh = info->fh](Pending& pending) {
        reply(pending, pending.state.filesystem->flush(pending.request, fh));
    });
}

void on_release(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
    auto& state = state_of(req);
    state.release(info->fh);
    state.released.push_back(req);
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

// A text has no holes.
void reply_lseek(Pending& pending, const std::string& text, off_t offset, int whence) {
    const auto size = static_cast<off_t>(text.size());
    if (offset < 0 || offset >= size) return pending.error(ENXIO);
    pending.about_to_reply();
    fuse_reply_lseek(pending.req, whence == SEEK_HOLE ? size : offset);
}

void on_lseek(fuse_req_t req, fuse_ino_t, off_t offset, int whence, fuse_file_info* info) {
    serve(req, [offset, whence, fh = info->fh](Pending& pending) {
        auto source = pending.state.filesystem->read_source(pending.request, fh);
        if (!source) return pending.error(source.error());
        if (source->text) return reply_lseek(pending, *source->text, offset, whence);
        pending.about_to_reply();
        pending.state.executor.pool([req = pending.req, file = source->file, offset, whence] {
            off_t at = lseek(file->fd.get(), offset, whence);
            if (at < 0)
                fuse_reply_err(req, errno);
            else
                fuse_reply_lseek(req, at);
        });
    });
}

// Inside the mount the store's file system copies, which may share blocks instead. Whatever it
// cannot do, the kernel does by reading and writing.
void on_copy_file_range(fuse_req_t req, fuse_ino_t, off_t from, fuse_file_info* in, fuse_ino_t,
                        off_t to, fuse_file_info* out, std::size_t size, int) {
    // A call may be short; a caller that is killed then goes within moments.
    constexpr std::size_t at_once = 64U << 20U;
    size = std::min(size, at_once);
    serve(req, [from, to, size, fh_in = in->fh, fh_out = out->fh](Pending& pending) {
        auto source = pending.state.filesystem->read_source(pending.request, fh_in);
        if (!source) return pending.error(source.error());
        auto target = pending.state.filesystem->write_target(pending.request, fh_out);
        if (!target) return pending.error(target.error());
        if (source->text) return pending.error(EOPNOTSUPP);
        pending.about_to_reply();
        pending.state.executor.pool([req = pending.req, source = source->file, target = *target,
                                     arrivals = (*target)->arrivals, from, to, size] {
            if (arrivals) arrivals->note(static_cast<std::uint64_t>(to), now());
            off_t in_at = from;
            off_t out_at = to;
            auto copied =
                copy_file_range(source->fd.get(), &in_at, target->fd.get(), &out_at, size, 0);
            if (copied < 0)
                fuse_reply_err(
                    req, errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? errno : EOPNOTSUPP);
            else
                fuse_reply_write(req, static_cast<std::size_t>(copied));
        });
    });
}

}  // namespace

void FuseAdapter::State::release(std::uint64_t fh) {
    if (auto handle = passthrough_handles.extract(fh); !handle.empty())
        backings.release(handle.mapped());
    filesystem->release(fh);
}

void add_file_operations(fuse_lowlevel_ops& ops) {
    ops.copy_file_range = on_copy_file_range;
    ops.create = on_create;
    ops.fallocate = on_fallocate;
    ops.flush = on_flush;
    ops.fsync = on_fsync;
    ops.fsyncdir = on_fsyncdir;
    ops.lseek = on_lseek;
    ops.mknod = on_mknod;
    ops.open = on_open;
    ops.read = on_read;
    ops.release = on_release;
    ops.tmpfile = on_tmpfile;
    ops.write = on_write;
}

}  // namespace artfs
