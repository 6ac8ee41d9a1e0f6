// What a Session (session.h) is made of, and the records that change it: plain values.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/uid.h"
#include "catalog/records.h"
#include "drafts/overlay.h"
#include "drafts/promotion.h"
#include "drafts/seal.h"
#include "namespace/nodeid.h"
#include "namespace/request.h"
#include "runs/explicit_runs.h"
#include "runs/identity.h"
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
    std::set<RunId> changed_by;  // of these, who changed more than files that launchers hold open
    std::set<RunId> readers;     // live runs that opened something through it
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
    bool used = false;         // somebody has read or written
    std::set<RunId> writers;   // who wrote through it, if a launcher opened it
    std::uint64_t unique = 0;  // of the request that opened it
    // It is closed, but a mapping of it may be left, which writes without our being told: for who
    // waits for writers it is open until that is known not to be so.
    bool mapped = false;
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

// A process that has a view, or that file tools act for.
struct KnownLauncher {
    Launcher launcher;
    Launcher acts_as;  // whom what it does itself is done for
    std::vector<std::string> command;
    std::uint32_t uid = 0;
    bool exited = false;
};

// Drafts on their way to versions (seal_queue.h), with all it takes to begin again.
struct PendingSeal {
    std::uint64_t number = 0;  // in the order in which they were asked for
    SealOrder order;           // its overlays are what the views were at that moment
    std::vector<std::uint32_t> views;
    bool over = false;  // the run has ended; else this closes a segment of it
    HashedFiles known;  // what stood for bytes in the trees that this was built on
};

// What the catalog must yet be told, of runs and drafts that the session is done with.
struct Owed {
    std::uint64_t number = 0;
    std::optional<RunRecord> run;
    std::vector<UseEdge> uses;
    std::vector<DraftId> dropped;
};

// A file that the kernel reads and writes the data of nodes in by itself.
struct BackingFile {
    BackingSource file;
    std::int32_t id = 0;  // the kernel's
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
    // Of a launcher's view with files that are still open for writing: whose they are.
    RunId run;
    std::map<RunId, std::uint32_t> others;
    std::set<RunId> changed_by;
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
// A run has changed something there, and not through what a launcher holds open.
struct ChangedIn {
    std::uint32_t view = 0;
    RunId run;
};
// A run has written through a handle that a launcher opened.
struct WroteThrough {
    std::uint64_t fh = 0;
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
struct LeftMapped {
    std::uint64_t fh = 0;
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

struct StartedSeal {
    PendingSeal seal;
};
struct EndedSeal {
    std::uint64_t number = 0;
};
struct Owes {
    Owed owed;
};
struct Paid {
    std::uint64_t number = 0;
};
// What a handle of a document reads: made once, at its open.
struct KeptText {
    std::uint64_t fh = 0;
    std::shared_ptr<const std::string> text;
};
struct RegisteredBacking {
    BackingFile file;
};
struct DroppedBacking {
    std::int32_t id = 0;
};
// Until the last handle through which its data passes is closed.
struct BackedNode {
    NodeId node;
    std::int32_t id = 0;
};
struct MetLauncher {
    KnownLauncher known;
};
struct LeftLauncher {
    ProcessKey process;
};
// What is known of a run begun by name, as it is from now on.
struct KnewExplicit {
    ExplicitRuns::Run run;
};
// The request is about to change the catalog: asked again, it may find that it has.
struct Intended {
    std::uint64_t unique = 0;
};

using Record =
    std::variant<MadeSynthetic, OpenedVersionTree, OpenedView, RebasedView, ClosedView,
                 StartedDraft, MarkedView, ChangedDraft, StartedRun, ChangedRun, MarkedRun,
                 ClosedSegment, EndedRun, Used, OpenedHandle, ClosedHandle, CheckpointedRun,
                 OwnedView, SharedView, ReadThrough, ActedFor, ToolExited, Peeked, ClaimedHandle,
                 FrozeFiles, Promoted, StartedSeal, EndedSeal, Owes, Paid, KeptText,
                 RegisteredBacking, DroppedBacking, BackedNode, MetLauncher, LeftLauncher,
                 KnewExplicit, Intended, LeftMapped, ChangedIn, WroteThrough>;

}  // namespace artfs
