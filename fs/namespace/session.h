// The state of one mount: nodeids, views, handles, live runs and their edges that are not durable
// yet. Everything here lives as long as the mount.
//
// Every change is a record, a plain value, and goes through apply() before the reply of the
// request that caused it; nothing else changes the state. Reading it is free. So whatever keeps
// the records keeps the session.
//
// Owned by the dispatch thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/uid.h"
#include "catalog/records.h"
#include "drafts/overlay.h"
#include "drafts/promotion.h"
#include "namespace/nodeid.h"
#include "runs/process.h"

namespace artfs {

// What a synthetic node is.
enum class Place : std::uint8_t {
    root,
    artifact,
    latest,    // the link
    alias,     // `name` of the artifact
    empty,     // `new`: the empty directory before v0
    art,       // /.art
    run_link,  // /.art/run
    runs,      // /.art/runs
    graph_dot,
    graph_json,
    status_json,
    run_json,          // /.art/runs/NAME/run.json
    run_links,         // …/uses, logs, view (`name`)
    run_link_target,   // …/uses/ARTIFACT (`name` is "uses/ARTIFACT")
    version_art,       // vN/.art
    version_document,  // vN/.art/`name`
    view_document,     // VIEW/.art/`name`: base, commit, and `type` once it is fixed
};

struct Synthetic {
    Place place = Place::root;
    ArtifactId artifact;
    VersionId version;
    RunId run;
    std::uint32_t view = 0;
    std::string name;
    auto operator<=>(const Synthetic&) const = default;
};

struct VersionTree {
    std::uint32_t serial = 0;
    VersionId version;
    ArtifactId artifact;
    std::uint32_t number = 0;
    Snapshot snapshot;
};

// A launcher's view follows the head while nobody has a draft in it and no live run has opened
// anything through it.
enum class ViewKind : std::uint8_t { run, run_data, launcher };

// How far the draft of a view is on its way to a version.
enum class DraftStage : std::uint8_t { open, frozen, sealing };

// A base that a view has or had: clean files that the kernel knows have nodeids of it.
struct ViewBase {
    std::uint32_t serial = 0;
    std::uint32_t view = 0;
    Base base;
    Snapshot snapshot;
    std::unordered_map<std::uint32_t, NodeNumber> switched;  // rank -> node under its nodeid
    std::set<std::uint32_t> unlinked;                        // clean files, by rank
};

struct View {
    std::uint32_t serial = 0;
    std::uint32_t base_serial = 0;  // of its present base
    std::uint32_t first_serial =
        0;  // of the base it was pinned to: what its clean files are uses of
    ViewKind kind = ViewKind::run;
    std::string name;  // without '@'; the run's name for run data
    std::optional<ArtifactId> artifact;
    RunId run;            // owner of what is written here; of a launcher's view perhaps nobody yet
    ProcessKey launcher;  // whose view it is
    std::map<RunId, std::uint32_t> others;  // besides the owner, who wrote, in which segment
    std::set<RunId> readers;                // live runs that opened something through it
    // Of a launcher's view without a draft: it has directories that no run has claimed.
    bool directories = false;
    Overlay overlay{Snapshot{}};
    std::optional<DraftId> draft;
    Time draft_since{};
    Time changed{};  // the draft, last
    bool writable = true;
    bool begins_empty = false;  // its drafts, by policy
    bool on_frozen = false;     // perhaps: something was frozen and not sealed when it was opened
    DraftStage stage = DraftStage::open;
    std::string abandoned;  // why the draft was, if it was
};

enum class DataPath : std::uint8_t { cached, passthrough, text };

struct Handle {
    std::uint64_t fh = 0;
    NodeId node;
    bool read = false;
    bool write = false;
    DataPath path = DataPath::cached;
    std::optional<RunId> run;
    std::int32_t pid = 0;  // of the opener
    // The opener, if that is a launcher: who reads and writes is asked for each time.
    ProcessKey launcher;
    bool used = false;  // somebody has read or written
};

struct LiveRun {
    RunRecord record;
    ProcessKey root;
    bool recorded = false;  // did something worth a record
    bool dirty = false;     // record or uses changed since the last checkpoint
    bool exited = false;
    bool closing = false;               // its last seal is under way
    bool reopened = false;              // after its end: a process that outlived it came back
    std::map<VersionId, UseEdge> uses;  // of the current segment
    std::map<ArtifactId, std::uint32_t> views;
    // What it opened through a launcher's view, before it had a view of its own.
    std::map<ArtifactId, Base> met;
    std::uint32_t data_view = 0;
    bool interactive = false;  // somebody works in it: a notebook's kernel
    // Rule 4: what file tools do for a launcher, which is `root`.
    bool for_launcher = false;
    std::string launcher_name;
    std::set<ProcessKey> tools;                  // that are alive
    std::vector<ProcessKey> launchers;           // above the root, the nearest first
    std::map<std::string, std::string> pins;     // artifact -> reference, from `art run --pin`
    std::map<std::string, std::string> types;    // artifact -> type
    std::map<std::string, std::string> aliases;  // artifact -> alias to set on what it logs
};

// ---- records

struct MadeSynthetic {
    NodeId node;
    Synthetic what;
};
struct OpenedVersionTree {
    VersionTree tree;
};
struct OpenedView {
    View view;
    ViewBase base;
};
// After a seal: the view's base is what was sealed; changed files stay under their nodeids as
// clean content of it.
struct RebasedView {
    ViewBase base;
    Overlay overlay{Snapshot{}};
    bool writable = true;
    bool repinned = false;  // what is read through it from now on is a use of this base
};
struct ClosedView {
    std::uint32_t view = 0;
};
struct StartedDraft {
    std::uint32_t view = 0;
    DraftId draft;
    Time when{};
};
struct MarkedView {
    std::uint32_t view = 0;
    DraftStage stage = DraftStage::open;
    bool writable = true;
    std::string abandoned;
};
struct ChangedDraft {
    std::uint32_t view = 0;
    DraftChange change;
    struct Clean {
        NodeId node;  // of kind view_base
        NodeNumber number = 0;
    };
    std::vector<Clean> switched;
    std::vector<NodeId> unlinked;
};
// A launcher's view has an owner from now on, or (no run) none.
struct OwnedView {
    std::uint32_t view = 0;
    RunId run;
};
// Somebody else than the owner wrote there.
struct SharedView {
    std::uint32_t view = 0;
    RunId run;
};
struct ReadThrough {
    std::uint32_t view = 0;
    RunId run;
};
struct StartedRun {
    LiveRun run;
};
// A file tool works for the launcher that the run is of.
struct ActedFor {
    RunId run;
    ProcessKey tool;  // none: the launcher itself
    std::vector<std::string> command;
};
struct ToolExited {
    RunId run;
    ProcessKey tool;
};
struct Peeked {
    RunId run;
    Peek peek;
};
// Replaces what is known of the run but for its uses, views and marks.
struct ChangedRun {
    RunRecord record;
    bool recorded = false;
};
struct MarkedRun {
    RunId run;
    bool exited = false;
    bool closing = false;
};
// The run's current segment is closed and durable; the next has this number.
struct ClosedSegment {
    RunId run;
    std::uint32_t next = 0;
};
struct EndedRun {
    RunId run;
};
struct Used {
    RunId run;
    VersionId version;
    std::optional<std::uint32_t> rank;  // none: the metadata
};
struct OpenedHandle {
    Handle handle;
};
struct ClosedHandle {
    std::uint64_t fh = 0;
};
// Of one that a launcher opened: whose it is, and whether that has read or written.
struct ClaimedHandle {
    std::uint64_t fh = 0;
    RunId run;
    bool used = false;
};
struct CheckpointedRun {
    RunId run;
};
// Digests in a frozen tree that stand for bytes which are not hashed yet, and their staging files.
struct FrozeFiles {
    std::vector<std::pair<Digest, std::uint64_t>> stand_ins;
};
// A frozen tree was sealed: whoever built on it goes on upon the version.
struct Promoted {
    Promotion promotion;
    bool last = false;  // nothing else is frozen
};

using Record = std::variant<MadeSynthetic, OpenedVersionTree, OpenedView, RebasedView, ClosedView,
                            StartedDraft, MarkedView, ChangedDraft, StartedRun, ChangedRun,
                            MarkedRun, ClosedSegment, EndedRun, Used, OpenedHandle, ClosedHandle,
                            CheckpointedRun, OwnedView, SharedView, ReadThrough, ActedFor,
                            ToolExited, Peeked, ClaimedHandle, FrozeFiles, Promoted>;

class Session {
public:
    Session();

    // `unique` is the request's, or 0 for what no request asked for.
    void apply(std::uint64_t unique, Record record);

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
    // Runs that are over, as long as a process of them may come back (the last few thousand).
    struct PastRun {
        RunId id;
        std::string name;
    };
    const PastRun* past_run(const ProcessKey& root) const;
    const PastRun* past_run(const RunId& id) const;
    // The staging file whose bytes the digest stands for.
    std::optional<std::uint64_t> stand_in(const Digest& digest) const;
    // What it turned out to be, if that is known: a frozen tree made from another one still names
    // the digest that stood for it.
    const Digest& known_digest(const Digest& digest) const;

    // Open handles of a node, by how their data goes.
    struct OpenCounts {
        std::uint32_t cached = 0;
        std::uint32_t passthrough = 0;
        std::uint32_t writers = 0;
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
    void on(CheckpointedRun& record);
    void on(FrozeFiles& record);
    void on(Promoted& record);
    void on(OwnedView& record);
    void on(SharedView& record);
    void on(ReadThrough& record);
    void on(ActedFor& record);
    void on(ToolExited& record);
    void on(Peeked& record);
    void on(ClaimedHandle& record);
    void took_serial(std::uint32_t serial);

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
    std::uint32_t next_serial_ = 1;
    std::uint64_t next_handle_ = 1;
};

}  // namespace artfs
