// RunKeeper: what a run sees as an artifact's `latest`, and where it writes.
#include <algorithm>

#include "namespace/run_keeper.h"

namespace artfs {

namespace {
const TreeId& empty_tree() {
    static const TreeId id =
        tree_id(Snapshot{.root = empty_dir(), .metadata = {}, .description = {}});
    return id;
}
}  // namespace

Base RunKeeper::pinned_base(const LiveRun& run, const ArtifactState& artifact) {
    if (auto met = run.met.find(artifact.record.id); met != run.met.end()) return met->second;
    // A run that goes on goes on upon what it was pinned to.
    if (run.reopened || run.record.resumes)
        if (auto pin = run.record.pins.find(artifact.record.id); pin != run.record.pins.end())
            return pin->second;
    // What is frozen is as good as sealed: a version that is newer than the head.
    if (!run.pins.contains(artifact.record.name))
        if (auto frozen = seals_.head(artifact.record.id)) return frozen->base;
    return head_of(artifact, run.pins);
}

Base RunKeeper::head_of(const ArtifactState& artifact,
                        const std::map<std::string, std::string>& pins) {
    auto head = artifact.record.head;
    if (auto pin = pins.find(artifact.record.name); pin != pins.end()) {
        auto alias = artifact.aliases.find(pin->second);
        if (alias != artifact.aliases.end())
            head = alias->second;
        else if (auto number = VersionNumber::parse(pin->second))
            head = number->value;
        else if (pin->second == "new")
            head.reset();
    }
    if (!head) return {empty_tree(), std::nullopt};
    const auto* version = mount_.loader.version(artifact.record.id, *head);
    if (version == nullptr) return {empty_tree(), std::nullopt};
    return {version->tree, version->id};
}

const View& RunKeeper::open_view(const Request& request, View view, const Base& base,
                                 const Snapshot& snapshot) {
    std::uint32_t serial = mount_.session.next_serial();
    ViewBase first{serial + 1, serial, base, snapshot, {}, {}};
    view.serial = serial;
    view.base_serial = view.first_serial = first.serial;
    mount_.session.apply(request.unique, OpenedView{std::move(view), std::move(first)});
    return *mount_.session.view(serial);
}

const View& RunKeeper::view(const Request& request, const RunId& run,
                            const ArtifactState& artifact) {
    const auto* live = mount_.session.run(run);
    if (auto known = live->views.find(artifact.record.id); known != live->views.end())
        return *mount_.session.view(known->second);
    Base base = pinned_base(*live, artifact);
    Snapshot snapshot = mount_.loader.snapshot(base.tree);
    // Who may write to the artifact's directory may write to a view of it.
    snapshot.root_attributes.mode = artifact.record.mode;
    snapshot.root_attributes.uid = artifact.record.uid;
    snapshot.root_attributes.gid = artifact.record.gid;
    View view;
    view.name = live->record.name;
    view.artifact = artifact.record.id;
    view.run = run;
    view.overlay = Overlay(snapshot, base.version);
    view.begins_empty = policy_of(view).base == BasePolicy::empty;
    // The root may have been a shell, which execs the last of its commands.
    auto above = live->launchers;
    above.insert(above.begin(), live->root);
    view.overlay.apply(directories_for(above, artifact.record.id, view.overlay));
    return open_view(request, std::move(view), base, snapshot);
}

const View& RunKeeper::data_view(const Request& request, const RunId& run) {
    const auto* live = mount_.session.run(run);
    if (live->data_view != 0) return *mount_.session.view(live->data_view);
    Snapshot snapshot = mount_.loader.snapshot(empty_tree());
    snapshot.root_attributes.uid = live->record.uid;
    snapshot.root_attributes.gid = request.gid;
    View view;
    view.kind = ViewKind::run_data;
    view.name = live->record.name;
    view.run = run;
    view.overlay = Overlay(snapshot);
    return open_view(request, std::move(view), {empty_tree(), std::nullopt}, snapshot);
}

const View* RunKeeper::past_view(const Request& request, const ArtifactState& artifact,
                                 const std::string& run_name) {
    if (const auto* known = mount_.session.find_view(artifact.record.id, run_name)) return known;
    close_past_views();
    const auto* run = mount_.loader.run(run_name);
    if (run == nullptr) return nullptr;
    View view;
    view.name = run_name;
    view.artifact = artifact.record.id;
    view.run = run->id;
    view.writable = false;
    if (const auto* kept = mount_.loader.kept_draft(artifact.record.id, run_name)) {
        const auto& rows = mount_.loader.draft_rows(kept->record.id);
        const Snapshot& snapshot = mount_.loader.snapshot(kept->record.base.tree);
        view.overlay = Overlay::from_rows(snapshot, rows.rows);
        DraftChange sizes;
        for (const auto& [number, node] : view.overlay.nodes()) {
            auto staged = rows.staged.find(node.staging);
            if (node.staging == 0 || staged == rows.staged.end()) continue;
            sizes.nodes.push_back(node);
            sizes.nodes.back().size = staged->second.size;
            sizes.nodes.back().attributes.mtime = staged->second.mtime;
        }
        view.overlay.apply(sizes);
        view.draft = kept->record.id;
        view.draft_since = kept->record.created;
        view.abandoned = kept->record.why;
        return &open_view(request, std::move(view), kept->record.base, snapshot);
    }
    auto pin = run->pins.find(artifact.record.id);
    if (pin == run->pins.end()) return nullptr;
    // A deleted version's files may be collected: it is shown nowhere.
    const auto& versions = mount_.loader.versions(artifact.record.id);
    if (pin->second.version && std::none_of(versions.begin(), versions.end(), [&](const auto& one) {
            return one.second.id == *pin->second.version;
        }))
        return nullptr;
    const Snapshot& snapshot = mount_.loader.snapshot(pin->second.tree);
    view.overlay = Overlay(snapshot, pin->second.version);
    return &open_view(request, std::move(view), pin->second, snapshot);
}

const View* RunKeeper::past_data_view(const Request& request, const std::string& run_name) {
    if (const auto* known = mount_.session.find_view(std::nullopt, run_name)) return known;
    const auto* run = mount_.loader.run(run_name);
    if (run == nullptr) return nullptr;
    TreeId tree = run->data.value_or(empty_tree());
    const Snapshot& snapshot = mount_.loader.snapshot(tree);
    View view;
    view.kind = ViewKind::run_data;
    view.name = run_name;
    view.run = run->id;
    view.writable = false;
    view.overlay = Overlay(snapshot);
    return &open_view(request, std::move(view), {tree, std::nullopt}, snapshot);
}

bool RunKeeper::must_begin_empty(const View& view) const {
    if (!view.begins_empty || view.draft) return false;
    return mount_.session.view_base(view.base_serial)->base.tree != empty_tree();
}

std::vector<std::string> RunKeeper::begin_empty(const Request& request, const View& view) {
    std::vector<std::string> names;
    list(mount_.loader.nodes(), mount_.session.view_base(view.base_serial)->snapshot.root, 0, 0,
         [&](const Entry& entry, std::uint32_t) {
             names.push_back(entry.name);
             return true;
         });
    for (const auto& [name, value] : view.overlay.names(root_number)) names.push_back(name);
    const Snapshot& snapshot = mount_.loader.snapshot(empty_tree());
    ViewBase base{mount_.session.next_serial(), view.serial, {empty_tree(), {}}, snapshot, {}, {}};
    Overlay empty(snapshot);
    // Numbers are never used twice in a view.
    DraftChange skip;
    OverlayNode last;
    last.number = view.overlay.next_number();
    skip.nodes.push_back(last);
    skip.erased.push_back(last.number);
    empty.apply(skip);
    empty.take_dirty_rows();
    mount_.session.apply(request.unique, RebasedView{std::move(base), std::move(empty), true});
    ensure_draft(request, view);
    return names;
}

void RunKeeper::ensure_draft(const Request& request, const View& view) {
    record(view.run, true);
    if (view.draft) return;
    mount_.session.apply(request.unique, StartedDraft{view.serial, DraftId::make(), now()});
    watch_quiet(view);
}

}  // namespace artfs
