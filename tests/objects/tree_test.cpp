#include "objects/tree.h"

#include <map>
#include <random>
#include <set>
#include <unordered_map>

#include "base/bytes.h"
#include "support/catch.h"

using namespace artfs;

namespace {

struct MemoryNodes : NodeSource {
    std::unordered_map<Digest, std::string> bytes;
    std::size_t loads = 0;
    std::shared_ptr<const Node> node(const Digest& stored) override {
        ++loads;
        return std::make_shared<const Node>(decode_node(bytes.at(stored)));
    }
    NodeSink sink() {
        return [this](const Digest& stored, std::string node) { bytes[stored] = std::move(node); };
    }
};

Entry file(const std::string& name, int value) {
    Entry entry;
    entry.name = name;
    entry.size = static_cast<std::uint64_t>(value);
    entry.digest = sha256(std::to_string(value));
    return entry;
}

Entry directory(const std::string& name, const DirRef& ref) {
    Entry entry;
    entry.name = name;
    entry.kind = Kind::directory;
    entry.dir = ref;
    return entry;
}

}  // namespace

TEST_CASE("editing gives what building from nothing gives") {
    unsigned seed = std::random_device()();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    MemoryNodes nodes;
    std::map<std::string, Entry> model;
    DirRef current = empty_dir();
    for (int round = 0; round < 400; ++round) {
        std::vector<Edit> edits;
        std::set<std::string> used;
        std::size_t count = round % 50 == 0 ? 2000 : random() % 40;
        bool removing = (round / 20) % 2 == 1;
        for (std::size_t i = 0; i < count; ++i) {
            std::string name = "f" + std::to_string(random() % 4000);
            if (!used.insert(name).second) continue;
            if (removing ? random() % 4 != 0 : random() % 4 == 0) {
                edits.push_back({name, std::nullopt});
                model.erase(name);
            } else {
                model[name] = file(name, static_cast<int>(random() % 100));
                edits.push_back({name, model[name]});
            }
        }
        current = edit_dir(nodes, current, edits, nodes.sink());
        std::vector<Edit> all;
        for (const auto& [name, entry] : model) all.push_back({name, entry});
        REQUIRE(edit_dir(nodes, empty_dir(), all, nodes.sink()) == current);
        REQUIRE(current.count == model.size());
    }
    for (const auto& [name, entry] : model) model[name] = entry;
    std::vector<Edit> none;
    for (const auto& [name, entry] : model) none.push_back({name, std::nullopt});
    CHECK(edit_dir(nodes, current, none, nodes.sink()) == empty_dir());
}

TEST_CASE("ranks, paths and listings agree with a walk") {
    MemoryNodes nodes;
    std::vector<Edit> edits;
    for (int d = 0; d < 20; ++d) {
        std::vector<Edit> below;
        for (int f = 0; f < 150; ++f)
            below.push_back({"g" + std::to_string(f), file("g" + std::to_string(f), f)});
        auto ref = edit_dir(nodes, empty_dir(), below, nodes.sink());
        edits.push_back({"d" + std::to_string(d), directory("d" + std::to_string(d), ref)});
        edits.push_back({"e" + std::to_string(d), file("e" + std::to_string(d), d)});
    }
    auto root = edit_dir(nodes, empty_dir(), edits, nodes.sink());
    CHECK(root.count == 20 * 151 + 20);
    std::uint32_t expected = 0;
    walk(nodes, root, [&](const std::string& path, const Entry& entry, std::uint32_t rank) {
        REQUIRE(rank == ++expected);
        auto located = at_rank(nodes, root, rank);
        REQUIRE(located);
        REQUIRE(located->path == path);
        REQUIRE(located->entry == entry);
        auto found = find_path(nodes, root, path);
        REQUIRE(found);
        REQUIRE(found->rank == rank);
    });
    CHECK(expected == root.count);
    CHECK_FALSE(at_rank(nodes, root, root.count + 1));
    CHECK_FALSE(find_path(nodes, root, "d1/absent"));
    // A listing goes on anywhere.
    std::vector<std::string> whole;
    list(nodes, root, 0, 0, [&](const Entry& entry, std::uint32_t) {
        whole.push_back(entry.name);
        return true;
    });
    std::vector<std::string> pieces;
    for (std::uint32_t after = 0;;) {
        std::size_t taken = 0;
        list(nodes, root, 0, after, [&](const Entry& entry, std::uint32_t rank) {
            pieces.push_back(entry.name);
            after = rank;
            return ++taken < 3;
        });
        if (taken == 0) break;
    }
    CHECK(pieces == whole);
}

TEST_CASE("a change of one file among many touches few nodes") {
    MemoryNodes nodes;
    std::vector<Edit> edits;
    for (int i = 0; i < 50000; ++i)
        edits.push_back({"n" + std::to_string(i), file("n" + std::to_string(i), i)});
    auto before = edit_dir(nodes, empty_dir(), edits, nodes.sink());
    nodes.loads = 0;
    auto after = edit_dir(nodes, before, {{"n777x", file("n777x", 1)}}, nodes.sink());
    CHECK(nodes.loads <= 8);
    nodes.loads = 0;
    int differences = 0;
    diff(nodes, before, after, false, [&](const Difference& difference) {
        ++differences;
        CHECK(difference.path == "n777x");
        CHECK(difference.before == nullptr);
    });
    CHECK(differences == 1);
    CHECK(nodes.loads <= 16);
}

TEST_CASE("differences are found in everything below") {
    MemoryNodes nodes;
    auto sub1 =
        edit_dir(nodes, empty_dir(), {{"x", file("x", 1)}, {"y", file("y", 2)}}, nodes.sink());
    auto sub2 =
        edit_dir(nodes, empty_dir(),
                 {{"x", file("x", 1)}, {"y", file("y", 3)}, {"z", file("z", 4)}}, nodes.sink());
    auto before =
        edit_dir(nodes, empty_dir(),
                 {{"d", directory("d", sub1)}, {"gone", directory("gone", sub1)}}, nodes.sink());
    auto after = edit_dir(nodes, empty_dir(),
                          {{"d", directory("d", sub2)}, {"gone", file("gone", 1)}}, nodes.sink());
    std::vector<std::string> found;
    diff(nodes, before, after, false, [&](const Difference& difference) {
        found.push_back((difference.before == nullptr  ? "+"
                         : difference.after == nullptr ? "-"
                                                       : "*") +
                        difference.path);
    });
    CHECK(found ==
          std::vector<std::string>{"*d/y", "+d/z", "-gone", "-gone/x", "-gone/y", "+gone"});
}

TEST_CASE("content and stored digests tell what they should") {
    MemoryNodes nodes;
    auto with = [&](Entry entry) {
        return edit_dir(nodes, empty_dir(), {{entry.name, entry}}, nodes.sink());
    };
    Entry plain = file("x", 1);
    Entry touched = plain;
    touched.attributes.mtime += std::chrono::seconds(1);
    touched.attributes.xattrs["user.k"] = "v";
    CHECK(with(plain).content == with(touched).content);
    CHECK(with(plain).stored != with(touched).stored);
    Entry executable = plain;
    executable.attributes.mode = 0755;
    CHECK(with(plain).content != with(executable).content);
    Snapshot bare;
    bare.root = with(plain);
    Snapshot described = bare;
    described.description = "text";
    CHECK(version_digest(bare) == version_digest(described));
    Snapshot annotated = bare;
    annotated.metadata = Snapshot::Metadata{sha256("{}"), 2};
    CHECK(version_digest(bare) != version_digest(annotated));
    CHECK(decode_snapshot(encode_snapshot(annotated)) == annotated);
}

TEST_CASE("damaged nodes are refused, not believed") {
    MemoryNodes nodes;
    auto root = edit_dir(nodes, empty_dir(), {{"x", file("x", 1)}}, nodes.sink());
    std::string good = nodes.bytes.at(root.stored);
    for (std::size_t length = 0; length < good.size(); ++length)
        CHECK_THROWS_AS(decode_node(good.substr(0, length)), FormatError);
    CHECK_THROWS_AS(decode_node(good + "x"), FormatError);
}
