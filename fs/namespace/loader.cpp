#include "namespace/loader.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <exception>

#include "base/bytes.h"
#include "drafts/overlay.h"

namespace artfs {

namespace {
// A node holds 64 entries on average, some 20 KiB decoded.
constexpr std::size_t cached_nodes = 4096;
constexpr std::size_t cached_snapshots = 4096;
constexpr std::size_t cached_runs = 1024;
}  // namespace

std::string root_setting(const std::string& project) { return "root/" + project; }

Loader::Loader(Store& store, Executor& executor, std::string project)
    : store_(store), executor_(executor), project_(std::move(project)) {
    auto txn = store_.catalog().read();
    root_.uid = geteuid();
    root_.gid = getegid();
    if (auto kept = txn->setting(root_setting(project_)))
        if (auto found = nlohmann::json::parse(*kept, nullptr, false); found.is_object())
            root_ = {found.value("mode", root_.mode), found.value("uid", root_.uid),
                     found.value("gid", root_.gid)};
    for (auto& record : txn->artifacts(project_)) {
        ArtifactState state;
        state.record = record;
        for (auto& [alias, number] : txn->aliases(record.id)) state.aliases.emplace(alias, number);
        names_.emplace(record.name, record.id);
        artifacts_.emplace(record.id, std::move(state));
    }
    for (auto& draft : txn->drafts()) {
        // Others are in the session of a worker that has died.
        if (draft.state != DraftState::abandoned) continue;
        if (draft.artifact && !artifacts_.contains(*draft.artifact)) continue;
        if (auto run = txn->run(project_, draft.run)) kept_.push_back({draft, run->name});
    }
}

template <class Read, class Keep>
void Loader::load(Read read, Keep keep) {
    throw Suspend{[this, read, keep](Suspend::Resume resume) {
        using Value = decltype(read(std::declval<const ReadTxn&>()));
        executor_.offload(
            [this, read]() -> std::optional<Value> {
                try {
                    auto txn = store_.catalog().read();
                    return read(*txn);
                } catch (const std::exception& damage) {
                    spdlog::error("the catalog cannot be read: {}", damage.what());
                    return std::nullopt;
                }
            },
            [keep, resume](std::optional<Value> value) {
                if (value) keep(std::move(*value));
                resume(value ? 0 : EIO);
            });
    }};
}

const ArtifactState* Loader::artifact(const ArtifactId& id) const {
    auto found = artifacts_.find(id);
    return found == artifacts_.end() ? nullptr : &found->second;
}

const ArtifactState* Loader::artifact(std::string_view name) const {
    auto found = names_.find(name);
    return found == names_.end() ? nullptr : artifact(found->second);
}

const KeptDraft* Loader::kept_draft(const ArtifactId& artifact, std::string_view run_name) const {
    auto found = std::find_if(kept_.begin(), kept_.end(), [&](const KeptDraft& kept) {
        return kept.record.artifact == artifact && kept.run_name == run_name;
    });
    return found == kept_.end() ? nullptr : &*found;
}

std::shared_ptr<const Node> Loader::node(const Digest& stored) {
    if (auto found = nodes_.find(stored); found != nodes_.end()) {
        node_order_.splice(node_order_.end(), node_order_, found->second.place);
        return found->second.node;
    }
    load([stored](const ReadTxn& txn) { return txn.node(stored); },
         [this, stored](std::shared_ptr<const Node> node) {
             if (nodes_.contains(stored)) return;
             node_order_.push_back(stored);
             nodes_[stored] = {std::move(node), std::prev(node_order_.end())};
             if (nodes_.size() <= cached_nodes) return;
             nodes_.erase(node_order_.front());
             node_order_.pop_front();
         });
}

const Snapshot& Loader::snapshot(const TreeId& tree) {
    static const Snapshot empty{.root = empty_dir(), .metadata = {}, .description = {}};
    static const TreeId empty_id = tree_id(empty);
    if (tree == empty_id) return empty;
    if (auto found = snapshots_.find(tree); found != snapshots_.end()) return found->second;
    load([tree](const ReadTxn& txn) { return txn.snapshot(tree); },
         [this, tree](Snapshot snapshot) {
             if (snapshots_.size() >= cached_snapshots) snapshots_.clear();
             snapshots_.emplace(tree, std::move(snapshot));
         });
}

const std::map<std::uint32_t, VersionRecord>& Loader::versions(const ArtifactId& artifact) {
    auto& state = artifacts_.at(artifact);
    if (state.versions) return *state.versions;
    load([artifact](const ReadTxn& txn) { return txn.versions(artifact); },
         [this, artifact](std::vector<VersionRecord> versions) {
             auto found = artifacts_.find(artifact);
             if (found == artifacts_.end()) return;
             if (!found->second.versions) found->second.versions.emplace();
             for (auto& version : versions)
                 found->second.versions->emplace(version.number, std::move(version));
         });
}

const VersionRecord* Loader::version(const ArtifactId& artifact, std::uint32_t number) {
    const auto& all = versions(artifact);
    auto found = all.find(number);
    return found == all.end() ? nullptr : &found->second;
}

const RunRecord* Loader::run(std::string_view name) {
    if (auto found = runs_.find(name); found != runs_.end())
        return found->second ? &*found->second : nullptr;
    load(
        [project = project_, name = std::string(name)](const ReadTxn& txn) {
            auto run = txn.run(project, name);
            if (run) run->segments = txn.segments_of(run->id);
            return run;
        },
        [this, name = std::string(name)](std::optional<RunRecord> run) {
            if (runs_.size() >= cached_runs) runs_.clear();
            runs_.emplace(name, std::move(run));
        });
}

const Loader::KeptRows& Loader::draft_rows(const DraftId& draft) {
    if (auto found = draft_rows_.find(draft); found != draft_rows_.end()) return found->second;
    load(
        [this, draft](const ReadTxn& txn) {
            KeptRows kept{txn.draft_rows(draft), {}};
            for (auto number : Overlay::from_rows(Snapshot{}, kept.rows).staging_files()) {
                struct stat status {};
                if (stat(store_.staging_path(number).c_str(), &status) == 0)
                    kept.staged[number] = {static_cast<std::uint64_t>(status.st_size),
                                           from_timespec(status.st_mtim)};
            }
            return kept;
        },
        [this, draft](KeptRows kept) {
            draft_rows_.clear();  // wanted once, for the view that is made of them
            draft_rows_.emplace(draft, std::move(kept));
        });
}

const Loader::RunLinks& Loader::run_links(const RunId& run) {
    if (auto found = run_links_.find(run); found != run_links_.end()) return found->second;
    load(
        [run](const ReadTxn& txn) {
            RunLinks links;
            for (const auto& use : txn.uses_of(run))
                if (auto version = txn.version(use.version))
                    links.uses[version->artifact] = version->number;
            for (const auto& log : txn.logs_of(run))
                if (auto version = txn.version(log.version))
                    links.logs[version->artifact] = version->number;
            return links;
        },
        [this, run](RunLinks links) {
            if (run_links_.size() >= cached_runs) run_links_.clear();
            run_links_.emplace(run, std::move(links));
        });
}

void Loader::put(const ArtifactRecord& record) {
    if (record.project != project_) return;
    names_[record.name] = record.id;
    auto& state = artifacts_[record.id];
    state.record = record;
    if (record.next_version == 0) state.versions.emplace();
}

void Loader::put(const VersionRecord& record) {
    auto found = artifacts_.find(record.artifact);
    if (found == artifacts_.end() || !found->second.versions) return;
    if (record.deleted)
        found->second.versions->erase(record.number);
    else
        found->second.versions->insert_or_assign(record.number, record);
}

void Loader::put_alias(const ArtifactId& id, const std::string& alias, std::uint32_t number) {
    if (auto found = artifacts_.find(id); found != artifacts_.end())
        found->second.aliases[alias] = number;
}

void Loader::erase_alias(const ArtifactId& id, const std::string& alias) {
    if (auto found = artifacts_.find(id); found != artifacts_.end())
        found->second.aliases.erase(alias);
}

void Loader::erase_artifact(const ArtifactId& id) {
    auto found = artifacts_.find(id);
    if (found == artifacts_.end()) return;
    names_.erase(found->second.record.name);
    artifacts_.erase(found);
}

void Loader::put_kept(KeptDraft draft) {
    erase_kept(draft.record.id);
    kept_.push_back(std::move(draft));
}

void Loader::erase_kept(const DraftId& draft) {
    std::erase_if(kept_, [&](const KeptDraft& kept) { return kept.record.id == draft; });
    draft_rows_.erase(draft);
}

void Loader::forget_run(std::string_view name) {
    if (auto found = runs_.find(name); found != runs_.end()) runs_.erase(found);
    run_links_.clear();
}

}  // namespace artfs
