#include "catalog/catalog.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/bytes.h"
#include "support/catch.h"
#include "support/sample_records.h"
#include "support/scratch.h"

using namespace artfs;

namespace {

std::unique_ptr<Catalog> open_catalog(const Scratch& scratch,
                                      Catalog::Access access = Catalog::Access::read_write) {
    auto catalog = Catalog::open(scratch.path(), access);
    REQUIRE(catalog);
    return std::move(*catalog);
}

std::vector<std::string> run_names(const Catalog& catalog) {
    std::vector<std::string> names;
    catalog.read()->runs("default", [&](const RunRecord& run) {
        names.push_back(run.name);
        return true;
    });
    return names;
}

}  // namespace

TEST_CASE("artifacts, versions and aliases come back as they were put") {
    Scratch scratch;
    auto artifact = an_artifact("mnist");
    artifact.type = "model";
    artifact.head = 3;
    auto version = a_version(artifact, 3);
    version.size = 1ULL << 40;
    version.parent = 2;
    version.tags = {"good"};
    version.diverged = {"a/b", "c"};
    version.description = "text";
    version.metadata = {{"k", {1, 2.5, nullptr}}};
    version.ttl = std::chrono::hours(24);
    artifact.protected_aliases = {"best"};
    auto hidden = a_version(artifact, 101);
    hidden.deleted = hidden.gone = true;
    hidden.deleted_at = hidden.created;
    {
        auto catalog = open_catalog(scratch);
        REQUIRE(catalog->write([&](WriteTxn& txn) {
            txn.put(artifact);
            txn.put(version);
            txn.put(a_version(artifact, 20));
            txn.put(a_version(artifact, 100));
            txn.put(hidden);
            txn.put_alias(artifact.id, "best", 3);
            txn.add_history(artifact.id, {now(), "me", "alias", {{"alias", "best"}}});
        }));
    }
    auto catalog = open_catalog(scratch, Catalog::Access::read_only);
    auto txn = catalog->read();
    auto found = txn->artifact("default", "mnist");
    REQUIRE(found);
    CHECK(found->id == artifact.id);
    CHECK(found->type == "model");
    CHECK(found->head == 3);
    CHECK(!txn->artifact("default", "mnis"));
    CHECK(!txn->artifact("other", "mnist"));
    auto back = txn->version(version.id);
    REQUIRE(back);
    CHECK(back->size == version.size);
    CHECK(back->parent == 2);
    CHECK(back->tags == version.tags);
    CHECK(back->diverged == version.diverged);
    CHECK(back->description == "text");
    CHECK(back->metadata == version.metadata);
    CHECK(back->created == version.created);
    CHECK(back->ttl == version.ttl);
    CHECK(!back->deleted);
    CHECK(found->protected_aliases == artifact.protected_aliases);
    auto gone = txn->version(hidden.id);
    REQUIRE(gone);
    CHECK((gone->deleted && gone->gone));
    CHECK(gone->deleted_at == hidden.deleted_at);
    CHECK(txn->all_versions(artifact.id).size() == 4);
    std::vector<std::uint32_t> numbers;
    for (const auto& one : txn->versions(artifact.id)) numbers.push_back(one.number);
    CHECK(numbers == std::vector<std::uint32_t>{3, 20, 100});
    CHECK(txn->aliases(artifact.id) == std::map<std::string, std::uint32_t>{{"best", 3}});
    REQUIRE(txn->history(artifact.id).size() == 1);
    CHECK(txn->history(artifact.id)[0].what == "alias");
}

TEST_CASE("a run's record and edges come back, and use edges of a version unite") {
    Scratch scratch;
    auto catalog = open_catalog(scratch);
    auto run = a_run("calm-lake-1", "train");
    run.state = RunState::failed;
    run.exit_code = 3;
    run.commands = {{"train", "--lr", "0.1"}, {"\xff"}};
    run.environment = {{"CUDA_VISIBLE_DEVICES", "0"}};
    run.ok_exit = {0, 3};
    VersionId version = VersionId::make();
    run.pins[ArtifactId::make()] = Base{TreeId{sha256("t")}, version};
    run.peeks = {{ArtifactId::make(), "other-run-1", "name \xff"}};
    run.resources.peak_memory = std::uint64_t{1} << 40U;
    run.resources.user_us = 0;
    run.resources.bytes_written = 7;
    run.history = {{now(), "me", "tag", {{"add", {"x"}}}}};
    REQUIRE(catalog->write([&](WriteTxn& txn) {
        txn.put(run);
        txn.put(UseEdge{run.id, 1, version, ranks({1, 5}), false});
        txn.put(UseEdge{run.id, 1, version, ranks({5, 9}), true});
        txn.put(LogEdge{run.id, 1, version, LogKind::confirmed});
    }));
    auto txn = catalog->read();
    auto back = txn->run("default", "calm-lake-1");
    REQUIRE(back);
    CHECK(back->commands == run.commands);
    CHECK(back->state == RunState::failed);
    CHECK(back->exit_code == 3);
    CHECK(!back->signal);
    CHECK(back->environment == run.environment);
    CHECK(back->ok_exit == run.ok_exit);
    CHECK(back->pins == run.pins);
    CHECK(back->peeks == run.peeks);
    CHECK(back->resources == run.resources);
    REQUIRE(back->history.size() == 1);
    CHECK(back->history[0].when == run.history[0].when);
    CHECK(back->history[0].detail == run.history[0].detail);
    auto uses = txn->uses_of(run.id);
    REQUIRE(uses.size() == 1);
    CHECK(uses[0].ranks == ranks({1, 5, 9}));
    CHECK(uses[0].metadata);
    CHECK(txn->users_of(version).size() == 1);
    CHECK(txn->loggers_of(version).at(0).kind == LogKind::confirmed);
    CHECK(txn->logs_of(RunId::make()).empty());
}

TEST_CASE("uses of what was promised are the version's that it became, also those put later") {
    Scratch scratch;
    auto catalog = open_catalog(scratch);
    auto promised = VersionId::make();
    auto other = VersionId::make();
    auto version = VersionId::make();
    auto run = RunId::make();
    auto put = [&](const VersionId& of, std::uint32_t rank) {
        REQUIRE(catalog->write([&](WriteTxn& txn) {
            txn.put(UseEdge{run, 1, of, ranks({rank}), false});
        }));
    };
    put(promised, 1);
    put(other, 4);
    REQUIRE(catalog->write([&](WriteTxn& txn) { txn.became(promised, version); }));
    put(promised, 2);
    auto txn = catalog->read();
    CHECK(txn->users_of(promised).empty());
    REQUIRE(txn->users_of(version).size() == 1);
    CHECK(txn->users_of(version)[0].ranks == ranks({1, 2}));
    CHECK(txn->users_of(other).size() == 1);
    CHECK(txn->uses_of(run).size() == 2);
    REQUIRE(catalog->write([](WriteTxn& change) { change.forget_promises(); }));
    put(promised, 3);
    CHECK(catalog->read()->users_of(promised).size() == 1);
}

TEST_CASE("sketches say what the records say") {
    Scratch scratch;
    auto catalog = open_catalog(scratch);
    auto artifact = an_artifact("mnist");
    auto version = a_version(artifact, 7);
    auto hidden = a_version(artifact, 8);
    hidden.deleted = true;
    auto before = a_run("calm-lake-1", "train");
    auto run = a_run("calm-lake-2", "train");
    run.state = RunState::failed;
    run.ended = now();
    run.explicitly_started = true;
    run.wrote = false;
    run.resumes = before.id;
    run.tags = {"good", "best"};
    // None of these is a tag.
    run.commands = {{"train", "tags"}};
    run.environment = {{"tags", "none"}};
    run.config = {{"tags", {"none"}}};
    run.peeks = {{artifact.id, "tags", "tags"}};
    run.history = {{now(), "me", "tag", {{"tags", {"none"}}}}};
    REQUIRE(catalog->write([&](WriteTxn& txn) {
        txn.put(artifact);
        txn.put(version);
        txn.put(hidden);
        txn.put(before);
        txn.put(run);
    }));
    auto txn = catalog->read();
    std::vector<RunSketch> runs;
    txn->run_sketches("default", [&](const RunSketch& one) { runs.push_back(one); });
    REQUIRE(runs.size() == 2);
    CHECK((runs[0].id == run.id && runs[0].name == run.name && runs[0].job_type == "train"));
    CHECK(runs[0].state == RunState::failed);
    CHECK((runs[0].started == run.started && runs[0].ended == run.ended));
    CHECK((runs[0].explicitly_started && !runs[0].wrote));
    CHECK(runs[0].resumes == before.id);
    CHECK(runs[0].tags == run.tags);
    CHECK((runs[1].wrote && !runs[1].explicitly_started && !runs[1].ended && !runs[1].resumes));
    std::vector<VersionSketch> versions;
    txn->version_sketches(artifact.id, [&](const auto& one) { versions.push_back(one); });
    REQUIRE(versions.size() == 1);
    CHECK((versions[0].id == version.id && versions[0].number == 7));
    CHECK(versions[0].created == version.created);
}

TEST_CASE("runs are listed newest first") {
    Scratch scratch;
    auto catalog = open_catalog(scratch);
    for (const char* name : {"one", "two", "three"})
        REQUIRE(catalog->write([&](WriteTxn& txn) { txn.put(a_run(name, "job")); }));
    CHECK(run_names(*catalog) == std::vector<std::string>{"three", "two", "one"});
}

TEST_CASE("what fails in a transaction leaves nothing of it") {
    Scratch scratch;
    auto catalog = open_catalog(scratch);
    auto failed = catalog->write([&](WriteTxn& txn) {
        txn.put(a_run("half", "job"));
        throw FormatError("broken");
    });
    CHECK(!failed);
    CHECK(run_names(*catalog).empty());

    // In a group only the change that fails is left out.
    CatalogThread thread(*catalog);
    std::mutex mutex;
    std::condition_variable over;
    int done = 0;
    int bad = 0;
    for (int i = 0; i < 20; ++i)
        thread.submit(
            [i](WriteTxn& txn) {
                txn.put(a_run("run-" + std::to_string(i), "job"));
                if (i % 5 == 0) throw FormatError("broken");
            },
            [&](const Result<>& outcome) {
                std::lock_guard lock(mutex);
                if (!outcome) ++bad;
                ++done;
                over.notify_all();
            });
    std::unique_lock lock(mutex);
    REQUIRE(over.wait_for(lock, std::chrono::seconds(20), [&] { return done == 20; }));
    CHECK(bad == 4);
    CHECK(run_names(*catalog).size() == 16);
}

TEST_CASE("the map grows by itself, for the writer and for readers of other processes") {
    Scratch scratch;
    Catalog::set_initial_map_size(256 << 10);
    auto catalog = open_catalog(scratch);
    int go[2];
    int opened[2];
    REQUIRE(pipe(go) == 0);
    REQUIRE(pipe(opened) == 0);
    const std::string bytes(3000, 'r');
    auto all_there = [&](const Catalog& in) {
        for (int i = 0; i < 2000; i += 97)
            if (in.read()->record(sha256(std::to_string(i))) != bytes) return false;
        return true;
    };
    pid_t reader = fork();
    if (reader == 0) {
        close(go[1]);
        auto mine = Catalog::open(scratch.path(), Catalog::Access::read_only);
        bool good = mine && !(*mine)->read()->record(sha256("0"));
        char byte = 0;
        good = write(opened[1], "+", 1) == 1 && read(go[0], &byte, 1) == 0 && good &&
               all_there(**mine);
        _exit(good ? 0 : 1);
    }
    char byte = 0;
    REQUIRE(read(opened[0], &byte, 1) == 1);
    Catalog::set_initial_map_size(256U << 20U);
    for (int i = 0; i < 40; ++i)
        REQUIRE(catalog->write([&](WriteTxn& txn) {
            for (int j = 0; j < 50; ++j) txn.put_record(sha256(std::to_string(i * 50 + j)), bytes);
        }));
    CHECK(all_there(*catalog));
    for (int fd : {go[0], go[1], opened[0], opened[1]}) close(fd);
    int status = -1;
    waitpid(reader, &status, 0);
    CHECK(status == 0);
}

// The writer is killed at random moments: what it reported as written is there, and every run that
// is there is whole, with its edge.
TEST_CASE("a catalog survives kill -9 of its writer") {
    Scratch scratch;
    int total = 0;
    for (int round = 0; round < 12; ++round) {
        int out[2];
        REQUIRE(pipe(out) == 0);
        pid_t writer = fork();
        if (writer == 0) {
            close(out[0]);
            auto catalog = Catalog::open(scratch.path(), Catalog::Access::read_write);
            if (!catalog) _exit(1);
            for (int i = 0;; ++i) {
                auto run = a_run("r" + std::to_string(round) + "-" + std::to_string(i), "job");
                auto written = (*catalog)->write([&](WriteTxn& txn) {
                    txn.put(run);
                    txn.put(UseEdge{run.id, 1, VersionId::make(), ranks({7}), false});
                });
                if (!written || write(out[1], "+", 1) != 1) _exit(1);
            }
        }
        close(out[1]);
        usleep(20'000 + static_cast<useconds_t>(round) * 7'000);
        kill(writer, SIGKILL);
        char chunk[4096];
        for (ssize_t got = 0; (got = read(out[0], chunk, sizeof chunk)) > 0;)
            total += static_cast<int>(got);
        close(out[0]);
        waitpid(writer, nullptr, 0);

        auto catalog = open_catalog(scratch);
        auto names = run_names(*catalog);
        // At most one more a round: committed, and killed before it could say so.
        CHECK(static_cast<int>(names.size()) >= total);
        CHECK(static_cast<int>(names.size()) <= total + round + 1);
        auto txn = catalog->read();
        for (const auto& name : names) {
            auto run = txn->run("default", name);
            REQUIRE(run);
            REQUIRE(txn->uses_of(run->id).size() == 1);
        }
    }
    CHECK(total > 0);
}

TEST_CASE("a damaged catalog or record is an error, never a crash") {
    Scratch scratch;
    {
        auto catalog = open_catalog(scratch);
        auto digest = sha256("x");
        REQUIRE(catalog->write([&](WriteTxn& txn) { txn.put_record(digest, "no node"); }));
        CHECK_THROWS_AS(catalog->read()->node(digest), FormatError);
        CHECK_THROWS_AS(catalog->read()->snapshot(TreeId{digest}), FormatError);
        CHECK_THROWS_AS(catalog->read()->node(sha256("absent")), FormatError);
    }
    std::ofstream(scratch.path() / "data.mdb", std::ios::in | std::ios::out)
        << std::string(8192, 'z');
    CHECK(!Catalog::open(scratch.path(), Catalog::Access::read_write));
}

TEST_CASE("drafts keep their rows, and lose them all at once") {
    Scratch scratch;
    auto catalog = open_catalog(scratch);
    DraftRecord draft;
    draft.id = DraftId::make();
    draft.run = RunId::make();
    draft.state = DraftState::abandoned;
    draft.why = "its run failed";
    auto other = draft;
    other.id = DraftId::make();
    REQUIRE(catalog->write([&](WriteTxn& txn) {
        txn.put(draft);
        txn.put(other);
        txn.put_draft_row(draft.id, "a", "1");
        txn.put_draft_row(draft.id, "b", std::string(100'000, 'x'));
        txn.put_draft_row(other.id, "a", "2");
        txn.erase_draft_row(draft.id, "a");
    }));
    CHECK(catalog->read()->draft(draft.id)->why == "its run failed");
    CHECK(catalog->read()->draft_rows(draft.id).size() == 1);
    REQUIRE(catalog->write([&](WriteTxn& txn) { txn.erase_draft(draft.id); }));
    CHECK(!catalog->read()->draft(draft.id));
    CHECK(catalog->read()->draft_rows(draft.id).empty());
    CHECK(catalog->read()->draft_rows(other.id).size() == 1);
    CHECK(catalog->read()->drafts().size() == 1);
}

TEST_CASE("numbers of a counter are given once, also after a restart") {
    Scratch scratch;
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    REQUIRE(open_catalog(scratch)->write([&](WriteTxn& txn) { first = txn.reserve("run", 10); }));
    REQUIRE(open_catalog(scratch)->write([&](WriteTxn& txn) { second = txn.reserve("run", 1); }));
    CHECK(second == first + 10);
}

TEST_CASE("indexes are made again from their rows, and what leads nowhere goes") {
    Scratch scratch;
    auto catalog = open_catalog(scratch);
    auto artifact = an_artifact("mnist");
    artifact.head = 9;
    auto version = a_version(artifact, 3);
    auto run = a_run("calm-lake-1", "train");
    REQUIRE(catalog->write([&](WriteTxn& txn) {
        txn.put(artifact);
        txn.put(version);
        txn.put(run);
        txn.put(UseEdge{run.id, 1, version.id, ranks({1}), false});
        txn.put_alias(artifact.id, "lost", 8);
        txn.put_record(sha256("r"), "record");
        txn.put_record(sha256("s"), "record");
        txn.erase_record(sha256("s"));
    }));
    auto faults = catalog->read()->index_faults();
    REQUIRE(faults.size() == 2);
    CHECK(faults[0].find("'lost'") != std::string::npos);
    CHECK(faults[1].find("mnist") != std::string::npos);
    REQUIRE(catalog->write([](WriteTxn& txn) { txn.rebuild_indexes(); }));
    auto txn = catalog->read();
    CHECK(txn->index_faults().empty());
    CHECK(txn->artifact(artifact.id)->head == 3);
    CHECK(txn->aliases(artifact.id).empty());
    CHECK(txn->users_of(version.id).size() == 1);
    std::vector<Digest> records;
    txn->records([&](const Digest& digest) {
        records.push_back(digest);
        return true;
    });
    CHECK(records == std::vector<Digest>{sha256("r")});
}
