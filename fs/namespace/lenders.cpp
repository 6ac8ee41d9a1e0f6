// RunKeeper: claiming what observers read (rule 3 of design.md, section 3).
#include <signal.h>

#include <cerrno>

#include "namespace/run_keeper.h"
#include "runs/siblings.h"

namespace artfs {

namespace {
constexpr unsigned step_pipeline = 14;
// A shell starts a pipeline's programs one after the other, so the later ones may not be there yet
// when the first opens its file. Who is in the middle is found while it lives or never: so the
// first waits while the shell is at it, which takes long where much else is at work.
constexpr unsigned look_again_ms[] = {1, 2, 4};
constexpr unsigned most_looks = 32;

// Does what may have to wait for the catalog, outside of a request; then `done`, come what may.
template <class Attempt, class Done>
void until_loaded(Attempt attempt, Done done) {
    try {
        attempt();
    } catch (Suspend& missing) {
        missing.start([attempt, done](int error) {
            if (error == 0)
                until_loaded(attempt, done);
            else
                done();
        });
        return;
    }
    done();
}
}  // namespace

void RunKeeper::see_pipeline(Request& request, const Caller& observer) {
    if (observer.pipes.output == 0 || request.did(step_pipeline)) return;
    if (!lending_.opened_by(observer.process).empty()) return;
    const auto& launchers = observer.inferred.launchers;
    bool shell = !launchers.empty() && launchers.front().process.pid == observer.parent;
    throw Suspend{[this, &request, parent = observer.parent, shell,
                   output = observer.pipes.output](Suspend::Resume resume) {
        look_for_pipes({parent, shell, output, 0, 0, 0}, [&request, resume] {
            request.steps_done |= 1U << step_pipeline;
            resume(0);
        });
    }};
}

void RunKeeper::lend(const Caller& observer, const LentFile& file) {
    claim_all(lending_.opened(observer.process, observer.parent, observer.pipes.output, file));
}

// What a process of a run reads at its standard input may come from observers.
void RunKeeper::claim_input(const RunId& run, const Caller& caller) {
    const auto input =
        caller.pipes.input != 0 ? caller.pipes.input : lending_.input_of(caller.process);
    if (input == 0 || lending_.knows_reader(run, input)) return;
    claim_all(lending_.reads(run, input));
}

void RunKeeper::claim_own_reads(const RunId& run, const Caller& observer) {
    for (const auto& file : lending_.opened_by(observer.process)) claim(run, file);
}

// Finds what passes on in the middle of a pipeline, from what is written into `output` on:
// observers, and programs that never open a file of ours (`cat a/latest/x | tr a b | sort >
// b/latest/y`).
void RunKeeper::look_for_pipes(PipesLookedFor look, std::function<void()> done) {
    mount_.executor.offload(
        [look, this] { return follow_pipe(look.parent, look.output, identifier_.lists()); },
        [this, look, done](const Pipeline& found) mutable {
            for (const auto& [process, pipes] : found.programs) {
                lending_.seen(process, pipes.input);
                if (pipes.output != 0) claim_all(lending_.passes(pipes.input, pipes.output));
            }
            bool over = look.idle == std::size(look_again_ms) || ++look.looks == most_looks;
            if (found.complete || over) return done();
            const auto again = look_again_ms[look.idle];
            bool grows = look.shell && (found.growing || found.programs.size() > look.found);
            look.idle = grows ? 0 : look.idle + 1;
            look.found = found.programs.size();
            mount_.kernel.after(again, [this, look, done] { look_for_pipes(look, done); });
        });
}

void RunKeeper::no_longer_pending(const RunId& run) {
    if (auto pending = pending_.find(run); --pending->second == 0) pending_.erase(pending);
    try_to_end(run);
}

void RunKeeper::claim_all(const Lending::Claims& claims) {
    for (const auto& [run, file] : claims) claim(run, file);
}

void RunKeeper::claim(const RunId& run, const LentFile& file) {
    if (mount_.session.run(run) == nullptr) return;
    if (file.view == 0) {
        used(0, {run, file.version, file.rank});
        return;
    }
    poll_exits();  // the tool that wrote it may be gone just now
    const auto* view = mount_.session.view(file.view);
    if (view == nullptr || view->run == run) return;
    const auto* owner = mount_.session.run(view->run);
    if (!view->draft || owner == nullptr) return claim_sealed(run, file);
    const RunId id = owner->record.id;
    if (owner->for_launcher && !owner->exited && quiet(*owner)) {
        end_launcher_run(id);
        owner = mount_.session.run(id);
    }
    if (owner != nullptr && owner->exited) {
        ++pending_[run];
        // The launcher may be gone by then, and its view with it: what was sealed is the head.
        waiters_.push_back(
            {id, Settled::sealed, [this, run, artifact = *view->artifact, path = file.path](int) {
                 until_loaded(
                     [this, run, artifact, path] {
                         const auto* state = mount_.loader.artifact(artifact);
                         if (state == nullptr) return;
                         Base head = head_of(*state);
                         if (!head.version) return;
                         const auto& root = mount_.loader.snapshot(head.tree).root;
                         auto there = find_path(mount_.loader.nodes(), root, path);
                         if (!there) return;
                         used(0, {run, *head.version, there->rank});
                     },
                     [this, run] { no_longer_pending(run); });
             }});
        return;
    }
    if (owner == nullptr) return claim_sealed(run, file);
    record(run, false);
    mount_.session.apply(0, Peeked{run, {*view->artifact, name_of(*view), file.path}});
}

// The view shows what was sealed: the file is a use of that.
void RunKeeper::claim_sealed(const RunId& run, const LentFile& file) {
    ++pending_[run];
    until_loaded(
        [this, run, file] {
            const auto* view = mount_.session.view(file.view);
            if (view == nullptr || mount_.session.run(run) == nullptr) return;
            const auto& base = *mount_.session.view_base(view->base_serial);
            if (!base.base.version) return;
            auto there = find_path(mount_.loader.nodes(), base.snapshot.root, file.path);
            if (!there) return;
            used(0, {run, *base.base.version, there->rank});
        },
        [this, run] { no_longer_pending(run); });
}

void RunKeeper::forget_lent() {
    auto gone = [](pid_t pid) { return kill(pid, 0) != 0 && errno == ESRCH; };
    lending_.forget(gone);
    std::erase_if(subshells_, [&](const ProcessKey& shell) { return gone(shell.pid); });
}

}  // namespace artfs
