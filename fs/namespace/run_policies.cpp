// RunKeeper: what is set for artifacts and types in config.toml.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "drafts/kept.h"
#include "namespace/run_keeper.h"
#include "runs/trial.h"

namespace artfs {

namespace {
constexpr std::chrono::seconds interactive_quiet{5};
}  // namespace

Policy RunKeeper::policy_of(const View& view) const {
    const auto* artifact = view.artifact ? mount_.loader.artifact(*view.artifact) : nullptr;
    if (artifact == nullptr) return {};
    std::string type = artifact->record.type;
    if (const auto* live = mount_.session.run(view.run); live && !artifact->record.type_fixed)
        if (auto given = live->types.find(artifact->record.name); given != live->types.end())
            type = given->second;
    return mount_.config.policy(artifact->record.name, type);
}

CommitPolicy RunKeeper::commit_policy_of(const View& view) const {
    const auto* live = mount_.session.run(view.run);
    if (live != nullptr && is_trial(live->record)) return {};
    if (auto commit = policy_of(view).commit) return *commit;
    // Its end may be days away.
    if (live != nullptr && live->interactive) return {CommitPolicy::When::quiet, interactive_quiet};
    return {};
}

bool RunKeeper::seals_at_end(const LiveRun& run, const View& view) const {
    if (is_trial(run.record)) return false;
    const auto seal = policy_of(view).seal.value_or(SealPolicy{});
    switch (seal.which) {
        case SealPolicy::Which::always:
            return true;
        case SealPolicy::Which::exits:
            return run.record.exit_code && std::find(seal.exits.begin(), seal.exits.end(),
                                                     *run.record.exit_code) != seal.exits.end();
        case SealPolicy::Which::success:
            break;
    }
    return run.record.state == RunState::finished;
}

void RunKeeper::watch_quiet(const View& view) {
    if (view.kind != ViewKind::run) return;
    auto commit = commit_policy_of(view);
    if (commit.when != CommitPolicy::When::quiet) return;
    mount_.kernel.after(
        static_cast<unsigned>(commit.quiet.count()),
        [this, serial = view.serial, draft = *view.draft] { quiet_yet(serial, draft); });
}

// Seals the draft if nothing has happened to it for as long as its policy says; else looks again.
void RunKeeper::quiet_yet(std::uint32_t serial, const DraftId& draft) {
    const auto* view = mount_.session.view(serial);
    if (view == nullptr || view->draft != draft || !view->abandoned.empty()) return;
    auto wanted = commit_policy_of(*view).quiet;
    auto rest =
        wanted - std::chrono::duration_cast<std::chrono::milliseconds>(now() - view->changed);
    if (view->stage == DraftStage::open && rest.count() <= 0 && writer_in(*view) == nullptr &&
        view->overlay.has_changes()) {
        commit_view(serial, true, [name = view->name](Result<std::vector<SealedDraft>> sealed) {
            if (!sealed) spdlog::error("run {}: {}", name, sealed.error().message);
        });
        return;
    }
    if (rest.count() <= 0) rest = wanted;
    mount_.kernel.after(static_cast<unsigned>(std::max<std::int64_t>(rest.count(), 1)),
                        [this, serial, draft] { quiet_yet(serial, draft); });
}

namespace {

constexpr std::chrono::seconds sweep_interval{10};

// Old versions that policies made, beyond what the artifact's policy keeps.
std::vector<VersionRecord> beyond_policy(const ReadTxn& txn, const ArtifactRecord& artifact,
                                         const Policy& policy, const std::set<VersionId>& in_use) {
    std::vector<VersionRecord> beyond;
    if (!policy.keep_last && !policy.ttl) return beyond;
    std::set<std::uint32_t> named;
    for (const auto& [alias, number] : txn.aliases(artifact.id)) named.insert(number);
    auto versions = txn.versions(artifact.id);
    std::erase_if(versions, [](const VersionRecord& version) { return !version.by_policy; });
    for (std::size_t i = 0; i < versions.size(); ++i) {
        const auto& version = versions[i];
        if (artifact.head == version.number || named.contains(version.number)) continue;
        if (in_use.contains(version.id)) continue;
        bool many = policy.keep_last && versions.size() - i > *policy.keep_last;
        auto ttl = version.ttl ? version.ttl : policy.ttl;
        bool pinned = version.ttl && version.ttl->count() == 0;
        bool old = ttl && ttl->count() > 0 && now() - version.created > *ttl;
        if (!pinned && (many || old)) beyond.push_back(version);
    }
    return beyond;
}

}  // namespace

// Drops what has waited too long, and deletes what policies make more of than is to be kept.
void RunKeeper::sweep() {
    if (now() - last_sweep_ < sweep_interval) return;
    last_sweep_ = now();
    std::set<VersionId> in_use;
    for (const auto& [id, run] : mount_.session.runs()) {
        for (const auto& [version, use] : run.uses) in_use.insert(version);
        for (const auto& [artifact, serial] : run.views)
            if (auto base = mount_.session.view_base(mount_.session.view(serial)->base_serial)
                                ->base.version)
                in_use.insert(*base);
    }
    std::set<RunId> too_old;
    if (auto age = mount_.config.limits.draft_age)
        for (const auto& kept : mount_.loader.kept_drafts())
            if (now() - kept.record.created > *age) too_old.insert(kept.record.run);
    struct Swept {
        std::vector<RunId> dropped;
        std::vector<VersionRecord> deleted;
    };
    auto work = [this, in_use, too_old] {
        Swept result;
        for (const auto& run : too_old)
            if (auto gone = drop_kept(seals_.context(), run)) result.dropped.push_back(run);
        auto written = mount_.catalog.write([&](WriteTxn& txn) {
            result.deleted.clear();
            for (const auto& artifact : txn.artifacts(mount_.options.project)) {
                auto policy = mount_.config.policy(artifact.name, artifact.type);
                for (auto& version : beyond_policy(txn, artifact, policy, in_use)) {
                    version.deleted = true;
                    version.deleted_at = now();
                    txn.put(version);
                    txn.add_history(artifact.id,
                                    {now(),
                                     "artd",
                                     "delete",
                                     {{"version", "v" + std::to_string(version.number)},
                                      {"why", "keep_last or ttl"}}});
                    result.deleted.push_back(version);
                }
            }
        });
        if (!written) spdlog::error("a sweep failed: {}", written.error().message);
        return result;
    };
    mount_.executor.offload_aside(
        work, [this](const Swept& result) { swept(result.dropped, result.deleted); });
}

void RunKeeper::swept(const std::vector<RunId>& dropped,
                      const std::vector<VersionRecord>& deleted) {
    for (const auto& run : dropped) {
        spdlog::warn("a draft of run {} was dropped: it is older than draft_age", run.text());
        kept_are_gone(run, {});
    }
    for (const auto& version : deleted) {
        mount_.loader.put(version);
        mount_.forget_name(version.artifact, "v" + std::to_string(version.number));
    }
}

}  // namespace artfs
