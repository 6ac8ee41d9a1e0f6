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
    SealOrder order_of(const Draft& draft, const Base& base) {
        SealOrder order;
        order.run = a_run("run-" + std::to_string(++runs), "job");
        order.run.state = RunState::finished;
        order.run.ended = now();
        order.drafts.push_back(draft.freeze(artifact, base));
        return order;
    }
    std::optional<Head> head() const {
        auto txn = store->catalog().read();
        auto record = txn->artifact(artifact.id);
        if (!record->head) return std::nullopt;
        auto version = txn->version(artifact.id, *record->head);
        return Head{{version->tree, version->id}, txn->snapshot(version->tree)};
    }
    // As a run whose root has exited.
    SealedDraft merge_one(const Draft& draft, const Base& base) {
        auto order = order_of(draft, base);
        order.drafts[0].merges = true;
        order.drafts[0].head = head();
        auto sealed = seal(context(), order);
        REQUIRE(sealed);
        return sealed->front();
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

// G7. An older version that is made again is logged by who used a younger one: from there on the
// younger one is upstream of it.
TEST_CASE("an edge to a version that is younger than all a run used may close a cycle, too") {
    Bench bench;
    ArtifactRecord other = an_artifact("b");
    REQUIRE(bench.store->catalog().write([&](WriteTxn& txn) { txn.put(other); }));
    auto seal_in = [&](const ArtifactRecord& artifact, const std::string& text,
                       std::vector<VersionId> used, std::uint64_t staging, bool elsewhere) {
        Draft draft(*bench.store, empty_snapshot(), staging);
        draft.write(root_number, "x", text);
        SealOrder order;
        order.run = a_run("run-" + std::to_string(++bench.runs), "job");
        order.drafts.push_back(draft.freeze(artifact, empty_base()));
        for (const auto& version : used) {
            // In another project of the store, where it is not in the catalog yet.
            if (elsewhere)
                order.used[order.run.id].insert(version);
            else
                order.uses.push_back({order.run.id, 1, version, ranks({0}), false});
        }
        auto sealed = seal(bench.context(), order);
        REQUIRE(sealed);
        return sealed->front();
    };
    for (bool elsewhere : {false, true}) {
        std::uint64_t at = elsewhere ? 100 : 1;
        std::string old_text = elsewhere ? "older" : "old";
        std::string young_text = elsewhere ? "younger" : "young";
        auto old = seal_in(bench.artifact, old_text, {}, at, elsewhere);
        auto young = seal_in(other, young_text, {}, at + 1, elsewhere);
        auto again = seal_in(bench.artifact, old_text, {young.version->id}, at + 2, elsewhere);
        CHECK(again.outcome == SealOutcome::existing);
        // From a segment's uses that only the order has, the walk begins; further up is the
        // catalog.
        if (elsewhere) continue;
        auto circle = seal_in(other, young_text, {old.version->id}, at + 3, elsewhere);
        CHECK(circle.outcome == SealOutcome::confirmed);
    }
    auto once = seal_in(bench.artifact, "mine", {}, 200, false);
    auto mine = seal_in(bench.artifact, "mine", {once.version->id}, 201, true);
    CHECK(mine.outcome == SealOutcome::confirmed);
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

TEST_CASE("concurrent drafts merge, or say what they leave out") {
    Bench bench;
    Draft first(*bench.store, empty_snapshot(), 1);
    first.write(root_number, "x", "one");
    auto v0 = bench.seal_one(first, empty_base());
    Draft left(*bench.store, v0.snapshot, 100);
    left.write(left.make_directory(root_number, "out"), "left", "l");
    Draft right(*bench.store, v0.snapshot, 200);
    right.write(right.make_directory(root_number, "out"), "right", "r");
    Draft other(*bench.store, v0.snapshot, 300);
    other.write(root_number, "x", "other");
    other.write(other.make_directory(root_number, "out"), "left", "l");

    auto v1 = bench.merge_one(left, v0.base);
    CHECK(!v1.version->merged_with);
    auto v2 = bench.merge_one(right, v0.base);
    CHECK(v2.version->parent == 0);
    CHECK(v2.version->merged_with == 1);
    CHECK(v2.version->diverged.empty());
    CHECK(bench.files(v2.snapshot) ==
          Files{{"out/", "493"}, {"out/left", "l"}, {"out/right", "r"}, {"x", "one"}});
    // Both made out/left: not merged, and only what it does not have is left out.
    auto v3 = bench.merge_one(other, v0.base);
    CHECK(v3.version->parent == 0);
    CHECK(!v3.version->merged_with);
    CHECK(v3.version->diverged == std::vector<std::string>{"out/right"});
    CHECK(bench.files(v3.snapshot) == Files{{"out/", "493"}, {"out/left", "l"}, {"x", "other"}});
    // What begins empty follows nothing.
    Draft fresh(*bench.store, empty_snapshot(), 400);
    fresh.write(root_number, "only", "o");
    auto order = bench.order_of(fresh, empty_base());
    order.drafts[0].merges = order.drafts[0].begins_empty = true;
    order.drafts[0].head = bench.head();
    auto v4 = seal(bench.context(), order);
    REQUIRE(v4);
    CHECK(bench.files(v4->front().snapshot) == Files{{"only", "o"}});
    CHECK(v4->front().version->diverged.empty());
}

namespace {
// A run's draft that was frozen, and not sealed.
struct Frozen {
    SealOrder order;
    FrozenTrees trees;
    Base base;

    Frozen(Bench& bench, const Draft& draft, const Base& on) : order(bench.order_of(draft, on)) {
        trees = *freeze(bench.context(), order);
        base = {trees.trees[0].tree, order.drafts[0].promised};
        REQUIRE(bench.store->catalog().write([&](WriteTxn& txn) {
            for (const auto& [digest, bytes] : trees.records) txn.put_record(digest, bytes);
            DraftRecord record;
            record.id = order.drafts[0].id;
            record.run = order.run.id;
            record.artifact = bench.artifact.id;
            record.base = on;
            record.created = now();
            record.state = DraftState::frozen;
            record.promised = order.drafts[0].promised;
            record.frozen_tree = trees.trees[0].tree;
            txn.put(order.run);
            txn.put(record);
            for (const auto& [key, value] : draft.overlay.rows())
                txn.put_draft_row(record.id, key, value);
        }));
    }
    const Snapshot& snapshot() const { return trees.trees[0].snapshot; }
};

Draft on_frozen(Bench& bench, const Frozen& a) {
    Draft b(*bench.store, a.snapshot(), 100);
    auto sub = b.look_at(root_number, "sub");
    b.write(sub, "more", "m");
    return b;
}
}  // namespace

TEST_CASE("a frozen tree is built on before it is hashed") {
    Bench bench;
    Draft first(*bench.store, empty_snapshot(), 1);
    auto sub = first.make_directory(root_number, "sub");
    first.write(sub, "x", "one");
    first.write(root_number, "y", "two");
    Frozen a(bench, first, empty_base());
    Draft second = on_frozen(bench, a);
    Frozen b(bench, second, a.base);

    SECTION("and sealed first") {
        auto known = hash(bench.context(), a.trees);
        REQUIRE(known);
        auto v0 = finish(bench.context(), a.order, a.trees, *known);
        REQUIRE(v0);
        const auto& promotion = *v0->front().promotion;
        CHECK(promotion.base.version == a.base.version);
        auto& built = b.order.drafts[0];
        built.base = promotion.base;
        built.base_snapshot = promotion.snapshot;
        known->merge(*hash(bench.context(), b.trees));
        auto v1 = finish(bench.context(), b.order, b.trees, *known);
        REQUIRE(v1);
        CHECK(bench.files(v1->front().snapshot) ==
              Files{{"sub/", "493"}, {"sub/more", "m"}, {"sub/x", "one"}, {"y", "two"}});
        CHECK(v1->front().version->parent == 0);
        second.overlay.promote(promotion);
        CHECK(second.overlay.node(root_number)->base == promotion.snapshot.root);
    }
    SECTION("and sealed a second time, the first worker having died before it could tell") {
        REQUIRE(finish(bench.context(), a.order, a.trees, *hash(bench.context(), a.trees)));
        a.order.drafts[0].frozen_as = a.base.tree;
        auto trees = freeze(bench.context(), a.order);
        REQUIRE(trees);
        auto again = finish(bench.context(), a.order, *trees, *hash(bench.context(), *trees));
        REQUIRE(again);
        const auto& promotion = *again->front().promotion;
        CHECK(promotion.base.version == a.base.version);
        second.overlay.promote(promotion);
        CHECK(second.overlay.node(root_number)->base == promotion.snapshot.root);
        CHECK(bench.store->catalog().read()->versions(bench.artifact.id).size() == 1);
    }
    SECTION("and kept when the mount goes away") {
        REQUIRE(recover(bench.context()));
        CHECK(seal_kept(bench.context(), b.order.run.id).error().code == EBUSY);
        CHECK(drop_kept(bench.context(), a.order.run.id).error().code == EBUSY);
        auto v0 = seal_kept(bench.context(), a.order.run.id);
        REQUIRE(v0);
        CHECK(bench.files(v0->front().snapshot) ==
              Files{{"sub/", "493"}, {"sub/x", "one"}, {"y", "two"}});
        auto v1 = seal_kept(bench.context(), b.order.run.id);
        REQUIRE(v1);
        CHECK(v1->front().version->parent == 0);
        CHECK(bench.files(v1->front().snapshot) ==
              Files{{"sub/", "493"}, {"sub/more", "m"}, {"sub/x", "one"}, {"y", "two"}});
    }
}

TEST_CASE("what equals the head makes the uses of its frozen tree uses of the head") {
    Bench bench;
    Draft first(*bench.store, empty_snapshot(), 1);
    first.write(root_number, "x", "one");
    auto v0 = bench.seal_one(first, empty_base());
    Draft again(*bench.store, v0.snapshot, 10);
    again.write(root_number, "x", "one");
    Frozen frozen(bench, again, v0.base);
    auto reader = a_run("reader", "job");
    REQUIRE(bench.store->catalog().write([&](WriteTxn& txn) {
        txn.put(reader);
        txn.put(UseEdge{reader.id, 1, *frozen.base.version, ranks({1}), false});
    }));
    auto sealed =
        finish(bench.context(), frozen.order, frozen.trees, *hash(bench.context(), frozen.trees));
    REQUIRE(sealed);
    CHECK(sealed->front().outcome == SealOutcome::existing);
    auto uses = bench.store->catalog().read()->uses_of(reader.id);
    REQUIRE(uses.size() == 1);
    CHECK(uses[0].version == v0.version->id);
}

TEST_CASE("names that are never kept are no reason for a version") {
    Bench bench;
    Draft draft(*bench.store, empty_snapshot(), 1);
    draft.write(root_number, ".nfs1", "rubbish");
    draft.make_directory(root_number, "empty");
    CHECK(bench.seal_one(draft, empty_base()).outcome == SealOutcome::nothing);
}
