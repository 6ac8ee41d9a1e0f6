// Filesystem: what reading a file is a use of, and whose.
#include "drafts/directories.h"
#include "namespace/filesystem.h"
#include "runs/process.h"

namespace artfs {

void Filesystem::note_use(Request& request, const RunId& run, const Resolved& resolved) {
    auto note = [&](const VersionId& version, std::uint32_t rank) {
        runs_.used(request.unique, {run, version, rank});
    };
    if (const auto* of = std::get_if<OfVersion>(&resolved))
        return note(of->tree->version, of->rank);
    if (const auto* of = std::get_if<OfView>(&resolved)) return note_use_of(request, run, *of);
    const auto* of = std::get_if<OfBase>(&resolved);
    if (of == nullptr) return;
    // A stranger, or who reads through a launcher's view, uses what is shown there now. After a
    // seal in mid-run, what the run itself did not write is still of the version it was pinned to.
    bool own = of->view->run == run;
    // What was opened before a launcher's view moved on.
    if (of->view->kind == ViewKind::launcher && of->base->serial != of->view->base_serial) {
        if (of->base->base.version) note(*of->base->base.version, of->rank);
        return;
    }
    const auto* first =
        mount_.session.view_base(own ? of->view->first_serial : of->view->base_serial);
    if (!first->base.version) return;
    if (of->base->serial == first->serial) return note(*first->base.version, of->rank);
    auto there = find_path(mount_.loader.nodes(), first->snapshot.root, of->located.path);
    if (there && there->entry.digest == of->located.entry.digest)
        note(*first->base.version, there->rank);
}

// What a launcher's view shows of a version that was sealed there is that version's to who writes
// there next.
std::optional<Origin> Filesystem::origin_of(const OfView& file) {
    const auto& node = *file.node;
    if (node.origin || node.changed || file.view->kind != ViewKind::launcher) return node.origin;
    const auto& base = *mount_.session.view_base(file.view->base_serial);
    auto path = artfs::path_of(file.view->overlay, node.number);
    if (!base.base.version || !path) return std::nullopt;
    if (path->starts_with(std::string(art_dir_name) + "/"))
        return Origin{*base.base.version, 0, true};
    auto there = find_path(mount_.loader.nodes(), base.snapshot.root, *path);
    if (!there || there->entry.digest != node.digest) return std::nullopt;
    return Origin{*base.base.version, there->rank, false};
}

void Filesystem::note_use_of(Request& request, const RunId& run, const OfView& file) {
    const View& view = *file.view;
    auto origin = origin_of(file);
    // What a launcher opened for writing, and nobody has written to yet.
    bool nobodys =
        view.kind == ViewKind::launcher && mount_.session.run(view.run) == nullptr && origin;
    if (view.run == run || nobodys || (origin && !file.node->changed)) {
        if (!origin) return;
        std::optional<std::uint32_t> rank;
        if (!origin->metadata) rank = origin->rank;
        runs_.used(request.unique, {run, origin->version, rank});
        return;
    }
    if (!view.artifact) return;  // run data is anybody's to read
    auto path = artfs::path_of(view.overlay, file.node->number);
    if (!path) return;
    const auto& base = *mount_.session.view_base(view.base_serial);
    if (view.draft || !base.base.version) {
        runs_.record(run, false);
        mount_.session.apply(request.unique,
                             Peeked{run, {*view.artifact, runs_.name_of(view), *path}});
        return;
    }
    // What another run wrote and sealed is of the version that came of it.
    std::optional<std::uint32_t> rank;
    if (!path->starts_with(std::string(art_dir_name) + "/")) {
        auto there = find_path(mount_.loader.nodes(), base.snapshot.root, *path);
        if (!there) return;
        rank = there->rank;
    }
    runs_.used(request.unique, {run, *base.base.version, rank});
}

std::string Filesystem::name_of(const Resolved& resolved) {
    if (const auto* of = std::get_if<OfVersion>(&resolved)) return of->entry.name;
    if (const auto* of = std::get_if<OfBase>(&resolved)) return of->located.entry.name;
    const auto* of = std::get_if<OfView>(&resolved);
    auto names = of == nullptr ? decltype(of->view->overlay.names_of(0)){}
                               : of->view->overlay.names_of(of->node->number);
    return names.empty() ? "" : names.front().second;
}

std::optional<LentFile> Filesystem::lent_file(const Resolved& resolved) const {
    if (const auto* of = std::get_if<OfVersion>(&resolved))
        return LentFile{of->tree->version, of->rank, 0, {}};
    if (const auto* of = std::get_if<OfBase>(&resolved)) {
        if (!of->base->base.version) return std::nullopt;
        return LentFile{*of->base->base.version, of->rank, 0, {}};
    }
    const auto* of = std::get_if<OfView>(&resolved);
    if (of == nullptr || !of->view->artifact) return std::nullopt;
    auto path = artfs::path_of(of->view->overlay, of->node->number);
    if (!path) return std::nullopt;
    return LentFile{{}, std::nullopt, of->view->serial, *path};
}

Result<> Filesystem::through(Request& request, const Handle& handle, bool write) {
    if (!handle.launcher) return {};
    auto who = runs_.who(request, write);
    if (who.is(Role::launcher)) who.run = runs_.own_run(request, *who.caller);
    if (who.is(Role::observer) && !write) {
        runs_.see_pipeline(request, *who.caller);
        auto resolved = resolve(handle.node);
        auto lent = resolved ? lent_file(*resolved) : std::nullopt;
        if (lent) runs_.lend(*who.caller, *lent);
    }
    if (!who.run) return {};
    if (write) runs_.wrote_through(request, *who.run, handle);
    // Writing to what was not emptied needs what was there.
    auto& readers = readers_[handle.fh];
    if (readers.contains(*who.run)) return {};
    if (const auto* what = mount_.session.synthetic(handle.node)) {
        runs_.used(request.unique, {*who.run, what->version, std::nullopt});
    } else {
        auto resolved = resolve(handle.node);
        if (!resolved) return tl::unexpected(resolved.error());
        const auto* own = std::get_if<OfView>(&*resolved);
        bool made_here = write && own != nullptr && own->node->changed && !own->node->origin;
        if (!made_here) note_use(request, *who.run, *resolved);
        if (const auto* view = mount_.session.view_of(handle.node))
            runs_.read_through(request, *who.run, *view);
    }
    // A reader is not who a handle for writing is waited for.
    if (!handle.used && !write && !handle.write)
        mount_.session.apply(request.unique, ClaimedHandle{handle.fh, *who.run, true});
    readers.insert(*who.run);
    return {};
}

// What a launcher opened and nobody used belongs to what the launcher has become by exec.
Result<> Filesystem::flush(Request& request, std::uint64_t fh) {
    const auto* handle = mount_.session.handle(fh);
    if (handle == nullptr || !handle->launcher || handle->used) return {};
    // execve(2) closes files too, and waits for our answer, while whoever looks at the process may
    // wait for execve. What the program then leaves unused is found at its end.
    if (request.tid != handle->launcher.pid || is_in_execve(request.tid)) return {};
    auto who = runs_.who(request, handle->write);
    if (!who.run || who.caller->process != handle->launcher) return {};
    return through(request, *handle, handle->write);
}

}  // namespace artfs
