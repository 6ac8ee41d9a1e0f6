// Filesystem: changing attributes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "namespace/filesystem.h"

namespace artfs {

namespace {
constexpr unsigned step_resized = 3;
constexpr unsigned step_stamped = 4;
}  // namespace

Result<OverlayNode> Filesystem::changeable(const Resolved& resolved, ChangedDraft& change) const {
    if (const auto* own = std::get_if<OfView>(&resolved)) return *own->node;
    const auto& base = std::get<OfBase>(resolved);
    const auto* home = base.view->overlay.directory_of_rank(base.located.parent_rank);
    if (base.base->serial != base.view->base_serial || home == nullptr)
        return fail(ESTALE, "the base has changed: look again");
    auto node = materialise(base, change);
    if (base.base->unlinked.contains(base.rank))
        node.links = 0;
    else
        change.change.names.push_back(
            {home->number, base.located.entry.name, OverlayName{node.number, 0}});
    return node;
}

Result<Attr> Filesystem::setattr(Request& request, NodeId node, const SetAttr& wanted) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    bool changes =
        wanted.mode || wanted.uid || wanted.gid || wanted.size || wanted.mtime || wanted.mtime_now;
    bool drafted = std::holds_alternative<OfView>(*resolved);
    // What is read may look as if it had been; only a draft remembers.
    if (!changes && (!drafted || !(wanted.atime || wanted.atime_now)))
        return attr_of(*resolved, node);
    if (const auto* const* what = std::get_if<const Synthetic*>(&*resolved)) {
        // `> commit` empties it first.
        if ((*what)->place == Place::view_document && (*what)->name == commit_name && wanted.size)
            return attr_of(*resolved, node);
        return set_owner(request, node, **what, wanted);
    }
    if (std::holds_alternative<OfVersion>(*resolved)) return fail(EROFS, "versions never change");

    const auto* own = std::get_if<OfView>(&*resolved);
    const auto* base = std::get_if<OfBase>(&*resolved);
    const View& view = base != nullptr ? *base->view : *own->view;
    if (base != nullptr && base->base->serial != view.base_serial)
        return fail(ESTALE, "the base has changed: look again");
    if (auto begun = begin_write(request, view); !begun) return tl::unexpected(begun.error());

    if (wanted.size) {
        auto staged = writable(request, node, *wanted.size);
        if (!staged) return tl::unexpected(staged.error());
        mount_.early.is_opened(staged->node->staging);
        auto file = mount_.files.staging(staged->node->staging);
        if (!request.did(step_resized)) {
            throw Suspend{[this, &request, file, size = *wanted.size](Suspend::Resume resume) {
                mount_.executor.offload(
                    [file, size] {
                        return ftruncate(file->fd.get(), static_cast<off_t>(size)) == 0 ? 0 : errno;
                    },
                    [&request, file, resume](int error) {
                        request.steps_done |= 1U << step_resized;
                        resume(error);
                    });
            }};
        }
        OverlayNode resized = *staged->node;
        resized.size = *wanted.size;
        resized.attributes.mtime = resized.ctime = now();
        if (*wanted.size == 0) resized.origin.reset();
        ChangedDraft change{view.serial, {}, {}, {}};
        change.change.nodes.push_back(std::move(resized));
        apply(request, std::move(change));
        resolved = resolve(node);
        own = std::get_if<OfView>(&*resolved);
        base = nullptr;
        if (!(wanted.mode || wanted.uid || wanted.gid || wanted.mtime || wanted.mtime_now))
            return attr_of(*resolved, node);
    }

    ChangedDraft change{view.serial, {}, {}, {}};
    auto changed = changeable(*resolved, change);
    if (!changed) return tl::unexpected(changed.error());
    OverlayNode next = std::move(*changed);
    if (wanted.mode) {
        if ((*wanted.mode & (S_ISUID | S_ISGID)) != 0)
            return fail(EPERM, "set-uid and set-gid bits do not get into a store");
        next.attributes.mode = *wanted.mode;
    }
    if (wanted.uid) next.attributes.uid = *wanted.uid;
    if (wanted.gid) next.attributes.gid = *wanted.gid;
    if (wanted.mtime) next.attributes.mtime = *wanted.mtime;
    if (wanted.mtime_now) next.attributes.mtime = now();
    if (wanted.atime) next.atime = *wanted.atime;
    if (wanted.atime_now) next.atime = now();
    next.ctime = now();
    next.changed = next.changed || changes;
    bool stamps = wanted.mtime || wanted.mtime_now;
    if (stamps && next.staging != 0 && !request.did(step_stamped)) {
        // The file's own mtime is the node's while it is open.
        auto file = mount_.files.staging(next.staging);
        throw Suspend{
            [this, &request, file, mtime = next.attributes.mtime](Suspend::Resume resume) {
                mount_.executor.offload(
                    [file, mtime] {
                        std::timespec times[2] = {{0, UTIME_OMIT}, to_timespec(mtime)};
                        return futimens(file->fd.get(), times) == 0 ? 0 : errno;
                    },
                    [&request, file, resume](int error) {
                        request.steps_done |= 1U << step_stamped;
                        resume(error);
                    });
            }};
    }
    change.change.nodes.push_back(std::move(next));
    apply(request, std::move(change));
    resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    return attr_of(*resolved, node);
}

}  // namespace artfs
