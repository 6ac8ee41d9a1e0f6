#include "lineage/exports.h"

#include <fstream>

#include "drafts/kept.h"
#include "drafts/put.h"
#include "lineage/compare.h"
#include "lineage/stale.h"
#include "support/catch.h"
#include "support/sample_records.h"
#include "support/scratch.h"

using namespace artfs;
using Json = nlohmann::json;

namespace {

// raw:v0 and raw:v1 were put; train used raw:v0's a.csv and logged model:v0.
struct Exported {
    Scratch scratch;
    std::unique_ptr<Store> store =
        std::move(*Store::create_or_open(scratch.path() / "store", Store::Access::read_write));
    std::uint64_t staging = 1;
    std::unique_ptr<ReadTxn> txn;
    CatalogNodes nodes{store->catalog()};
    RunRecord train = a_run("train-1", "train");

    Exported() {
        put("raw", {{"a.csv", "1,2"}, {"sub/b", "x"}});
        put("raw", {{"moved.csv", "1,2"}, {"sub/b", "y"}, {"new", "z"}});
        put("model", {{"weights", "w"}});
        train.state = RunState::finished;
        train.exit_code = 0;
        train.commands = {{"train", "--lr", "0.1"}};
        train.user = "alice";
        train.host = "here";
        train.ended = train.started;
        train.environment = {{"CUDA_VISIBLE_DEVICES", "0"}};
        REQUIRE(store->catalog().write([&](WriteTxn& write) {
            write.put(train);
            write.put(UseEdge{train.id, 1, version(write, "raw", 0).id, ranks({1}), false});
            write.put(LogEdge{train.id, 1, version(write, "model", 0).id});
            // What nobody has put as well: only train made it.
            auto scores = an_artifact("scores");
            scores.head = 0;
            auto scores0 = a_version(scores, 0);
            scores0.tree = version(write, "model", 0).tree;
            write.put(scores);
            write.put(scores0);
            write.put(LogEdge{train.id, 1, scores0.id});
        }));
        txn = store->catalog().read();
    }
    void put(const std::string& artifact, const std::map<std::string, std::string>& files) {
        auto in = scratch.path() / ("in" + std::to_string(staging));
        for (const auto& [path, text] : files) {
            std::filesystem::create_directories((in / path).parent_path());
            std::ofstream(in / path) << text;
        }
        PutOrder order;
        order.project = "default";
        order.artifact = artifact;
        order.paths = {in};
        auto reserve = [&](std::uint64_t count) {
            auto first = staging;
            staging += count;
            return first;
        };
        REQUIRE(put_files(offline_context(*store), order, reserve,
                          [](const PutProgress&) { return true; }));
    }
    static VersionRecord version(const ReadTxn& at, const std::string& artifact,
                                 std::uint32_t number) {
        return *at.version(at.artifact("default", artifact)->id, number);
    }
    Reading reading() { return {*store, *txn, nodes}; }
    ExportSubject model() { return {version(*txn, "model", 0), {train}}; }
};

}  // namespace

TEST_CASE("OpenLineage: a start and an end, with what the standard requires of each") {
    Exported sample;
    auto events = export_openlineage(sample.reading(), sample.model());
    REQUIRE(events.size() == 2);
    CHECK(events[0].at("eventType") == "START");
    CHECK(events[1].at("eventType") == "COMPLETE");
    for (const auto& event : events) {
        for (const char* key : {"eventTime", "producer", "schemaURL"})
            CHECK(event.at(key).is_string());
        CHECK(event.at("run").at("runId") == sample.train.id.text());
        CHECK(event.at("job").at("name") == "train");
        CHECK(event.at("job").at("namespace") == "artfs://here/default");
        auto input = event.at("inputs").at(0);
        CHECK(input.at("name") == "raw");
        CHECK(input.at("facets").at("version").at("datasetVersion") == "v0");
        for (const auto& facets :
             {event.at("run").at("facets"), event.at("job").at("facets"), input.at("facets")})
            for (const auto& [name, facet] : facets.items()) {
                INFO(name);
                CHECK(facet.contains("_producer"));
                CHECK(facet.at("_schemaURL").get<std::string>().find("#/$defs/") !=
                      std::string::npos);
            }
    }
    CHECK(events[0].at("outputs").empty());
    REQUIRE(events[1].at("outputs").size() == 2);
    sample.train.state = RunState::killed;
    sample.train.signal = 9;
    auto killed = export_openlineage(sample.reading(), {std::nullopt, {sample.train}});
    CHECK(killed[1].at("eventType") == "ABORT");
    sample.train.ended.reset();
    CHECK(export_openlineage(sample.reading(), {std::nullopt, {sample.train}}).size() == 1);
}

TEST_CASE("PROV-JSON: everything a version came from, and relations of things that are there") {
    Exported sample;
    auto document = export_prov(sample.reading(), sample.model());
    CHECK(document.at("activity").contains("art:run/train-1"));
    CHECK(document.at("entity").contains("art:raw/v0"));
    CHECK(!document.at("entity").contains("art:raw/v1"));
    CHECK(document.at("activity").size() >= 2);  // the put of raw:v0, too
    std::set<std::string> known;
    for (const char* kind : {"entity", "activity", "agent"})
        for (const auto& [name, one] : document.at(kind).items()) known.insert(name);
    for (const char* relation : {"used", "wasGeneratedBy", "wasAssociatedWith", "specializationOf"})
        for (const auto& [name, one] : document.at(relation).items()) {
            CHECK(name.rfind("_:", 0) == 0);
            for (const auto& [key, value] : one.items())
                if (key != "prov:time") CHECK(known.contains(value.get<std::string>()));
        }
}

TEST_CASE("in-toto and SLSA: files by SHA-256, what made them, and of what") {
    Exported sample;
    auto statement = export_in_toto(sample.reading(), sample.model());
    CHECK(statement.at("_type") == "https://in-toto.io/Statement/v1");
    REQUIRE(statement.at("subject").size() == 1);
    CHECK(statement.at("subject")[0] ==
          Json{{"name", "model:v0/weights"}, {"digest", {{"sha256", sha256("w").hex()}}}});
    const auto& predicate = statement.at("predicate");
    const auto& definition = predicate.at("buildDefinition");
    CHECK(definition.at("externalParameters").at("command") == Json({"train", "--lr", "0.1"}));
    CHECK(definition.at("resolvedDependencies").at(0) ==
          Json{{"name", "raw:v0/a.csv"}, {"digest", {{"sha256", sha256("1,2").hex()}}}});
    CHECK(!predicate.at("runDetails").at("builder").at("id").get<std::string>().empty());
}

TEST_CASE("RO-Crate and Croissant: every reference leads somewhere, every file has its digest") {
    Exported sample;
    auto crate = export_ro_crate(sample.reading(), sample.model());
    std::set<std::string> known;
    for (const auto& one : crate.at("@graph")) {
        CHECK(known.insert(one.at("@id")).second);
        CHECK(one.contains("@type"));
    }
    for (const auto& one : crate.at("@graph"))
        for (const char* key : {"hasPart", "mentions", "object", "result"})
            if (one.contains(key))
                for (const auto& other : one.at(key))
                    CHECK(known.contains(other.at("@id").get<std::string>()));
    CHECK(known.contains("ro-crate-metadata.json"));
    CHECK(known.contains("model/v0/weights"));
    CHECK(known.contains("raw/v0/a.csv"));

    auto croissant = export_croissant(sample.reading(), sample.model());
    CHECK(croissant.at("conformsTo") == "http://mlcommons.org/croissant/1.1");
    REQUIRE(croissant.at("distribution").size() == 1);
    CHECK(croissant.at("distribution")[0].at("sha256") == sha256("w").hex());
    CHECK(croissant.at("prov:wasDerivedFrom").at(0).at("@id") == "urn:art:raw:v0");
}

TEST_CASE("versions are compared by content, runs by what they were told") {
    Exported sample;
    auto at = sample.reading();
    auto v0 = Exported::version(*sample.txn, "raw", 0);
    auto v1 = Exported::version(*sample.txn, "raw", 1);
    std::map<std::string, FileChange> changes;
    for (const auto& file : compare_files(at, v0, v1)) changes[file.path] = file.change;
    CHECK(changes == std::map<std::string, FileChange>{{"moved.csv", FileChange::renamed},
                                                       {"new", FileChange::added},
                                                       {"sub/b", FileChange::changed}});
    changes.clear();
    for (const auto& file : compare_files(at, v1, v0)) changes[file.path] = file.change;
    CHECK(changes.at("new") == FileChange::removed);
    CHECK(changes.at("a.csv") == FileChange::renamed);
    CHECK(compare_files(at, v0, v0).empty());
    auto objects = compare_objects({{"a", 1}, {"b", 2}}, {{"b", 3}, {"c", 4}});
    CHECK(objects ==
          Json{{"removed", {{"a", 1}}}, {"changed", {{"b", {2, 3}}}}, {"added", {{"c", 4}}}});
    CHECK(nothing_in(compare_objects({{"a", 1}}, {{"a", 1}})));
}

TEST_CASE("what is stale comes in an order in which it can be repeated") {
    Exported sample;
    auto stale = stale_json(*sample.txn, "default");
    REQUIRE(stale.size() == 1);
    CHECK(stale[0].at("artifact") == "scores");
    CHECK(stale[0].at("run") == "train-1");
    CHECK(stale[0].at("inputs") ==
          Json::array({{{"artifact", "raw"}, {"used", "v0"}, {"newest", "v1"}}}));
}
