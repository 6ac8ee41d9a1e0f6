// Building trees: changing a directory.
//
// The new directory is written as a stream of entries from left to right. What the edits do not
// touch enters the stream as whole nodes, unread, where the stream stands at a node's start; where
// a change moved a cut, entries flow until the next old cut, which is one more node a level. A cut
// depends on a name alone, so the result is what building from nothing gives.
#include <algorithm>

#include "base/bytes.h"
#include "objects/tree_nodes.h"

namespace artfs {

namespace {

using Child = Node::Child;

// How many levels a name ends a node of: its SHA-256 starts with so many times six zero bits.
unsigned levels_ended_by(std::string_view name) {
    Digest digest = sha256(name);
    unsigned zeros = 0;
    for (auto byte : digest.bytes) {
        if (byte == 0) {
            zeros += 8;
            continue;
        }
        for (unsigned bit = 0x80; (byte & bit) == 0; bit >>= 1U) ++zeros;
        break;
    }
    return zeros / 6;
}

class Stream {
public:
    Stream(NodeSource& nodes, const NodeSink& sink) : nodes_(nodes), sink_(sink) {}

    void add(Entry entry) {
        unsigned ended = levels_ended_by(entry.name);
        level(0).open.entries.push_back(std::move(entry));
        if (ended > 0) close(0, ended);
    }

    // True if a whole node of this level may come next.
    bool at_start_of(std::uint8_t of) const {
        for (std::size_t i = 0; i <= of && i < levels_.size(); ++i)
            if (!levels_[i].open.entries.empty() || !levels_[i].open.children.empty()) return false;
        return true;
    }

    void add_whole(std::uint8_t of, const Child& child) {
        auto& own = level(of);
        ++own.nodes;
        own.whole = true;
        own.last = child.ref;
        push_up(of, child, levels_ended_by(child.last_name));
    }

    DirRef finish() {
        for (std::size_t i = 0; i < levels_.size(); ++i) {
            bool open = !levels_[i].open.entries.empty() || !levels_[i].open.children.empty();
            // The last node of a level has no cut; one node alone needs none above it.
            if (open && !is_single_root(i)) close(static_cast<std::uint8_t>(i), 0);
        }
        for (std::size_t i = 0; i < levels_.size(); ++i) {
            if (levels_[i].nodes != 1 || whole_above(i)) continue;
            DirRef root = levels_[i].last;
            // A node of old that is alone now may stand over a single one.
            for (auto node = load(root, i); node && node->children.size() == 1;
                 node = load(root, i))
                root = node->children.front().ref;
            return root;
        }
        return empty_dir();
    }

private:
    struct Level {
        Node open;
        std::uint64_t nodes = 0;  // of this level, made or taken over
        bool whole = false;       // some were taken over
        DirRef last;
    };

    Level& level(std::uint8_t of) {
        while (levels_.size() <= of) {
            levels_.emplace_back();
            levels_.back().open.level = static_cast<std::uint8_t>(levels_.size() - 1);
        }
        return levels_[of];
    }

    bool whole_above(std::size_t of) const {
        return std::any_of(levels_.begin() + static_cast<std::ptrdiff_t>(of) + 1, levels_.end(),
                           [](const Level& level) { return level.whole; });
    }

    // True if the open node would only hold the one node of the level below, and nothing is above.
    bool is_single_root(std::size_t of) const {
        if (of == 0 || whole_above(of) || levels_[of].whole) return false;
        return levels_[of].nodes == 0 && levels_[of].open.children.size() == 1;
    }

    std::shared_ptr<const Node> load(const DirRef& ref, std::size_t of) {
        return levels_[of].whole ? load_node(nodes_, ref) : nullptr;
    }

    void close(std::uint8_t of, unsigned ended) {
        auto& own = level(of);
        std::string bytes = encode_node(own.open);
        Child child;
        child.ref = describe_node(own.open, bytes);
        child.last_name =
            of == 0 ? own.open.entries.back().name : own.open.children.back().last_name;
        sink_(child.ref.stored, std::move(bytes));
        own.open.entries.clear();
        own.open.children.clear();
        ++own.nodes;
        own.last = child.ref;
        push_up(of, child, ended);
    }

    void push_up(std::uint8_t of, const Child& child, unsigned ended) {
        auto above = static_cast<std::uint8_t>(of + 1);
        level(above).open.children.push_back(child);
        if (ended > above) close(above, ended);
    }

    NodeSource& nodes_;
    const NodeSink& sink_;
    std::vector<Level> levels_;
};

class Editor {
public:
    Editor(NodeSource& nodes, std::vector<Edit> edits, const NodeSink& sink)
        : nodes_(nodes), edits_(std::move(edits)), stream_(nodes, sink) {
        std::sort(edits_.begin(), edits_.end(),
                  [](const Edit& a, const Edit& b) { return a.name < b.name; });
    }

    DirRef apply(const DirRef& base) {
        auto root = load_node(nodes_, base);
        merge(*root, true);
        return stream_.finish();
    }

private:
    bool has_edits(std::string_view last_name, bool last) const {
        if (next_ == edits_.size()) return false;
        return last || std::string_view(edits_[next_].name) <= last_name;
    }

    // `last`: nothing of the old directory follows, so all edits that are left belong here.
    void merge(const Node& node, bool last) {
        if (node.level == 0) return merge_leaf(node, last);
        auto below = static_cast<std::uint8_t>(node.level - 1);
        for (std::size_t i = 0; i < node.children.size(); ++i) {
            const auto& child = node.children[i];
            bool last_child = last && i + 1 == node.children.size();
            if (!has_edits(child.last_name, last_child) && stream_.at_start_of(below))
                stream_.add_whole(below, child);
            else
                merge(*load_node(nodes_, child.ref), last_child);
        }
    }

    void merge_leaf(const Node& leaf, bool last) {
        for (const auto& entry : leaf.entries) {
            add_edits_before(entry.name);
            if (next_ < edits_.size() && edits_[next_].name == entry.name) {
                add_next_edit();
            } else {
                stream_.add(entry);
            }
        }
        while (last && next_ < edits_.size()) add_next_edit();
    }

    void add_edits_before(const std::string& name) {
        while (next_ < edits_.size() && edits_[next_].name < name) add_next_edit();
    }

    void add_next_edit() {
        auto& edit = edits_[next_++];
        if (edit.entry) stream_.add(std::move(*edit.entry));
    }

    NodeSource& nodes_;
    std::vector<Edit> edits_;
    std::size_t next_ = 0;
    Stream stream_;
};

}  // namespace

DirRef edit_dir(NodeSource& nodes, const DirRef& base, std::vector<Edit> edits,
                const NodeSink& sink) {
    return Editor(nodes, std::move(edits), sink).apply(base);
}

}  // namespace artfs
