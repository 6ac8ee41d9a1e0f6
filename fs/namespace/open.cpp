// Filesystem: opening and creating files, copy-up, handles.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "namespace/filesystem.h"

namespace artfs {

namespace {
constexpr unsigned step_copied = 2;
constexpr unsigned step_truncated = 3;
constexpr unsigned step_data_synced = 5;
constexpr unsigned step_names_synced = 6;
constexpr unsigned step_allocated = 7;
constexpr unsigned step_looked_again = 15;

constexpr std::uint64_t everything = UINT64_MAX;

// Of open(2) by execve(2): __FMODE_EXEC in the kernel's include/linux/fs.h.
constexpr int opened_to_execute = 040;

// Outside of a handler: what is missing is waited for here. `attempt` changes nothing before.
template <class Attempt>
void once_loaded(Attempt attempt, Suspend::Resume failed) {
    try {
        attempt();
    } catch (Suspend& missing) {
        missing.start([attempt, failed](int error) {
            if (error != 0) return failed(error);
            once_loaded(attempt, failed);
        });
    }
}

bool reads(int flags) { return (flags & O_ACCMODE) != O_WRONLY; }
// Linux truncates through O_RDONLY, too.
bool writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0; }
// `metrics.jsonl` of run data.
bool is_metrics(const View& view, const OverlayNode& node) {
    if (view.kind != ViewKind::run_data) return false;
    auto names = view.overlay.names_of(node.number);
    return names.size() == 1 && names.front().first == root_number &&
           names.front().second == "metrics.jsonl";
}

}  // namespace

std::shared_ptr<DataFile> Filesystem::clean_file(const Digest& digest) {
    // In a frozen tree that is not sealed yet the bytes are still where they were written.
    if (auto staging = mount_.session.stand_in(digest)) return mount_.files.staging(*staging);
    return mount_.files.object(mount_.session.known_digest(digest));
}

std::optional<Digest> Filesystem::object_of(const Resolved& resolved) const {
    if (const auto* of = std::get_if<OfVersion>(&resolved)) return of->entry.digest;
    if (const auto* of = std::get_if<OfBase>(&resolved))
        return mount_.session.known_digest(of->located.entry.digest);
    if (const auto* of = std::get_if<OfView>(&resolved))
        if (of->node->staging == 0 && !of->node->inline_text && of->node->special == 0)
            return mount_.session.known_digest(of->node->digest);
    return std::nullopt;
}

void Filesystem::settle_abandoned(Request& request, const RunId& reader, const Resolved& resolved) {
    if (const auto* of = std::get_if<OfView>(&resolved))
        runs_.settle_abandoned(request, reader, *of->view);
    if (const auto* of = std::get_if<OfBase>(&resolved))
        runs_.settle_abandoned(request, reader, *of->view);
}

Result<> Filesystem::adopt_copy(const Request& request, NodeId node, std::uint64_t staging,
                                std::uint64_t keep) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    // The kernel allows one backing file an inode: while the old one is in use, the copy goes
    // under a new nodeid, and the caller's open is walked again to it.
    bool rebind = mount_.session.open_counts(node).passthrough > 0;
    OverlayNode copy;
    const View* view = nullptr;
    std::vector<std::pair<NodeNumber, std::string>> names;
    ChangedDraft change;
    if (const auto* of = std::get_if<OfBase>(&*resolved)) {
        view = of->view;
        copy = materialise(*of, change);
        const auto* home = view->overlay.directory_of_rank(of->located.parent_rank);
        if (home != nullptr && !of->base->unlinked.contains(of->rank))
            names.emplace_back(home->number, of->located.entry.name);
        else
            copy.links = 0;
    } else {
        const auto& own = std::get<OfView>(*resolved);
        view = own.view;
        copy = *own.node;
        if (rebind) {
            names = view->overlay.names_of(copy.number);
            copy.number = view->overlay.next_number();
        }
    }
    if (rebind) {
        copy.nodeid = 0;
        change.switched.clear();
    }
    change.view = view->serial;
    copy.staging = staging;
    copy.frozen = copy.inline_text = false;
    copy.target.clear();
    copy.digest = {};
    copy.size = std::min(copy.size, keep);
    if (keep == 0) copy.origin.reset();
    copy.changed = true;
    copy.attributes.mtime = copy.ctime = now();
    for (const auto& [directory, name] : names)
        change.change.names.push_back(
            {directory, name, name_for(*view, directory, name, copy.number)});
    change.change.nodes.push_back(std::move(copy));
    apply(request, std::move(change));
    if (rebind) return fail(ESTALE, "copied to a new node: look again");
    return {};
}

Result<Filesystem::OfView> Filesystem::writable(Request& request, NodeId node, std::uint64_t keep) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    const auto* base = std::get_if<OfBase>(&*resolved);
    const auto* own = std::get_if<OfView>(&*resolved);
    if (base == nullptr && own == nullptr) return fail(EROFS, "versions never change");
    const View& view = base != nullptr ? *base->view : *own->view;
    if (base != nullptr && base->base->serial != view.base_serial)
        return fail(ESTALE, "the base has changed: look again");
    if (auto begun = begin_write(request, view); !begun) return tl::unexpected(begun.error());
    if (own != nullptr && own->node->staging != 0 && !own->node->frozen) return *own;
    if (own != nullptr && keep != 0 && !own->node->origin) {
        OverlayNode known = *own->node;
        known.origin = origin_of(*own);
        if (known.origin) {
            ChangedDraft change{view.serial, {}, {}, {}};
            change.change.nodes.push_back(std::move(known));
            apply(request, std::move(change));
            own = std::get_if<OfView>(&*(resolved = resolve(node)));
        }
    }
    OverlayNode from;
    if (own != nullptr) {
        from = *own->node;
    } else {
        from.digest = base->located.entry.digest;
        from.size = base->located.entry.size;
    }
    if (auto staging = mount_.session.stand_in(from.digest); staging && from.staging == 0)
        from.staging = *staging;
    else
        from.digest = mount_.session.known_digest(from.digest);
    if (from.staging != 0) {
        if (auto open = mount_.files.open_staging(from.staging)) {
            struct stat status {};
            if (fstat(open->fd.get(), &status) == 0)
                from.size = static_cast<std::uint64_t>(status.st_size);
        }
    }
    throw Suspend{[this, &request, node, keep, from](Suspend::Resume resume) {
        mount_.files.copy_up(
            from, std::min(keep, from.size),
            [this, &request, node, keep, resume](Result<std::uint64_t> copied) {
                // What was staged may have become an object meanwhile: the node says so now.
                if (!copied && copied.error().code == ENOENT && !request.did(step_looked_again)) {
                    request.steps_done |= 1U << step_looked_again;
                    return resume(0);
                }
                if (!copied) return resume(copied.error().code);
                auto adopt = [this, &request, node, keep, resume, staging = *copied] {
                    // Another open may have copied the file meanwhile.
                    auto now_there = resolve(node);
                    const auto* own_now = now_there ? std::get_if<OfView>(&*now_there) : nullptr;
                    if (own_now != nullptr && own_now->node->staging != 0 &&
                        !own_now->node->frozen) {
                        mount_.files.remove({staging});
                        return resume(0);
                    }
                    auto adopted = adopt_copy(request, node, staging, keep);
                    request.steps_done |= 1U << step_copied;
                    resume(adopted ? 0 : adopted.error().code);
                };
                once_loaded(adopt, resume);
            });
    }};
}

// The kernel has one backing file for a node as long as anybody has the node open, and none while
// somebody has it open through us: what is open decides.
std::optional<BackingSource> Filesystem::backing_of(const Resolved& resolved, NodeId node) const {
    const auto counts = mount_.session.open_counts(node);
    if (counts.cached > 0 || !mount_.options.passthrough_why.empty()) return std::nullopt;
    if (auto object = object_of(resolved)) {
        if (mount_.session.stand_in(*object)) return std::nullopt;
        return BackingSource{*object, 0};
    }
    const auto* own = std::get_if<OfView>(&resolved);
    if (own == nullptr || own->node->staging == 0) return std::nullopt;
    bool passes = mount_.options.writes_why.empty() && own->view->kind != ViewKind::run_data;
    if (!passes && counts.passthrough == 0) return std::nullopt;
    return BackingSource{{}, own->node->staging};
}

OpenReply Filesystem::opened(const Request& request, Handle handle,
                             std::optional<BackingSource> passthrough) {
    if (passthrough) handle.path = DataPath::passthrough;
    // Run data has an owner from the start.
    const auto* view = mount_.session.view_of(handle.node);
    if (handle.launcher && handle.write && view != nullptr && view->kind == ViewKind::run_data)
        handle.run = view->run;
    handle.unique = request.unique;
    mount_.session.apply(request.unique, OpenedHandle{handle});
    OpenReply reply;
    reply.fh = handle.fh;
    reply.passthrough = passthrough;
    // Reads and writes of what a launcher opened come to us, each with its caller.
    reply.direct_io = handle.path == DataPath::text || handle.launcher;
    // What changes a file goes through this mount, so the page cache is always right, but for
    // what the kernel writes by itself.
    bool never_written =
        !mount_.options.writes_why.empty() || handle.node.kind() == NodeKind::version;
    reply.keep_cache = handle.path == DataPath::cached && !handle.launcher && never_written;
    // At close(2) there is something to do only for a launcher's handle, and for the kernel where
    // it has to bring us what a mapping holds.
    reply.no_flush = !handle.launcher && (!handle.write || passthrough.has_value());
    return reply;
}

Result<OpenReply> Filesystem::open_to_read(Request& request, NodeId node, const Resolved& resolved,
                                           const RunKeeper::Who& who) {
    Handle handle;
    handle.fh = mount_.session.next_handle();
    handle.node = node;
    handle.read = true;
    handle.pid = who.pid;
    if (who.is(Role::launcher)) handle.launcher = who.caller->process;
    const auto* own = std::get_if<OfView>(&resolved);
    if (own != nullptr && own->node->inline_text) {
        mount_.session.apply(
            request.unique,
            KeptText{handle.fh, std::make_shared<const std::string>(own->node->target)});
        return opened(request, handle);
    }
    const auto backing = backing_of(resolved, node);
    std::shared_ptr<DataFile> file;
    if (own != nullptr && own->node->staging != 0 && !backing)
        file = mount_.files.staging(own->node->staging);
    if (who.is(Role::observer)) runs_.see_pipeline(request, *who.caller);
    if (who.is(Role::observer))
        if (auto lent = lent_file(resolved)) runs_.lend(*who.caller, *lent);
    if (who.run) {
        settle_abandoned(request, *who.run, resolved);
        note_use(request, *who.run, resolved);
        if (const auto* view = mount_.session.view_of(node))
            runs_.read_through(request, *who.run, *view);
    }
    if (file) held_[handle.fh] = std::move(file);
    return opened(request, handle, backing);
}

Result<OpenReply> Filesystem::open_metadata(Request& request, NodeId node, const Synthetic& what) {
    auto who = runs_.who(request, false);
    const auto* tree = mount_.session.find_version_tree(what.version);
    auto file = mount_.files.object(tree->snapshot.metadata->digest);
    if (who.is(Role::observer)) runs_.lend(*who.caller, {what.version, std::nullopt, 0, {}});
    if (who.run) runs_.used(request.unique, {*who.run, what.version, std::nullopt});
    Handle handle;
    handle.fh = mount_.session.next_handle();
    handle.node = node;
    handle.read = true;
    if (who.is(Role::launcher)) handle.launcher = who.caller->process;
    held_[handle.fh] = file;
    return opened(request, handle);
}

Result<OpenReply> Filesystem::open(Request& request, NodeId node, int flags) {
    // Sealing gives a view another base: what the node is, is asked after it.
    if (const auto* view = mount_.session.view_of(node)) runs_.settle(request, *view);
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    if (const auto* of = std::get_if<OfBase>(&*resolved)) {
        runs_.follow_head(request, *of->view);
        const bool moved =
            of->view->kind == ViewKind::launcher && of->base->serial != of->view->base_serial;
        if (moved && std::exchange(told_stale_, request.tid) != request.tid)
            return fail(ESTALE, "the head has moved: look again");
    }
    if (const auto* of = std::get_if<OfView>(&*resolved)) {
        const bool superseded =
            of->view->kind == ViewKind::launcher && of->node->links == 0 && !of->node->changed;
        if (superseded && std::exchange(told_stale_, request.tid) != request.tid)
            return fail(ESTALE, "a merge has put another file there: look again");
    }
    if (const auto* what = std::get_if<const Synthetic*>(&*resolved)) {
        if ((*what)->place != Place::version_document || (*what)->name != metadata_name) {
            if ((*what)->place == Place::view_document && (*what)->name == type_name &&
                writes(flags))
                return fail(EROFS, "the type is fixed by the first version");
            if ((*what)->place == Place::view_document && (*what)->name == commit_name)
                return open_commit(request, node, **what);
            if (writes(flags)) return fail(EROFS, "made by the mount");
            return open_text(request, node, **what);
        }
        if (writes(flags)) return fail(EROFS, "versions never change");
        return open_metadata(request, node, **what);
    }
    auto who = runs_.who(request, writes(flags));
    if (who.is(Role::launcher) && (flags & opened_to_execute) != 0)
        who = {runs_.run_to_be(request, *who.caller, name_of(*resolved)), who.pid, nullptr};
    if (!writes(flags)) return open_to_read(request, node, *resolved, who);
    bool empties = (flags & O_TRUNC) != 0;
    // Opening what the base has, to read it or to change a part of it, is a use.
    bool uses = who.run && (reads(flags) || !empties);
    if (uses) settle_abandoned(request, *who.run, *resolved);
    if (uses) note_use(request, *who.run, *resolved);
    auto own = writable(request, node, empties ? 0 : everything);
    if (!own) return tl::unexpected(own.error());
    mount_.early.is_opened(own->node->staging);
    // Open from here to the reply, so that attributes come from the file.
    auto file = mount_.files.staging(own->node->staging);
    if (empties && !request.did(step_copied) && !request.did(step_truncated)) {
        throw Suspend{[this, &request, file](Suspend::Resume resume) {
            mount_.executor.offload([file] { return ftruncate(file->fd.get(), 0); },
                                    [&request, file, resume](int result) {
                                        request.steps_done |= 1U << step_truncated;
                                        resume(result == 0 ? 0 : EIO);
                                    });
        }};
    }
    if (empties && own->node->origin) {
        OverlayNode node_now = *own->node;
        node_now.origin.reset();
        ChangedDraft change{own->view->serial, {}, {}, {}};
        change.change.nodes.push_back(std::move(node_now));
        apply(request, std::move(change));
    }
    Handle handle;
    handle.fh = mount_.session.next_handle();
    handle.node = node;
    handle.read = reads(flags);
    handle.write = true;
    handle.run = who.run;
    handle.pid = who.pid;
    if (who.is(Role::launcher)) handle.launcher = who.caller->process;
    held_[handle.fh] = std::move(file);
    return opened(request, handle, backing_of(*own, node));
}

void Filesystem::passthrough_refused(std::uint64_t fh) {
    const auto* known = mount_.session.handle(fh);
    if (known == nullptr) return;
    Handle handle = *known;
    handle.path = DataPath::cached;
    mount_.session.apply(0, ClosedHandle{fh});
    mount_.session.apply(0, OpenedHandle{handle});
}

Result<ReadSource> Filesystem::read_source(Request& request, std::uint64_t fh) {
    const auto* handle = mount_.session.handle(fh);
    if (handle == nullptr) return fail(EBADF, "no such handle");
    if (auto known = through(request, *handle, false); !known) return tl::unexpected(known.error());
    if (auto text = mount_.session.text(fh)) return ReadSource{text, nullptr};
    if (const auto* what = mount_.session.synthetic(handle->node)) {
        const auto* tree = mount_.session.find_version_tree(what->version);
        auto& held = held_[fh];
        if (!held) held = mount_.files.object(tree->snapshot.metadata->digest);
        return ReadSource{nullptr, held};
    }
    auto resolved = resolve(handle->node);
    if (!resolved) return tl::unexpected(resolved.error());
    std::shared_ptr<DataFile> file;
    if (auto object = object_of(*resolved))
        file = clean_file(*object);
    else
        file = mount_.files.staging(std::get<OfView>(*resolved).node->staging);
    // A reader whose data passes by us holds nothing that looks like a writer.
    if (handle->write || handle->path != DataPath::passthrough) held_[fh] = file;
    return ReadSource{nullptr, file};
}

Result<std::shared_ptr<DataFile>> Filesystem::write_target(Request& request, std::uint64_t fh) {
    const auto* handle = mount_.session.handle(fh);
    if (handle == nullptr || !handle->write) return fail(EBADF, "not open for writing");
    if (auto known = through(request, *handle, true); !known) return tl::unexpected(known.error());
    auto resolved = resolve(handle->node);
    if (!resolved) return tl::unexpected(resolved.error());
    const auto* own = std::get_if<OfView>(&*resolved);
    if (own == nullptr || own->node->staging == 0) return fail(EIO, "the draft is gone");
    auto file = mount_.files.staging(own->node->staging);
    if (!file->arrivals && is_metrics(*own->view, *own->node))
        file->arrivals = std::make_shared<Arrivals>(mount_.store.dir(), own->view->run);
    held_[fh] = file;
    return file;
}

Result<> Filesystem::fsync(Request& request, std::uint64_t fh, NodeId node) {
    if (!request.did(step_data_synced)) {
        std::shared_ptr<DataFile> file;
        const auto* handle = mount_.session.handle(fh);
        if (handle != nullptr && handle->write) {
            auto target = write_target(request, fh);
            if (!target) return tl::unexpected(target.error());
            file = *target;
        }
        if (file) {
            throw Suspend{[this, &request, file](Suspend::Resume resume) {
                mount_.executor.offload(
                    [file] { return fdatasync(file->fd.get()) == 0 ? 0 : errno; },
                    [&request, resume](int error) {
                        request.steps_done |= 1U << step_data_synced;
                        resume(error);
                    });
            }};
        }
    }
    if (request.did(step_names_synced)) return {};
    (void)node;
    throw Suspend{[this, &request](Suspend::Resume resume) {
        runs_.checkpoint([&request, resume](const Result<>& written) {
            request.steps_done |= 1U << step_names_synced;
            resume(written ? 0 : written.error().code);
        });
    }};
}

Result<> Filesystem::fallocate(Request& request, std::uint64_t fh, int mode, std::uint64_t offset,
                               std::uint64_t length) {
    if (request.did(step_allocated)) return {};
    auto file = write_target(request, fh);
    if (!file) return tl::unexpected(file.error());
    throw Suspend{[this, &request, file = *file, mode, offset, length](Suspend::Resume resume) {
        mount_.executor.offload(
            [file, mode, offset, length] {
                int result = ::fallocate(file->fd.get(), mode, static_cast<off_t>(offset),
                                         static_cast<off_t>(length));
                return result == 0 ? 0 : errno;
            },
            [&request, resume](int error) {
                request.steps_done |= 1U << step_allocated;
                resume(error);
            });
    }};
}

void Filesystem::go_on() {
    bool mapped = false;
    for (const auto& [fh, handle] : mount_.session.handles()) {
        mapped = mapped || handle.mapped;
        if (handle.mapped || (handle.path == DataPath::passthrough && !handle.write)) continue;
        auto [view, node] = drafted(handle.node);
        if (node == nullptr || node->staging == 0) continue;
        if (auto file = mount_.files.open_now(node->staging)) held_[fh] = std::move(file);
    }
    if (mapped) look_at_mappings();
}

std::vector<std::uint64_t> Filesystem::opened_by(std::uint64_t unique) const {
    std::vector<std::uint64_t> opened;
    for (const auto& [fh, handle] : mount_.session.handles())
        if (handle.unique == unique && !handle.mapped) opened.push_back(fh);
    return opened;
}

// Opened for writing, or made by an open for reading (as flock does), and nobody wrote: its
// opener's, who may have needed what was there.
void Filesystem::left_unused(const Handle& handle) {
    const auto* node = drafted(handle.node).node;
    if (!handle.write && (node == nullptr || node->staging == 0 || node->frozen)) return;
    auto run = runs_.left_unused(handle);
    auto resolved = resolve(handle.node);
    if (!run || !resolved) return;
    Request nobodys;
    note_use(nobodys, *run, *resolved);
}

void Filesystem::release(std::uint64_t fh) {
    const auto* known = mount_.session.handle(fh);
    if (known == nullptr || known->mapped) return;
    Handle handle = *known;
    auto held = held_.extract(fh);
    readers_.erase(fh);
    if (handle.launcher && !handle.used) left_unused(handle);
    auto [view, node] = drafted(handle.node);
    bool drafts = node != nullptr && node->staging != 0 && !node->frozen;
    std::shared_ptr<DataFile> file = held.empty() ? nullptr : std::move(held.mapped());
    // What the file's own attributes were with its last writer.
    struct stat status {};
    bool has_status = drafts && handle.write && file && fstat(file->fd.get(), &status) == 0;
    // Of what a mapping wrote the kernel does not know.
    if (has_status && handle.read && handle.path == DataPath::passthrough &&
        node->attributes.mtime != from_timespec(status.st_mtim))
        mount_.kernel.invalidate_inode(handle.node);
    if (has_status) keep_attributes(*view, *node, status, file);
    file.reset();
    if (drafts && may_be_mapped(handle)) {
        mount_.session.apply(0, LeftMapped{fh});
        return look_at_mappings();
    }
    mount_.session.apply(0, ClosedHandle{fh});
    bool others = mount_.session.open_counts(handle.node).writers > 0;
    if (has_status && !others)
        mount_.early.is_closed(drafted(handle.node).node->staging,
                               static_cast<std::uint64_t>(status.st_size));
    if (handle.write && others) look_at_mappings();  // this may have been in their way
    runs_.handle_closed(handle);
}

}  // namespace artfs
