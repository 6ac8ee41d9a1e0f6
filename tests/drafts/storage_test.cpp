// Putting, collecting and checking, on a real store.
#include <sys/stat.h>

#include <fstream>
#include <random>

#include "drafts/arrivals.h"
#include "drafts/check.h"
#include "drafts/collect.h"
#include "drafts/kept.h"
#include "drafts/put.h"
#include "support/catch.h"
#include "support/sample_records.h"
#include "support/scratch.h"

using namespace artfs;
namespace fs = std::filesystem;

namespace {

struct Storage {
    Scratch scratch;
    std::unique_ptr<Store> store =
        std::move(*Store::create_or_open(scratch.path() / "store", Store::Access::read_write));
    SealContext context = offline_context(*store);
    std::uint64_t staging = 1;
    fs::path in = scratch.path() / "in";

    Storage() { fs::create_directories(in); }

    void write(const std::string& name, const std::string& text) {
        fs::create_directories((in / name).parent_path());
        std::ofstream(in / name) << text;
    }
    Result<PutResult> put(const std::string& artifact, PutOrder order = {}, bool stop = false) {
        order.project = "default";
        order.artifact = artifact;
        if (order.paths.empty()) order.paths = {in};
        auto reserve = [&](std::uint64_t count) {
            auto first = staging;
            staging += count;
            return first;
        };
        return put_files(context, order, reserve, [&](const PutProgress&) { return !stop; });
    }
    std::map<std::string, std::string> files(const std::string& artifact, std::uint32_t number) {
        auto txn = store->catalog().read();
        auto version = txn->version(txn->artifact("default", artifact)->id, number);
        REQUIRE(version);
        CatalogNodes nodes(store->catalog());
        std::map<std::string, std::string> found;
        walk(nodes, txn->snapshot(version->tree).root,
             [&](const std::string& path, const Entry& entry, std::uint32_t) {
                 found[path] = entry.kind == Kind::file
                                   ? *read_file(store->objects().path(entry.digest))
                                   : entry.target;
             });
        return found;
    }
    void change(const std::string& what, const std::string& artifact, std::uint32_t number) {
        REQUIRE(store->catalog().write([&](WriteTxn& txn) {
            auto id = txn.artifact("default", artifact)->id;
            REQUIRE(apply_change(
                txn, {{"change", what}, {"artifact", id.text()}, {"version", number}}, "me"));
        }));
    }
    Collected collect_now(bool dry_run = false, const Needed& needed = {},
                          std::chrono::seconds older_than = {}) {
        auto collected = collect(context, Config::built_in(), needed, {dry_run, older_than});
        INFO((collected ? "" : collected.error().message));
        REQUIRE(collected);
        return *collected;
    }
    Checked check() {
        auto checked = check_store(*store, [](std::uint64_t, std::uint64_t) {});
        REQUIRE(checked);
        return *checked;
    }
};

using Files = std::map<std::string, std::string>;

}  // namespace

TEST_CASE("put makes a version of exactly the files, or of more beside latest") {
    Storage depot;
    depot.write("a", "one");
    depot.write("dir/b", "two");
    fs::create_symlink("a", depot.in / "link");
    chmod((depot.in / "a").c_str(), 0640);
    PutOrder order;
    order.type = "model";
    order.metadata = "{\"k\":1}";
    order.description = "what it is";
    order.aliases = {"best"};
    auto first = depot.put("m", order);
    INFO((first ? "" : first.error().message));
    REQUIRE(first);
    CHECK(first->run.job_type == "put");
    CHECK(depot.files("m", 0) == Files{{"a", "one"}, {"dir", ""}, {"dir/b", "two"}, {"link", "a"}});
    {
        auto txn = depot.store->catalog().read();
        auto artifact = *txn->artifact("default", "m");
        CHECK(artifact.type == "model");
        CHECK(txn->aliases(artifact.id).at("best") == 0);
        auto snapshot = txn->snapshot(txn->version(artifact.id, 0)->tree);
        CHECK(snapshot.description == "what it is");
        CHECK(snapshot.metadata->size == 7);
        CHECK(txn->logs_of(first->run.id).size() == 1);
        CatalogNodes nodes(depot.store->catalog());
        CHECK(find_path(nodes, snapshot.root, "a")->entry.attributes.mode == 0640);
    }
    fs::remove_all(depot.in);
    depot.write("dir/c", "three");
    REQUIRE(depot.put("m"));
    CHECK(depot.files("m", 1) == Files{{"dir", ""}, {"dir/c", "three"}});
    depot.write("a", "new");
    order = {};
    order.paths = {depot.in / "a"};
    order.add = true;
    REQUIRE(depot.put("m", order));
    CHECK(depot.files("m", 2) == Files{{"a", "new"}, {"dir", ""}, {"dir/c", "three"}});
    CHECK(depot.store->staging_files()->empty());
    CHECK(depot.check().damage.empty());
    auto again = depot.put("m", order);
    REQUIRE(again);
    CHECK(again->sealed.front().outcome == SealOutcome::existing);
}

TEST_CASE("a put that is refused or interrupted leaves nothing") {
    Storage depot;
    depot.write("a", "one");
    CHECK(depot.put("m", {}, true).error().code == EINTR);
    CHECK(depot.put("no name").error().code == EINVAL);
    PutOrder order;
    order.paths = {depot.in / "absent"};
    CHECK(depot.put("m", order).error().code == ENOENT);
    fs::create_directories(depot.in / "other");
    depot.write("other/a", "two");
    order.paths = {depot.in / "a", depot.in / "other"};
    CHECK(depot.put("m", order).error().code == EINVAL);
    REQUIRE(mkfifo((depot.in / "pipe").c_str(), 0600) == 0);
    CHECK(depot.put("m").error().code == EINVAL);
    fs::remove_all(depot.in);
    fs::create_directories(depot.in / "empty");
    CHECK(depot.put("m").error().code == EINVAL);
    order = {};
    order.aliases = {"latest"};
    depot.write("a", "one");
    CHECK(depot.put("m", order).error().code == EPERM);
    CHECK(!depot.store->catalog().read()->artifact("default", "m"));
    CHECK(depot.store->staging_files()->empty());
    CHECK(depot.check().objects == 0);
}

TEST_CASE("gc removes what nothing needs, and only that") {
    Storage depot;
    depot.write("shared", "in both");
    depot.write("old", "only in v0");
    REQUIRE(depot.put("m"));
    fs::remove(depot.in / "old");
    depot.write("new", "only in v1");
    REQUIRE(depot.put("m"));
    auto objects = [&] { return depot.check().objects; };
    CHECK(objects() == 3);
    CHECK(depot.collect_now().objects == 0);
    depot.change("delete", "m", 0);
    CHECK(depot.collect_now(false, {}, std::chrono::hours(1)).objects == 0);
    auto tree = depot.store->catalog()
                    .read()
                    ->all_versions(depot.store->catalog().read()->artifact("default", "m")->id)[0]
                    .tree;
    Needed reader;
    reader.trees = {tree};
    CHECK(depot.collect_now(false, reader).objects == 0);
    auto plan = depot.collect_now(true);
    CHECK(plan.versions == std::vector<std::string>{"m:v0"});
    CHECK(plan.objects == 1);
    CHECK(plan.bytes == 10);
    CHECK(objects() == 3);
    auto done = depot.collect_now();
    CHECK(done.objects == plan.objects);
    CHECK(done.records == plan.records);
    CHECK(objects() == 2);
    CHECK(depot.files("m", 1) == Files{{"new", "only in v1"}, {"shared", "in both"}});
    auto checked = depot.check();
    INFO((checked.damage.empty() ? "" : checked.damage[0]));
    CHECK(checked.damage.empty());
    CHECK(depot.collect_now().records == 0);
}

TEST_CASE("gc removes the times of metrics of runs that are gone, and of no others") {
    Storage depot;
    depot.write("x", "1");
    auto put = depot.put("a");
    REQUIRE(put);
    const auto live = RunId::make();
    const auto gone = RunId::make();
    for (const auto& run : {put->run.id, live, gone})
        Arrivals(depot.store->dir(), run).note(0, now());
    std::ofstream(depot.store->dir() / "arrivals/other") << "not ours";
    Needed needed;
    needed.runs = {live};
    auto plan = depot.collect_now(true, needed);
    CHECK(plan.arrivals == 1);
    CHECK(plan.bytes == 16);
    CHECK(arrivals_of(depot.store->dir(), gone).size() == 1);
    CHECK(depot.collect_now(false, needed).arrivals == 1);
    CHECK(arrivals_of(depot.store->dir(), gone).empty());
    CHECK(arrivals_of(depot.store->dir(), live).size() == 1);
    CHECK(arrivals_of(depot.store->dir(), put->run.id).size() == 1);
    CHECK(fs::exists(depot.store->dir() / "arrivals/other"));
    CHECK(depot.collect_now(false, needed).arrivals == 0);
}

TEST_CASE("gc obeys the time to live and keep_last, but for aliases and latest") {
    Storage depot;
    for (int i = 0; i < 5; ++i) {
        depot.write("f", std::to_string(i));
        PutOrder order;
        if (i == 1) order.aliases = {"best"};
        REQUIRE(depot.put("m", order));
    }
    REQUIRE(depot.store->catalog().write([&](WriteTxn& txn) {
        auto id = txn.artifact("default", "m")->id;
        for (auto version : txn.versions(id)) {
            version.created -= std::chrono::hours(24 * 10);
            if (version.number == 0) version.ttl = std::chrono::seconds(0);
            txn.put(version);
        }
    }));
    Config config = Config::built_in();
    config.artifacts["m"].ttl = std::chrono::hours(24);
    auto plan = collect(depot.context, config, {}, {true, {}});
    REQUIRE(plan);
    CHECK(plan->expired == std::vector<std::string>{"m:v2", "m:v3"});
    CHECK(depot.files("m", 2).size() == 1);
    config.artifacts["m"].ttl.reset();
    config.artifacts["m"].keep_last = 2;
    auto done = collect(depot.context, config, {}, {false, {}});
    REQUIRE(done);
    CHECK(done->expired == std::vector<std::string>{"m:v2"});
    CHECK(done->versions == done->expired);
    CHECK(depot.check().damage.empty());
    CHECK(depot.check().objects == 4);
}

TEST_CASE("gc against a model: random versions, deletions and collections") {
    Storage depot;
    std::mt19937 random(20250101);
    auto pick = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
    std::map<std::uint32_t, Files> kept;
    std::uint32_t next = 0;
    for (int step = 0; step < 60; ++step) {
        int what = pick(4);
        if (what < 2) {
            fs::remove_all(depot.in);
            for (int i = 0, n = 1 + pick(6); i < n; ++i)
                depot.write((pick(2) == 0 ? "dir/" : "") + std::string(1, char('a' + pick(5))),
                            std::to_string(pick(8)));
            auto put = depot.put("m");
            REQUIRE(put);
            auto number = put->sealed.front().version->number;
            if (put->sealed.front().outcome == SealOutcome::created) next = number + 1;
            kept[number] = depot.files("m", number);
        } else if (what == 2 && next > 0) {
            auto number = static_cast<std::uint32_t>(pick(static_cast<int>(next)));
            if (kept.erase(number) > 0) depot.change("delete", "m", number);
        } else {
            depot.collect_now();
            std::set<std::string> contents;
            for (const auto& [number, files] : kept)
                for (const auto& [path, text] : files)
                    if (path != "dir") contents.insert(text);
            CHECK(depot.check().objects == contents.size());
        }
        for (const auto& [number, files] : kept) CHECK(depot.files("m", number) == files);
    }
    CHECK(depot.check().damage.empty());
}

TEST_CASE("fsck finds what is damaged, and repair moves it out of the way") {
    Storage depot;
    depot.write("a", "one");
    depot.write("b", "two");
    REQUIRE(depot.put("m"));
    auto path = depot.store->objects().path(sha256("one"));
    chmod(path.c_str(), 0600);
    std::ofstream(path) << "wrong";
    fs::remove(depot.store->objects().path(sha256("two")));
    REQUIRE(depot.store->catalog().write(
        [&](WriteTxn& txn) { txn.put_alias(txn.artifact("default", "m")->id, "lost", 7); }));
    auto checked = depot.check();
    REQUIRE(checked.damage.size() == 3);
    CHECK(checked.damage[1].find("m:v0/a") == 0);
    CHECK(checked.damage[2].find("m:v0/b") == 0);
    auto repairs = repair_store(depot.context, checked.bad_objects);
    REQUIRE(repairs);
    CHECK(repairs->size() == 2);
    CHECK(fs::exists(depot.store->dir() / "damaged" / sha256("one").hex()));
    CHECK(depot.check().damage.size() == 2);
    // The right bytes come back with their next seal.
    REQUIRE(depot.put("m"));
    CHECK(depot.check().damage.empty());
}
