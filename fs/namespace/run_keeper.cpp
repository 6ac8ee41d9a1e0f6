// RunKeeper: who is calling, and how runs begin.
#include "namespace/run_keeper.h"

#include <fcntl.h>
#include <sched.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "base/users.h"
#include "runs/run_names.h"

namespace artfs {

namespace {
constexpr std::uint64_t names_in_a_block = 64;
constexpr unsigned step_identified = 0;

// Who is not identified would leave no edge. So that descriptors suffice, callers wait for their
// turn while so many are looked at (each holds a few until the facts about it are collected), and
// while less than an eighth of the descriptors is left (each live run keeps one).
constexpr std::size_t looked_at_once = 256;
constexpr unsigned crowd_look_ms = 20;
constexpr std::chrono::seconds crowd_patience{20};

bool descriptors_are_scarce() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX) return false;
    // The lowest free number is taken first.
    int reserve = static_cast<int>(limit.rlim_cur - limit.rlim_cur / 8);
    Fd probe(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, reserve));
    return !probe || probe.get() != reserve;
}

}  // namespace

RunKeeper::RunKeeper(Mount& mount, SharedRuns& shared)
    : mount_(mount),
      shared_(shared),
      identifier_(shared.identifier),
      collector_(mount.config.record_environment, {mount.options.mountpoint}),
      seals_(mount),
      exits_(std::move(*ExitWatcher::create())) {
    seals_.on_frozen = [this](const RunId& run) { wake_if_frozen(run); };
    seals_.on_another_version = [this](const VersionId& promised, const VersionId& version) {
        shared_.became(promised, version);
    };
    refill_names();
    shared_.listen(
        this, [this](const RunId& run, std::optional<int> wait_status, const Resources& told) {
            mount_.executor.post(
                [this, run, wait_status, told] { explicit_ended(run, wait_status, told); });
        });
}

RunKeeper::~RunKeeper() { shared_.unlisten(this); }

const Caller* RunKeeper::caller_of(Request& request) {
    if (request.tid == 0) return nullptr;
    auto generation = identifier_.explicit_runs().generation();
    if (std::exchange(callers_of_, generation) != generation) callers_.clear();
    const Caller* caller = callers_.find(request.tid);
    if (caller != nullptr && caller->may_become_another() && !CallerCache::same_program(*caller)) {
        callers_.erase(request.tid);
        caller = nullptr;
        request.steps_done &= ~(1U << step_identified);
    }
    if (caller != nullptr) return caller;
    if (request.did(step_identified)) return nullptr;  // it is gone, or a kernel thread
    if (is_crowded()) wait_in_crowd();
    throw Suspend{[this, &request](Suspend::Resume resume) {
        ++identifying_;
        mount_.executor.offload(
            [this, tid = request.tid] {
                auto identified = identifier_.identify(tid);
                if (identified && identified->root) collector_.let_go_of_mounts(*identified->root);
                return identified;
            },
            [this, &request, resume](std::optional<Identified> identified) {
                --identifying_;
                // One that was found may be forgotten again before the handler runs: then it is
                // looked for once more.
                if (!identified) request.steps_done |= 1U << step_identified;
                if (identified) {
                    if (identified->root)
                        roots_[identified->root->facts.key()] =
                            std::make_shared<RootProcess>(std::move(*identified->root));
                    identified->root.reset();
                    note_work(identified->caller);
                    const auto& known = callers_.insert(std::move(*identified));
                    for (const auto& launcher : known.inferred.launchers)
                        if (launcher.fork && launcher.process != known.process)
                            subshells_.insert(launcher.process);
                }
                resume(0);
            });
    }};
}

bool RunKeeper::is_crowded() const {
    return identifying_ + pending_.size() >= looked_at_once || descriptors_are_scarce();
}

void RunKeeper::wait_in_crowd() {
    Suspend wait{[this](Suspend::Resume resume) {
        if (crowd_.empty()) {
            crowd_moved_ = now();
            mount_.kernel.after(crowd_look_ms, [this] { admit_crowd(); });
        }
        crowd_.push_back(std::move(resume));
    }};
    wait.may_interrupt = true;
    throw wait;
}

void RunKeeper::admit_crowd() {
    while (!crowd_.empty() && !is_crowded()) {
        auto resume = std::move(crowd_.front());
        crowd_.pop_front();
        crowd_moved_ = now();
        resume(0);
    }
    if (crowd_.empty()) return;
    if (now() - crowd_moved_ > crowd_patience) {
        spdlog::error("too many live runs for the limit on open files: raise it (ulimit -n)");
        for (auto& resume : std::exchange(crowd_, {})) resume(ENFILE);
        return;
    }
    mount_.kernel.after(crowd_look_ms, [this] { admit_crowd(); });
}

RunKeeper::Who RunKeeper::who(Request& request, bool writing) {
    const Caller* caller = caller_of(request);
    if (caller == nullptr) return {};
    Who who{std::nullopt, caller->process.pid, caller};
    if (caller->role == Role::launcher || (caller->role == Role::observer && !writing)) return who;
    if (const auto* launcher = acts_for(*caller))
        who.run = launcher_run(request, *caller, *launcher);
    else
        who.run = run_of(request, *caller);
    claim_input(*who.run, *caller);
    if (caller->role == Role::observer) claim_own_reads(*who.run, *caller);
    return who;
}

RunId RunKeeper::run_of(Request& request, const Caller& caller) {
    if (caller.explicit_run) {
        if (mount_.session.run(*caller.explicit_run) != nullptr) {
            note_survivor(caller, *caller.explicit_run);
            return *caller.explicit_run;
        }
        if (auto begun = shared_.begun(*caller.explicit_run)) {
            join(request, std::move(*begun));
            return *caller.explicit_run;
        }
    }
    auto key = root_of(caller);
    auto root = roots_.find(key);
    if (const auto* live = mount_.session.find_run(key)) {
        // The root was an observer that wrote, and has become another program since.
        if (root != roots_.end()) {
            collect_facts(live->record.id, root->second);
            roots_.erase(root);
        }
        note_survivor(caller, live->record.id);
        return live->record.id;
    }
    if (auto again = reopen(request, caller, key)) {
        note_survivor(caller, *again);
        return *again;
    }
    follow_heads(request, key);
    LiveRun run;
    run.root = key;
    run.interactive = caller.inferred.interactive;
    for (const auto& launcher : caller.inferred.launchers)
        run.launchers.push_back(launcher.process);
    auto& record = run.record;
    auto named = shared_.claim(key, {RunId::make(), fresh_name()});
    record.id = named.id;
    record.project = mount_.options.project;
    record.name = named.name;
    record.started = now();
    record.root_pid = key.pid;
    record.host = host_name();
    record.uid = request.uid;
    RunId id = record.id;
    std::shared_ptr<RootProcess> process;
    if (root != roots_.end()) {
        process = root->second;
        roots_.erase(root);
        record.job_type = job_type_of(process->facts);
        record.uid = process->facts.uid;
    } else {
        record.job_type = caller.program;
    }
    start(request.unique, std::move(run));
    // A root that is gone already ends at once; what lives of its run lingers.
    Fd pidfd = open_pidfd(key.pid);
    if (process && process->pidfd) pidfd = std::move(process->pidfd);
    watch(key, std::move(pidfd));
    if (process) collect_facts(id, process);
    adopt_views(request, id);
    return id;
}

void RunKeeper::note_work(const Caller& caller) {
    constexpr std::size_t most = 32;
    if (caller.explicit_run || caller.inferred.root_class != ProgramClass::ordinary) return;
    auto& kinds = work_[caller.root()];
    if (kinds.size() < most) kinds.insert(caller.job_type);
}

std::size_t RunKeeper::kinds_of_work(const RunId& run) const {
    const auto* live = mount_.session.run(run);
    auto found = live == nullptr ? work_.end() : work_.find(live->root);
    return found == work_.end() ? 0 : found->second.size();
}

void RunKeeper::watch(const ProcessKey& root, Fd pidfd) {
    if (!pidfd) return;
    mount_.keeper.hold(held_name(root), pidfd.get());
    if (auto added = exits_.add(std::move(pidfd), root); !added)
        spdlog::error("cannot watch process {}: {}", root.pid, added.error().message);
}

void RunKeeper::join(const Request& request, LiveRun run) {
    // A name that was given may be another run's here.
    const auto* taken = mount_.loader.run(run.record.name);
    if (taken != nullptr && taken->id != run.record.id)
        run.record.name += "-" + run.record.id.text().substr(0, 8);
    run.record.project = mount_.options.project;
    ProcessKey root = run.root;
    start(request.unique, std::move(run));
    watch(root, open_pidfd(root.pid));
}

void RunKeeper::start(std::uint64_t unique, LiveRun run) {
    run.record.segments = shared_.entered(this, run.record.id, run.record.segments);
    mount_.session.apply(unique, StartedRun{std::move(run)});
}

void RunKeeper::note_surroundings(const RunFacts& facts, RunRecord& record) {
    record.cwd = facts.cwd;
    record.user = facts.user;
    record.host = facts.host;
    record.environment = facts.environment;
    record.git_commit = facts.git_commit;
    record.git_dirty = facts.git_dirty;
}

void RunKeeper::collect_facts(const RunId& run, std::shared_ptr<RootProcess> root) {
    ++pending_[run];
    mount_.executor.offload_aside(
        [this, root] { return collector_.collect(*root); },
        [this, run](RunFacts facts) {
            if (auto pending = pending_.find(run); --pending->second == 0) pending_.erase(pending);
            const auto* live = mount_.session.run(run);
            if (live == nullptr) return;
            RunRecord record = live->record;
            if (live->for_launcher) {
                record.config = facts.config;
            } else if (!record.explicitly_started || record.commands.empty()) {
                record.commands = {facts.command};
                record.config = facts.config;
            }
            if (record.job_type.empty() || !record.explicitly_started)
                record.job_type = facts.job_type;
            record.executable = facts.executable;
            record.executable_digest = facts.executable_digest;
            note_surroundings(facts, record);
            mount_.session.apply(0, ChangedRun{std::move(record), live->recorded});
            try_to_end(run);
        });
}

RunId RunKeeper::run_to_be(Request& request, const Caller& launcher, const std::string& program) {
    if (const auto* live = mount_.session.find_run(launcher.process)) return live->record.id;
    roots_.erase(launcher.process);  // tells of the launcher
    RunId id = run_of(request, launcher);
    RunRecord record = mount_.session.run(id)->record;
    record.commands = {{program}};
    record.job_type = program;
    mount_.session.apply(request.unique, ChangedRun{std::move(record), false});
    collect_facts_after_exec(id, launcher.executable, 0);
    return id;
}

// A program of an artifact need not touch the mount again after its exec: it is looked at soon,
// and what is known of it by its end must do.
void RunKeeper::collect_facts_after_exec(const RunId& run, const FileIdentity& before,
                                         unsigned tries) {
    static constexpr unsigned look_ms[] = {1, 5, 25, 100};
    if (tries == std::size(look_ms)) return;
    mount_.kernel.after(look_ms[tries], [this, run, before, tries] {
        const auto* live = mount_.session.run(run);
        if (live == nullptr || live->exited) return;
        ++pending_[run];
        mount_.executor.offload(
            [this, pid = live->root.pid] { return read_root(pid, identifier_.lists()); },
            [this, run, before, tries](std::optional<RootProcess> root) {
                const auto* now_live = mount_.session.run(run);
                bool same = root && now_live != nullptr && root->facts.key() == now_live->root;
                if (same && root->facts.executable_file != before)
                    collect_facts(run, std::make_shared<RootProcess>(std::move(*root)));
                else if (same)
                    collect_facts_after_exec(run, before, tries + 1);
                no_longer_pending(run);
            });
    });
}

void RunKeeper::record(const RunId& run, bool wrote) {
    const auto* live = mount_.session.run(run);
    if (live == nullptr || (live->recorded && (live->record.wrote || !wrote))) return;
    RunRecord record = live->record;
    record.wrote = record.wrote || wrote;
    mount_.session.apply(0, ChangedRun{std::move(record), true});
}

void RunKeeper::used(std::uint64_t unique, const Used& use) {
    record(use.run, false);
    const auto* live = mount_.session.run(use.run);
    if (live != nullptr && !live->for_launcher && !live->uses.contains(use.version)) {
        // Else another project, in which the run has sealed what this version may come of, would
        // have the use in a segment before that.
        if (!live->closing) close_segment(use.run, shared_.segment_to_use(use.run));
        shared_.used(this, use.run, use.version);
    }
    mount_.session.apply(unique, Used{use});
}

pid_t RunKeeper::root_pid(const RunId& run) const {
    const auto* live = mount_.session.run(run);
    return live == nullptr ? 0 : live->root.pid;
}

std::string RunKeeper::name_of(const View& view) const {
    const auto* owner = mount_.session.run(view.run);
    return owner == nullptr ? view.name : owner->record.name;
}

std::string RunKeeper::fresh_name() {
    if (names_end_ - next_name_ < names_in_a_block / 2) refill_names();
    // Both blocks used up before the next was durable: an identifier is unique too.
    if (next_name_ == names_end_) return "run-" + RunId::make().text();
    return run_name(next_name_++);
}

void RunKeeper::refill_names() {
    if (names_coming_) return;
    names_coming_ = true;
    auto first = std::make_shared<std::uint64_t>(0);
    auto taken = [this, first](const Result<>& outcome) {
        names_coming_ = false;
        if (!outcome) return;
        // A block that is not the next one (another process took some) replaces the rest.
        if (*first != names_end_) next_name_ = *first;
        names_end_ = *first + names_in_a_block;
    };
    auto reserve = [first](WriteTxn& txn) {
        *first = txn.reserve("run_name", names_in_a_block) + 1;  // names count from 1
    };
    if (names_end_ == 0)
        taken(mount_.catalog.write(reserve));  // the mount is not answering yet
    else
        mount_.write(reserve, taken);
}

}  // namespace artfs
