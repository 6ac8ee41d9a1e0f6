// RunKeeper: files in a launcher's view that stay open for writing while there is work beside them
// (`exec >>b/latest/log; cp x b/latest; ./train b/latest/x; cp …`).
//
// Such a draft cannot be frozen as a whole. When a program asks for the artifact, all that nobody
// has open is sealed, and what is open goes on in the view's next draft, which moves to the head
// like a view without one. So what follows finds what was done before, as in any directory.
#include <algorithm>

#include "drafts/directories.h"
#include "namespace/run_keeper.h"

namespace artfs {

namespace {

constexpr unsigned step_sealed_beside = 16;
constexpr std::size_t most_carried = 4096;  // nodes of a draft that moves to another base

bool is_in(const Session& session, NodeId node, const View& view) {
    return session.view_of(node) == &view;
}

}  // namespace

std::set<NodeNumber> RunKeeper::held_in(const View& view) const {
    std::set<NodeNumber> held;
    for (const auto& [fh, handle] : mount_.session.handles()) {
        if (!handle.write || !is_in(mount_.session, handle.node, view)) continue;
        if (const auto* node = mount_.session.drafted(handle.node)) held.insert(node->number);
    }
    return held;
}

// A launcher holds it, or a tool that waits for what comes through its pipe (`sort a | tee b`).
bool RunKeeper::only_holds(const Handle& handle, const View& view) const {
    if (handle.mapped) return false;
    if (handle.launcher) return launchers_.contains(handle.launcher);
    const auto* run = handle.run ? mount_.session.run(*handle.run) : nullptr;
    return run != nullptr && run->for_launcher &&
           (*handle.run == view.run || view.others.contains(*handle.run));
}

// Nobody changes anything in the view but files that are held open.
bool RunKeeper::is_held_only(const View& view) const {
    for (const auto& [fh, handle] : mount_.session.handles())
        if (handle.write && is_in(mount_.session, handle.node, view) && !only_holds(handle, view))
            return false;
    auto may_change = [&](const RunId& id) {
        const auto* run = mount_.session.run(id);
        if (run == nullptr) return false;
        if (run->for_launcher)
            return std::any_of(run->tools.begin(), run->tools.end(), [&](const ProcessKey& tool) {
                return !piped_tools_.contains(tool);
            });
        return !run->exited && view.changed_by.contains(id);
    };
    if (may_change(view.run)) return false;
    return std::none_of(view.others.begin(), view.others.end(),
                        [&](const auto& other) { return may_change(other.first); });
}

// For whom the rest is sealed: the owner, or another of those who changed it. What a failed run has
// changed is not sealed.
const LiveRun* RunKeeper::seals_beside_held(const View& view) const {
    const LiveRun* found = nullptr;
    for (const auto& id : view.changed_by) {
        const auto* run = mount_.session.run(id);
        if (run == nullptr || run->closing) continue;
        if (run->exited && !seals_at_end(*run, view)) return nullptr;
        if (found == nullptr || id == view.run) found = run;
    }
    return found;
}

void RunKeeper::seal_beside_held(Request& request, const ArtifactId& artifact) {
    const Caller* caller = caller_of(request);
    if (caller == nullptr || caller->role == Role::observer) return;
    const auto* own = run_begun_for(*caller);
    for (auto serial : launcher_views_) {
        const auto* view = mount_.session.view(serial);
        if (view == nullptr || view->artifact != artifact || !view->draft) continue;
        if (!view->abandoned.empty()) continue;
        // Who works there, or is pinned already, asks for nothing.
        bool there =
            own != nullptr && (own->for_launcher ? view->changed_by.contains(own->record.id)
                                                 : own->views.contains(artifact));
        if (!there) seal_beside_held(request, *view);
    }
}

void RunKeeper::seal_beside_held(Request& request, const View& view) {
    if (view.stage != DraftStage::open) {
        for (const auto& [number, seal] : mount_.session.pending_seals())
            if (!seal.over && seal.views == std::vector{view.serial} &&
                seal.order.drafts.front().held)
                wait_for(seal.order.run.id, Settled::sealed);
        return;
    }
    // Asked for once: if it fails, what was sealed before is what there is.
    if (request.did(step_sealed_beside) || !is_held_only(view)) return;
    const auto held = held_in(view);
    if (!without(view.overlay, held).has_changes()) return;
    const auto* run = seals_beside_held(view);
    if (run == nullptr) return;
    const RunId id = run->record.id;
    record(id, true);
    request.steps_done |= 1U << step_sealed_beside;
    seal_segment(id, {view.serial}, true, nullptr, held);
    wait_for(id, Settled::sealed);
}

RebasedView RunKeeper::with_held(const View& view, ViewBase base, Overlay overlay,
                                 const std::set<RunId>& sealed) const {
    RebasedView next{std::move(base), std::move(overlay), true, true, {}, {}, {}};
    if (mount_.session.run(view.run) != nullptr) next.run = view.run;
    std::set<RunId> writers;
    for (const auto& [fh, handle] : mount_.session.handles()) {
        if (!handle.write || !is_in(mount_.session, handle.node, view)) continue;
        writers.insert(handle.writers.begin(), handle.writers.end());
        if (!handle.launcher && handle.run) next.changed_by.insert(*handle.run);
    }
    for (const auto& [other, segment] : view.others) {
        bool goes_on = writers.contains(other) || next.changed_by.contains(other);
        if (!goes_on && sealed.contains(other)) continue;
        const auto* live = mount_.session.run(other);
        next.others.emplace(other, live == nullptr ? segment : live->record.segments);
    }
    for (const auto& run : view.changed_by)
        if (!sealed.contains(run)) next.changed_by.insert(run);
    return next;
}

bool RunKeeper::may_follow(const View& view) const {
    if (view.stage != DraftStage::open || !view.abandoned.empty()) return false;
    // A program that is shown this view sees one base to its end.
    for (const auto& [id, run] : mount_.session.runs()) {
        auto seen = run.views.find(*view.artifact);
        if (seen != run.views.end() && seen->second == view.serial && !run.exited &&
            !run.for_launcher)
            return false;
    }
    return true;
}

// Files that are open and not drafted: they are found under no name any more, and what is read of
// them is of the version that they were opened in.
std::vector<OverlayNode> RunKeeper::open_in(const View& view) const {
    std::vector<OverlayNode> open;
    const auto& base = *mount_.session.view_base(view.base_serial);
    for (const auto& [fh, handle] : mount_.session.handles()) {
        if (!is_in(mount_.session, handle.node, view)) continue;
        const auto* node = mount_.session.drafted(handle.node);
        if (node == nullptr || node->kind == Kind::directory) continue;
        if (node->changed && node->links > 0) continue;
        OverlayNode kept = *node;
        auto path = artfs::path_of(view.overlay, node->number);
        auto there = path && base.base.version
                         ? find_path(mount_.loader.nodes(), base.snapshot.root, *path)
                         : std::nullopt;
        if (!kept.origin && there && there->entry.digest == kept.digest)
            kept.origin = Origin{*base.base.version, there->rank, false};
        open.push_back(std::move(kept));
    }
    return open;
}

// What was changed here and what the head brings are different files. Large drafts wait for their
// seal, which merges them.
bool RunKeeper::agrees_with(const View& view, const Base& head, const Snapshot& snapshot) {
    auto& refused = stays_behind_[view.serial];
    if (refused == std::pair(view.base_serial, head)) return false;
    const auto& base = *mount_.session.view_base(view.base_serial);
    bool agrees =
        view.overlay.nodes().size() <= most_carried &&
        !conflicts(mount_.loader.nodes(), view.overlay, base.snapshot, snapshot, held_in(view));
    if (agrees)
        stays_behind_.erase(view.serial);
    else
        refused = {view.base_serial, head};
    return agrees;
}

void RunKeeper::follow_head(const Request& request, const View& view) {
    if (view.kind != ViewKind::launcher || !view.readers.empty()) return;
    const auto* artifact = mount_.loader.artifact(*view.artifact);
    if (artifact == nullptr) return;
    Base head = head_of(*artifact);
    if (mount_.session.view_base(view.base_serial)->base == head) return;
    if (view.draft ? !may_follow(view) : mount_.session.run(view.run) != nullptr) return;
    const Snapshot& snapshot = mount_.loader.snapshot(head.tree);
    if (view.draft && !agrees_with(view, head, snapshot)) return;
    Overlay after =
        artfs::follow(mount_.loader.nodes(), view.overlay, snapshot, head.version, open_in(view));
    ViewBase base{mount_.session.next_serial(), view.serial, head, snapshot, {}, {}};
    NodeId root = NodeId::make(NodeKind::view, view.serial, root_number);
    const auto before = view.draft;
    mount_.session.apply(request.unique, with_held(view, std::move(base), std::move(after), {}));
    mount_.kernel.invalidate_inode(root);
    if (!before) return;
    mount_.session.apply(request.unique, StartedDraft{view.serial, DraftId::make(), now()});
    checkpoint([this, dropped = *before](const Result<>& kept) {
        if (!kept) return;  // what is in the catalog of the draft stays until it is sealed
        drop_drafts({dropped});
    });
}

}  // namespace artfs
