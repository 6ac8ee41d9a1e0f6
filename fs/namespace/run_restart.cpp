// RunKeeper: going on after the death of a worker.
//
// The session says what was; processes went on meanwhile. What this class knew besides is found
// again: from the session, from the processes (by the pidfds that were kept for us), or asked for
// anew. What was under way begins again: every step of a seal may be done twice.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>

#include "namespace/run_keeper.h"

namespace artfs {

namespace {
constexpr unsigned look_for_exit_ms = 250;

// The frozen tree that others build on. In the catalog it may be another by now: the version that
// was made of it, or what an earlier promotion made of it; but their drafts have directories of
// this one, and must be told what became of these.
std::optional<TreeId> tree_built_on(const Session& session, const VersionId& promised) {
    for (const auto& [serial, view] : session.views()) {
        const auto* base = session.view_base(view.base_serial);
        if (base != nullptr && base->base.version == promised) return base->base.tree;
    }
    for (const auto& [number, pending] : session.pending_seals())
        for (const auto& draft : pending.order.drafts)
            if (draft.base.version == promised) return draft.base.tree;
    return std::nullopt;
}
}  // namespace

std::string held_name(const ProcessKey& process) {
    return "process " + std::to_string(process.pid) + " " + std::to_string(process.start_ticks);
}

void RunKeeper::know_explicit(const RunId& run) {
    if (auto known = identifier_.explicit_runs().find(run))
        mount_.session.apply(0, KnewExplicit{*known});
}

Fd RunKeeper::pidfd_of(const ProcessKey& process) {
    if (Fd held = mount_.keeper.take(held_name(process))) return held;
    Fd found = open_pidfd(process.pid);
    // One that is within execve cannot be looked at until its FLUSH is answered, which is ours to
    // do: it is the one that we knew.
    if (found && is_in_execve(process.pid)) return found;
    auto facts = found ? system_processes().facts(process.pid) : std::nullopt;
    if (!facts || facts->key() != process) return {};
    return found;
}

void RunKeeper::go_on() {
    for (const auto& [id, run] : mount_.session.explicit_runs())
        identifier_.explicit_runs().restore(run);
    find_launchers();
    find_views();
    std::vector<RunId> runs;
    for (const auto& [id, run] : mount_.session.runs()) runs.push_back(id);
    for (const auto& id : runs) find_run(id);
    find_seals();
    go_on_with_ends();
}

void RunKeeper::find_launchers() {
    launchers_ = mount_.session.launchers();
    for (auto& [process, known] : launchers_) {
        Fd pidfd = pidfd_of(process);
        known.exited = !pidfd || !exits_.add(std::move(pidfd), process);
    }
}

void RunKeeper::find_views() {
    std::vector<std::uint32_t> lost;
    auto txn = mount_.store.catalog().read();
    for (const auto& [serial, view] : mount_.session.views()) {
        if (view.kind == ViewKind::launcher) launcher_views_.insert(serial);
        if (!view.draft) continue;
        if (view.abandoned.empty()) {
            unsure_views_.insert(serial);
            if (view.stage == DraftStage::open) watch_quiet(view);
            continue;
        }
        // It may have been sealed or dropped without our being told.
        auto files = view.overlay.staging_files();
        bool there = std::all_of(files.begin(), files.end(), [this](std::uint64_t number) {
            return access(mount_.store.staging_path(number).c_str(), F_OK) == 0;
        });
        if (!there && !txn->draft(*view.draft)) {
            lost.push_back(serial);
            continue;
        }
        unkept_views_.insert(serial);
        unsure_views_.insert(serial);
        mount_.loader.put_kept(
            {draft_record(view, DraftState::abandoned, view.abandoned), view.name});
    }
    for (auto serial : lost) mount_.session.apply(0, ClosedView{serial});
}

void RunKeeper::find_run(const RunId& run) {
    const auto& live = *mount_.session.run(run);
    for (const auto& tool : live.tools) {
        tools_[tool] = run;
        if (Fd pidfd = pidfd_of(tool)) [[maybe_unused]]
            auto watched = exits_.add(std::move(pidfd), tool);
    }
    // What another project sealed last is in the catalog.
    auto sealed = mount_.store.catalog().read()->segments_of(run);
    shared_.entered(this, run, std::max(live.record.segments, sealed));
    if (live.record.explicitly_started) {
        shared_.put(live);
    } else if (!live.for_launcher) {
        shared_.claim(live.root, {run, live.record.name});
    }
    for (const auto& [version, use] : live.uses)
        if (!live.for_launcher) shared_.used(this, run, version);
    if (live.for_launcher && !live.exited) {
        last_acted_[run] = std::chrono::steady_clock::now();
        watch_idle(run, std::chrono::milliseconds(look_for_exit_ms));
    }
    if (live.reopened) mount_.kernel.after(look_for_exit_ms, [this, run] { close_reopened(run); });
    // What a checkpoint had taken may not have come to be written.
    if (live.recorded) mount_.session.apply(0, ChangedRun{live.record, true});
    if (!live.for_launcher && !live.exited && live.record.cwd.empty()) find_facts(run);
}

// Facts that were being collected, or were never asked for.
void RunKeeper::find_facts(const RunId& run) {
    ++pending_[run];
    mount_.executor.offload(
        [this, root = mount_.session.run(run)->root]() -> std::optional<RootProcess> {
            auto found = read_root(root.pid, identifier_.lists());
            if (!found || found->facts.key() != root) return std::nullopt;
            return found;
        },
        [this, run](std::optional<RootProcess> root) {
            if (root && mount_.session.run(run) != nullptr)
                collect_facts(run, std::make_shared<RootProcess>(std::move(*root)));
            no_longer_pending(run);
        });
}

// A seal of which the catalog has a part is made of what it was made of before.
void RunKeeper::find_seals() {
    for (auto [number, pending] : mount_.session.pending_seals()) {
        auto txn = mount_.store.catalog().read();
        for (auto& draft : pending.order.drafts) {
            auto built_on = tree_built_on(mount_.session, draft.promised);
            if (auto made = txn->version(draft.promised)) {
                draft.frozen_as = built_on.value_or(made->tree);
                draft.head.reset();
                continue;
            }
            auto record = txn->draft(draft.id);
            if (!record || record->promised != draft.promised || !record->frozen_tree) continue;
            draft.frozen_as = built_on ? built_on : record->frozen_tree;
            draft.head.reset();
            auto merged = record->merged_with ? txn->version(*record->merged_with) : std::nullopt;
            if (merged) draft.head = Head{{merged->tree, merged->id}, txn->snapshot(merged->tree)};
        }
        spdlog::info("sealing for run {} begins again", pending.order.run.name);
        enqueue(pending, nullptr);
    }
}

void RunKeeper::go_on_with_ends() {
    std::set<RunId> sealing;
    for (const auto& [number, pending] : mount_.session.pending_seals())
        if (pending.over) sealing.insert(pending.order.run.id);
    std::vector<RunId> runs;
    for (const auto& [id, run] : mount_.session.runs()) runs.push_back(id);
    for (const auto& run : runs) {
        const auto* live = mount_.session.run(run);
        if (live == nullptr || sealing.contains(run)) continue;
        if (live->closing) {
            nested_ended(run, [this, run] {
                drop_run(run);
                wake(run, 0);
            });
        } else if (live->exited) {
            mount_.kernel.after(release_grace_ms, [this, run] {
                if (writer_of(run) == nullptr) return;
                lingering_.insert(run);
                wake(run, 0);
            });
            try_to_end(run);
        } else if (!live->for_launcher) {
            Fd pidfd = pidfd_of(live->root);
            if (!pidfd || !exits_.add(std::move(pidfd), live->root)) finish_status(run, {});
        }
    }
    std::vector<ProcessKey> gone;
    for (const auto& [process, known] : launchers_)
        if (known.exited) gone.push_back(process);
    for (const auto& [tool, run] : tools_)
        if (!exits_.alive(tool)) gone.push_back(tool);
    for (const auto& process : gone) launcher_or_tool_exited(process);
}

}  // namespace artfs
