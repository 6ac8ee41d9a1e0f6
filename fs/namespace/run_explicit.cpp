// RunKeeper: runs that somebody begins, ends and continues by name, and how they nest.
#include <spdlog/spdlog.h>

#include "drafts/follow.h"
#include "namespace/run_keeper.h"

namespace artfs {

// An explicit run on its way from the order to its first request.
struct RunKeeper::Beginning {
    ExplicitRun order;
    Started done;
    RunRecord record;
    std::optional<RootProcess> root;
    ProcessKey wrapper;
    std::optional<Identified> identified;  // whom the root belongs to so far
    std::optional<RunId> continues;        // `art next`
    std::vector<TakenOver> taken;          // from the run that is resumed
};

const LiveRun* RunKeeper::live_run_of(const Caller& caller) const {
    if (caller.explicit_run) {
        const auto* live = mount_.session.run(*caller.explicit_run);
        if (live != nullptr && !live->exited) return live;
    }
    const auto* live = mount_.session.find_run(caller.root());
    return live != nullptr && !live->exited ? live : nullptr;
}

void RunKeeper::start_explicit(ExplicitRun order, Started done) {
    if (order.id)
        if (const auto* live = mount_.session.run(*order.id)) return done(live->record);
    if (auto checked = check_order(order); !checked) return done(tl::unexpected(checked.error()));
    if (order.resume && mount_.session.run(*order.resume) != nullptr)
        return done(fail(EBUSY, "the run to resume has not ended: wait for it"));
    auto run = std::make_shared<Beginning>();
    run->order = std::move(order);
    run->done = std::move(done);
    gather(run);
}

void RunKeeper::gather(const std::shared_ptr<Beginning>& run) {
    auto& record = run->record;
    record.id = run->order.id.value_or(RunId::make());
    record.project = mount_.options.project;
    record.name = run->order.name.empty() ? fresh_name() : run->order.name;
    record.started = now();
    record.root_pid = run->order.pid;
    record.explicitly_started = true;
    record.tags = run->order.tags;
    record.ok_exit = run->order.ok_exit;
    record.job_type = run->order.job_type;
    auto facts_of = [this, run]() -> Result<> {
        const auto& order = run->order;
        run->root = read_root(order.pid, identifier_.lists());
        if (!run->root) return fail(ESRCH, "the process is gone before its run began");
        run->identified = identifier_.identify(order.pid);
        if (auto wrapper = system_processes().facts(order.wrapper)) run->wrapper = wrapper->key();
        RunFacts facts = collector_.collect(*run->root);
        // `art run`'s process is still art's fork: what it will run is what it was asked to run.
        ProcessFacts future = run->root->facts;
        if (!order.command.empty()) {
            future.arguments = order.command;
            future.executable = order.command.front();
        }
        auto& made = run->record;
        made.commands = {order.command.empty() ? facts.command : redact(order.command)};
        if (made.job_type.empty()) made.job_type = job_type_of(future);
        made.config = order.command.empty() ? nlohmann::json::object() : config_of(order.command);
        made.config.update(order.config);
        made.uid = facts.uid;
        note_surroundings(facts, made);
        return {};
    };
    mount_.executor.offload(facts_of, [this, run](Result<> gathered) {
        if (!gathered) return run->done(tl::unexpected(gathered.error()));
        enter(run);
    });
}

// What the run around it has drafted and nobody is writing is sealed: the inner run sees it.
void RunKeeper::enter(const std::shared_ptr<Beginning>& run) {
    const LiveRun* outer = nullptr;
    if (run->identified && !run->continues) outer = live_run_of(run->identified->caller);
    if (outer == nullptr) return record_beginning(run);
    run->record.parent = outer->record.id;
    record(outer->record.id, false);
    if (outer->closing || writer_of(outer->record.id, Writing::artifacts) != nullptr)
        return record_beginning(run);
    commit(outer->record.id, [this, run](const Result<std::vector<SealedDraft>>& sealed) {
        if (!sealed)
            spdlog::warn("drafts of the run around {} stay: {}", run->record.name,
                         sealed.error().message);
        record_beginning(run);
    });
}

void RunKeeper::record_beginning(const std::shared_ptr<Beginning>& run) {
    auto write = [this, run]() -> Result<> {
        auto named = mount_.catalog.write([run, name = run->record.name](WriteTxn& txn) {
            auto& record = run->record;
            record.name = name;
            // Asked for twice, because a worker died over it.
            if (auto begun = txn.run(record.project, record.id)) record.name = begun->name;
            for (int n = 2;; ++n) {
                auto known = txn.run(record.project, record.name);
                if (!known || known->id == record.id) break;
                record.name = name + "-" + std::to_string(n);
            }
            txn.put(record);
        });
        if (!named || !run->order.resume) return named;
        auto drafts = resume_drafts(run->record, *run->order.resume);
        if (!drafts) return tl::unexpected(drafts.error());
        run->taken = std::move(*drafts);
        return {};
    };
    mount_.executor.offload(write, [this, run](Result<> written) {
        if (!written) return run->done(tl::unexpected(written.error()));
        began(run);
    });
}

void RunKeeper::began(const std::shared_ptr<Beginning>& run) {
    LiveRun live;
    live.record = run->record;
    live.root = run->root->facts.key();
    live.recorded = true;
    live.pins = run->order.pins;
    live.types = run->order.types;
    live.aliases = run->order.aliases;
    ExplicitRuns::Run known;
    known.id = run->record.id;
    known.root = live.root;
    known.wrapper = run->wrapper;
    known.late = run->order.wrapper == 0;
    known.uid = run->record.uid;
    if (run->continues) {
        if (auto before = identifier_.explicit_runs().find(*run->continues))
            known.wrapper = before->wrapper;
    }
    if (run->root->pidfd) mount_.keeper.hold(held_name(live.root), run->root->pidfd.get());
    if (auto added = exits_.add(std::move(run->root->pidfd), live.root); !added)
        return run->done(tl::unexpected(added.error()));
    identifier_.explicit_runs().add(known);
    know_explicit(known.id);
    shared_.put(live);
    start(0, std::move(live));
    if (run->order.resume) show_resumed(run->record, *run->order.resume, run->taken);
    if (run->continues) {
        explicit_ended(*run->continues, 0);
        identifier_.explicit_runs().continued(*run->continues, run->record.id);
        know_explicit(*run->continues);
    }
    run->done(run->record);
}

void RunKeeper::explicit_ended(const RunId& run, std::optional<int> wait_status,
                               const Resources& told) {
    if (mount_.session.run(run) != nullptr) finish_status(run, wait_status, told);
}

void RunKeeper::end_begun(pid_t caller, Started done) {
    mount_.executor.offload(
        [this, caller] { return identifier_.identify(caller); },
        [this, done = std::move(done)](const std::optional<Identified>& identified) {
            const auto* live = identified ? live_run_of(identified->caller) : nullptr;
            if (live == nullptr || !live->record.explicitly_started)
                return done(
                    fail(ENOENT, "no run was begun here: eval \"$(art begin)\" begins one"));
            auto known = identifier_.explicit_runs().find(live->record.id);
            if (known && known->wrapper)
                return done(fail(EPERM, "run " + live->record.name +
                                            " was started by art run: it ends with its command"));
            RunRecord record = live->record;
            explicit_ended(record.id, 0);
            done(record);
        });
}

void RunKeeper::next(pid_t caller, Started done) {
    auto begin = [this, done = std::move(done)](const std::optional<Identified>& identified) {
        const auto* live = identified ? live_run_of(identified->caller) : nullptr;
        bool alone = !identified || identified->caller.root() == identified->caller.process;
        if (live == nullptr && alone)
            return done(
                fail(ENOENT, "this process is in no run: eval \"$(art begin)\" begins one"));
        auto run = std::make_shared<Beginning>();
        run->done = done;
        run->order.pid = live != nullptr ? live->root.pid : identified->caller.inferred.root;
        if (live != nullptr) {
            run->continues = live->record.id;
            run->record.parent = live->record.parent;
            run->order.job_type = live->record.job_type;
            run->order.config = live->record.config;
            run->order.tags = live->record.tags;
            run->order.ok_exit = live->record.ok_exit;
            run->order.types = live->types;
            run->order.aliases = live->aliases;
        }
        gather(run);
    };
    mount_.executor.offload([this, caller] { return identifier_.identify(caller); },
                            std::move(begin));
}

// The run around the one that has ended goes on after it, and sees what it logged.
void RunKeeper::nested_ended(const RunId& run, const std::function<void()>& then) {
    const auto* inner = mount_.session.run(run);
    const auto& parent = inner->record.parent;
    const auto* outer = parent ? mount_.session.run(*parent) : nullptr;
    if (outer == nullptr || outer->exited || outer->closing) return then();
    close_segment(outer->record.id, shared_.next_segment(outer->record.id));
    // Runs `then` when the last repin has let go of it.
    std::shared_ptr<void> waiting(nullptr, [this, then](void*) { mount_.executor.post(then); });
    for (const auto& [artifact, serial] : inner->views) {
        const auto* view = mount_.session.view(serial);
        const Base& pinned = mount_.session.view_base(view->first_serial)->base;
        const Base& logged = mount_.session.view_base(view->base_serial)->base;
        auto outside = outer->views.find(artifact);
        if (logged == pinned || outside == outer->views.end()) continue;
        repin(outside->second, logged, waiting);
    }
}

void RunKeeper::repin(std::uint32_t serial, const Base& base,
                      const std::shared_ptr<void>& waiting) {
    const auto* view = mount_.session.view(serial);
    if (view->draft || view->stage != DraftStage::open) return;
    auto compute = [this, base, clean = view->overlay] {
        CatalogNodes nodes(mount_.store.catalog());
        Snapshot snapshot = mount_.store.catalog().read()->snapshot(base.tree);
        return std::pair(snapshot, follow(clean, nodes, snapshot, base.version));
    };
    auto show = [this, serial, base, waiting,
                 before = view->base_serial](std::pair<Snapshot, Followed> moved) {
        const auto* now = mount_.session.view(serial);
        // Written to, or moved on, meanwhile: what is there is what the run sees.
        if (now == nullptr || now->draft || now->base_serial != before) return;
        ViewBase next{mount_.session.next_serial(), serial, base, std::move(moved.first), {}, {}};
        mount_.session.apply(
            0, RebasedView{std::move(next), std::move(moved.second.overlay), now->writable, true});
        std::vector<std::pair<NodeId, std::string>> names;
        for (auto& [directory, name] : moved.second.changed)
            names.emplace_back(NodeId::make(NodeKind::view, serial, directory), std::move(name));
        mount_.kernel.invalidate_entries(std::move(names), [waiting] {});
    };
    mount_.executor.offload(std::move(compute), std::move(show));
}

void RunKeeper::close_segment(const RunId& run, std::uint32_t next) {
    const auto& live = *mount_.session.run(run);
    if (live.record.segments >= next) return;
    SealOrder order = order_for(live, {}, false);
    order.run.segments = next;
    order.run.state = RunState::running;
    if (!live.recorded) {
        mount_.session.apply(0, ClosedSegment{run, next});
        return;
    }
    auto owed = owe(std::nullopt, order.uses, {});
    mount_.session.apply(0, ClosedSegment{run, next});
    pay(
        owed, [record = order.run](WriteTxn& txn) { txn.put(record); },
        [](const Result<>& written) {
            if (!written) spdlog::error("a segment was not recorded: {}", written.error().message);
        });
}

}  // namespace artfs
