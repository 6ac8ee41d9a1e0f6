// Filesystem: changing attributes, and extended attributes.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "namespace/filesystem.h"

namespace artfs {

namespace {
constexpr unsigned step_copied = 2;
constexpr unsigned step_resized = 3;
constexpr unsigned step_stamped = 4;
constexpr const char* art_prefix = "user.art.";
}  // namespace

Result<Attr> Filesystem::setattr(Request& request, NodeId node, const SetAttr& wanted) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    bool changes =
        wanted.mode || wanted.uid || wanted.gid || wanted.size || wanted.mtime || wanted.mtime_now;
    if (!changes) return attr_of(*resolved, node);  // only atime, which nobody keeps
    if (std::holds_alternative<const Synthetic*>(*resolved))
        return fail(EPERM, "made by the mount");
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
    OverlayNode next;
    if (base != nullptr) {
        next = materialise(*base, change);
        const auto* home = view.overlay.directory_of_rank(base->located.parent_rank);
        if (home == nullptr) return fail(ESTALE, "the file's directory is not known");
        change.change.names.push_back(
            {home->number, base->located.entry.name, OverlayName{next.number, 0}});
    } else {
        next = *own->node;
    }
    // Set-uid and set-gid bits never get into a store.
    if (wanted.mode) {
        if ((*wanted.mode & 06000) != 0 && next.kind == Kind::file)
            return fail(EPERM, "set-uid and set-gid are not kept");
        next.attributes.mode = *wanted.mode & 01777;
    }
    if (wanted.uid) next.attributes.uid = *wanted.uid;
    if (wanted.gid) next.attributes.gid = *wanted.gid;
    if (wanted.mtime) next.attributes.mtime = *wanted.mtime;
    if (wanted.mtime_now) next.attributes.mtime = now();
    next.ctime = now();
    next.changed = true;
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

Result<std::string> Filesystem::getxattr(Request& /*request*/, NodeId node,
                                         const std::string& name) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    const Xattrs* kept = nullptr;
    const VersionTree* root_of = nullptr;
    if (const auto* of = std::get_if<OfVersion>(&*resolved)) {
        kept = &of->entry.attributes.xattrs;
        if (of->rank == 0) root_of = of->tree;
    } else if (const auto* clean = std::get_if<OfBase>(&*resolved)) {
        kept = &clean->located.entry.attributes.xattrs;
    } else if (const auto* own = std::get_if<OfView>(&*resolved)) {
        kept = &own->node->attributes.xattrs;
    }
    if (name == "user.art.sha256") {
        auto object = object_of(*resolved);
        auto attr = attr_of(*resolved, node);
        if (object && S_ISREG(attr.mode)) return object->hex();
        return fail(ENODATA, "not a sealed file");
    }
    if (root_of != nullptr && name.starts_with(art_prefix)) {
        std::string what = name.substr(std::string_view(art_prefix).size());
        if (what == "version") return "v" + std::to_string(root_of->number);
        if (what == "digest") return "sha256:" + version_digest(root_of->snapshot).hex();
        if (what == "description" && root_of->snapshot.description)
            return *root_of->snapshot.description;
        if (what == "type") return mount_.loader.artifact(root_of->artifact)->record.type;
        return fail(ENODATA, "no such attribute");
    }
    if (kept == nullptr) return fail(ENODATA, "no such attribute");
    auto found = kept->find(name);
    if (found == kept->end()) return fail(ENODATA, "no such attribute");
    return found->second;
}

Result<std::vector<std::string>> Filesystem::listxattr(Request& /*request*/, NodeId node) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    std::vector<std::string> names;
    auto add = [&](const Xattrs& kept) {
        for (const auto& [name, value] : kept) names.push_back(name);
    };
    if (const auto* of = std::get_if<OfVersion>(&*resolved)) add(of->entry.attributes.xattrs);
    if (const auto* of = std::get_if<OfBase>(&*resolved)) add(of->located.entry.attributes.xattrs);
    if (const auto* of = std::get_if<OfView>(&*resolved)) add(of->node->attributes.xattrs);
    return names;
}

Result<> Filesystem::setxattr(Request& request, NodeId node, const std::string& name,
                              const std::string& value, int flags) {
    if (!name.starts_with("user.") || name.starts_with(art_prefix))
        return fail(EOPNOTSUPP, "only a user's own attributes are kept");
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    const auto* own = std::get_if<OfView>(&*resolved);
    const auto* base = std::get_if<OfBase>(&*resolved);
    if (own == nullptr && base == nullptr) return fail(EROFS, "versions never change");
    const View& view = base != nullptr ? *base->view : *own->view;
    const auto& kept =
        base != nullptr ? base->located.entry.attributes.xattrs : own->node->attributes.xattrs;
    bool exists = kept.contains(name);
    if ((flags & XATTR_CREATE) != 0 && exists) return fail(EEXIST, "the attribute exists");
    if ((flags & XATTR_REPLACE) != 0 && !exists) return fail(ENODATA, "no such attribute");
    if (auto begun = begin_write(request, view); !begun) return begun;
    ChangedDraft change{view.serial, {}, {}, {}};
    OverlayNode next;
    if (base != nullptr) {
        next = materialise(*base, change);
        const auto* home = view.overlay.directory_of_rank(base->located.parent_rank);
        if (home == nullptr || base->base->serial != view.base_serial)
            return fail(ESTALE, "look again");
        change.change.names.push_back(
            {home->number, base->located.entry.name, OverlayName{next.number, 0}});
    } else {
        next = *own->node;
    }
    next.attributes.xattrs[name] = value;
    next.ctime = now();
    next.changed = true;
    change.change.nodes.push_back(std::move(next));
    apply(request, std::move(change));
    return {};
}

Result<> Filesystem::removexattr(Request& request, NodeId node, const std::string& name) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    const auto* own = std::get_if<OfView>(&*resolved);
    const auto* base = std::get_if<OfBase>(&*resolved);
    if (own == nullptr && base == nullptr) return fail(EROFS, "versions never change");
    const auto& kept =
        base != nullptr ? base->located.entry.attributes.xattrs : own->node->attributes.xattrs;
    if (!kept.contains(name)) return fail(ENODATA, "no such attribute");
    // Setting it first brings a clean file into the draft; then it is a node to change.
    if (base != nullptr) {
        if (auto brought = setxattr(request, node, name, "", 0); !brought) return brought;
        resolved = resolve(node);
        own = std::get_if<OfView>(&*resolved);
    } else if (auto begun = begin_write(request, *own->view); !begun) {
        return begun;
    }
    OverlayNode next = *own->node;
    next.attributes.xattrs.erase(name);
    next.ctime = now();
    next.changed = true;
    ChangedDraft change{own->view->serial, {}, {}, {}};
    change.change.nodes.push_back(std::move(next));
    apply(request, std::move(change));
    return {};
}

}  // namespace artfs
