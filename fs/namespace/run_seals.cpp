// RunKeeper: what becomes of drafts: frozen, sealed, kept or dropped.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "drafts/directories.h"
#include "drafts/kept.h"
#include "drafts/revert.h"
#include "namespace/run_keeper.h"

namespace artfs {

namespace {
constexpr unsigned release_step_ms = 20;
constexpr unsigned step_sealed_aside = 13;
}  // namespace

FrozenDraft RunKeeper::freeze(const View& view, bool over, const Held& held) const {
    const auto& base = *mount_.session.view_base(view.base_serial);
    FrozenDraft draft;
    draft.id = *view.draft;
    draft.artifact = view.artifact;
    draft.base = base.base;
    draft.base_snapshot = base.snapshot;
    draft.overlay =
        std::make_shared<const Overlay>(held ? without(view.overlay, *held) : view.overlay);
    draft.held = held;
    draft.begins_empty = view.begins_empty;
    draft.created = view.draft_since;
    draft.merges = (over || held) && view.artifact.has_value();
    draft.others = view.others;
    draft.of_launcher = view.kind == ViewKind::launcher;
    return draft;
}

SealOrder RunKeeper::order_for(const LiveRun& run, const std::vector<std::uint32_t>& views,
                               bool over, const Held& held) const {
    SealOrder order;
    order.run = record_of(run);
    order.segment = run.record.segments;
    for (const auto& [version, use] : run.uses) order.uses.push_back(use);
    for (auto serial : views) {
        const auto& view = *mount_.session.view(serial);
        order.drafts.push_back(freeze(view, over, held));
        if (view.changed_by.empty()) continue;
        auto& draft = order.drafts.back();
        draft.owner_logs = view.changed_by.contains(run.record.id);
        if (view.run != run.record.id)
            if (const auto* owner = mount_.session.run(view.run))
                draft.others[view.run] = owner->record.segments;
        if (held || !draft.owner_logs)
            std::erase_if(draft.others, [&](const auto& other) {
                return other.first == run.record.id || !view.changed_by.contains(other.first);
            });
    }
    auto note_used = [&](const RunId& id) {
        auto& used = order.used[id];
        used = shared_.uses_of(id);
        if (const auto* live = mount_.session.run(id))
            for (const auto& [version, use] : live->uses) used.insert(version);
    };
    note_used(run.record.id);
    for (const auto& draft : order.drafts)
        for (const auto& [other, segment] : draft.others) note_used(other);
    order.types = run.types;
    order.aliases = run.aliases;
    return order;
}

// One draft that becomes no version stays, as it is, for `art commit` or `art discard`.
void RunKeeper::abandon_draft(const View& view, const std::string& why) {
    DraftRecord record = draft_record(view, DraftState::abandoned, why);
    unkept_views_.insert(view.serial);
    mount_.session.apply(0, MarkedView{view.serial, DraftStage::open, false, why});
    mount_.loader.put_kept({record, view.name});
}

// How the run ended and what it used, without a seal.
void RunKeeper::keep_run(const RunId& run) {
    const auto& live = *mount_.session.run(run);
    std::vector<UseEdge> uses;
    for (const auto& [version, use] : live.uses) uses.push_back(use);
    owe(record_of(live), std::move(uses), {});
    // Its data is sealed when the store is opened next.
    if (live.data_view != 0 && mount_.session.view(live.data_view)->draft)
        unkept_views_.insert(live.data_view);
}

void RunKeeper::abandon_drafts(const RunId& run, const std::string& why) {
    leave_launcher_views(run);
    const auto* live = mount_.session.run(run);
    for (const auto& [artifact, serial] : live->views) {
        const auto* view = mount_.session.view(serial);
        if (view->draft && view->abandoned.empty()) abandon_draft(*view, why);
    }
    checkpoint();
}

void RunKeeper::seal_and_close(const RunId& run) {
    const auto& live = *mount_.session.run(run);
    lingering_.erase(run);  // what is to be waited for now is our own work
    PendingSeal seal;
    for (const auto& [artifact, serial] : live.views) {
        const auto* view = mount_.session.view(serial);
        if (view->draft && view->abandoned.empty()) seal.views.push_back(serial);
    }
    for (auto serial : launcher_drafts_of(run))
        if (std::find(seal.views.begin(), seal.views.end(), serial) == seal.views.end())
            seal.views.push_back(serial);
    if (live.data_view != 0 && mount_.session.view(live.data_view)->draft)
        seal.views.push_back(live.data_view);
    close_segment(run, shared_.segment_of(run));
    shared_.ends_segment(run);
    seal.order = order_for(live, seal.views, true);
    close_segments_of_others(seal.order);
    seal.order.by_policy = true;
    seal.over = true;
    for (auto serial : seal.views)
        mount_.session.apply(0, MarkedView{serial, DraftStage::frozen, false, ""});
    mount_.session.apply(0, MarkedRun{run, true, true});
    begin_seal(std::move(seal), nullptr);
}

// What they read of the version that comes of it, they read after they had logged it.
void RunKeeper::close_segments_of_others(const SealOrder& order) {
    for (const auto& draft : order.drafts)
        for (const auto& [other, segment] : draft.others) {
            const auto* live = mount_.session.run(other);
            bool goes_on = live != nullptr && !live->exited && live->record.segments == segment;
            if (goes_on) close_segment(other, shared_.next_segment(other));
        }
}

void RunKeeper::begin_seal(PendingSeal pending, Sealed done) {
    pending.number = mount_.session.next_seal();
    mount_.session.apply(0, StartedSeal{pending});
    enqueue(pending, std::move(done));
}

void RunKeeper::enqueue(const PendingSeal& pending, Sealed done) {
    SealQueue::Seal seal;
    seal.order = pending.order;
    seal.views = pending.views;
    seal.known = pending.known;
    auto order = std::make_shared<const SealOrder>(pending.order);
    seal.done = [this, number = pending.number, over = pending.over, order,
                 done = std::move(done)](Result<std::vector<SealedDraft>> sealed) {
        mount_.session.apply(0, EndedSeal{number});
        if (over)
            run_sealed(*order, std::move(sealed));
        else
            segment_sealed(*order, std::move(sealed), done);
    };
    seals_.add(std::move(seal));
}

void RunKeeper::run_sealed(const SealOrder& order, Result<std::vector<SealedDraft>> sealed) {
    const RunId run = order.run.id;
    if (sealed) {
        show_sealed(*sealed, order.drafts, true);
        return nested_ended(run, [this, run] {
            drop_run(run);
            wake(run, 0);
        });
    }
    keep_run(run);
    abandon_drafts(run, "sealing it failed: " + sealed.error().message);
    drop_run(run);
    wake(run, sealed.error().code == ENOSPC ? ENOSPC : EIO);
}

namespace {
// Bytes that are objects now; of a run that is over, all.
std::vector<std::uint64_t> staging_to_drop(const Overlay& frozen, const SealedDraft& sealed,
                                           bool over) {
    if (over) return frozen.staging_files();
    std::vector<std::uint64_t> files;
    for (const auto& [number, hashed] : sealed.files) files.push_back(frozen.node(number)->staging);
    return files;
}
}  // namespace

void RunKeeper::show_sealed(const std::vector<SealedDraft>& drafts,
                            const std::vector<FrozenDraft>& frozen, bool over, const RunId& run) {
    for (std::size_t i = 0; i < drafts.size(); ++i) {
        const auto& draft = drafts[i];
        if (draft.artifact_record) mount_.loader.put(*draft.artifact_record);
        if (draft.outcome == SealOutcome::created) mount_.loader.put(*draft.version);
        const View* shown = nullptr;
        for (const auto& [serial, view] : mount_.session.views())
            if (view.draft == draft.id) shown = &view;
        if (draft.outcome == SealOutcome::nothing && !over) {
            if (shown != nullptr)
                mount_.session.apply(0, MarkedView{shown->serial, DraftStage::open, true, ""});
            continue;
        }
        mount_.files.remove(staging_to_drop(*frozen[i].overlay, draft, over));
        if (shown == nullptr) continue;
        ViewBase base{
            mount_.session.next_serial(), shown->serial, draft.base, draft.snapshot, {}, {}};
        Overlay after = rebase(shown->overlay, *frozen[i].overlay, draft, over);
        if (frozen[i].held) {
            std::set<RunId> sealed{run};
            for (const auto& [other, segment] : frozen[i].others) sealed.insert(other);
            mount_.session.apply(0, with_held(*shown, std::move(base), std::move(after), sealed));
        } else {
            mount_.session.apply(
                0, RebasedView{std::move(base), std::move(after), !over, false, {}, {}, {}});
        }
        // What was written since the freezing is a draft of its own.
        if (!over && !shown->overlay.rows().empty()) {
            mount_.session.apply(0, StartedDraft{shown->serial, DraftId::make(), now()});
            watch_quiet(*shown);
        }
    }
}

namespace {
// From here the staged bytes belong to the frozen draft; writing copies them first.
ChangedDraft staged_bytes_frozen(const View& view, const std::vector<std::string>& never_keep,
                                 const std::optional<std::set<NodeNumber>>& held) {
    ChangedDraft freezing{view.serial, {}, {}, {}};
    for (NodeNumber number : kept_nodes(view.overlay, never_keep)) {
        const auto& node = *view.overlay.node(number);
        if (node.staging == 0 || (held && held->contains(number))) continue;
        freezing.change.nodes.push_back(node);
        freezing.change.nodes.back().frozen = true;
    }
    return freezing;
}
}  // namespace

void RunKeeper::seal_segment(const RunId& run, std::vector<std::uint32_t> views, bool by_policy,
                             Sealed done, const Held& held) {
    const auto* live = mount_.session.run(run);
    for (auto serial : views) {
        mount_.session.apply(
            0, staged_bytes_frozen(*mount_.session.view(serial), mount_.config.never_keep, held));
        mount_.session.apply(0, MarkedView{serial, DraftStage::frozen, true, ""});
    }
    close_segment(run, shared_.segment_of(run));
    PendingSeal seal;
    seal.order = order_for(*live, views, false, held);
    close_segments_of_others(seal.order);
    seal.order.by_policy = by_policy;
    seal.order.run.segments = shared_.next_segment(run);
    seal.views = std::move(views);
    mount_.session.apply(0, ClosedSegment{run, seal.order.run.segments});
    begin_seal(std::move(seal), std::move(done));
}

void RunKeeper::segment_sealed(const SealOrder& order, Result<std::vector<SealedDraft>> sealed,
                               const Sealed& done) {
    if (sealed)
        show_sealed(*sealed, order.drafts, false, order.run.id);
    else
        reopen_drafts(order);
    if (done) done(std::move(sealed));
    wake(order.run.id, 0);
    try_to_end(order.run.id);
}

// A seal in mid-run came to nothing: the drafts go on, and what was read stays read.
void RunKeeper::reopen_drafts(const SealOrder& order) {
    for (const auto& draft : order.drafts)
        for (const auto& [serial, view] : mount_.session.views())
            if (view.draft == draft.id)
                mount_.session.apply(0, MarkedView{serial, DraftStage::open, true, ""});
    pay(owe(std::nullopt, order.uses, {}), nullptr, [](const Result<>& written) {
        if (!written) spdlog::error("uses could not be recorded: {}", written.error().message);
    });
}

tl::unexpected<Error> RunKeeper::busy(const Handle& writer) const {
    std::string file = "a file of the run";
    if (const auto* node = mount_.session.drafted(writer.node))
        for (const auto& [directory, name] :
             mount_.session.view_of(writer.node)->overlay.names_of(node->number))
            file = name;
    return fail(EBUSY, "process " + std::to_string(writer.pid) + " still has " + file +
                           (writer.mapped ? " mapped" : " open") +
                           " for writing: commit when it is closed");
}

void RunKeeper::commit(const RunId& run, Sealed done, unsigned tries) {
    const auto* live = mount_.session.run(run);
    if (live == nullptr) return done(fail(ENOENT, "the run has ended meanwhile"));
    if (const auto* writer = writer_of(run, Writing::artifacts)) {
        // A RELEASE may still be on its way.
        if (tries == 0) return done(busy(*writer));
        mount_.kernel.after(release_step_ms,
                            [this, run, done, tries] { commit(run, done, tries - 1); });
        return;
    }
    std::vector<std::uint32_t> views;
    bool under_way = false;
    for (const auto& [artifact, serial] : live->views) {
        const auto* view = mount_.session.view(serial);
        if (!view->draft || !view->abandoned.empty()) continue;
        if (view->stage == DraftStage::open)
            views.push_back(serial);
        else
            under_way = true;
    }
    // Asked for before, perhaps of a worker that died: it is done when that is.
    if (views.empty() && under_way && !live->closing)
        return mount_.kernel.after(release_step_ms,
                                   [this, run, done, tries] { commit(run, done, tries); });
    if (views.empty()) return done(std::vector<SealedDraft>{});
    seal_segment(run, std::move(views), false, std::move(done));
}

void RunKeeper::commit_view(std::uint32_t serial, bool by_policy, Sealed done, unsigned tries) {
    const auto* view = mount_.session.view(serial);
    const auto* live = view == nullptr ? nullptr : mount_.session.run(view->run);
    if (live == nullptr || !view->draft) return done(std::vector<SealedDraft>{});
    if (view->stage != DraftStage::open) {
        if (by_policy || live->closing) return done(std::vector<SealedDraft>{});
        return mount_.kernel.after(release_step_ms, [this, serial, done, tries] {
            commit_view(serial, false, done, tries);
        });
    }
    if (const auto* writer = writer_in(*view)) {
        if (tries == 0) return done(busy(*writer));
        mount_.kernel.after(release_step_ms, [this, serial, by_policy, done, tries] {
            commit_view(serial, by_policy, done, tries - 1);
        });
        return;
    }
    seal_segment(view->run, {serial}, by_policy, std::move(done));
}

void RunKeeper::discard(const RunId& run, std::function<void(Result<>)> done) {
    const auto* live = mount_.session.run(run);
    if (const auto* writer = writer_of(run, Writing::artifacts)) return done(busy(*writer));
    for (const auto& [artifact, serial] : live->views) {
        const auto* view = mount_.session.view(serial);
        if (view->draft && view->stage != DraftStage::open)
            return done(fail(EBUSY, "a draft of the run is being sealed"));
    }
    std::vector<DraftId> drafts;
    std::vector<std::uint64_t> staging;
    for (const auto& [artifact, serial] : live->views) {
        const auto* view = mount_.session.view(serial);
        if (!view->draft) continue;
        drafts.push_back(*view->draft);
        auto files = view->overlay.staging_files();
        staging.insert(staging.end(), files.begin(), files.end());
        ViewBase base = *mount_.session.view_base(view->base_serial);
        base.serial = mount_.session.next_serial();
        Overlay clean(base.snapshot, base.base.version);
        NodeId root = NodeId::make(NodeKind::view, serial, root_number);
        mount_.session.apply(0, RebasedView{std::move(base), std::move(clean), true});
        mount_.kernel.invalidate_inode(root);
    }
    mount_.files.remove(staging);
    pay(owe(std::nullopt, {}, drafts), nullptr, std::move(done));
}

void RunKeeper::kept_are_gone(const RunId& run, const std::vector<SealedDraft>& sealed) {
    for (const auto& draft : sealed) {
        if (draft.promotion) mount_.session.apply(0, Promoted{*draft.promotion});
        if (draft.artifact_record) mount_.loader.put(*draft.artifact_record);
        if (draft.outcome == SealOutcome::created) mount_.loader.put(*draft.version);
    }
    std::vector<DraftId> gone;
    for (const auto& kept : mount_.loader.kept_drafts())
        if (kept.record.run == run) gone.push_back(kept.record.id);
    for (const auto& draft : gone) mount_.loader.erase_kept(draft);
    std::vector<std::pair<std::uint32_t, std::string>> views;
    for (const auto& [serial, view] : mount_.session.views()) {
        if (view.run != run) continue;
        views.emplace_back(serial, view.name);
        // Also what a full disk kept from being recorded.
        if (view.draft) mount_.files.remove(view.overlay.staging_files());
    }
    for (const auto& [serial, name] : views) {
        mount_.loader.forget_run(name);
        mount_.session.apply(0, ClosedView{serial});
    }
}

void RunKeeper::settle_abandoned(Request& request, const RunId& reader, const View& view) {
    if (view.abandoned.empty() || !view.draft || view.run == reader) return;
    if (request.did(step_sealed_aside)) return;
    Suspend wait{[this, &request, serial = view.serial](Suspend::Resume resume) {
        const auto* of = mount_.session.view(serial);
        if (of == nullptr || !of->draft) return resume(0);
        FrozenDraft frozen = freeze(*of, true);
        mount_.executor.offload(
            [this, draft = frozen.id] { return artfs::seal_aside(seals_.context(), draft); },
            [this, &request, frozen, serial, resume](Result<std::vector<SealedDraft>> sealed) {
                request.steps_done |= 1U << step_sealed_aside;
                if (!sealed) return resume(sealed.error().code);
                mount_.loader.erase_kept(frozen.id);
                if (const auto* now_there = mount_.session.view(serial))
                    mount_.loader.forget_run(now_there->name);
                for (const auto& draft : *sealed)
                    if (draft.promotion) mount_.session.apply(0, Promoted{*draft.promotion});
                show_sealed(*sealed, {frozen}, true);
                resume(0);
            });
    }};
    wait.may_interrupt = true;
    throw wait;
}

void RunKeeper::revert(const ArtifactId& artifact, std::uint32_t version, const std::string& who,
                       std::function<void(Result<>)> done) {
    auto reverted = std::make_shared<std::optional<ArtifactRecord>>();
    mount_.write([artifact, version, who, reverted](
                     WriteTxn& txn) { *reverted = revert_head(txn, artifact, version, who); },
                 [this, reverted, done](Result<> written) {
                     if (!written) return done(std::move(written));
                     if (!*reverted) return done(fail(ENOENT, "no such version"));
                     mount_.loader.put(**reverted);
                     done({});
                 });
}

}  // namespace artfs
