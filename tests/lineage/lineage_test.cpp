#include "lineage/graph.h"
#include "lineage/text.h"
#include "support/catch.h"
#include "support/sample_records.h"
#include "support/scratch.h"

using namespace artfs;

namespace {

// raw:v0 <- load;  clean uses raw, logs tidy:v0;  train uses tidy, logs model:v0 and model:v1.
struct Sample {
    Scratch scratch;
    std::unique_ptr<Store> store =
        std::move(*Store::create_or_open(scratch.path() / "store", Store::Access::read_write));
    ArtifactRecord raw = an_artifact("raw");
    ArtifactRecord tidy = an_artifact("tidy");
    ArtifactRecord model = an_artifact("model");
    VersionRecord raw0 = a_version(raw, 0);
    VersionRecord tidy0 = a_version(tidy, 0);
    VersionRecord model0 = a_version(model, 0);
    VersionRecord model1 = a_version(model, 1);
    RunRecord load = a_run("load-1", "load");
    RunRecord clean = a_run("clean-1", "clean");
    RunRecord train = a_run("train-1", "train");

    Sample() {
        model.type = "model";
        for (auto* one : {&raw, &tidy}) one->head = 0;
        model.head = 1;
        train.segments = 2;
        const Snapshot empty{.root = empty_dir(), .metadata = {}, .description = {}};
        for (auto* one : {&raw0, &tidy0, &model0, &model1}) one->tree = tree_id(empty);
        REQUIRE(store->catalog().write([&](WriteTxn& txn) {
            txn.put_record(tree_id(empty).digest, encode_snapshot(empty));
            for (const auto* one : {&raw, &tidy, &model}) txn.put(*one);
            for (const auto* one : {&raw0, &tidy0, &model0, &model1}) txn.put(*one);
            for (const auto* one : {&load, &clean, &train}) txn.put(*one);
            txn.put(LogEdge{load.id, 1, raw0.id});
            txn.put(UseEdge{clean.id, 1, raw0.id, {}, true});
            txn.put(LogEdge{clean.id, 1, tidy0.id});
            txn.put(UseEdge{train.id, 1, tidy0.id, {}, true});
            txn.put(LogEdge{train.id, 1, model0.id});
            txn.put(LogEdge{train.id, 2, model1.id});
        }));
    }
    std::vector<std::string> lineage(const VersionRecord& of, Direction direction, unsigned depth) {
        auto txn = store->catalog().read();
        CatalogNodes nodes(store->catalog());
        std::vector<std::string> lines;
        LineageQuery query;
        query.version = of;
        query.direction = direction;
        query.depth = depth;
        query.files = true;
        for (const auto& step : lineage_of({*store, *txn, nodes}, query)) {
            std::string line = std::string(step.depth, ' ') + step.node;
            for (const auto& file : step.files) line += " " + file;
            lines.push_back(line);
        }
        return lines;
    }
};

}  // namespace

TEST_CASE("lineage goes up to the source and down to the last product") {
    Sample sample;
    using Lines = std::vector<std::string>;
    CHECK(sample.lineage(sample.tidy0, Direction::upstream, 1000) ==
          Lines{"dataset:tidy:v0", " clean:clean-1", "  dataset:raw:v0 .art/metadata.json",
                "   load:load-1"});
    auto down = sample.lineage(sample.raw0, Direction::downstream, 1000);
    REQUIRE(!down.empty());
    CHECK(down.front() == "dataset:raw:v0");
    CHECK(down.back().find("model:model:v1") != std::string::npos);
    CHECK(sample.lineage(sample.model1, Direction::upstream, 1).size() == 2);
}

TEST_CASE("the graph: collapsed by type, exploded by instance, segments apart") {
    Sample sample;
    auto txn = sample.store->catalog().read();
    auto exploded = project_graph(*txn, "default", GraphForm::exploded);
    CHECK(exploded.nodes.size() == 7);
    CHECK(exploded.edges.size() == 6);
    auto collapsed = project_graph(*txn, "default", GraphForm::collapsed);
    CHECK(collapsed.nodes.size() == 5);  // dataset, model; load, clean, train
    auto segments = project_graph(*txn, "default", GraphForm::segments);
    CHECK(segments.nodes.size() == 8);
    CHECK(project_graph(*txn, "nobody", GraphForm::exploded).nodes.empty());
    auto dot = graph_dot(exploded);
    CHECK(dot.rfind("digraph", 0) == 0);
    CHECK(dot.find("raw:v0") != std::string::npos);
    auto json = graph_json(exploded, false);
    CHECK(json.at("nodes").size() == 7);
    auto text = graph_text(exploded);
    INFO(text);
    CHECK(text.find("load:load-1   --> dataset:raw:v0") != std::string::npos);
}

TEST_CASE("a drawing has every node once, right of what leads to it, and every edge") {
    Sample sample;
    auto txn = sample.store->catalog().read();
    auto count = [](const std::string& text, const std::string& what) {
        std::size_t found = 0;
        for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
            ++found;
        return found;
    };
    auto graph = project_graph(*txn, "default", GraphForm::segments);
    auto svg = graph_svg(graph);
    CHECK(count(svg, "<text ") == graph.nodes.size());
    CHECK(count(svg, "marker-end") == graph.edges.size());
    auto x_of = [&](const std::string& id) {
        auto label = svg.find(">" + id + "<");
        REQUIRE(label != std::string::npos);
        return std::stod(svg.substr(svg.rfind("<text x=\"", label) + 9));
    };
    for (const auto& edge : graph.edges) CHECK(x_of(edge.from) < x_of(edge.to));
    // A cycle, and names that would be markup.
    graph.nodes = {{"a<b>&\"", false, "t", "", 1}, {"c", true, "t", "", 2}};
    graph.edges = {{"a<b>&\"", "c", false, 1}, {"c", "a<b>&\"", true, 1}, {"c", "gone", true, 1}};
    svg = graph_svg(graph);
    CHECK(svg.find("a&lt;b&gt;&amp;&quot;") != std::string::npos);
    CHECK(svg.find("c (2)") != std::string::npos);
    CHECK(count(svg, "marker-end") == 2);
    CHECK(graph_svg({}).ends_with("</svg>\n"));
}

TEST_CASE("a head made from an old version is stale") {
    Sample sample;
    CHECK(stale_versions(*sample.store->catalog().read(), "default").empty());
    auto raw1 = a_version(sample.raw, 1);
    sample.raw.head = 1;
    REQUIRE(sample.store->catalog().write([&](WriteTxn& txn) {
        txn.put(sample.raw);
        txn.put(raw1);
    }));
    std::vector<VersionId> stale;
    for (const auto& one : stale_versions(*sample.store->catalog().read(), "default"))
        stale.push_back(one.id);
    CHECK(std::find(stale.begin(), stale.end(), sample.tidy0.id) != stale.end());
}

TEST_CASE("names that are no UTF-8 keep their bytes in JSON") {
    CHECK(is_utf8("k\xc3\xb6ln"));
    for (const char* bad : {"\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf5\x80\x80\x80"})
        CHECK(!is_utf8(bad));
    nlohmann::json object;
    put_name(object, "path", "a\xff");
    CHECK(object.at("path") == "a\xef\xbf\xbd");
    CHECK(object.at("path_b64") == "Yf8=");
    CHECK(parse_metadata("{\"a\":1}") == nlohmann::json{{"a", 1}});
    CHECK(parse_metadata("[1]").at("invalid") == true);
    CHECK(parse_metadata("{broken").at("text") == "{broken");
}
