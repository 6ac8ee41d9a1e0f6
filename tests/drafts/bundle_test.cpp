// Versions from store to store.
#include "drafts/bundle.h"

#include <random>

#include "drafts/arrivals.h"
#include "support/depot.h"
#include "support/sample_records.h"

using namespace artfs;
using depot::Depot;
namespace fs = std::filesystem;

TEST_CASE("bundle and unbundle give an equal version, with its run and its history") {
    Depot from;
    from.put("a", {{"x", "one"}, {"dir/y", "two"}});
    from.put("a", {{"x", "other"}, {"empty", ""}});
    RunRecord run = a_run("train-1", "train");
    REQUIRE(from.store->catalog().write([&](WriteTxn& txn) {
        auto id = txn.artifact("default", "a")->id;
        txn.put_alias(id, "best", 1);
        txn.put(run);
        txn.put(UseEdge{run.id, 1, txn.version(id, 0)->id, ranks({1}), false});
        txn.put(LogEdge{run.id, 1, txn.version(id, 1)->id});
        txn.add_history(id, {now(), "me", "describe", {{"version", "v1"}}});
    }));
    Arrivals times(from.store->dir(), run.id);
    times.note(0, now() - std::chrono::hours(1));
    times.note(20, now());
    auto file = from.scratch.path() / "b.tar";
    auto v1 = from.versions("a")[1];
    from.bundle({v1}, file);
    // LMDB's environments are one a process and store: the other store is opened beside it.
    Depot to;
    auto merged = to.take(file);
    INFO((merged ? "" : merged.error().message));
    REQUIRE(merged);
    CHECK(merged_json(*merged).at("versions") == nlohmann::json({"a:v1"}));
    auto txn = to.store->catalog().read();
    auto artifact = txn->artifact("default", "a");
    REQUIRE(artifact);
    CHECK(artifact->head == 1);
    auto version = txn->version(artifact->id, 1);
    CHECK(version->digest == v1.digest);
    CHECK(version->tree == v1.tree);
    CHECK(txn->aliases(artifact->id).at("best") == 1);
    CHECK(txn->history(artifact->id).size() == 1);
    REQUIRE(txn->run(run.id));
    CHECK(arrivals_of(to.store->dir(), run.id) == arrivals_of(from.store->dir(), run.id));
    CHECK(arrivals_of(to.store->dir(), run.id).size() == 2);
    CHECK(txn->run(run.id)->state == RunState::lost);
    // What it was made from keeps its name, without files.
    CHECK(txn->uses_of(run.id).size() == 1);
    CHECK(txn->version(artifact->id, 0)->gone);
    CHECK(txn->versions(artifact->id).size() == 1);
    txn.reset();
    CHECK(to.is_whole());
    // Again changes nothing; the other version may come later.
    CHECK(to.take(file)->versions.empty());
    auto all = from.scratch.path() / "all.tar";
    from.bundle(from.versions("a"), all);
    CHECK(merged_json(*to.take(all)).at("versions") == nlohmann::json({"a:v0"}));
    CHECK(to.store->catalog().read()->artifact("default", "a")->head == 1);
    CHECK(to.is_whole());
    CHECK(to.store->staging_files()->empty());
    Depot other;
    other.put("a", {{"x", "mine"}});
    CHECK(other.take(file).error().code == EEXIST);
    REQUIRE(other.take(file, "second"));
    CHECK(other.store->catalog().read()->artifact("second", "a"));
    CHECK(other.is_whole());
}

TEST_CASE("whatever versions there are, they are equal in the store that takes their bundle") {
    std::mt19937 random(20261126);
    auto below = [&](unsigned n) { return random() % n; };
    for (int round = 0; round < 6; ++round) {
        Depot from;
        std::map<std::string, std::string> files;
        auto count = 1 + below(4);
        for (unsigned version = 0; version < count; ++version) {
            for (unsigned i = 0; i <= below(8); ++i) {
                static const char* names[] = {"x", "dir/y", "dir/deep/z", "\xff raw", "a b", "ü"};
                files[names[below(6)]] =
                    std::string(below(3) * below(5000), static_cast<char>(below(256)));
            }
            if (files.size() > 1 && below(2) == 0) files.erase(files.begin());
            from.put("a", files);
        }
        auto versions = from.versions("a");
        REQUIRE(from.store->catalog().write([&](WriteTxn& txn) {
            txn.put_alias(versions[0].artifact, "best",
                          versions[below(static_cast<unsigned>(versions.size()))].number);
            versions[0].tags = {"checked"};
            txn.put(versions[0]);
        }));
        auto file = from.scratch.path() / "b.tar";
        from.bundle(versions, file);
        Depot to;
        REQUIRE(to.take(file));
        auto taken = to.versions("a");
        REQUIRE(taken.size() == versions.size());
        for (std::size_t i = 0; i < versions.size(); ++i) {
            INFO("round " << round << ", version " << i);
            CHECK(taken[i].digest == versions[i].digest);
            CHECK(taken[i].tree == versions[i].tree);
            CHECK(taken[i].tags == versions[i].tags);
            CHECK(taken[i].created == versions[i].created);
        }
        auto aliases = [](Depot& depot) {
            auto txn = depot.store->catalog().read();
            return txn->aliases(txn->artifact("default", "a")->id);
        };
        CHECK(aliases(to) == aliases(from));
        CHECK(to.is_whole());
        // And back: nothing is new.
        auto back = from.scratch.path() / "back.tar";
        to.bundle(taken, back);
        CHECK(from.take(back)->versions.empty());
    }
}

TEST_CASE("a bundle or its taking over that is interrupted anywhere leaves nothing half done") {
    Depot from;
    std::map<std::string, std::string> files;
    for (int i = 0; i < 5; ++i)
        files[std::to_string(i)] = std::string(100'000, static_cast<char>('a' + i));
    from.put("a", files);
    auto file = from.scratch.path() / "b.tar";
    auto write = [&](int steps) {
        return write_bundle(*from.store, "default", from.versions("a"), file,
                            [&](std::uint64_t, std::uint64_t) { return --steps > 0; });
    };
    int steps = 1;
    for (auto written = write(steps); !written; written = write(++steps)) {
        CHECK(written.error().code == EINTR);
        for (const auto& one : fs::directory_iterator(from.scratch.path()))
            CHECK(one.path().filename().string().find("b.tar") == std::string::npos);
    }
    CHECK(steps > 5);
    Depot to;
    steps = 1;
    for (auto taken = to.take(file, "default", steps); !taken;
         taken = to.take(file, "default", ++steps)) {
        CHECK(taken.error().code == EINTR);
        CHECK(!to.store->catalog().read()->artifact("default", "a"));
        CHECK(to.store->staging_files()->empty());
        CHECK(to.is_whole());
    }
    CHECK(steps > 5);
    CHECK(to.versions("a")[0].digest == from.versions("a")[0].digest);
    CHECK(to.is_whole());
}
