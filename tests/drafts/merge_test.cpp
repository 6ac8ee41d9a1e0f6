// Merging trees, against a model of maps.
#include "drafts/merge.h"

#include <map>
#include <random>
#include <set>
#include <unordered_map>

#include "support/catch.h"

using namespace artfs;

namespace {

class MemoryNodes : public NodeSource {
public:
    std::shared_ptr<const Node> node(const Digest& stored) override {
        ++reads;
        return std::make_shared<const Node>(decode_node(bytes_.at(stored)));
    }
    NodeSink sink() {
        return [this](const Digest& stored, std::string bytes) {
            bytes_.emplace(stored, std::move(bytes));
        };
    }
    std::size_t reads = 0;

private:
    std::unordered_map<Digest, std::string> bytes_;
};

struct Item {
    Kind kind = Kind::file;
    std::string content;  // of files; the target of symlinks
    std::uint32_t mode = 0644;
    bool operator==(const Item&) const = default;
};
using Model = std::map<std::string, Item>;

DirRef build(MemoryNodes& nodes, const Model& model, const std::string& prefix) {
    std::vector<Edit> edits;
    for (const auto& [path, item] : model) {
        if (!path.starts_with(prefix)) continue;
        std::string name = path.substr(prefix.size());
        if (name.find('/') != std::string::npos) continue;
        Entry entry;
        entry.name = name;
        entry.kind = item.kind;
        entry.attributes.mode = item.mode;
        if (item.kind == Kind::file) {
            entry.digest = sha256(item.content);
            entry.size = item.content.size();
        } else if (item.kind == Kind::symlink) {
            entry.target = item.content;
        } else {
            entry.dir = build(nodes, model, path + "/");
        }
        edits.push_back({name, entry});
    }
    return edit_dir(nodes, empty_dir(), std::move(edits), nodes.sink());
}

Snapshot snapshot_of(MemoryNodes& nodes, const Model& model) {
    Snapshot snapshot;
    snapshot.root = build(nodes, model, "");
    return snapshot;
}

bool is_directory(const Model& model, const std::string& path) {
    auto found = model.find(path);
    return found != model.end() && found->second.kind == Kind::directory;
}

std::optional<Item> at(const Model& model, const std::string& path) {
    auto found = model.find(path);
    return found == model.end() ? std::nullopt : std::optional(found->second);
}

// The same, said of maps.
std::optional<Model> merge_models(const Model& base, const Model& head, const Model& draft) {
    for (const auto& [path, item] : base)
        if (!head.contains(path) || !draft.contains(path)) return std::nullopt;
    Model merged = head;
    for (const auto& [path, item] : draft) {
        if (at(base, path) == item) continue;
        auto theirs = at(head, path);
        bool both = theirs != at(base, path);
        bool directories = is_directory(head, path) && is_directory(draft, path);
        bool new_on_both = directories && !is_directory(base, path);
        if (both && theirs != item && !new_on_both) return std::nullopt;
        merged[path] = item;
    }
    // One made a name in what the other took the directory away from.
    for (const auto& [path, item] : merged)
        if (auto slash = path.rfind('/');
            slash != std::string::npos && !is_directory(merged, path.substr(0, slash)))
            return std::nullopt;
    return merged;
}

std::vector<std::string> diverged_of_models(const Model& base, const Model& head,
                                            const Model& version) {
    std::set<std::string> all;
    for (const auto* model : {&base, &head})
        for (const auto& [path, item] : *model) all.insert(path);
    std::vector<std::string> paths;
    for (const auto& path : all)
        if (at(base, path) != at(head, path) && at(version, path) != at(head, path))
            paths.push_back(path);
    return paths;
}

class Random {
public:
    explicit Random(unsigned seed) : engine_(seed) {}
    unsigned below(unsigned n) { return engine_() % n; }

private:
    std::mt19937 engine_;
};

void put(Random& random, Model& model) {
    std::string path;
    for (unsigned depth = 0;; ++depth) {
        path += std::string(1, static_cast<char>('a' + random.below(4)));
        if (depth == 2 || random.below(2) == 0) break;
        auto& above = model[path];
        if (above.kind != Kind::directory) above = {Kind::directory, "", 0755};
        path += "/";
    }
    for (auto below = model.lower_bound(path + "/");
         below != model.end() && below->first.starts_with(path + "/");)
        below = model.erase(below);
    switch (random.below(6)) {
        case 0:
            model[path] = {Kind::directory, "", random.below(2) == 0 ? 0755U : 0700U};
            break;
        case 1:
            model[path] = {Kind::symlink, std::to_string(random.below(2)), 0777};
            break;
        default:
            model[path] = {Kind::file, std::to_string(random.below(3)), 0644};
    }
}

void remove(Random& random, Model& model) {
    if (model.empty()) return;
    auto victim = std::next(model.begin(), random.below(static_cast<unsigned>(model.size())));
    std::string path = victim->first;
    std::erase_if(model, [&](const auto& item) {
        return item.first == path || item.first.starts_with(path + "/");
    });
}

Model changed(Random& random, Model model) {
    for (unsigned left = random.below(4); left > 0; --left) {
        if (random.below(8) == 0)
            remove(random, model);
        else
            put(random, model);
    }
    return model;
}

// A base, what two made of it, and the trees of the three.
struct Sides {
    explicit Sides(unsigned seed) {
        Random random(seed);
        for (unsigned left = random.below(7); left > 0; --left) put(random, base);
        head = changed(random, base);
        draft = changed(random, base);
        for (const auto* model : {&base, &head, &draft})
            trees.push_back(snapshot_of(nodes, *model));
    }
    Model base, head, draft;
    MemoryNodes nodes;
    std::vector<Snapshot> trees;
};

}  // namespace

TEST_CASE("merging trees is merging maps of paths") {
    unsigned merged_some = 0;
    unsigned refused_some = 0;
    for (unsigned seed = 1; seed <= 4000; ++seed) {
        INFO("seed " << seed);
        Sides sides(seed);
        auto& [base, head, draft, nodes, trees] = sides;
        auto wanted = merge_models(base, head, draft);
        auto merged = merge_trees(nodes, trees[0], trees[1], trees[2], nodes.sink());
        REQUIRE(merged.has_value() == wanted.has_value());
        if (merged) {
            REQUIRE(merged->root == snapshot_of(nodes, *wanted).root);
            ++merged_some;
        } else {
            ++refused_some;
        }
        const auto& version = merged ? *merged : trees[2];
        REQUIRE(diverged_paths(nodes, trees[0], trees[1], version) ==
                diverged_of_models(base, head, merged ? *wanted : draft));
    }
    CHECK(merged_some > 500);
    CHECK(refused_some > 500);
}

TEST_CASE("where removals merge, each path is what the side that changed it left") {
    unsigned with_removals = 0;
    for (unsigned seed = 1; seed <= 4000; ++seed) {
        INFO("seed " << seed);
        Sides sides(seed);
        auto& [base, head, draft, nodes, trees] = sides;
        auto merged =
            merge_trees(nodes, trees[0], trees[1], trees[2], nodes.sink(), Removals::merged);
        if (!merged) continue;
        Model wanted = head;
        for (const auto& [path, item] : base)
            if (!draft.contains(path)) wanted.erase(path);
        for (const auto& [path, item] : draft)
            if (!base.contains(path) || !(base.at(path) == item)) wanted[path] = item;
        REQUIRE(merged->root == snapshot_of(nodes, wanted).root);
        if (!merge_trees(nodes, trees[0], trees[1], trees[2], nodes.sink())) ++with_removals;
    }
    CHECK(with_removals > 200);
}

TEST_CASE("what stands beside the root merges like a file") {
    MemoryNodes nodes;
    Snapshot base = snapshot_of(nodes, {{"x", {}}});
    Snapshot head = base;
    Snapshot draft = base;
    head.metadata = Snapshot::Metadata{sha256("m"), 1};
    draft.description = "mine";
    auto merged = merge_trees(nodes, base, head, draft, nodes.sink());
    REQUIRE(merged);
    CHECK(merged->metadata == head.metadata);
    CHECK(merged->description == "mine");
    draft.metadata = Snapshot::Metadata{sha256("n"), 1};
    CHECK(!merge_trees(nodes, base, head, draft, nodes.sink()));
    CHECK(diverged_paths(nodes, base, head, draft) ==
          std::vector<std::string>{".art/metadata.json"});
}

TEST_CASE("a merge reads what changed, not what there is") {
    MemoryNodes nodes;
    Model base;
    for (int i = 0; i < 20000; ++i) base["f" + std::to_string(i)] = {};
    Model head = base;
    Model draft = base;
    head["f77"].content = "head";
    draft["g"].content = "draft";
    auto one = snapshot_of(nodes, base);
    auto two = snapshot_of(nodes, head);
    auto three = snapshot_of(nodes, draft);
    nodes.reads = 0;
    auto merged = merge_trees(nodes, one, two, three, nodes.sink());
    REQUIRE(merged);
    CHECK(merged->root.count == 20001);
    CHECK(nodes.reads < 80);
}
