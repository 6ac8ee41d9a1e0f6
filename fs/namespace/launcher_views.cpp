// RunKeeper: the views of launchers (rule 6 of design.md, section 3), and what is opened for others
// (rule 5).
//
// A launcher's view is named after the process that went there. It is nobody's until somebody
// writes: the run of that program owns the draft, until it is sealed or moved to the owner's @RUN.
#include <algorithm>

#include "drafts/directories.h"
#include "namespace/run_keeper.h"

namespace artfs {

namespace {

// Those of a process that had the number before have more to their name.
const View* named_view(const Session& session, const ArtifactId& artifact, const std::string& name,
                       const ProcessKey& launcher) {
    const auto* view = session.find_view(artifact, name);
    if (view != nullptr && view->launcher == launcher) return view;
    view = session.find_view(artifact, name + "-" + std::to_string(launcher.start_ticks));
    return view != nullptr && view->launcher == launcher ? view : nullptr;
}

std::string view_name(const Launcher& launcher) {
    std::string name;
    for (char c : launcher.name)
        name += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' ? c : '-';
    return name + "-" + std::to_string(launcher.process.pid);
}

bool shows_more_than_the_head(const View& view) { return view.draft || view.directories; }

}  // namespace

const View* RunKeeper::view_of_launcher(const ProcessKey& launcher,
                                        const ArtifactId& artifact) const {
    auto known = launchers_.find(launcher);
    if (known == launchers_.end()) return nullptr;
    return named_view(mount_.session, artifact, view_name(known->second.launcher), launcher);
}

const View& RunKeeper::launcher_view(const Request& request, const Caller& caller,
                                     const Launcher& launcher, const ArtifactState& artifact) {
    // By the name that it was met under: exec gives it another.
    const std::string name = view_name(know(caller, launcher).launcher);
    const auto& id = artifact.record.id;
    if (const auto* view = view_of_launcher(launcher.process, id)) {
        follow_head(request, *view);
        return *view;
    }
    Base base = head_of(artifact);
    const Snapshot& snapshot = mount_.loader.snapshot(base.tree);
    View view;
    view.kind = ViewKind::launcher;
    view.name = name;
    view.artifact = id;
    view.launcher = launcher.process;
    view.overlay = Overlay(snapshot, base.version);
    view.begins_empty = policy_of(view).base == BasePolicy::empty;
    std::vector<ProcessKey> above;
    for (const auto& one : caller.inferred.launchers) above.push_back(one.process);
    auto directories = directories_for(above, id, view.overlay);
    view.directories = !directories.nodes.empty();
    view.overlay.apply(directories);
    // Of a process that had the number before, and left what is not sealed yet.
    if (mount_.session.find_view(id, view.name) != nullptr)
        view.name += "-" + std::to_string(launcher.process.start_ticks);
    const View& opened = open_view(request, std::move(view), base, snapshot);
    launcher_views_.insert(opened.serial);
    return opened;
}

const View& RunKeeper::latest_of_launcher(const Request& request, const Caller& caller,
                                          std::size_t at, const ArtifactState& artifact) {
    const auto& id = artifact.record.id;
    const auto& self = caller.inferred.launchers[at];
    if (is_about_to_exec(self)) return launcher_view(request, caller, self, artifact);
    // What was begun for the topmost goes on there; what this one opens there waits for its end.
    know(caller, self);
    const auto& acting = *caller.inferred.acts_for();
    if (const auto* view = view_of_launcher_run(acting.process, id)) return *view;
    const auto* begun = view_of_launcher(acting.process, id);
    if (begun != nullptr && shows_more_than_the_head(*begun)) return *begun;
    return launcher_view(request, caller, self, artifact);
}

const View* RunKeeper::view_of_launcher_run(const ProcessKey& launcher,
                                            const ArtifactId& artifact) const {
    const auto* run = mount_.session.find_launcher_run(launcher);
    if (run == nullptr) return nullptr;
    auto view = run->views.find(artifact);
    return view == run->views.end() ? nullptr : mount_.session.view(view->second);
}

const View& RunKeeper::latest_of_tool(const Request& request, const Caller& caller,
                                      const ArtifactState& artifact) {
    const auto acting = *acts_for(caller);
    const auto& id = artifact.record.id;
    if (const auto* view = view_of_launcher_run(acting.process, id)) return *view;
    // What the shell opened for the tool before it became the tool: a run has one draft.
    const auto* begun = view_of_launcher(caller.root(), id);
    const auto* run = mount_.session.find_launcher_run(acting.process);
    if (begun != nullptr && begun->draft && run != nullptr &&
        mount_.session.run(begun->run) == nullptr) {
        own(request, *begun, run->record.id);
        return *begun;
    }
    return launcher_view(request, caller, acting, artifact);
}

const View* RunKeeper::latest_of_observer(const Request& request, const Caller& caller,
                                          const ArtifactState& artifact) {
    const auto& id = artifact.record.id;
    const auto& launchers = caller.inferred.launchers;
    // A shell execs the last of its commands.
    const auto* before = view_of_launcher(caller.process, id);
    if (before != nullptr && shows_more_than_the_head(*before)) return before;
    if (launchers.empty()) return nullptr;
    if (caller.program == "readlink" || caller.program == "realpath") {
        std::size_t at = 0;
        while (at + 1 < launchers.size() && launchers[at].fork) ++at;
        return &latest_of_launcher(request, caller, at, artifact);
    }
    for (const auto& launcher : launchers) {
        const auto* view = view_of_launcher(launcher.process, id);
        if (view != nullptr && shows_more_than_the_head(*view)) return view;
    }
    return view_of_launcher_run(caller.inferred.acts_for()->process, id);
}

const View* RunKeeper::latest(Request& request, const ArtifactState& artifact) {
    // A run goes on upon what is frozen; others are shown versions.
    const Caller* caller = caller_of(request);
    bool program = caller != nullptr && caller->role == Role::program;
    settle(request, artifact.record.id, program ? Settled::frozen : Settled::sealed);
    auto who = this->who(request, false);
    if (who.run && mount_.session.run(*who.run)->for_launcher)
        return &latest_of_tool(request, *who.caller, artifact);
    if (who.run) return &view(request, *who.run, artifact);
    if (who.is(Role::launcher)) return &latest_of_launcher(request, *who.caller, 0, artifact);
    if (who.is(Role::observer)) return latest_of_observer(request, *who.caller, artifact);
    return nullptr;
}

// GNU `mkdir -p` and `install -D` open what comes after a directory they have made with O_NOFOLLOW.
bool RunKeeper::makes_paths(Request& request) {
    const Caller* caller = caller_of(request);
    return caller != nullptr && (caller->program == "mkdir" || caller->program == "install");
}

DraftChange RunKeeper::directories_for(const std::vector<ProcessKey>& launchers,
                                       const ArtifactId& artifact, const Overlay& onto) {
    for (const auto& launcher : launchers) {
        const auto* view = view_of_launcher(launcher, artifact);
        if (view == nullptr || !view->directories) continue;
        return make_directories(mount_.loader.nodes(), onto, new_directories(view->overlay));
    }
    return {};
}

// Those who were started below the launcher, and who wrote there already.
bool RunKeeper::may_write(const Who& who, const View& view) const {
    if (who.caller == nullptr || !view.abandoned.empty()) return false;
    if (who.run && (view.run == *who.run || view.others.contains(*who.run))) return true;
    // What one of the shells that act for a launcher began goes on in its view
    // (latest_of_launcher).
    if (const auto* acting = who.caller->inferred.acts_for())
        if (const auto* run = mount_.session.find_launcher_run(acting->process);
            run != nullptr && (view.run == run->record.id || view.others.contains(run->record.id)))
            return true;
    const auto& above = who.caller->inferred.launchers;
    if (who.caller->process == view.launcher || who.caller->root() == view.launcher) return true;
    return std::any_of(above.begin(), above.end(),
                       [&](const Launcher& one) { return one.process == view.launcher; });
}

Result<> RunKeeper::begin_as_policy_says(const Request& request, const View& view) {
    if (!must_begin_empty(view)) return {};
    auto root = NodeId::make(NodeKind::view, view.serial, root_number);
    for (const auto& name : begin_empty(request, view)) mount_.kernel.invalidate_entry(root, name);
    return fail(ESTALE, "the draft begins empty: look again");
}

Result<> RunKeeper::begin_write(Request& request, const View& view) {
    auto who = this->who(request, true);
    if (view.kind != ViewKind::launcher) {
        if (who.is(Role::launcher)) who.run = own_run(request, *who.caller);
        if (!view.writable || !who.run || *who.run != view.run)
            return fail(EROFS, "another run's view");
        if (auto begun = begin_as_policy_says(request, view); !begun) return begun;
        ensure_draft(request, view);
        return {};
    }
    if (!may_write(who, view)) return fail(EROFS, "the view of a launcher elsewhere");
    // A shell opens for what comes; a supervisor's changes are its own.
    if (who.is(Role::launcher) && who.caller->inferred.root_class == ProgramClass::supervisor)
        who.run = own_run(request, *who.caller);
    const auto* owner = mount_.session.run(view.run);
    if (owner != nullptr && owner->closing) {
        // The daemon's own work, which takes no lock of the kernel's: a moment.
        throw Suspend{[this, run = view.run](Suspend::Resume resume) {
            waiters_.push_back({run, Settled::sealed, [resume](int) { resume(0); }});
        }};
    }
    // What the one before wrote here is sealed first: this draft is built on it.
    if (!view.draft) settle(request, view);
    const auto base = view.base_serial;
    follow_head(request, view);
    if (view.base_serial != base) return fail(ESTALE, "the head has moved: look again");
    if (auto begun = begin_as_policy_says(request, view); !begun) return begun;
    if (!view.draft)
        mount_.session.apply(request.unique, StartedDraft{view.serial, DraftId::make(), now()});
    if (who.run) changed_by(request, view, *who.run);
    return {};
}

void RunKeeper::changed_by(const Request& request, const View& view, const RunId& run) {
    own(request, view, run);
    if (!view.changed_by.contains(run))
        mount_.session.apply(request.unique, ChangedIn{view.serial, run});
}

void RunKeeper::own(const Request& request, const View& view, const RunId& run) {
    if (view.run != run) {
        if (mount_.session.run(view.run) == nullptr)
            mount_.session.apply(request.unique, OwnedView{view.serial, run});
        else if (!view.others.contains(run))
            mount_.session.apply(request.unique, SharedView{view.serial, run});
    }
    // A launcher's run may have made directories only, which is nothing to record.
    if (!mount_.session.run(run)->for_launcher) record(run, true);
}

void RunKeeper::read_through(const Request& request, const RunId& run, const View& view) {
    // What a launcher reads itself does not hold its view back.
    const auto* live = mount_.session.run(run);
    if (live != nullptr && live->for_launcher && live->root == view.launcher) return;
    if (view.kind == ViewKind::launcher && view.run != run && !view.readers.contains(run))
        mount_.session.apply(request.unique, ReadThrough{view.serial, run});
}

void RunKeeper::wrote_through(const Request& request, const RunId& run, const Handle& handle) {
    const auto* view = mount_.session.view_of(handle.node);
    if (view == nullptr || view->kind != ViewKind::launcher || !view->draft) return;
    own(request, *view, run);
    record(run, true);
    if (!handle.writers.contains(run))
        mount_.session.apply(request.unique, WroteThrough{handle.fh, run});
    if (handle.used && handle.run == view->run) return;
    const auto before = handle.run;
    mount_.session.apply(request.unique, ClaimedHandle{handle.fh, view->run, true});
    if (before) try_to_end(*before);  // it is not what that one waits for any more
}

// A handle that nobody used belongs to what its opener became, or else to the opener.
std::optional<RunId> RunKeeper::left_unused(const Handle& handle) {
    const auto* view = mount_.session.view_of(handle.node);
    if (view == nullptr || view->kind != ViewKind::launcher || !view->draft) return std::nullopt;
    if (mount_.session.run(view->run) != nullptr) return std::nullopt;
    if (const auto* became = mount_.session.find_run(handle.launcher)) {
        changed_by({}, *view, became->record.id);
        return became->record.id;
    }
    auto known = launchers_.find(handle.launcher);
    if (known == launchers_.end()) return std::nullopt;
    auto acting = launchers_.find(known->second.acts_as.process);
    const auto& root = acting == launchers_.end() ? known->second : acting->second;
    const auto* live = mount_.session.find_launcher_run(root.launcher.process);
    RunId run = live != nullptr ? live->record.id
                                : start_launcher_run(root, 0, known->second.launcher.name);
    if (live == nullptr) mount_.session.apply(0, ActedFor{run, {}, known->second.command});
    changed_by({}, *view, run);
    return run;
}

void RunKeeper::handle_closed(const Handle& handle) {
    if (!handle.write) return;
    const auto* view = mount_.session.view_of(handle.node);
    std::set<RunId> concerned;
    if (handle.run) concerned.insert(*handle.run);
    if (view != nullptr && view->kind == ViewKind::launcher) concerned.insert(view->run);
    for (const auto& run : concerned) {
        end_if_left(run);
        try_to_end(run);
    }
    if (view != nullptr && view->kind == ViewKind::launcher) close_left_views();
}

// Before a launcher becomes the root of a run, which is pinned to what its views show.
void RunKeeper::follow_heads(const Request& request, const ProcessKey& launcher) {
    if (!launchers_.contains(launcher)) return;
    for (auto serial : launcher_views_)
        if (const auto* view = mount_.session.view(serial);
            view != nullptr && view->launcher == launcher && !view->draft)
            follow_head(request, *view);
}

void RunKeeper::adopt_views(const Request& request, const RunId& run) {
    ProcessKey root = mount_.session.run(run)->root;
    if (!launchers_.contains(root)) return;
    std::set<std::uint32_t> adopted;
    for (auto serial : launcher_views_)
        if (const auto* view = mount_.session.view(serial); view && view->launcher == root)
            adopted.insert(serial);
    for (const auto& [fh, handle] : mount_.session.handles()) {
        const auto* view = mount_.session.view_of(handle.node);
        if (handle.launcher == root && handle.write && view != nullptr && view->draft &&
            view->kind == ViewKind::launcher)
            adopted.insert(view->serial);
    }
    for (auto serial : adopted) {
        const auto& view = *mount_.session.view(serial);
        if (mount_.session.run(view.run) != nullptr) continue;
        if (view.draft)
            own(request, view, run);
        else
            mount_.session.apply(request.unique, OwnedView{serial, run});
    }
    if (const auto* before = mount_.session.find_launcher_run(root)) end_if_left(before->record.id);
}

std::vector<std::uint32_t> RunKeeper::launcher_drafts_of(const RunId& run) const {
    std::vector<std::uint32_t> drafts;
    for (auto serial : launcher_views_)
        if (const auto* view = mount_.session.view(serial); view && view->draft && view->run == run)
            drafts.push_back(serial);
    return drafts;
}

// The draft of a run that did not end well becomes the run's own view.
void RunKeeper::leave_launcher_views(const RunId& run) {
    for (auto serial : launcher_drafts_of(run)) leave_launcher_view(run, serial);
}

std::uint32_t RunKeeper::leave_launcher_view(const RunId& run, std::uint32_t serial) {
    const View& from = *mount_.session.view(serial);
    const ArtifactId artifact = *from.artifact;
    DraftId draft = *from.draft;
    Time since = from.draft_since;
    const ViewBase base = *mount_.session.view_base(from.base_serial);
    View own_view;
    own_view.name = mount_.session.run(run)->record.name;
    own_view.artifact = artifact;
    own_view.run = run;
    own_view.overlay = from.overlay;
    // The numbers of the kernel's nodes stay with the launcher's view.
    DraftChange renumbered;
    for (const auto& [number, node] : from.overlay.nodes()) {
        if (node.nodeid == 0) continue;
        renumbered.nodes.push_back(node);
        renumbered.nodes.back().nodeid = 0;
    }
    own_view.overlay.apply(renumbered);
    Overlay clean(base.snapshot, base.base.version);
    ViewBase next{mount_.session.next_serial(), serial, base.base, base.snapshot, {}, {}};
    mount_.session.apply(0, RebasedView{std::move(next), std::move(clean), true});
    mount_.kernel.invalidate_inode(NodeId::make(NodeKind::view, serial, root_number));
    const View& moved = open_view({}, std::move(own_view), base.base, base.snapshot);
    mount_.session.apply(0, StartedDraft{moved.serial, draft, since});
    return moved.serial;
}

// Others who wrote to a draft of this run, and live. A launcher does that by tools and by what it
// has open, which is waited for anyway.
bool RunKeeper::others_write(const RunId& run) const {
    const auto* live = mount_.session.run(run);
    for (const auto& [artifact, serial] : live->views)
        for (const auto& [other, segment] : mount_.session.view(serial)->others) {
            const auto* one = mount_.session.run(other);
            if (one == nullptr || one->exited) continue;
            if (!one->for_launcher || !one->tools.empty()) return true;
        }
    return false;
}

void RunKeeper::try_to_end_shared(const RunId& run) {
    std::set<RunId> owners;
    for (auto serial : launcher_views_)
        if (const auto* view = mount_.session.view(serial); view && view->others.contains(run))
            owners.insert(view->run);
    for (const auto& owner : owners) {
        const auto* live = mount_.session.run(owner);
        if (live == nullptr) continue;
        // What its launcher's tools began is complete with the program's exit.
        if (live->for_launcher && !live->exited && quiet(*live)) end_launcher_run(owner);
        try_to_end(owner);
    }
}

void RunKeeper::close_left_views() {
    if (launchers_.empty()) return;
    const auto open = views_with_handles();
    std::erase_if(launcher_views_,
                  [&](auto serial) { return mount_.session.view(serial) == nullptr; });
    std::erase_if(stays_behind_,
                  [&](const auto& entry) { return mount_.session.view(entry.first) == nullptr; });
    std::vector<std::uint32_t> left;
    for (auto serial : launcher_views_) {
        const auto& view = *mount_.session.view(serial);
        auto known = launchers_.find(view.launcher);
        bool lives = known != launchers_.end() && !known->second.exited;
        if (lives || view.draft || open.contains(serial)) continue;
        if (!view.readers.empty() || mount_.session.run(view.run) != nullptr) continue;
        left.push_back(serial);
    }
    left.resize(left.size() - std::min(left.size(), newest_views_kept));
    for (auto serial : left) {
        mount_.session.apply(0, ClosedView{serial});
        launcher_views_.erase(serial);
    }
    std::erase_if(launchers_, [&](const auto& entry) {
        if (!entry.second.exited || mount_.session.find_launcher_run(entry.first) != nullptr)
            return false;
        bool needed = std::any_of(launcher_views_.begin(), launcher_views_.end(), [&](auto serial) {
            const auto* view = mount_.session.view(serial);
            return view != nullptr && view->launcher == entry.first;
        });
        if (!needed) mount_.session.apply(0, LeftLauncher{entry.first});
        return !needed;
    });
}

}  // namespace artfs
