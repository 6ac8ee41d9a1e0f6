// What the catalog stores, as values. On disk most are CBOR maps (RFC 8949) with short text keys:
// a reader ignores keys it does not know and gives absent ones their default here, so that fields
// can be added without a migration.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <roaring/roaring.hh>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/names.h"
#include "base/uid.h"
#include "objects/tree.h"

// CRoaring put its C++ class into a namespace only in later versions; this names it in both.
namespace roaring {}
namespace artfs::detail {
using namespace roaring;  // NOLINT(google-build-using-namespace)
using RoaringSet = Roaring;
}  // namespace artfs::detail

namespace artfs {

using RankSet = detail::RoaringSet;

// The tree under a view: of a version, once it has one.
struct Base {
    TreeId tree;
    std::optional<VersionId> version;  // none: the empty tree before v0
    auto operator<=>(const Base&) const = default;
};

struct ArtifactRecord {
    ArtifactId id;
    std::string project;
    std::string name;
    std::string type = "dataset";
    bool type_fixed = false;  // by v0
    Time created{};
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t mode = 0755;
    std::optional<std::uint32_t> head;  // the version `latest` names
    std::uint32_t next_version = 0;
    std::vector<std::string> protected_aliases;  // only --force moves them
};

struct VersionRecord {
    VersionId id;
    ArtifactId artifact;
    std::uint32_t number = 0;
    TreeId tree;
    Digest digest;  // art1
    Time created{};
    std::uint64_t size = 0;               // bytes of all files
    std::uint32_t entries = 0;            // files, directories and symlinks
    std::uint32_t changed = 0;            // files this version added, changed or removed
    std::uint32_t carried_over = 0;       // files taken unchanged from the base
    std::optional<std::uint32_t> parent;  // number of the base
    std::optional<std::uint32_t> merged_with;
    std::vector<std::string> diverged;
    std::vector<std::string> tags;
    std::optional<std::string> description;   // set after sealing; else the snapshot's
    nlohmann::json metadata;                  // annotation made after sealing; null: none
    std::optional<std::chrono::seconds> ttl;  // none: the artifact's; 0: for ever
    bool by_policy = false;                   // nobody asked for it: keep_last and ttl may hide it
    bool deleted = false;                     // hidden until it is collected
    std::optional<Time> deleted_at;
    bool gone = false;  // collected: the record stays for lineage, the tree does not
};

enum class RunState : std::uint8_t { running, finished, failed, killed, lost };
const char* to_string(RunState state);

// An entry of an artifact's history: what is no version and no run. Also of a run's own.
struct HistoryEntry {
    Time when{};
    std::string who;
    std::string what;  // "alias", "revert", "create", …
    nlohmann::json detail;
};

// What the processes of a run took, as far as that could be learnt.
struct Resources {
    std::optional<std::uint64_t> peak_memory;  // bytes: the most that one of them had resident
    std::optional<std::uint64_t> user_us;      // microseconds of processors
    std::optional<std::uint64_t> system_us;
    std::optional<std::uint64_t> bytes_read;  // by read(2) and its like: of files, pipes, sockets
    std::optional<std::uint64_t> bytes_written;
    bool operator==(const Resources&) const = default;
};

// A file of another run's unsealed draft that a run opened: what it read has no version.
struct Peek {
    ArtifactId artifact;
    std::string run;  // the other's name
    std::string path;
    auto operator<=>(const Peek&) const = default;
};

struct RunRecord {
    RunId id;
    std::string project;
    std::string name;
    std::string job_type;
    RunState state = RunState::running;
    std::optional<int> exit_code;
    std::optional<int> signal;
    bool exit_known = true;
    bool explicitly_started = false;  // art run
    bool wrote = false;               // logged, confirmed, drafted or wrote run data
    std::vector<std::vector<std::string>> commands;
    std::string cwd;
    std::string executable;
    std::optional<Digest> executable_digest;
    std::uint32_t uid = 0;
    std::string user;
    std::string host;
    Time started{};
    std::optional<Time> ended;
    std::map<std::string, std::string> environment;
    std::string git_commit;
    bool git_dirty = false;
    std::optional<RunId> parent;
    std::optional<RunId> resumes;  // its pins and drafts began as that run left them
    std::vector<std::string> tags;
    std::string description;
    std::vector<int> ok_exit{0};
    nlohmann::json config = nlohmann::json::object();  // from flags; config.json is merged over it
    std::uint32_t segments = 1;
    std::map<ArtifactId, Base> pins;  // what @RUN shows for ever
    std::optional<TreeId> data;       // run data, kept at the end
    std::vector<Peek> peeks;
    Resources resources;
    std::vector<HistoryEntry> history;  // of tags and description
    std::int32_t root_pid = 0;          // while running, with boot_id
    std::string boot_id;
};

// Which files of a version a segment of a run read.
struct UseEdge {
    RunId run;
    std::uint32_t segment = 1;
    VersionId version;
    RankSet ranks;          // in the version's tree
    bool metadata = false;  // .art/metadata.json was read
};

enum class LogKind : std::uint8_t { logged, confirmed };

struct LogEdge {
    RunId run;
    std::uint32_t segment = 1;
    VersionId version;
    LogKind kind = LogKind::logged;
};

enum class DraftState : std::uint8_t { open, frozen, abandoned };

// What a run has written to an artifact (or, with no artifact, its run data) and not yet sealed.
// Its names are rows of their own (drafts/ knows their form); its bytes are in staging.
struct DraftRecord {
    DraftId id;
    RunId run;
    std::uint32_t segment = 1;
    std::optional<ArtifactId> artifact;
    Base base;
    // Once it is frozen: the version it is to become, as what others build on it says already; its
    // tree, and the version that was merged into that.
    std::optional<VersionId> promised;
    std::optional<TreeId> frozen_tree;
    std::optional<VersionId> merged_with;
    bool begins_empty = false;  // by policy: never merged
    Time created{};
    DraftState state = DraftState::open;
    std::string why;  // of abandoned: one line
    std::uint32_t next_node = 1;
    std::uint64_t size = 0;  // bytes staged, when last recorded
};

}  // namespace artfs
