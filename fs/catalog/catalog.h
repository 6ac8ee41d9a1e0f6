// The store's database: LMDB, and the only place that knows it.
//
// One environment in STORE/catalog. Readers (any process of the store's owner, any thread) see one
// consistent state per ReadTxn and never block a writer. One process at a time writes (STORE/lock),
// and in it one thread (CatalogThread). LMDB 0.9.24 has open faults in DUPSORT and in transactions
// that spill, so there is no DUPSORT table, and writers keep transactions small. The environment is
// never used across fork.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/names.h"
#include "base/result.h"
#include "catalog/records.h"
#include "objects/tree.h"

namespace artfs {

class Catalog;

// What graphs and tables need of a run or a version, read without the rest of its record: they are
// of many.
struct RunSketch {
    RunId id;
    std::string name;
    std::string job_type;
    RunState state = RunState::running;
    std::optional<RunId> resumes;
    Time started{};
    std::optional<Time> ended;
    bool wrote = false;
    bool explicitly_started = false;
    std::vector<std::string> tags;
};
struct VersionSketch {
    VersionId id;
    std::uint32_t number = 0;
    Time created{};
    bool deleted = false;
};
struct VersionPlace {
    ArtifactId artifact;
    std::uint32_t number = 0;
};

// A snapshot of the catalog. Lives on one thread and should live briefly: an old one keeps freed
// pages from being used again. What it returns are copies, valid after it.
class ReadTxn {
public:
    virtual ~ReadTxn();
    ReadTxn(const ReadTxn&) = delete;
    ReadTxn& operator=(const ReadTxn&) = delete;

    std::vector<std::string> projects() const;

    std::optional<ArtifactRecord> artifact(const ArtifactId& id) const;
    std::optional<ArtifactRecord> artifact(std::string_view project, std::string_view name) const;
    std::vector<ArtifactRecord> artifacts(std::string_view project) const;  // by name

    std::optional<VersionRecord> version(const VersionId& id) const;
    std::optional<VersionRecord> version(const ArtifactId& id, std::uint32_t number) const;
    std::vector<VersionRecord> versions(const ArtifactId& id) const;  // ascending, not the deleted
    std::vector<VersionRecord> all_versions(const ArtifactId& id) const;       // the deleted too
    std::map<std::string, std::uint32_t> aliases(const ArtifactId& id) const;  // without latest
    std::vector<HistoryEntry> history(const ArtifactId& id) const;             // oldest first

    // In any of the projects it touched: they agree in name and facts.
    std::optional<RunRecord> run(const RunId& id) const;
    // So many it has in the project where it has most; 0: no such run.
    std::uint32_t segments_of(const RunId& id) const;
    std::optional<RunRecord> run(std::string_view project, const RunId& id) const;
    std::optional<RunRecord> run(std::string_view project, std::string_view name) const;
    // Newest first, until `visit` returns false.
    void runs(std::string_view project, const std::function<bool(const RunRecord&)>& visit) const;

    std::optional<RunSketch> run_sketch(const RunId& run) const;
    void run_sketches(std::string_view project,
                      const std::function<void(const RunSketch&)>& visit) const;  // newest first
    std::optional<VersionPlace> place_of(const VersionId& id) const;
    // Ascending, not the deleted.
    void version_sketches(const ArtifactId& id,
                          const std::function<void(const VersionSketch&)>& visit) const;
    // By segment, without what of the version was read.
    void each_use(const RunId& run,
                  const std::function<void(std::uint32_t segment, const VersionId&)>& visit) const;

    std::vector<UseEdge> uses_of(const RunId& run) const;  // by segment
    std::vector<UseEdge> users_of(const VersionId& version) const;
    std::vector<LogEdge> logs_of(const RunId& run) const;  // by segment
    std::vector<LogEdge> loggers_of(const VersionId& version) const;

    std::vector<DraftRecord> drafts() const;
    std::optional<DraftRecord> draft(const DraftId& id) const;
    std::map<std::string, std::string> draft_rows(const DraftId& id) const;

    // Content-addressed records: tree nodes and snapshots.
    std::optional<std::string> record(const Digest& stored) const;
    std::shared_ptr<const Node> node(const Digest& stored) const;  // throws FormatError if absent
    Snapshot snapshot(const TreeId& tree) const;                   // throws FormatError if absent

    // The names of all content-addressed records, until `visit` returns false.
    void records(const std::function<bool(const Digest&)>& visit) const;

    // One line each: rows that point to nothing, and indexes that lack a row (fsck).
    std::vector<std::string> index_faults() const;

    std::optional<std::string> setting(std::string_view key) const;

    struct State;  // for catalog/ itself
    explicit ReadTxn(std::unique_ptr<State> state);

protected:
    std::unique_ptr<State> state_;
};

// The one writing transaction. Only valid inside Catalog::write.
class WriteTxn : public ReadTxn {
public:
    void put(const ArtifactRecord& record);  // also its name
    void erase_artifact(const ArtifactRecord& record);
    void put(const VersionRecord& record);  // also its id
    void put_alias(const ArtifactId& id, std::string_view alias, std::uint32_t number);
    void erase_alias(const ArtifactId& id, std::string_view alias);
    void add_history(const ArtifactId& id, const HistoryEntry& entry);
    void put(const RunRecord& record);  // also its name and its place in the project's list
    void put(const UseEdge& edge);      // united with what is there
    void erase(const UseEdge& edge);
    // What was promised turned out to equal a version: uses of it become that one's, and so do
    // those that are put later, by who has not heard of it.
    void became(const VersionId& promised, const VersionId& version);
    void forget_promises();  // when nobody is left who was promised anything
    void put(const LogEdge& edge);
    void put(const DraftRecord& record);
    void put_draft_row(const DraftId& id, std::string_view key, std::string_view value);
    void erase_draft_row(const DraftId& id, std::string_view key);
    void erase_draft(const DraftId& id);  // with all its rows
    void put_record(const Digest& stored, std::string_view bytes);
    void erase_record(const Digest& stored);
    // Makes every index from the rows it is of; aliases and heads of no version go.
    void rebuild_indexes();
    void put_setting(std::string_view key, std::string_view value);
    // Takes `count` numbers from a named counter, durable with this transaction; the first of them.
    std::uint64_t reserve(std::string_view counter, std::uint64_t count);

    using ReadTxn::ReadTxn;
};

class Catalog {
public:
    enum class Access { read_only, read_write };
    // `dir` must exist. With read_write an empty directory becomes a catalog; dead readers are
    // cleared.
    static Result<std::unique_ptr<Catalog>> open(const std::filesystem::path& dir, Access access);
    ~Catalog();

    std::unique_ptr<ReadTxn> read() const;

    // Runs `change` in a transaction and commits it durably. Commits nothing and fails if `change`
    // throws FormatError or std::system_error, or the disk is full. The map grows by itself: then
    // `change` is run again from the start, so it must have no effect but through the transaction.
    // One thread at a time.
    Result<> write(const std::function<void(WriteTxn&)>& change);

    // For tests: start with a tiny map.
    static void set_initial_map_size(std::size_t bytes);

    struct Env;  // for catalog/ itself

private:
    friend class CatalogThread;
    using Change = std::function<void(WriteTxn&)>;
    // One durable commit of several changes; those that fail are left out, each with its reason.
    std::vector<Result<>> write_group(const std::vector<const Change*>& changes);

    Catalog();
    std::unique_ptr<Env> env_;
};

// The one thread that writes. Changes queued while a commit is under way share the next one; a
// change that fails is undone alone (each runs in a nested transaction).
class CatalogThread {
public:
    using Change = std::function<void(WriteTxn&)>;
    using Done = std::function<void(Result<>)>;  // called on the catalog thread, after the commit

    explicit CatalogThread(Catalog& catalog);
    ~CatalogThread();  // finishes what is queued

    // Thread-safe.
    void submit(Change change, Done done);
    // Waits for its own commit. Not from the dispatch thread.
    Result<> write(Change change);

private:
    void loop();
    struct Job {
        Change change;
        Done done;
    };
    Catalog& catalog_;
    std::mutex mutex_;  // guards the two below
    std::condition_variable wake_;
    std::deque<Job> jobs_;
    bool stop_ = false;
    std::thread thread_;
};

// A NodeSource that reads the catalog and may block. For one thread at a time.
class CatalogNodes : public NodeSource {
public:
    explicit CatalogNodes(const Catalog& catalog) : catalog_(catalog) {}
    std::shared_ptr<const Node> node(const Digest& stored) override;

private:
    const Catalog& catalog_;
    std::map<Digest, std::shared_ptr<const Node>> cache_;
};

}  // namespace artfs
