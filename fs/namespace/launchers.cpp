// RunKeeper: what is done for launchers (rule 4 of design.md, section 3).
//
// The file tools that a launcher starts act for it: they share a run, which has the launcher for
// its root, begins with the first of them, and ends when it has been quiet for a while, when the
// launcher exits, or when another program asks. The launcher's own redirections are part of it too.
// So a launcher can have many such runs, one after the other.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/users.h"
#include "drafts/directories.h"
#include "namespace/run_keeper.h"

namespace artfs {

namespace {
// Somebody who types wants to see it sealed; a script that goes on is not interrupted.
constexpr std::chrono::milliseconds idle_at_a_desk{2'000};
constexpr std::chrono::milliseconds idle_in_a_script{60'000};

std::chrono::milliseconds idle_time(const Launcher& launcher) {
    return launcher.desk ? idle_at_a_desk : idle_in_a_script;
}

}  // namespace

// A shell forks before it opens a redirection and execs: such a child is the program to be. One
// that has started something is a subshell.
bool RunKeeper::is_about_to_exec(const Launcher& launcher) const {
    return launcher.fork && !subshells_.contains(launcher.process);
}

const Launcher* RunKeeper::acts_for(const Caller& caller) const {
    if (caller.explicit_run) return nullptr;
    const auto& above = caller.inferred;
    if (caller.role == Role::launcher)
        return is_about_to_exec(above.launchers.front()) ? &above.launchers.front()
                                                         : above.acts_for();
    if (above.root_class != ProgramClass::file_tool) return nullptr;
    // A shell execs the last of its commands, which goes on with what the others began.
    auto before = launchers_.find(caller.root());
    bool goes_on =
        before != launchers_.end() &&
        (above.launchers.empty() || mount_.session.find_launcher_run(caller.root()) != nullptr);
    return goes_on ? &before->second.launcher : above.acts_for();
}

const LiveRun* RunKeeper::run_begun_for(const Caller& caller) const {
    const auto* acting = acts_for(caller);
    return acting != nullptr ? mount_.session.find_launcher_run(acting->process)
                             : mount_.session.find_run(root_of(caller));
}

KnownLauncher& RunKeeper::know(const Caller& caller, const Launcher& launcher) {
    auto [known, fresh] = launchers_.try_emplace(launcher.process);
    if (!fresh) return known->second;
    known->second.launcher = launcher;
    known->second.acts_as = launcher;
    known->second.uid = caller.credentials.uid;
    if (launcher.process == caller.process) {
        known->second.acts_as = *acts_for(caller);
        if (auto root = roots_.find(caller.process); root != roots_.end())
            known->second.command = redact(root->second->facts.arguments);
    }
    // Gone already: then its exit is not awaited, and what it left is done with at once.
    Fd pidfd = open_pidfd(launcher.process.pid);
    auto watched = pidfd ? exits_.add(std::move(pidfd), launcher.process) : fail(ESRCH, "gone");
    known->second.exited = !watched;
    mount_.session.apply(0, MetLauncher{known->second});
    return known->second;
}

RunId RunKeeper::start_launcher_run(const KnownLauncher& known, std::uint64_t unique,
                                    const std::string& job_type) {
    LiveRun run;
    run.root = known.launcher.process;
    run.for_launcher = true;
    run.launcher_name = known.launcher.name;
    auto& record = run.record;
    record.id = RunId::make();
    record.project = mount_.options.project;
    record.name = fresh_name();
    record.job_type = job_type;
    record.started = now();
    record.root_pid = run.root.pid;
    record.host = host_name();
    record.uid = known.uid;
    RunId id = record.id;
    start(unique, std::move(run));
    last_acted_[id] = std::chrono::steady_clock::now();
    watch_idle(id, idle_time(known.launcher));
    return id;
}

RunId RunKeeper::launcher_run(Request& request, const Caller& caller, const Launcher& launcher) {
    const auto& known = know(caller, launcher);
    const bool itself = caller.role == Role::launcher;
    auto root = roots_.find(caller.root());
    auto process = root == roots_.end() ? nullptr : root->second;
    const auto* live = mount_.session.find_launcher_run(launcher.process);
    const bool first = live == nullptr;
    RunId id = first ? start_launcher_run(known, request.unique,
                                          process ? job_type_of(process->facts) : caller.program)
                     : live->record.id;
    live = mount_.session.run(id);
    last_acted_[id] = std::chrono::steady_clock::now();
    if (!first && (itself || live->tools.contains(caller.root()))) return id;
    ActedFor acted{
        id, {}, process ? redact(process->facts.arguments) : std::vector{caller.program}};
    if (!itself) {
        // Taken from the root and not duplicated: it is watched once.
        Fd pidfd = open_pidfd(caller.root().pid);
        if (pidfd && exits_.add(std::move(pidfd), caller.root())) {
            acted.tool = caller.root();
            tools_[acted.tool] = id;
            if (caller.pipes.input != 0) piped_tools_.insert(acted.tool);
        }
    }
    mount_.session.apply(request.unique, std::move(acted));
    if (first && process) collect_facts(id, process);
    if (!itself && root != roots_.end()) roots_.erase(root);
    return id;
}

RunId RunKeeper::own_run(Request& request, const Caller& launcher) {
    // It was about to become a program that is none, a script without an interpreter's name, and
    // reads it itself.
    if (const auto* live = mount_.session.find_run(launcher.process)) return live->record.id;
    RunId run = launcher_run(request, launcher, *acts_for(launcher));
    claim_input(run, launcher);
    return run;
}

void RunKeeper::watch_idle(const RunId& run, std::chrono::milliseconds after) {
    mount_.kernel.after(static_cast<unsigned>(after.count()), [this, run] {
        const auto* live = mount_.session.run(run);
        if (live == nullptr || live->exited) return;
        poll_exits();
        auto known = launchers_.find(live->root);
        auto patience =
            known == launchers_.end() ? idle_in_a_script : idle_time(known->second.launcher);
        auto idle = std::chrono::steady_clock::now() - last_acted_[run];
        if (idle < patience)
            return watch_idle(run, std::chrono::ceil<std::chrono::milliseconds>(patience - idle));
        if (!quiet(*live)) return watch_idle(run, patience);
        end_launcher_run(run);
    });
}

// Nothing that works for the launcher is alive, so nothing of the run can change any more.
bool RunKeeper::quiet(const LiveRun& run) const {
    if (!run.tools.empty() || others_write(run.record.id)) return false;
    for (const auto& [fh, handle] : mount_.session.handles()) {
        if (!handle.write || !handle.launcher) continue;
        const auto* view = mount_.session.view_of(handle.node);
        if (view == nullptr || view->run != run.record.id) continue;
        auto opener = launchers_.find(handle.launcher);
        if (opener != launchers_.end() && !opener->second.exited) return false;
    }
    return true;
}

void RunKeeper::end_launcher_run(const RunId& run) {
    const auto* live = mount_.session.run(run);
    if (live == nullptr || live->exited) return;
    leave_directories(*live);
    record_launcher_runs();
    finish_status(run, 0);  // a tool's failure does not fail it
}

// What only made directories makes no version; they stay for the next run.
void RunKeeper::leave_directories(const LiveRun& run) {
    auto views = run.views;
    std::vector<DraftId> dropped;
    for (const auto& [artifact, serial] : views) {
        const auto& view = *mount_.session.view(serial);
        if (view.kind != ViewKind::launcher || !view.draft || view.overlay.has_changes()) continue;
        dropped.push_back(*view.draft);
        ViewBase base = *mount_.session.view_base(view.base_serial);
        base.serial = mount_.session.next_serial();
        base.switched.clear();
        base.unlinked.clear();
        mount_.session.apply(0, RebasedView{std::move(base), view.overlay, true});
    }
    if (dropped.empty()) return;
    drop_drafts(std::move(dropped));
}

void RunKeeper::drop_drafts(std::vector<DraftId> drafts) {
    pay(owe(std::nullopt, {}, std::move(drafts)), nullptr, [](const Result<>& done) {
        if (!done) spdlog::error("a draft could not be dropped: {}", done.error().message);
    });
}

// Directories alone are nothing to record; anything else is.
void RunKeeper::record_launcher_runs() {
    std::vector<RunId> wrote;
    for (const auto& [id, run] : mount_.session.runs()) {
        if (!run.for_launcher || (run.recorded && run.record.wrote)) continue;
        for (const auto& [artifact, serial] : run.views) {
            const auto* view = mount_.session.view(serial);
            if (view->draft && view->overlay.has_changes()) wrote.push_back(id);
        }
    }
    for (const auto& id : wrote) record(id, true);
}

void RunKeeper::end_if_left(const RunId& run) {
    const auto* live = mount_.session.run(run);
    if (live == nullptr || !live->for_launcher || live->exited) return;
    auto known = launchers_.find(live->root);
    bool left = known == launchers_.end() || known->second.exited ||
                mount_.session.find_run(live->root) != nullptr;  // became a program
    if (!left || !quiet(*live)) return;
    const RunId id = live->record.id;  // `run` may be of the record that goes
    end_launcher_run(id);
}

void RunKeeper::end_quiet_launcher_runs() {
    std::vector<RunId> over;
    for (const auto& [id, run] : mount_.session.runs())
        if (run.for_launcher && !run.exited && quiet(run)) over.push_back(id);
    for (const auto& id : over) end_launcher_run(id);
}

// A program, or a tool of another launcher, looks at the artifact: what was done to it so far is
// sealed first, and with it all else that the run has. An observer does not ask.
void RunKeeper::ask_launchers(Request& request, const ArtifactId& artifact) {
    const Caller* caller = caller_of(request);
    if (caller == nullptr || caller->role == Role::observer) return;
    const auto* acting = acts_for(*caller);
    const auto* own =
        acting == nullptr ? nullptr : mount_.session.find_launcher_run(acting->process);
    std::vector<RunId> asked;
    for (const auto& [id, run] : mount_.session.runs()) {
        if (!run.for_launcher || run.exited || (own != nullptr && id == own->record.id)) continue;
        auto view = run.views.find(artifact);
        if (view == run.views.end() || !mount_.session.view(view->second)->draft) continue;
        if (quiet(run)) asked.push_back(id);
    }
    for (const auto& id : asked) end_launcher_run(id);
}

void RunKeeper::launcher_or_tool_exited(const ProcessKey& key) {
    if (auto tool = tools_.extract(key); !tool.empty()) {
        mount_.session.apply(0, ToolExited{tool.mapped(), key});
        last_acted_[tool.mapped()] = std::chrono::steady_clock::now();
        end_if_left(tool.mapped());
    }
    piped_tools_.erase(key);
    subshells_.erase(key);
    auto known = launchers_.find(key);
    if (known == launchers_.end()) return;
    known->second.exited = true;
    if (const auto* live = mount_.session.find_launcher_run(key)) end_if_left(live->record.id);
    close_left_views();
}

}  // namespace artfs
