// Comparing trees: equal nodes are passed over unread.
#include <algorithm>

#include "objects/tree_nodes.h"

namespace artfs {

namespace {

bool same_content(const Entry& a, const Entry& b) {
    if (a.kind != b.kind || a.attributes.mode != b.attributes.mode) return false;
    switch (a.kind) {
        case Kind::file:
            return a.size == b.size && a.digest == b.digest;
        case Kind::symlink:
            return a.target == b.target;
        case Kind::directory:
            break;
    }
    return true;  // what is below is compared on its own
}

bool same_stored(const Entry& a, const Entry& b) {
    return same_content(a, b) && a.attributes == b.attributes;
}

// A directory's entries one after the other, opening nodes only when they are entered.
class Cursor {
public:
    Cursor(NodeSource& nodes, const DirRef& dir) : nodes_(nodes) {
        if (dir.count > 0) stack_.push_back({dir, ""});
    }

    bool at_end() const { return stack_.empty() && position_ == leaf_size(); }
    // The reference that comes next as a whole; null inside a leaf.
    const DirRef* whole() const {
        return position_ == leaf_size() && !stack_.empty() ? &stack_.back().ref : nullptr;
    }
    void skip_whole() { stack_.pop_back(); }
    void enter() {
        auto node = load_node(nodes_, stack_.back().ref);
        stack_.pop_back();
        if (node->level == 0) {
            leaf_ = node;
            position_ = 0;
        } else {
            for (auto child = node->children.rbegin(); child != node->children.rend(); ++child)
                stack_.push_back({child->ref, child->last_name});
        }
    }
    const Entry& entry() const { return leaf_->entries[position_]; }
    void next() { ++position_; }

private:
    struct Waiting {
        DirRef ref;
        std::string last_name;
    };
    std::size_t leaf_size() const { return leaf_ ? leaf_->entries.size() : 0; }

    NodeSource& nodes_;
    std::vector<Waiting> stack_;
    std::shared_ptr<const Node> leaf_;
    std::size_t position_ = 0;
};

bool same_node(const DirRef& a, const DirRef& b, bool stored) {
    return stored ? a.stored == b.stored : a.content == b.content;
}

using VisitPair = std::function<void(const Entry* before, const Entry* after)>;

// One entry of either side, or both where they have the same name.
void step(Cursor& left, Cursor& right, const VisitPair& visit) {
    if (right.at_end() || (!left.at_end() && left.entry().name < right.entry().name)) {
        visit(&left.entry(), nullptr);
        left.next();
    } else if (left.at_end() || right.entry().name < left.entry().name) {
        visit(nullptr, &right.entry());
        right.next();
    } else {
        visit(&left.entry(), &right.entry());
        left.next();
        right.next();
    }
}

// The entries of two directories side by side, without those of nodes that are the same.
void side_by_side(NodeSource& nodes, const DirRef& before, const DirRef& after, bool stored,
                  const VisitPair& visit) {
    if (same_node(before, after, stored)) return;
    Cursor left(nodes, before);
    Cursor right(nodes, after);
    while (!left.at_end() || !right.at_end()) {
        const auto* a = left.whole();
        const auto* b = right.whole();
        if (a != nullptr && b != nullptr && same_node(*a, *b, stored)) {
            left.skip_whole();
            right.skip_whole();
        } else if (a != nullptr && (b == nullptr || a->count >= b->count)) {
            // The larger of two nodes is entered first, so that equal ones below it meet.
            left.enter();
        } else if (b != nullptr) {
            right.enter();
        } else {
            step(left, right, visit);
        }
    }
}

class Comparison {
public:
    Comparison(NodeSource& nodes, bool stored, const std::function<void(const Difference&)>& visit)
        : nodes_(nodes), stored_(stored), visit_(visit) {}

    void directories(const DirRef& before, const DirRef& after, const std::string& prefix) {
        side_by_side(nodes_, before, after, stored_, [&](const Entry* a, const Entry* b) {
            if (a != nullptr && b != nullptr)
                both(*a, *b, prefix + a->name);
            else
                one_side(a != nullptr ? *a : *b, prefix, a != nullptr);
        });
    }

private:
    void one_side(const Entry& entry, const std::string& prefix, bool before) {
        auto report = [&](const std::string& path, const Entry& at) {
            visit_({path, before ? &at : nullptr, before ? nullptr : &at});
        };
        std::string path = prefix + entry.name;
        report(path, entry);
        if (entry.kind != Kind::directory) return;
        walk(nodes_, entry.dir, [&](const std::string& below, const Entry& at, std::uint32_t) {
            report(path + "/" + below, at);
        });
    }

    void both(const Entry& a, const Entry& b, const std::string& path) {
        if (a.kind != b.kind) {
            std::string parent = path.substr(0, path.size() - a.name.size());
            one_side(a, parent, true);
            one_side(b, parent, false);
            return;
        }
        bool equal = stored_ ? same_stored(a, b) : same_content(a, b);
        if (!equal) visit_({path, &a, &b});
        if (a.kind == Kind::directory) directories(a.dir, b.dir, path + "/");
    }

    NodeSource& nodes_;
    const bool stored_;
    const std::function<void(const Difference&)>& visit_;
};

}  // namespace

void diff(NodeSource& nodes, const DirRef& before, const DirRef& after, bool stored,
          const std::function<void(const Difference&)>& visit) {
    Comparison(nodes, stored, visit).directories(before, after, "");
}

void diff_entries(NodeSource& nodes, const DirRef& before, const DirRef& after,
                  const std::function<void(const Entry*, const Entry*)>& visit) {
    side_by_side(nodes, before, after, true, [&](const Entry* a, const Entry* b) {
        if (a == nullptr || b == nullptr || !(*a == *b)) visit(a, b);
    });
}

}  // namespace artfs
