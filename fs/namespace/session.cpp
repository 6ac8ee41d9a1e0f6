#include "namespace/session.h"

#include <algorithm>

#include "namespace/journal.h"

namespace artfs {

Session::Session() {
    synthetic_.push_back({});  // nodeid 0 is none
    synthetic_.push_back({});  // nodeid 1 is the root
    synthetic_numbers_.emplace(Synthetic{}, 1);
}

void Session::apply(std::uint64_t unique, Record record) {
    at_ = now();
    if (journal_ != nullptr) journal_->append(unique, at_, record);
    std::visit([this](auto& what) { on(what); }, record);
}

void Session::replay(Time when, Record record) {
    at_ = when;
    std::visit([this](auto& what) { on(what); }, record);
}

void Session::commit() {
    if (journal_ != nullptr) journal_->commit(*this);
}

NodeId Session::next_synthetic() const {
    return NodeId::make(NodeKind::synthetic, 0, static_cast<std::uint32_t>(synthetic_.size()));
}

const Synthetic* Session::synthetic(NodeId node) const {
    if (node.kind() != NodeKind::synthetic || node.serial() != 0) return nullptr;
    return node.number() < synthetic_.size() ? &synthetic_[node.number()] : nullptr;
}

std::optional<NodeId> Session::find_synthetic(const Synthetic& what) const {
    auto found = synthetic_numbers_.find(what);
    if (found == synthetic_numbers_.end()) return std::nullopt;
    return NodeId::make(NodeKind::synthetic, 0, found->second);
}

namespace {
constexpr std::size_t past_runs_kept = 1024;

template <class Map, class Key>
const typename Map::mapped_type* look_up(const Map& map, const Key& key) {
    auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
}
}  // namespace

const VersionTree* Session::version_tree(std::uint32_t serial) const {
    return look_up(version_trees_, serial);
}

const VersionTree* Session::find_version_tree(const VersionId& version) const {
    const auto* serial = look_up(version_tree_serials_, version);
    return serial == nullptr ? nullptr : version_tree(*serial);
}

const View* Session::view(std::uint32_t serial) const { return look_up(views_, serial); }

const ViewBase* Session::view_base(std::uint32_t base_serial) const {
    return look_up(view_bases_, base_serial);
}

const View* Session::view_of(NodeId node) const {
    if (node.kind() == NodeKind::view) return view(node.serial());
    if (node.kind() != NodeKind::view_base) return nullptr;
    const auto* base = view_base(node.serial());
    return base == nullptr ? nullptr : view(base->view);
}

const OverlayNode* Session::drafted(NodeId node) const {
    const auto* view = view_of(node);
    if (view == nullptr) return nullptr;
    if (node.kind() == NodeKind::view) return view->overlay.node(node.number());
    const auto* number = look_up(view_base(node.serial())->switched, node.number());
    return number == nullptr ? nullptr : view->overlay.node(*number);
}

const View* Session::find_view(const std::optional<ArtifactId>& artifact,
                               std::string_view name) const {
    const auto* serial = look_up(view_names_, std::pair(artifact, std::string(name)));
    return serial == nullptr ? nullptr : view(*serial);
}

const Handle* Session::handle(std::uint64_t fh) const { return look_up(handles_, fh); }
const LiveRun* Session::run(const RunId& id) const { return look_up(runs_, id); }

const LiveRun* Session::find_run(const ProcessKey& root) const {
    const auto* rooted = look_up(run_roots_, root);
    if (rooted == nullptr) return nullptr;
    for (auto id = rooted->rbegin(); id != rooted->rend(); ++id)
        if (const auto* live = run(*id); live != nullptr && !live->record.explicitly_started)
            return live;
    return nullptr;
}

std::vector<RunId> Session::runs_rooted_at(const ProcessKey& root) const {
    const auto* rooted = look_up(run_roots_, root);
    return rooted == nullptr ? std::vector<RunId>() : *rooted;
}

const LiveRun* Session::find_run(std::string_view name) const {
    const auto* id = look_up(run_names_, name);
    return id == nullptr ? nullptr : run(*id);
}

const Session::PastRun* Session::past_run(const ProcessKey& root) const {
    return look_up(past_runs_, root);
}

const Session::PastRun* Session::past_run(const RunId& id) const {
    for (const auto& [root, past] : past_runs_)
        if (past.id == id) return &past;
    return nullptr;
}

std::set<RunId> Session::past_runs() const {
    std::set<RunId> ids;
    for (const auto& [root, past] : past_runs_) ids.insert(past.id);
    return ids;
}

std::optional<ProcessKey> Session::root_numbered(pid_t pid, std::uint64_t before_ticks) const {
    std::optional<ProcessKey> latest;
    auto look = [&](const auto& roots) {
        auto after = roots.upper_bound(ProcessKey{pid, before_ticks});
        if (after == roots.begin()) return;
        const auto& key = std::prev(after)->first;
        if (key.pid == pid && (!latest || latest->start_ticks < key.start_ticks)) latest = key;
    };
    look(run_roots_);
    look(past_runs_);
    return latest;
}

const LiveRun* Session::find_launcher_run(const ProcessKey& launcher) const {
    const auto* id = look_up(launcher_runs_, launcher);
    return id == nullptr ? nullptr : run(*id);
}

Session::OpenCounts Session::open_counts(NodeId node) const {
    const auto* found = look_up(open_counts_, node);
    return found == nullptr ? OpenCounts{} : *found;
}

std::map<std::string, std::optional<std::string>> Session::take_dirty_rows(std::uint32_t view) {
    auto found = views_.find(view);
    if (found == views_.end()) return {};
    return found->second.overlay.take_dirty_rows();
}

void Session::put_back_rows(std::uint32_t view,
                            const std::map<std::string, std::optional<std::string>>& rows) {
    auto found = views_.find(view);
    if (found != views_.end()) found->second.overlay.put_back(rows);
}

namespace {
bool has_new_directories(const Overlay& overlay) {
    return std::any_of(overlay.nodes().begin(), overlay.nodes().end(), [](const auto& entry) {
        const auto& node = entry.second;
        return node.kind == Kind::directory && node.changed && node.links > 0;
    });
}
}  // namespace

void Session::took_serial(std::uint32_t serial) {
    next_serial_ = std::max(next_serial_, serial + 1);
}

void Session::on(MadeSynthetic& record) {
    synthetic_.resize(std::max<std::size_t>(synthetic_.size(), record.node.number() + 1));
    synthetic_[record.node.number()] = record.what;
    synthetic_numbers_.emplace(record.what, record.node.number());
}

void Session::on(OpenedVersionTree& record) {
    took_serial(record.tree.serial);
    version_tree_serials_[record.tree.version] = record.tree.serial;
    version_trees_[record.tree.serial] = std::move(record.tree);
}

void Session::on(OpenedView& record) {
    View& view = record.view;
    took_serial(view.serial);
    took_serial(view.base_serial);
    view_bases_[view.base_serial] = std::move(record.base);
    view_names_[{view.artifact, view.name}] = view.serial;
    view.on_frozen = !stand_ins_.empty() || !hashed_as_.empty();
    if (auto run = runs_.find(view.run); run != runs_.end()) {
        if (view.kind == ViewKind::run_data)
            run->second.data_view = view.serial;
        else
            run->second.views[*view.artifact] = view.serial;
    }
    views_.insert_or_assign(view.serial, std::move(view));
}

void Session::on(RebasedView& record) {
    auto& view = views_.at(record.base.view);
    took_serial(record.base.serial);
    view.base_serial = record.base.serial;
    if (record.repinned) view.first_serial = record.base.serial;
    view.overlay = std::move(record.overlay);
    view.writable = record.writable;
    view.draft.reset();
    view.stage = DraftStage::open;
    view.abandoned.clear();
    if (view.kind == ViewKind::launcher) {
        // It goes on, and the next to write there is its next owner.
        if (auto owner = runs_.find(view.run); owner != runs_.end())
            std::erase_if(owner->second.views,
                          [&](const auto& entry) { return entry.second == view.serial; });
        view.writable = true;
        view.run = record.run;
        view.others = std::move(record.others);
        view.changed_by = std::move(record.changed_by);
        view.directories = has_new_directories(view.overlay);
        if (auto owner = runs_.find(view.run); owner != runs_.end())
            owner->second.views.emplace(*view.artifact, view.serial);
    }
    view_bases_[record.base.serial] = std::move(record.base);
}

void Session::on(ClosedView& record) {
    auto found = views_.find(record.view);
    if (found == views_.end()) return;
    const auto& view = found->second;
    std::erase_if(view_bases_, [&](const auto& base) { return base.second.view == record.view; });
    auto name = view_names_.find({view.artifact, view.name});
    if (name != view_names_.end() && name->second == record.view) view_names_.erase(name);
    if (auto run = runs_.find(view.run); run != runs_.end()) {
        std::erase_if(run->second.views,
                      [&](const auto& entry) { return entry.second == record.view; });
        if (run->second.data_view == record.view) run->second.data_view = 0;
    }
    views_.erase(found);
}

void Session::on(StartedDraft& record) {
    auto& view = views_.at(record.view);
    view.draft = record.draft;
    view.draft_since = record.when;
}

void Session::on(MarkedView& record) {
    auto& view = views_.at(record.view);
    view.stage = record.stage;
    view.writable = record.writable;
    view.abandoned = record.abandoned;
}

void Session::on(ChangedDraft& record) {
    auto& view = views_.at(record.view);
    const auto& nodes = record.change.nodes;
    // A directory that is only looked at is no change.
    if (nodes.empty() || std::any_of(nodes.begin(), nodes.end(), [](const OverlayNode& node) {
            return node.changed || node.kept;
        }))
        view.changed = at_;
    view.overlay.apply(record.change);
    for (const auto& clean : record.switched)
        view_bases_.at(clean.node.serial()).switched[clean.node.number()] = clean.number;
    for (NodeId node : record.unlinked)
        view_bases_.at(node.serial()).unlinked.insert(node.number());
}

void Session::on(StartedRun& record) {
    RunId id = record.run.record.id;
    if (record.run.for_launcher)
        launcher_runs_[record.run.root] = id;
    else
        run_roots_[record.run.root].push_back(id);
    run_names_[record.run.record.name] = id;
    // A run that was over goes on in the views that it had.
    for (auto& [serial, view] : views_) {
        if (view.run != id || !view.abandoned.empty()) continue;
        view.writable = true;
        if (view.kind == ViewKind::run_data)
            record.run.data_view = serial;
        else
            record.run.views[*view.artifact] = serial;
    }
    runs_.insert_or_assign(id, std::move(record.run));
}

void Session::on(ChangedRun& record) {
    auto& run = runs_.at(record.record.id);
    run.record = std::move(record.record);
    run.recorded = record.recorded;
    run.dirty = true;
}

void Session::on(MarkedRun& record) {
    auto& run = runs_.at(record.run);
    run.exited = record.exited;
    run.closing = record.closing;
    // What the launcher's next tool does is a run of its own.
    if (auto acting = launcher_runs_.find(run.root);
        run.exited && acting != launcher_runs_.end() && acting->second == record.run)
        launcher_runs_.erase(acting);
}

void Session::on(ClosedSegment& record) {
    auto& run = runs_.at(record.run);
    run.record.segments = record.next;
    run.uses.clear();
}

void Session::on(EndedRun& record) {
    auto found = runs_.find(record.run);
    if (found == runs_.end()) return;
    auto& run = found->second;
    if (auto root = run_roots_.find(run.root); root != run_roots_.end()) {
        std::erase(root->second, record.run);
        if (root->second.empty()) run_roots_.erase(root);
    }
    if (auto name = run_names_.find(run.record.name);
        name != run_names_.end() && name->second == record.run)
        run_names_.erase(name);
    if (run.recorded && !run.for_launcher) {
        if (past_runs_.insert_or_assign(run.root, PastRun{record.run, run.record.name}).second)
            past_order_.push_back(run.root);
        if (past_order_.size() > past_runs_kept) {
            past_runs_.erase(past_order_.front());
            past_order_.pop_front();
        }
    }
    if (auto acting = launcher_runs_.find(run.root);
        acting != launcher_runs_.end() && acting->second == record.run)
        launcher_runs_.erase(acting);
    for (auto& [serial, view] : views_) view.readers.erase(record.run);
    runs_.erase(found);
}

void Session::on(Used& record) {
    auto found = runs_.find(record.run);
    if (found == runs_.end()) return;
    auto& run = found->second;
    auto& edge = run.uses[record.version];
    edge.run = record.run;
    edge.segment = run.record.segments;
    edge.version = record.version;
    if (record.rank)
        edge.ranks.add(*record.rank);
    else
        edge.metadata = true;
    run.dirty = true;
}

void Session::on(OpenedHandle& record) {
    const auto& handle = record.handle;
    next_handle_ = std::max(next_handle_, handle.fh + 1);
    auto& counts = open_counts_[handle.node];
    if (handle.path == DataPath::cached) ++counts.cached;
    if (handle.path == DataPath::passthrough) ++counts.passthrough;
    if (handle.write) ++counts.writers;
    if (handle.read && handle.write) ++counts.mappers;
    handles_[handle.fh] = handle;
}

void Session::on(ClosedHandle& record) {
    auto found = handles_.find(record.fh);
    if (found == handles_.end()) return;
    const auto& handle = found->second;
    // A document's handles are none of those that are counted.
    if (auto counted = open_counts_.find(handle.node); counted != open_counts_.end()) {
        auto& counts = counted->second;
        if (handle.path == DataPath::cached) --counts.cached;
        if (handle.path == DataPath::passthrough && !handle.mapped) --counts.passthrough;
        if (handle.write) --counts.writers;
        if (handle.read && handle.write) --counts.mappers;
        if (counts.passthrough == 0) backed_nodes_.erase(handle.node);
        if (counts.cached + counts.passthrough + counts.writers == 0) open_counts_.erase(counted);
    }
    if (const auto* view = view_of(handle.node); view != nullptr && !handle.writers.empty())
        views_.at(view->serial).changed_by.insert(handle.writers.begin(), handle.writers.end());
    handles_.erase(found);
    texts_.erase(record.fh);
}

void Session::on(LeftMapped& record) {
    auto found = handles_.find(record.fh);
    if (found == handles_.end() || found->second.mapped) return;
    found->second.mapped = true;
    auto node = found->second.node;
    if (--open_counts_.at(node).passthrough == 0) backed_nodes_.erase(node);
}

void Session::on(CheckpointedRun& record) {
    auto found = runs_.find(record.run);
    if (found != runs_.end()) found->second.dirty = false;
}

void Session::on(Promoted& record) {
    const auto& promotion = record.promotion;
    for (auto& [serial, base] : view_bases_) {
        if (base.base.version != promotion.promised) continue;
        base.base = promotion.base;
        base.snapshot = promotion.snapshot;
    }
    for (auto& [serial, view] : views_)
        if (view.on_frozen) view.overlay.promote(promotion);
    for (auto& [id, run] : runs_) {
        auto use = run.uses.extract(promotion.promised);
        if (use.empty()) continue;
        auto edge = std::move(use.mapped());
        edge.version = *promotion.base.version;
        auto& all = run.uses[edge.version];
        edge.ranks |= all.ranks;
        edge.metadata = edge.metadata || all.metadata;
        all = std::move(edge);
        run.dirty = true;
    }
    for (const auto& [digest, hashed] : promotion.files) {
        stand_ins_.erase(digest);
        hashed_as_.insert_or_assign(digest, hashed.digest);
    }
    if (record.last && stand_ins_.empty()) hashed_as_.clear();
    promote_pending(promotion);
}

void Session::on(OwnedView& record) {
    auto& view = views_.at(record.view);
    view.run = record.run;
    view.others.erase(record.run);
    // From here on what the run does not write is a use of the base as it is now.
    view.first_serial = view.base_serial;
    view.directories = false;
    auto run = runs_.find(record.run);
    if (run == runs_.end()) return;
    auto& serial = run->second.views[*view.artifact];
    // One that drafts in a view of its own goes on there.
    auto before = views_.find(serial);
    if (before == views_.end() || !before->second.draft) serial = view.serial;
}

void Session::on(SharedView& record) {
    auto run = runs_.find(record.run);
    if (run == runs_.end()) return;
    views_.at(record.view).others[record.run] = run->second.record.segments;
}

void Session::on(ChangedIn& record) { views_.at(record.view).changed_by.insert(record.run); }

void Session::on(WroteThrough& record) {
    if (auto handle = handles_.find(record.fh); handle != handles_.end())
        handle->second.writers.insert(record.run);
}

void Session::on(ReadThrough& record) {
    auto& view = views_.at(record.view);
    auto run = runs_.find(record.run);
    if (run == runs_.end()) return;
    view.readers.insert(record.run);
    run->second.met.emplace(*view.artifact, view_bases_.at(view.base_serial).base);
}

void Session::on(ActedFor& record) {
    auto& run = runs_.at(record.run);
    if (record.tool) run.tools.insert(record.tool);
    if (record.command.empty()) return;
    run.record.commands.push_back(std::move(record.command));
    run.dirty = true;
}

void Session::on(ToolExited& record) {
    if (auto run = runs_.find(record.run); run != runs_.end()) run->second.tools.erase(record.tool);
}

void Session::on(Peeked& record) {
    auto& run = runs_.at(record.run);
    auto& peeks = run.record.peeks;
    if (std::find(peeks.begin(), peeks.end(), record.peek) != peeks.end()) return;
    peeks.push_back(std::move(record.peek));
    run.dirty = true;
}

void Session::on(ClaimedHandle& record) {
    auto found = handles_.find(record.fh);
    if (found == handles_.end()) return;
    found->second.run = record.run;
    found->second.used = found->second.used || record.used;
}

}  // namespace artfs
