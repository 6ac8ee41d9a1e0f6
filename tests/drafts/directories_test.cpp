// Directories that outlive a draft: a launcher's working directory, and `mkdir -p b/latest/out`.
#include "drafts/directories.h"

#include "support/catch.h"

using namespace artfs;

namespace {

struct NoNodes : NodeSource {
    std::shared_ptr<const Node> node(const Digest&) override { return nullptr; }
};

Snapshot nothing() { return Snapshot{.root = empty_dir(), .metadata = {}, .description = {}}; }

NodeNumber add(Overlay& overlay, NodeNumber parent, const std::string& name, OverlayNode node) {
    node.number = overlay.next_number();
    node.changed = true;
    DraftChange change;
    change.nodes.push_back(node);
    change.names.push_back({parent, name, OverlayName{node.number, overlay.next_serial()}});
    overlay.apply(change);
    return node.number;
}

NodeNumber make(Overlay& overlay, NodeNumber parent, const std::string& name) {
    OverlayNode directory;
    directory.kind = Kind::directory;
    directory.parent = parent;
    return add(overlay, parent, name, directory);
}

NodeNumber make_file(Overlay& overlay, NodeNumber parent, const std::string& name) {
    OverlayNode file;
    file.staging = 7;
    return add(overlay, parent, name, file);
}

}  // namespace

TEST_CASE("New directories are found, those above first, and made elsewhere") {
    NoNodes nodes;
    Overlay from(nothing());
    auto out = make(from, root_number, "out");
    auto deep = make(from, out, "deep");
    make(from, root_number, "b");
    auto found = new_directories(from);
    REQUIRE(found.size() == 3);
    CHECK(found[2].path == "out/deep");
    CHECK(path_of(from, deep) == "out/deep");
    CHECK(path_of(from, 999) == std::nullopt);

    Overlay onto(nothing());
    auto there = make(onto, root_number, "out");
    onto.apply(make_directories(nodes, onto, found));
    CHECK(onto.names(root_number).size() == 2);
    REQUIRE(onto.names(there).count("deep") == 1);
    CHECK(onto.node(onto.names(there).at("deep").node)->changed);
    CHECK(make_directories(nodes, onto, found).nodes.empty());
    CHECK_FALSE(onto.has_changes());
}

TEST_CASE("A followed base takes no number a second time") {
    NoNodes nodes;
    Overlay from(nothing());
    make(from, root_number, "out");
    Overlay after = follow(nodes, from, nothing(), std::nullopt);
    CHECK(after.names(root_number).size() == 1);
    CHECK(after.next_number() > from.next_number());
}

TEST_CASE("What is drafted goes on upon another base, in the directories that it is in") {
    NoNodes nodes;
    Overlay from(nothing());
    auto deep = make(from, make(from, root_number, "out"), "deep");
    auto file = make_file(from, deep, "x");
    Overlay after = follow(nodes, from, nothing(), std::nullopt);
    CHECK(path_of(after, file) == "out/deep/x");
    CHECK(after.node(file)->staging == from.node(file)->staging);
    CHECK(after.has_changes());
    CHECK_FALSE(conflicts(nodes, from, nothing(), nothing(), {}));
}

TEST_CASE("An overlay without some files is as if they had not been touched") {
    Overlay from(nothing());
    auto held = make_file(from, root_number, "log");
    Overlay rest = without(from, {held});
    CHECK_FALSE(rest.has_changes());
    CHECK(rest.names(root_number).empty());
    CHECK(from.has_changes());
    auto other = make_file(from, root_number, "x");
    rest = without(from, {held});
    CHECK(rest.has_changes());
    CHECK(path_of(rest, other) == "x");
}
