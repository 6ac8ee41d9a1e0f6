#include "catalog/changes.h"

#include "support/catch.h"
#include "support/sample_records.h"
#include "support/scratch.h"

using namespace artfs;
using Json = nlohmann::json;

namespace {

struct Sample {
    Scratch scratch;
    std::unique_ptr<Catalog> catalog =
        std::move(*Catalog::open(scratch.path(), Catalog::Access::read_write));
    ArtifactRecord artifact = an_artifact("mnist");
    VersionRecord v0 = a_version(artifact, 0);
    VersionRecord v1 = a_version(artifact, 1);
    RunRecord run = a_run("calm-lake-1", "train");

    Sample() {
        artifact.head = 1;
        REQUIRE(catalog->write([&](WriteTxn& txn) {
            txn.put(artifact);
            txn.put(v0);
            txn.put(v1);
            txn.put(run);
        }));
    }
    // 0, or the errno of the refusal.
    int change(const std::string& what, Json more = Json::object(), int version = 0) {
        more["change"] = what;
        if (!more.contains("run")) {
            more["artifact"] = artifact.id.text();
            if (version >= 0) more["version"] = version;
        }
        Result<Changed> changed;
        REQUIRE(catalog->write([&](WriteTxn& txn) { changed = apply_change(txn, more, "me"); }));
        return changed ? 0 : changed.error().code;
    }
    VersionRecord version(std::uint32_t number) {
        return *catalog->read()->version(artifact.id, number);
    }
    std::vector<HistoryEntry> history() { return catalog->read()->history(artifact.id); }
};

}  // namespace

TEST_CASE("annotations keep what was before in the history") {
    Sample sample;
    CHECK(sample.change("describe", {{"text", "first"}}) == 0);
    CHECK(sample.change("describe", {{"text", "second"}}) == 0);
    CHECK(sample.version(0).description == "second");
    CHECK(!sample.version(1).description);
    auto history = sample.history();
    REQUIRE(history.size() == 2);
    CHECK(history[1].who == "me");
    CHECK(history[1].what == "describe");
    CHECK(history[1].detail == Json{{"version", "v0"}, {"before", "first"}, {"after", "second"}});

    CHECK(sample.change("metadata", {{"merge", {{"a", 1}}}, {"sealed", {{"b", 2}}}}) == 0);
    CHECK(sample.version(0).metadata == Json{{"a", 1}, {"b", 2}});
    CHECK(sample.change("metadata", {{"merge", {{"b", nullptr}}}, {"sealed", {{"c", 3}}}}) == 0);
    CHECK(sample.version(0).metadata == Json{{"a", 1}});
    CHECK(sample.change("metadata", {{"value", {1, 2}}}) == EINVAL);
    CHECK(sample.change("metadata", {{"value", nullptr}}) == 0);
    CHECK(sample.version(0).metadata.is_null());
    CHECK(sample.change("describe", {{"text", "x"}}, 7) == ENOENT);
    CHECK(sample.change("dance") == EINVAL);
}

TEST_CASE("tags of versions and runs") {
    Sample sample;
    CHECK(sample.change("tag", {{"add", {"good", "old", "good"}}}) == 0);
    CHECK(sample.version(0).tags == std::vector<std::string>{"good", "old"});
    CHECK(sample.change("tag", {{"add", {"fine", "no good"}}}) == EINVAL);
    CHECK(sample.change("tag", {{"remove", {"old", "absent"}}}) == ENOENT);
    CHECK(sample.version(0).tags.size() == 2);
    CHECK(sample.change("tag", {{"remove", {"old"}}}) == 0);
    CHECK(sample.version(0).tags == std::vector<std::string>{"good"});
    CHECK(sample.change("tag", {{"add", {"base"}}, {"run", sample.run.id.text()}}) == 0);
    CHECK(sample.change("describe", {{"text", "it"}, {"run", sample.run.id.text()}}) == 0);
    auto run = sample.catalog->read()->run(sample.run.id);
    CHECK(run->tags == std::vector<std::string>{"base"});
    CHECK(run->description == "it");
    REQUIRE(run->history.size() == 2);
    CHECK(run->history[0].what == "tag");
    CHECK(run->history[0].detail == Json{{"add", {"base"}}, {"remove", Json::array()}});
    CHECK(run->history[1].who == "me");
    CHECK(run->history[1].detail == Json{{"before", ""}, {"after", "it"}});
    CHECK(sample.change("metadata", {{"merge", {{"a", 1}}}, {"run", sample.run.id.text()}}) != 0);
}

TEST_CASE("aliases move, and protected ones only by force") {
    Sample sample;
    CHECK(sample.change("alias", {{"names", {"best", "prod"}}}) == 0);
    CHECK(sample.change("protect", {{"names", {"prod"}}, {"on", true}}, -1) == 0);
    CHECK(sample.change("alias", {{"names", {"best", "prod"}}}, 1) == EPERM);
    auto aliases = [&] { return sample.catalog->read()->aliases(sample.artifact.id); };
    CHECK(aliases().at("best") == 0);
    CHECK(sample.change("alias", {{"names", {"best", "prod"}}, {"force", true}}, 1) == 0);
    CHECK(aliases().at("prod") == 1);
    auto last = sample.history().back();
    CHECK(last.detail == Json{{"alias", "prod"}, {"version", "v1"}, {"before", "v0"}});
    CHECK(sample.change("unalias", {{"names", {"prod"}}}, -1) == EPERM);
    CHECK(sample.change("protect", {{"names", {"prod"}}, {"on", false}}, -1) == 0);
    CHECK(sample.change("unalias", {{"names", {"prod", "none"}}}, -1) == ENOENT);
    CHECK(sample.change("unalias", {{"names", {"prod"}}}, -1) == 0);
    CHECK(aliases() == std::map<std::string, std::uint32_t>{{"best", 1}});
    for (const char* taken : {"latest", "v3", "new"}) {
        INFO(taken);
        CHECK(sample.change("alias", {{"names", {taken}}}) == EPERM);
    }
    for (const char* bad : {"", "a b"}) {
        INFO(bad);
        CHECK(sample.change("alias", {{"names", {bad}}}) == EINVAL);
    }
}

TEST_CASE("a deleted version is hidden, and nothing needed is deleted") {
    Sample sample;
    CHECK(sample.change("alias", {{"names", {"best"}}}, 1) == 0);
    CHECK(sample.change("delete", Json::object(), 1) == EBUSY);
    CHECK(sample.change("unalias", {{"names", {"best"}}}, -1) == 0);
    sample.run.state = RunState::running;
    sample.run.pins[sample.artifact.id] = Base{sample.v1.tree, sample.v1.id};
    REQUIRE(sample.catalog->write([&](WriteTxn& txn) { txn.put(sample.run); }));
    CHECK(sample.change("delete", Json::object(), 1) == EBUSY);
    sample.run.state = RunState::finished;
    REQUIRE(sample.catalog->write([&](WriteTxn& txn) { txn.put(sample.run); }));
    CHECK(sample.change("delete", Json::object(), 1) == 0);
    auto txn = sample.catalog->read();
    CHECK(txn->versions(sample.artifact.id).size() == 1);
    CHECK(txn->artifact(sample.artifact.id)->head == 0);
    CHECK(sample.change("delete", Json::object(), 1) == ENOENT);
    CHECK(sample.change("describe", {{"text", "x"}}, 1) == ENOENT);
    CHECK(sample.change("restore", Json::object(), 1) == 0);
    CHECK(sample.catalog->read()->versions(sample.artifact.id).size() == 2);
    CHECK(sample.change("restore", Json::object(), 1) == EINVAL);
    CHECK(sample.change("ttl", {{"seconds", 60}}, 1) == 0);
    CHECK(sample.version(1).ttl == std::chrono::seconds(60));
    CHECK(sample.change("ttl", {{"seconds", -1}}, 1) == EINVAL);
    CHECK(sample.change("ttl", {{"seconds", nullptr}}, 1) == 0);
    CHECK(!sample.version(1).ttl);
}
