// RunKeeper: what becomes of drafts: frozen, sealed, kept or dropped.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "namespace/run_keeper.h"

namespace artfs {

FrozenDraft RunKeeper::freeze(const View& view) const {
    const auto& base = *mount_.session.view_base(view.base_serial);
    return {*view.draft, view.artifact, base.base, base.snapshot,
            std::make_shared<const Overlay>(view.overlay)};
}

SealOrder RunKeeper::order_for(const LiveRun& run, std::vector<FrozenDraft> drafts) const {
    SealOrder order;
    order.run = record_of(run);
    order.segment = run.record.segments;
    for (const auto& [version, use] : run.uses) order.uses.push_back(use);
    order.drafts = std::move(drafts);
    order.types = run.types;
    order.aliases = run.aliases;
    return order;
}

void RunKeeper::start_seal(SealOrder order, Sealed done) {
    auto shared = std::make_shared<const SealOrder>(std::move(order));
    mount_.executor.offload(
        [this, shared] {
            SealContext context{mount_.store,
                                [this](CatalogThread::Change change) {
                                    return mount_.catalog.write(std::move(change));
                                },
                                mount_.config.never_keep};
            return seal(context, *shared);
        },
        std::move(done));
}

// How the run ended and what it used, without a seal.
void RunKeeper::keep_run(const RunId& run) {
    const auto& live = *mount_.session.run(run);
    std::vector<UseEdge> uses;
    for (const auto& [version, use] : live.uses) uses.push_back(use);
    unkept_runs_.insert_or_assign(run, std::pair(record_of(live), std::move(uses)));
    // Its data is sealed when the store is opened next.
    if (live.data_view != 0 && mount_.session.view(live.data_view)->draft)
        unkept_views_.insert(live.data_view);
}

// Drafts of a run that did not end well stay, as they are, for `art commit` or `art discard`.
void RunKeeper::abandon_drafts(const RunId& run, const std::string& why) {
    const auto* live = mount_.session.run(run);
    for (const auto& [artifact, serial] : live->views) {
        const auto* view = mount_.session.view(serial);
        if (!view->draft) continue;
        DraftRecord record = draft_record(*view, DraftState::abandoned, why);
        unkept_views_.insert(serial);
        mount_.session.apply(0, MarkedView{serial, false, false, why});
        mount_.loader.put_kept({record, live->record.name});
    }
    checkpoint();
}

void RunKeeper::seal_and_close(const RunId& run) {
    const auto& live = *mount_.session.run(run);
    auto frozen = std::make_shared<std::vector<FrozenDraft>>();
    std::vector<std::uint32_t> views;
    for (const auto& [artifact, serial] : live.views) {
        const auto* view = mount_.session.view(serial);
        if (view->draft && view->abandoned.empty()) views.push_back(serial);
    }
    if (live.data_view != 0 && mount_.session.view(live.data_view)->draft)
        views.push_back(live.data_view);
    for (auto serial : views) {
        frozen->push_back(freeze(*mount_.session.view(serial)));
        mount_.session.apply(0, MarkedView{serial, true, false, ""});
    }
    mount_.session.apply(0, MarkedRun{run, true, true});
    start_seal(order_for(*mount_.session.run(run), *frozen),
               [this, run, frozen](Result<std::vector<SealedDraft>> sealed) {
                   if (sealed) {
                       show_sealed(*sealed, *frozen, true);
                       drop_run(run);
                       wake(run, 0);
                       return;
                   }
                   spdlog::error("sealing failed: {}", sealed.error().message);
                   keep_run(run);
                   abandon_drafts(run, "sealing it failed: " + sealed.error().message);
                   drop_run(run);
                   wake(run, sealed.error().code == ENOSPC ? ENOSPC : EIO);
               });
}

void RunKeeper::show_sealed(const std::vector<SealedDraft>& drafts,
                            const std::vector<FrozenDraft>& frozen, bool over) {
    for (std::size_t i = 0; i < drafts.size(); ++i) {
        const auto& draft = drafts[i];
        if (draft.artifact_record) mount_.loader.put(*draft.artifact_record);
        if (draft.outcome == SealOutcome::created) mount_.loader.put(*draft.version);
        if (draft.outcome == SealOutcome::nothing && !over) continue;
        mount_.files.remove(frozen[i].overlay->staging_files());
        for (const auto& [serial, view] : mount_.session.views()) {
            if (view.draft != draft.id) continue;
            ViewBase base{mount_.session.next_serial(), serial, draft.base, draft.snapshot, {}, {}};
            mount_.session.apply(
                0, RebasedView{std::move(base), rebase(view.overlay, *frozen[i].overlay, draft),
                               !over});
            break;
        }
    }
}

void RunKeeper::commit(const RunId& run, Sealed done) {
    const auto* live = mount_.session.run(run);
    if (const auto* writer = writer_of(run)) {
        done(fail(EBUSY, "process " + std::to_string(writer->pid) +
                             " still has a file of the run open for writing: commit when it is "
                             "closed"));
        return;
    }
    auto frozen = std::make_shared<std::vector<FrozenDraft>>();
    for (const auto& [artifact, serial] : live->views) {
        const auto* view = mount_.session.view(serial);
        if (!view->draft || view->sealing) continue;
        // From here the staged bytes belong to the frozen draft; writing copies them first.
        ChangedDraft freezing{serial, {}, {}, {}};
        for (const auto& [number, node] : view->overlay.nodes()) {
            if (node.staging == 0) continue;
            freezing.change.nodes.push_back(node);
            freezing.change.nodes.back().frozen = true;
        }
        mount_.session.apply(0, std::move(freezing));
        mount_.session.apply(0, MarkedView{serial, true, true, ""});
        frozen->push_back(freeze(*mount_.session.view(serial)));
    }
    if (frozen->empty()) return done(std::vector<SealedDraft>{});
    SealOrder order = order_for(*live, *frozen);
    order.run.segments += 1;
    mount_.session.apply(0, ClosedSegment{run, order.run.segments});
    start_seal(std::move(order),
               [this, run, frozen, done](Result<std::vector<SealedDraft>> sealed) {
                   if (sealed) {
                       show_sealed(*sealed, *frozen, false);
                   } else {
                       for (const auto& [serial, view] : mount_.session.views())
                           if (view.run == run && view.sealing)
                               mount_.session.apply(0, MarkedView{serial, false, true, ""});
                   }
                   done(std::move(sealed));
                   try_to_end(run);
               });
}

void RunKeeper::discard(const RunId& run, std::function<void(Result<>)> done) {
    const auto* live = mount_.session.run(run);
    if (const auto* writer = writer_of(run)) {
        done(fail(EBUSY, "process " + std::to_string(writer->pid) +
                             " still has a file of the run open for writing"));
        return;
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
    mount_.write(
        [drafts](WriteTxn& txn) {
            for (const auto& draft : drafts) txn.erase_draft(draft);
        },
        std::move(done));
}

void RunKeeper::kept_are_gone(const RunId& run, const std::vector<SealedDraft>& sealed) {
    for (const auto& draft : sealed) {
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

}  // namespace artfs
