#include "namespace/session.h"

#include "support/catch.h"
#include "support/sample_records.h"

using namespace artfs;

TEST_CASE("a nodeid holds its kind, serial and number") {
    for (auto kind : {NodeKind::synthetic, NodeKind::version, NodeKind::view_base, NodeKind::view})
        for (std::uint32_t serial : {0U, 1U, 0x1fffffffU})
            for (std::uint32_t number : {0U, 1U, 0xffffffffU}) {
                auto id = NodeId::make(kind, serial, number);
                CHECK(id.kind() == kind);
                CHECK(id.serial() == serial);
                CHECK(id.number() == number);
            }
    CHECK(NodeId{root_nodeid}.kind() == NodeKind::synthetic);
}

TEST_CASE("a synthetic node is found again under its number") {
    Session session;
    Synthetic what{Place::artifact, ArtifactId::make(), {}, {}, 0, ""};
    CHECK(!session.find_synthetic(what));
    auto id = session.next_synthetic();
    session.apply(1, MadeSynthetic{id, what});
    CHECK(session.find_synthetic(what) == id);
    CHECK(session.synthetic(id)->artifact == what.artifact);
    CHECK(session.next_synthetic() != id);
    CHECK(session.synthetic(NodeId{999}) == nullptr);
}

TEST_CASE("uses of a run unite by version, and a new segment begins with none") {
    Session session;
    LiveRun run;
    run.record = a_run("calm-lake-1", "train");
    run.root = {42, 1000};
    auto id = run.record.id;
    session.apply(0, StartedRun{run});
    CHECK(session.find_run("calm-lake-1")->record.id == id);
    CHECK(session.find_run(ProcessKey{42, 1000})->record.id == id);
    CHECK(session.find_run(ProcessKey{42, 1001}) == nullptr);  // the pid of somebody else by now
    auto version = VersionId::make();
    session.apply(0, Used{id, version, 3});
    session.apply(0, Used{id, version, 3});
    session.apply(0, Used{id, version, 9});
    session.apply(0, Used{id, version, std::nullopt});
    const auto& uses = session.run(id)->uses;
    REQUIRE(uses.size() == 1);
    CHECK(uses.at(version).ranks == ranks({3, 9}));
    CHECK(uses.at(version).metadata);
    session.apply(0, ClosedSegment{id, 2});
    CHECK(session.run(id)->uses.empty());
    session.apply(0, EndedRun{id});
    CHECK(session.run(id) == nullptr);
    CHECK(session.find_run("calm-lake-1") == nullptr);
}

TEST_CASE("open handles are counted by node and path") {
    Session session;
    auto node = NodeId::make(NodeKind::view, 1, 20);
    for (bool write : {false, true}) {
        Handle handle;
        handle.fh = session.next_handle();
        handle.node = node;
        handle.read = true;
        handle.write = write;
        handle.path = write ? DataPath::cached : DataPath::passthrough;
        session.apply(0, OpenedHandle{handle});
    }
    auto counts = session.open_counts(node);
    CHECK(counts.cached == 1);
    CHECK(counts.passthrough == 1);
    CHECK(counts.writers == 1);
    session.apply(0, ClosedHandle{1});
    session.apply(0, ClosedHandle{2});
    CHECK(session.open_counts(node).cached == 0);
    CHECK(session.open_counts(node).passthrough == 0);
    CHECK(session.handles().empty());
}

TEST_CASE("a handle whose mapping may be left is a writer's until it is known to be gone") {
    Session session;
    auto node = NodeId::make(NodeKind::view, 1, 20);
    Handle handle;
    handle.fh = session.next_handle();
    handle.node = node;
    handle.read = handle.write = true;
    handle.path = DataPath::passthrough;
    session.apply(0, OpenedHandle{handle});
    session.apply(0, LeftMapped{handle.fh});
    session.apply(0, LeftMapped{handle.fh});
    CHECK(session.handle(handle.fh)->mapped);
    CHECK(session.open_counts(node).passthrough == 0);
    CHECK(session.open_counts(node).writers == 1);
    session.apply(0, ClosedHandle{handle.fh});
    CHECK(session.open_counts(node).writers == 0);
    CHECK(session.handles().empty());
}
