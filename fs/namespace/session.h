// The state of one mount: nodeids, views, handles, live runs and their edges that are not durable
// yet. Everything here lives as long as the mount.
//
// Every change is a record, a plain value, and goes through apply() before the reply of the
// request that caused it; nothing else changes the state. Reading it is free. So whatever keeps
// the records keeps the session: a Journal does (journal.h), and the next worker goes on with it.
//
// Owned by the dispatch thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "namespace/session_state.h"

namespace artfs {

class Journal;

class Session {
public:
    Session();

    // `unique` is the request's, or 0 for what no request asked for.
    void apply(std::uint64_t unique, Record record);
    // From now on every record goes to the journal too; none: to nowhere.
    void keep_in(Journal* journal) { journal_ = journal; }
    // A record out of a journal, as it was applied at `when`.
    void replay(Time when, Record record);
    // What was applied so far outlives this process.
    void commit();

    // Fresh numbers; what takes one records it at once.
    std::uint32_t next_serial() const { return next_serial_; }
    std::uint64_t next_handle() const { return next_handle_; }
    NodeId next_synthetic() const;

    const Synthetic* synthetic(NodeId node) const;
    std::optional<NodeId> find_synthetic(const Synthetic& what) const;
    const VersionTree* version_tree(std::uint32_t serial) const;
    const VersionTree* find_version_tree(const VersionId& version) const;
    const View* view(std::uint32_t serial) const;
    const ViewBase* view_base(std::uint32_t base_serial) const;
    const View* view_of(NodeId node) const;  // that a node belongs to
    // The view's own node that the kernel knows as `node`; null: it has none, the file is clean.
    const OverlayNode* drafted(NodeId node) const;
    const View* find_view(const std::optional<ArtifactId>& artifact, std::string_view name) const;
    const std::map<std::uint32_t, View>& views() const { return views_; }
    const Handle* handle(std::uint64_t fh) const;
    const std::unordered_map<std::uint64_t, Handle>& handles() const { return handles_; }
    const LiveRun* run(const RunId& id) const;
    // The inferred run of a root. (A process may be the root of runs begun by name, too.)
    const LiveRun* find_run(const ProcessKey& root) const;
    std::vector<RunId> runs_rooted_at(const ProcessKey& root) const;  // oldest first
    const LiveRun* find_run(std::string_view name) const;
    // The run that acts for a launcher and has not ended.
    const LiveRun* find_launcher_run(const ProcessKey& launcher) const;
    const std::map<RunId, LiveRun>& runs() const { return runs_; }
    // Runs that are over, as long as a process of them may come back (the last thousand).
    struct PastRun {
        RunId id;
        std::string name;
    };
    const PastRun* past_run(const ProcessKey& root) const;
    const PastRun* past_run(const RunId& id) const;
    std::set<RunId> past_runs() const;
    // The root of a run, live or past, that had this number last before the time.
    std::optional<ProcessKey> root_numbered(pid_t pid, std::uint64_t before_ticks) const;
    const std::map<std::uint64_t, PendingSeal>& pending_seals() const { return pending_seals_; }
    std::uint64_t next_seal() const { return next_seal_; }
    const std::map<std::uint64_t, Owed>& owed() const { return owed_; }
    std::uint64_t next_owed() const { return next_owed_; }
    std::shared_ptr<const std::string> text(std::uint64_t fh) const;
    // By the kernel's number.
    const std::unordered_map<std::int32_t, BackingSource>& backings() const { return backings_; }
    const std::unordered_map<NodeId, std::int32_t>& backed_nodes() const { return backed_nodes_; }
    const std::map<ProcessKey, KnownLauncher>& launchers() const { return launchers_; }
    const std::map<RunId, ExplicitRuns::Run>& explicit_runs() const { return explicit_runs_; }
    bool intended(std::uint64_t unique) const;
    // The staging file whose bytes the digest stands for.
    std::optional<std::uint64_t> stand_in(const Digest& digest) const;
    // What it turned out to be, if that is known: a frozen tree made from another one still names
    // the digest that stood for it.
    const Digest& known_digest(const Digest& digest) const;
    const std::unordered_map<Digest, std::uint64_t>& stand_ins() const { return stand_ins_; }

    // Open handles of a node, by how their data goes.
    struct OpenCounts {
        std::uint32_t cached = 0;
        std::uint32_t passthrough = 0;
        std::uint32_t writers = 0;  // and those that may have left a mapping
        // Of the writers those that read too, as a mapping which stores has to.
        std::uint32_t mappers = 0;
    };
    OpenCounts open_counts(NodeId node) const;

    // For the checkpoint: rows of a view's overlay that changed. (Not a change of state that
    // anything but the checkpoint can see.)
    std::map<std::string, std::optional<std::string>> take_dirty_rows(std::uint32_t view);
    // They could not be written: the next checkpoint tries again.
    void put_back_rows(std::uint32_t view,
                       const std::map<std::string, std::optional<std::string>>& rows);

private:
    void on(MadeSynthetic& record);
    void on(OpenedVersionTree& record);
    void on(OpenedView& record);
    void on(RebasedView& record);
    void on(ClosedView& record);
    void on(StartedDraft& record);
    void on(MarkedView& record);
    void on(ChangedDraft& record);
    void on(StartedRun& record);
    void on(ChangedRun& record);
    void on(MarkedRun& record);
    void on(ClosedSegment& record);
    void on(EndedRun& record);
    void on(Used& record);
    void on(OpenedHandle& record);
    void on(ClosedHandle& record);
    void on(LeftMapped& record);
    void on(CheckpointedRun& record);
    void on(FrozeFiles& record);
    void on(Promoted& record);
    void on(OwnedView& record);
    void on(SharedView& record);
    void on(ChangedIn& record);
    void on(WroteThrough& record);
    void on(ReadThrough& record);
    void on(ActedFor& record);
    void on(ToolExited& record);
    void on(Peeked& record);
    void on(ClaimedHandle& record);
    void on(StartedSeal& record);
    void on(EndedSeal& record);
    void on(Owes& record);
    void on(Paid& record);
    void on(KeptText& record);
    void on(RegisteredBacking& record);
    void on(DroppedBacking& record);
    void on(BackedNode& record);
    void on(MetLauncher& record);
    void on(LeftLauncher& record);
    void on(KnewExplicit& record);
    void on(Intended& record);
    void took_serial(std::uint32_t serial);
    void promote_pending(const Promotion& promotion);

    std::vector<Synthetic> synthetic_;  // by number
    std::map<Synthetic, std::uint32_t> synthetic_numbers_;
    std::map<std::uint32_t, VersionTree> version_trees_;
    std::map<VersionId, std::uint32_t> version_tree_serials_;
    std::map<std::uint32_t, View> views_;
    std::map<std::uint32_t, ViewBase> view_bases_;
    std::map<std::pair<std::optional<ArtifactId>, std::string>, std::uint32_t> view_names_;
    std::unordered_map<std::uint64_t, Handle> handles_;
    std::unordered_map<NodeId, OpenCounts> open_counts_;
    std::map<RunId, LiveRun> runs_;
    std::map<ProcessKey, std::vector<RunId>> run_roots_;  // oldest first
    std::map<ProcessKey, RunId> launcher_runs_;
    std::map<std::string, RunId, std::less<>> run_names_;
    std::map<ProcessKey, PastRun> past_runs_;
    std::deque<ProcessKey> past_order_;
    std::unordered_map<Digest, std::uint64_t> stand_ins_;
    std::unordered_map<Digest, Digest> hashed_as_;  // until nothing is frozen
    std::map<std::uint64_t, PendingSeal> pending_seals_;
    std::map<std::uint64_t, Owed> owed_;
    std::unordered_map<std::uint64_t, std::shared_ptr<const std::string>> texts_;  // by handle
    std::unordered_map<std::int32_t, BackingSource> backings_;
    std::unordered_map<NodeId, std::int32_t> backed_nodes_;
    std::map<ProcessKey, KnownLauncher> launchers_;
    std::map<RunId, ExplicitRuns::Run> explicit_runs_;
    std::vector<std::uint64_t> intended_;  // the last ones
    std::uint32_t next_serial_ = 1;
    std::uint64_t next_handle_ = 1;
    std::uint64_t next_seal_ = 1;
    std::uint64_t next_owed_ = 1;
    Time at_{};  // of the record that is being applied
    Journal* journal_ = nullptr;

    template <class Archive>
    friend void fields(Archive& archive, Session& session);
};

}  // namespace artfs
