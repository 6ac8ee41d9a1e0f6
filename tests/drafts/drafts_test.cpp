// Overlays and sealing, on a real store.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "drafts/kept.h"
#include "drafts/seal.h"
#include "support/catch.h"
#include "support/sample_records.h"
#include "support/scratch.h"

using namespace artfs;
namespace fs = std::filesystem;

namespace {

using Files = std::map<std::string, std::string>;

// A view's changes, as the mount makes them.
class Draft {
public:
    Draft(Store& store, Snapshot base, std::uint64_t first_staging)
        : overlay(base), base_(std::move(base)), store_(store), staging_(first_staging) {}

    NodeNumber make_directory(NodeNumber parent, const std::string& name) {
        auto node = fresh(Kind::directory);
        node.parent = parent;
        node.attributes.mode = 0755;
        return name_it(parent, name, node);
    }
    NodeNumber write(NodeNumber parent, const std::string& name, const std::string& text) {
        auto node = fresh(Kind::file);
        node.staging = staging_++;
        auto fd = open_file(store_.staging_path(node.staging), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        REQUIRE(fd);
        REQUIRE(write_all(fd->get(), text));
        return name_it(parent, name, node);
    }
    void remove(NodeNumber parent, const std::string& name) {
        overlay.apply({{}, {}, {{parent, name, OverlayName{}}}});
    }
    // What a lookup does with a directory of the base.
    NodeNumber look_at(NodeNumber parent, const std::string& name) {
        CatalogNodes nodes(store_.catalog());
        auto found = overlay.find(nodes, parent, name);
        const auto& ranked = std::get<Ranked>(found);
        auto node = fresh(Kind::directory);
        node.changed = false;
        node.attributes = ranked.entry.attributes;
        node.base = ranked.entry.dir;
        node.base_rank = ranked.rank;
        node.parent = parent;
        overlay.apply({{node}, {}, {{parent, name, OverlayName{node.number, 0}}}});
        return node.number;
    }
    void chmod(NodeNumber number, std::uint32_t mode) {
        auto node = *overlay.node(number);
        node.attributes.mode = mode;
        node.changed = true;
        overlay.apply({{node}, {}, {}});
    }
    FrozenDraft freeze(const ArtifactRecord& artifact, const Base& base) const {
        return {DraftId::make(), artifact.id, base, base_,
                std::make_shared<const Overlay>(overlay)};
    }

    Overlay overlay;

private:
    OverlayNode fresh(Kind kind) {
        OverlayNode node;
        node.number = overlay.next_number();
        node.kind = kind;
        node.changed = true;
        node.attributes.mtime = now();
        return node;
    }
    NodeNumber name_it(NodeNumber parent, const std::string& name, const OverlayNode& node) {
        overlay.apply(
            {{node}, {}, {{parent, name, OverlayName{node.number, overlay.next_serial()}}}});
        return node.number;
    }

    Snapshot base_;
    Store& store_;
    std::uint64_t staging_;
};

struct Bench {
    Scratch scratch;
    std::unique_ptr<Store> store =
        std::move(*Store::create_or_open(scratch.path() / "store", Store::Access::read_write));
    ArtifactRecord artifact = an_artifact("a");

    Bench() {
        REQUIRE(store->catalog().write([&](WriteTxn& txn) { txn.put(artifact); }));
    }
    SealContext context() {
        return {
            *store,
            [this](const CatalogThread::Change& change) { return store->catalog().write(change); },
            {".nfs*"}};
    }
    SealedDraft seal_one(const Draft& draft, const Base& base, std::vector<UseEdge> uses = {}) {
        SealOrder order;
        order.run = a_run("run-" + std::to_string(++runs), "job");
        order.run.state = RunState::finished;
        order.run.ended = now();
        order.uses = std::move(uses);
        for (auto& use : order.uses) use.run = order.run.id;
        order.drafts.push_back(draft.freeze(artifact, base));
        auto sealed = seal(context(), order);
        REQUIRE(sealed);
        REQUIRE(sealed->size() == 1);
        return sealed->front();
    }
    Files files(const Snapshot& snapshot) const {
        Files found;
        CatalogNodes nodes(store->catalog());
        walk(nodes, snapshot.root, [&](const std::string& path, const Entry& entry, std::uint32_t) {
            if (entry.kind == Kind::directory) {
                found[path + "/"] = std::to_string(entry.attributes.mode);
                return;
            }
            found[path] = *read_file(store->objects().path(entry.digest));
        });
        return found;
    }
    int runs = 0;
};

Snapshot empty_snapshot() {
    return Snapshot{.root = empty_dir(), .metadata = {}, .description = {}};
}
Base empty_base() { return Base{tree_id(empty_snapshot()), {}}; }

}  // namespace

TEST_CASE("sealing makes versions, and none of what did not change") {
    Bench bench;
    Draft first(*bench.store, empty_snapshot(), 1);
    auto sub = first.make_directory(root_number, "sub");
    first.write(root_number, "x", "one");
    first.write(sub, "y", "two");
    first.write(sub, ".nfs0001", "rubbish");
    auto v0 = bench.seal_one(first, empty_base());
    REQUIRE(v0.outcome == SealOutcome::created);
    CHECK(v0.version->number == 0);
    CHECK(v0.version->size == 6);
    CHECK(bench.files(v0.snapshot) == Files{{"sub/", "493"}, {"sub/y", "two"}, {"x", "one"}});

    // The same content, written anew: no version, but an edge.
    Draft again(*bench.store, v0.snapshot, 100);
    again.write(root_number, "x", "one");
    auto same = bench.seal_one(again, v0.base);
    CHECK(same.outcome == SealOutcome::existing);
    CHECK(same.version->id == v0.version->id);
    CHECK(bench.store->catalog().read()->loggers_of(v0.version->id).size() == 2);

    // A change below a directory that was only looked at, and nothing else.
    Draft third(*bench.store, v0.snapshot, 200);
    third.chmod(third.look_at(root_number, "sub"), 0700);
    auto v1 = bench.seal_one(third, v0.base);
    REQUIRE(v1.outcome == SealOutcome::created);
    CHECK(v1.version->number == 1);
    CHECK(v1.version->parent == 0);
    CHECK(bench.files(v1.snapshot) == Files{{"sub/", "448"}, {"sub/y", "two"}, {"x", "one"}});

    // Taking a file away is a change; only looking is none.
    Draft fourth(*bench.store, v1.snapshot, 300);
    fourth.remove(fourth.look_at(root_number, "sub"), "y");
    CHECK(bench.files(bench.seal_one(fourth, v1.base).snapshot) ==
          Files{{"sub/", "448"}, {"x", "one"}});
    Draft looked(*bench.store, v1.snapshot, 400);
    looked.look_at(root_number, "sub");
    CHECK(!looked.overlay.has_changes());
    CHECK(bench.seal_one(looked, v1.base).outcome == SealOutcome::nothing);
}

TEST_CASE("an edge that would close a cycle is only confirmed") {
    Bench bench;
    Draft first(*bench.store, empty_snapshot(), 1);
    first.write(root_number, "x", "one");
    auto v0 = bench.seal_one(first, empty_base());
    Draft again(*bench.store, v0.snapshot, 10);
    again.write(root_number, "x", "one");
    auto same = bench.seal_one(again, v0.base, {UseEdge{{}, 1, v0.version->id, ranks({1}), false}});
    CHECK(same.outcome == SealOutcome::confirmed);
}

TEST_CASE("an overlay comes back from its rows as it was") {
    Bench bench;
    Draft first(*bench.store, empty_snapshot(), 1);
    auto deep = first.make_directory(first.make_directory(root_number, "d"), "e");
    first.write(deep, "old", "o");
    first.write(root_number, "gone", "g");
    auto v0 = bench.seal_one(first, empty_base());

    Draft draft(*bench.store, v0.snapshot, 100);
    std::map<std::string, std::string> rows;
    auto checkpoint = [&] {
        for (auto& [key, value] : draft.overlay.take_dirty_rows()) {
            if (value)
                rows[key] = *value;
            else
                rows.erase(key);
        }
        CHECK(!draft.overlay.is_dirty());
    };
    auto d = draft.look_at(root_number, "d");
    auto e = draft.look_at(d, "e");
    checkpoint();
    CHECK(rows.empty());  // looking changes nothing
    draft.write(e, "new", "n");
    checkpoint();
    draft.remove(root_number, "gone");
    draft.write(root_number, "brief", "b");
    draft.remove(e, "old");
    checkpoint();
    draft.overlay.apply({{}, {}, {{root_number, "brief", std::nullopt}}});
    checkpoint();

    Draft back(*bench.store, v0.snapshot, 1000);
    back.overlay = Overlay::from_rows(v0.snapshot, rows);
    CHECK(back.overlay.staged_files() >= 1);
    auto sealed = bench.seal_one(back, v0.base);
    CHECK(bench.files(sealed.snapshot) == Files{{"d/", "493"}, {"d/e/", "493"}, {"d/e/new", "n"}});
}

TEST_CASE("a view goes on upon what it sealed") {
    Bench bench;
    Draft draft(*bench.store, empty_snapshot(), 1);
    auto sub = draft.make_directory(root_number, "sub");
    draft.write(sub, "x", "1");
    auto frozen = draft.overlay;
    auto v0 = bench.seal_one(draft, empty_base());
    // Written while the seal was under way.
    draft.write(sub, "late", "2");
    draft.remove(sub, "x");
    auto rest = rebase(draft.overlay, frozen, v0);
    Draft next(*bench.store, v0.snapshot, 100);
    next.overlay = rest;
    auto v1 = bench.seal_one(next, v0.base);
    CHECK(bench.files(v1.snapshot) == Files{{"sub/", "493"}, {"sub/late", "2"}});
    // And nothing more: what was sealed is clean.
    next.overlay = rebase(rest, rest, v1);
    CHECK(!next.overlay.has_changes());
}

TEST_CASE("after a kill, drafts are kept, lost runs are marked, and unnamed bytes go") {
    Bench bench;
    auto run = a_run("left", "job");
    Draft draft(*bench.store, empty_snapshot(), 5);
    draft.write(root_number, "x", "kept");
    DraftRecord record;
    record.id = DraftId::make();
    record.run = run.id;
    record.artifact = bench.artifact.id;
    record.base = empty_base();
    record.created = now();
    auto rows = draft.overlay.take_dirty_rows();
    REQUIRE(bench.store->catalog().write([&](WriteTxn& txn) {
        txn.put(run);
        txn.put(record);
        for (const auto& [key, value] : rows) txn.put_draft_row(record.id, key, *value);
    }));
    REQUIRE(replace_file(bench.store->staging_path(77), "of nobody"));

    auto next = recover(bench.context());
    REQUIRE(next);
    CHECK(*next > 5);
    CHECK(bench.store->staging_files()->size() == 1);
    auto lost = bench.store->catalog().read()->run(run.id);
    CHECK(lost->state == RunState::lost);
    CHECK(bench.store->catalog().read()->draft(record.id)->state == DraftState::abandoned);
    REQUIRE(recover(bench.context()));  // as often as one likes

    SECTION("and sealed on demand") {
        auto sealed = seal_kept(bench.context(), run.id);
        REQUIRE(sealed);
        REQUIRE(sealed->size() == 1);
        CHECK(bench.files(sealed->front().snapshot) == Files{{"x", "kept"}});
    }
    SECTION("or dropped") {
        CHECK(*drop_kept(bench.context(), run.id) == std::vector<std::string>{"a"});
        CHECK(bench.store->catalog().read()->artifact(bench.artifact.id)->next_version == 0);
    }
    CHECK(bench.store->catalog().read()->drafts().empty());
    CHECK(bench.store->staging_files()->empty());
}

TEST_CASE("listing goes on where it stopped, whatever changes meanwhile") {
    Bench bench;
    Draft first(*bench.store, empty_snapshot(), 1);
    for (int i = 0; i < 50; ++i) first.write(root_number, "f" + std::to_string(i), "x");
    auto v0 = bench.seal_one(first, empty_base());
    Draft draft(*bench.store, v0.snapshot, 1000);
    CatalogNodes nodes(bench.store->catalog());
    std::map<std::string, int> seen;
    std::uint64_t cookie = 0;
    for (int step = 0; step < 200; ++step) {
        bool any = false;
        draft.overlay.list(nodes, root_number, cookie, [&](const Overlay::Listed& listed) {
            any = true;
            ++seen[listed.name];
            cookie = listed.cookie;
            return false;
        });
        if (!any) break;
        if (step == 10) draft.remove(root_number, "f9");
        if (step == 20) draft.write(root_number, "new", "n");
    }
    for (const auto& [name, times] : seen) {
        INFO(name);
        CHECK(times == 1);
    }
    CHECK(seen.size() == 50);
    CHECK(seen.contains("new"));
}
