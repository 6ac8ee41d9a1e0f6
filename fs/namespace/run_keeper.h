// The life of runs on a mount: who a caller is, what its run has used and drafted, when the run
// ends, and the seals and checkpoints that follow from that.
//
// Owned by the dispatch thread. Methods that take a Request may throw Suspend.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "drafts/kept.h"
#include "drafts/seal.h"
#include "namespace/lending.h"
#include "namespace/mount.h"
#include "namespace/seal_queue.h"
#include "namespace/shared_runs.h"
#include "runs/caller_cache.h"
#include "runs/exit_watcher.h"
#include "runs/facts.h"
#include "runs/identity.h"

namespace artfs {

// `art run` and `art begin`, as asked for over the control socket.
struct ExplicitRun {
    std::optional<RunId> id;  // who asks twice means the same run
    pid_t pid = 0;            // the command's, stopped before its exec; the shell that begins a run
    pid_t wrapper = 0;        // art's own; 0: `art begin`
    std::string name;         // empty: give it one
    std::string job_type;
    nlohmann::json config = nlohmann::json::object();
    std::vector<std::string> tags;
    std::map<std::string, std::string> pins;
    std::map<std::string, std::string> types;
    std::map<std::string, std::string> aliases;
    std::vector<int> ok_exit{0};
    std::vector<std::string> command;
    std::optional<RunId> resume;  // goes on where that run, which is over, left its drafts
};

// What the pidfd of a run's root is kept under: how a process ended can be asked only of one that
// was opened before.
std::string held_name(const ProcessKey& process);

class RunKeeper {
public:
    // A run's root has exited, and something of the run may still be mapped for writing.
    std::function<void()> on_perhaps_unmapped;

    RunKeeper(Mount& mount, SharedRuns& shared);
    ~RunKeeper();
    RunKeeper(const RunKeeper&) = delete;
    RunKeeper& operator=(const RunKeeper&) = delete;

    // ---- callers

    struct Who {
        std::optional<RunId> run;  // none: an observer that only reads, a launcher, or nobody
        pid_t pid = 0;
        const Caller* caller = nullptr;  // null: nobody; valid until another is identified
        bool is(Role role) const { return caller != nullptr && caller->role == role; }
    };
    // An observer that writes is a program like any other. A launcher has no run: what it opens is
    // for others, or for what it becomes.
    Who who(Request& request, bool writing);
    // The run of what a launcher reads and writes itself.
    RunId own_run(Request& request, const Caller& launcher);
    // The run of the program that a launcher is about to become.
    RunId run_to_be(Request& request, const Caller& launcher, const std::string& program);
    // From now on the run is one that is kept: it is in the catalog.
    void record(const RunId& run, bool wrote);
    // It has read of a version, which is worth a record.
    void used(std::uint64_t unique, const Used& use);

    // ---- views and drafts

    // Before an artifact is looked at: waits until the drafts of runs that have ended are sealed,
    // or, for a run that goes on upon what they froze, frozen.
    enum class Settled : std::uint8_t { frozen, sealed };
    void settle(Request& request, const ArtifactId& artifact, Settled until = Settled::sealed);
    // The same for the draft of one view, before something in it is opened.
    void settle(Request& request, const View& view);
    // What `latest` is for the caller; null: the head.
    const View* latest(Request& request, const ArtifactState& artifact);
    // The caller is a program that follows no link on its way through what it makes.
    bool makes_paths(Request& request);
    // A launcher's view that nobody has written to or reads through shows the head; what is held
    // open in it does not keep it back.
    void follow_head(const Request& request, const View& view);
    // The run's view of an artifact, pinned at its first look.
    const View& view(const Request& request, const RunId& run, const ArtifactState& artifact);
    // Where the run's config, metrics and media are.
    const View& data_view(const Request& request, const RunId& run);
    // The view of a run that is over, or of a draft that was kept; null if there is none.
    const View* past_view(const Request& request, const ArtifactState& artifact,
                          const std::string& run_name);
    const View* past_data_view(const Request& request, const std::string& run_name);
    void ensure_draft(const Request& request, const View& view);
    // By policy the draft that begins now has nothing of what the view shows.
    bool must_begin_empty(const View& view) const;
    // Begins it; the names that the root of the view had.
    std::vector<std::string> begin_empty(const Request& request, const View& view);
    // The caller may write in the view: there is a draft, and it is the caller's.
    Result<> begin_write(Request& request, const View& view);
    // Reading through a launcher's view keeps it as it is while the run lives.
    void read_through(const Request& request, const RunId& run, const View& view);
    // `run` has written through a handle that a launcher opened.
    void wrote_through(const Request& request, const RunId& run, const Handle& handle);
    // Before an observer opens its first file: who reads its output through others is found while
    // all of them must be there. Throws Suspend.
    void see_pipeline(Request& request, const Caller& observer);
    // An observer has opened the file: who reads its output may claim it.
    void lend(const Caller& observer, const LentFile& file);
    // Nobody wrote through what a launcher opened, up to its end: the run whose draft it is then.
    std::optional<RunId> left_unused(const Handle& handle);
    void handle_closed(const Handle& handle);

    // ---- ends

    using Started = std::function<void(Result<RunRecord>)>;
    // Begun inside another run, it waits until that run's quiet drafts are sealed.
    void start_explicit(ExplicitRun order, Started done);
    void explicit_ended(const RunId& run, std::optional<int> wait_status,
                        const Resources& told = {});
    // `art end`: the run that the caller's shell began last.
    void end_begun(pid_t caller, Started done);
    // `art next`: the caller's run ends and its root goes on as a new one.
    void next(pid_t caller, Started done);
    int exits_fd() const { return exits_.fd(); }
    void poll_exits();

    using Sealed = std::function<void(Result<std::vector<SealedDraft>>)>;
    // Seals the drafts of a live run now; it goes on in its next segment.
    void commit(const RunId& run, Sealed done, unsigned tries = 5);
    // The same of one view; by policy, what is being sealed already is left alone.
    void commit_view(std::uint32_t view, bool by_policy, Sealed done, unsigned tries = 5);
    // Before a recorded run reads a file of an abandoned draft: that is sealed as a version that
    // never becomes head, so that there is something to be a use of.
    void settle_abandoned(Request& request, const RunId& reader, const View& view);
    // Makes an older version the head again; the artifact's history says who did.
    void revert(const ArtifactId& artifact, std::uint32_t version, const std::string& who,
                std::function<void(Result<>)> done);
    // What kept drafts became (sealed or discarded elsewhere) is shown from now on.
    void kept_are_gone(const RunId& run, const std::vector<SealedDraft>& sealed);
    // Ends the drafts of a live run without a version.
    void discard(const RunId& run, std::function<void(Result<>)> done);

    // Seals what has ended and checkpoints the rest; `done` when all that is durable.
    void settle_all(std::function<void()> done);
    // What changed since the last goes to the catalog.
    void checkpoint(std::function<void(Result<>)> done = nullptr);
    // Every few seconds.
    void tick();
    // Lets go of what is held of processes that may begin a run: it can keep a mount busy.
    void release_processes() { roots_.clear(); }
    // The mount is gone: live runs are lost, their drafts kept. Blocks until that is durable.
    void shut_down();

    // Before the first request: goes on where a worker that died left the session.
    void go_on();

    bool lingering(const RunId& run) const { return lingering_.contains(run); }
    pid_t root_pid(const RunId& run) const;
    const SealQueue& seals() const { return seals_; }
    // How many different things the processes of an inferred run have been doing (at most a few are
    // counted): many, and nothing sealed, looks like a supervisor that the list lacks.
    std::size_t kinds_of_work(const RunId& run) const;
    // Of the run that a draft is of, as far as somebody owns it.
    std::string name_of(const View& view) const;

private:
    // A RELEASE that was sent before an exit is handled within this; after it, somebody else has
    // the file open.
    static constexpr unsigned release_grace_ms = 300;

    struct Waiter {
        RunId run;
        Settled until;
        Suspend::Resume resume;
    };
    const Caller* caller_of(Request& request);
    RunId run_of(Request& request, const Caller& caller);
    // A process that outlived its run: what it does now is the run's next segment.
    std::optional<RunId> reopen(const Request& request, const Caller& caller,
                                const ProcessKey& root);
    // Of the run that the caller is of: one that has died, if that has forked it.
    ProcessKey root_of(const Caller& caller) const;
    void note_survivor(const Caller& caller, const RunId& run);
    bool survives(const RunId& run) const;
    void close_reopened(const RunId& run);
    void end_drafts(const RunId& run);
    // Pool: the drafts that a run left belong to `record` from now on.
    Result<std::vector<TakenOver>> resume_drafts(RunRecord& record, const RunId& from);
    void show_resumed(const RunRecord& record, const RunId& from,
                      const std::vector<TakenOver>& taken);
    Result<> check_order(const ExplicitRun& order) const;
    void note_work(const Caller& caller);
    // A run begun by name in another project comes to this one.
    void join(const Request& request, LiveRun run);
    void watch(const ProcessKey& root, Fd pidfd);
    struct Beginning;  // an explicit run on its way
    void gather(const std::shared_ptr<Beginning>& run);
    void enter(const std::shared_ptr<Beginning>& run);
    void record_beginning(const std::shared_ptr<Beginning>& run);
    void began(const std::shared_ptr<Beginning>& run);
    const LiveRun* live_run_of(const Caller& caller) const;
    // Calls `then` when the run around this one sees what this one logged.
    void nested_ended(const RunId& run, const std::function<void()>& then);
    // What the run has used so far stays with the segment it was used in; `next` is the new one.
    void close_segment(const RunId& run, std::uint32_t next);
    void close_segments_of_others(const SealOrder& order);
    // A run is live in this project from here.
    void start(std::uint64_t unique, LiveRun run);
    // A clean view of a live run moves on to another base.
    void repin(std::uint32_t view, const Base& base, const std::shared_ptr<void>& waiting);
    // ---- launchers (launchers.cpp)
    bool is_about_to_exec(const Launcher& launcher) const;
    // Whom the caller acts for, if it does: a launcher, or a file tool.
    const Launcher* acts_for(const Caller& caller) const;
    // The run that what the caller does is part of, if that has begun.
    const LiveRun* run_begun_for(const Caller& caller) const;
    KnownLauncher& know(const Caller& caller, const Launcher& launcher);
    RunId launcher_run(Request& request, const Caller& caller, const Launcher& launcher);
    RunId start_launcher_run(const KnownLauncher& known, std::uint64_t unique,
                             const std::string& job_type);
    void watch_idle(const RunId& run, std::chrono::milliseconds after);
    bool quiet(const LiveRun& run) const;
    void end_launcher_run(const RunId& run);
    void end_if_left(const RunId& run);
    void end_quiet_launcher_runs();
    void ask_launchers(Request& request, const ArtifactId& artifact);
    void leave_directories(const LiveRun& run);
    void drop_drafts(std::vector<DraftId> drafts);  // their rows in the catalog
    void record_launcher_runs();
    void launcher_or_tool_exited(const ProcessKey& key);
    // ---- observers (lenders.cpp)
    void claim_input(const RunId& run, const Caller& caller);
    void claim_own_reads(const RunId& run, const Caller& observer);
    struct PipesLookedFor {
        pid_t parent = 0;
        bool shell = false;  // is the parent
        std::uint64_t output = 0;
        std::size_t found = 0;  // programs
        unsigned idle = 0;      // looks since it was seen to grow
        unsigned looks = 0;
    };
    void look_for_pipes(PipesLookedFor look, std::function<void()> done);
    void no_longer_pending(const RunId& run);
    void claim_all(const Lending::Claims& claims);
    void claim(const RunId& run, const LentFile& file);
    void claim_sealed(const RunId& run, const LentFile& file);
    void forget_lent();
    // ---- launchers' views (launcher_views.cpp)
    const View* view_of_launcher(const ProcessKey& launcher, const ArtifactId& artifact) const;
    const View& launcher_view(const Request& request, const Caller& caller,
                              const Launcher& launcher, const ArtifactState& artifact);
    const View& latest_of_launcher(const Request& request, const Caller& caller,
                                   std::size_t launcher, const ArtifactState& artifact);
    // Where the run that acts for the launcher writes, if it does.
    const View* view_of_launcher_run(const ProcessKey& launcher, const ArtifactId& artifact) const;
    const View& latest_of_tool(const Request& request, const Caller& caller,
                               const ArtifactState& artifact);
    const View* latest_of_observer(const Request& request, const Caller& caller,
                                   const ArtifactState& artifact);
    // Directories that launchers made for what they start.
    DraftChange directories_for(const std::vector<ProcessKey>& launchers,
                                const ArtifactId& artifact, const Overlay& onto);
    Result<> begin_as_policy_says(const Request& request, const View& view);
    bool may_write(const Who& who, const View& view) const;
    void own(const Request& request, const View& view, const RunId& run);
    void changed_by(const Request& request, const View& view, const RunId& run);
    // ---- files that stay open for writing (held_files.cpp)
    using Held = std::optional<std::set<NodeNumber>>;
    std::set<NodeNumber> held_in(const View& view) const;
    bool only_holds(const Handle& handle, const View& view) const;
    bool is_held_only(const View& view) const;
    const LiveRun* seals_beside_held(const View& view) const;
    // Waits until what is not held in launchers' drafts of the artifact is sealed.
    void seal_beside_held(Request& request, const ArtifactId& artifact);
    void seal_beside_held(Request& request, const View& view);
    // The view on another base, where what is held goes on; `sealed` have their edge already.
    RebasedView with_held(const View& view, ViewBase base, Overlay overlay,
                          const std::set<RunId>& sealed) const;
    bool may_follow(const View& view) const;
    bool agrees_with(const View& view, const Base& head, const Snapshot& snapshot);
    std::vector<OverlayNode> open_in(const View& view) const;
    void follow_heads(const Request& request, const ProcessKey& launcher);
    // What a launcher opened before it became the root of `run`.
    void adopt_views(const Request& request, const RunId& run);
    std::vector<std::uint32_t> launcher_drafts_of(const RunId& run) const;
    void leave_launcher_views(const RunId& run);
    // The view that the draft is in from now on.
    std::uint32_t leave_launcher_view(const RunId& run, std::uint32_t serial);
    bool others_write(const RunId& run) const;
    void try_to_end_shared(const RunId& run);
    // Of views that nobody needs these stay: others may be on their way through, or stand there.
    static constexpr std::size_t newest_views_kept = 256;
    void close_left_views();
    std::set<std::uint32_t> views_with_handles() const;
    // Of runs that are over for good: looked through again when there are some hundred more.
    void close_past_views();
    // Too many callers at once: the next wait until others are known.
    bool is_crowded() const;
    [[noreturn]] void wait_in_crowd();
    void admit_crowd();
    static void note_surroundings(const RunFacts& facts, RunRecord& record);
    void collect_facts(const RunId& run, std::shared_ptr<RootProcess> root);
    void collect_facts_after_exec(const RunId& run, const FileIdentity& before, unsigned tries);
    std::string fresh_name();
    void refill_names();
    const View& open_view(const Request& request, View view, const Base& base,
                          const Snapshot& snapshot);
    Base pinned_base(const LiveRun& run, const ArtifactState& artifact);
    // The version that `latest` names, or that `pins` has for the artifact.
    Base head_of(const ArtifactState& artifact,
                 const std::map<std::string, std::string>& pins = {});
    RunRecord record_of(const LiveRun& run) const;

    void run_exited(const RunId& run, unsigned tries);
    void finish_status(const RunId& run, std::optional<int> wait_status,
                       const Resources& told = {});
    // What the processes of a run that has just ended took; nothing where its root did more than
    // this run.
    std::optional<Resources> measured(const LiveRun& run) const;
    bool wrapper_will_tell(const RunId& run) const;
    void try_to_end(const RunId& run);
    enum class Writing : std::uint8_t { anything, artifacts };
    const Handle* writer_of(const RunId& run, Writing what = Writing::anything) const;
    void seal_and_close(const RunId& run);
    void keep_run(const RunId& run);
    void begin_seal(PendingSeal pending, Sealed done);
    void enqueue(const PendingSeal& pending, Sealed done);
    void run_sealed(const SealOrder& order, Result<std::vector<SealedDraft>> sealed);
    void segment_sealed(const SealOrder& order, Result<std::vector<SealedDraft>> sealed,
                        const Sealed& done);
    std::uint64_t owe(std::optional<RunRecord> run, std::vector<UseEdge> uses,
                      std::vector<DraftId> dropped);
    // Writes what is owed, with whatever else `also` writes.
    void pay(std::uint64_t owed, CatalogThread::Change also, std::function<void(Result<>)> done);
    // ---- after a worker has died (run_restart.cpp)
    void know_explicit(const RunId& run);
    Fd pidfd_of(const ProcessKey& process);
    void find_launchers();
    void find_views();
    void find_run(const RunId& run);
    void find_facts(const RunId& run);
    void find_seals();
    void go_on_with_ends();
    const Handle* writer_in(const View& view) const;
    tl::unexpected<Error> busy(const Handle& writer) const;
    Policy policy_of(const View& view) const;
    CommitPolicy commit_policy_of(const View& view) const;
    bool seals_at_end(const LiveRun& run, const View& view) const;
    void watch_quiet(const View& view);
    void quiet_yet(std::uint32_t view, const DraftId& draft);
    void abandon_draft(const View& view, const std::string& why);
    void abandon_drafts(const RunId& run, const std::string& why);
    void seal_segment(const RunId& run, std::vector<std::uint32_t> views, bool by_policy,
                      Sealed done, const Held& held = {});
    void reopen_drafts(const SealOrder& order);
    void sweep();
    void swept(const std::vector<RunId>& dropped, const std::vector<VersionRecord>& deleted);
    void drop_run(const RunId& run);
    [[noreturn]] void wait_for(const RunId& run, Settled until);
    void wake(const RunId& run, int error);
    void wake_if_frozen(const RunId& run);
    FrozenDraft freeze(const View& view, bool over, const Held& held = {}) const;
    DraftRecord draft_record(const View& view, DraftState state, const std::string& why) const;
    SealOrder order_for(const LiveRun& run, const std::vector<std::uint32_t>& views, bool over,
                        const Held& held = {}) const;
    void show_sealed(const std::vector<SealedDraft>& drafts, const std::vector<FrozenDraft>& frozen,
                     bool over, const RunId& run = {});

    Mount& mount_;
    SharedRuns& shared_;
    Identifier& identifier_;
    std::uint64_t callers_of_ = 0;  // generation of explicit runs they were identified in
    FactCollector collector_;
    CallerCache callers_;
    SealQueue seals_;
    ExitWatcher exits_;
    std::map<ProcessKey, std::set<std::string>> work_;          // job types seen, by root
    std::map<ProcessKey, std::shared_ptr<RootProcess>> roots_;  // of runs that may begin
    std::map<RunId, Fd> exited_;                                // their status is still unknown
    std::map<RunId, unsigned> pending_;  // facts and claims to come before a run may end
    std::set<RunId> lingering_;
    // Of runs that are over, and must yet be written: a full disk can refuse it for a while.
    std::set<std::uint32_t> unkept_views_;  // abandoned drafts
    std::set<std::uint32_t> unsure_views_;  // whose rows in the catalog may not be those that were
    struct Survivor {
        Time seen{};
        std::map<pid_t, Fd> processes;
    };
    std::map<RunId, Survivor> survivors_;  // of reopened runs
    Time last_sweep_{};
    std::vector<Waiter> waiters_;
    std::map<ProcessKey, KnownLauncher> launchers_;
    std::set<ProcessKey> subshells_;  // forks of launchers that started something
    std::map<ProcessKey, RunId> tools_;
    std::map<std::uint32_t, std::pair<std::uint32_t, Base>> stays_behind_;  // views, and which head
    std::set<ProcessKey> piped_tools_;  // those that read a pipe
    std::map<RunId, std::chrono::steady_clock::time_point> last_acted_;
    std::set<std::uint32_t> launcher_views_;
    std::size_t past_views_looked_at_ = 0;  // how many views there were then
    Lending lending_;
    std::uint64_t next_name_ = 0;
    std::uint64_t names_end_ = 0;
    std::size_t identifying_ = 0;
    std::deque<Suspend::Resume> crowd_;
    Time crowd_moved_{};
    bool names_coming_ = false;
};

}  // namespace artfs
