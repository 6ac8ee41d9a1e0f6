// G7 for rows that come from another store: neither by themselves nor together with what is here
// may their edges go in a circle.
#include <iterator>
#include <map>
#include <set>

#include "catalog/transfer.h"

namespace artfs {

namespace {

// A segment of a run, or a version.
struct LineageNode {
    std::string id;
    std::uint32_t segment = 0;  // 0: a version
    auto operator<=>(const LineageNode&) const = default;
};

LineageNode node_of(const VersionId& version) { return {std::string(version.view()), 0}; }

// Both stores' edges, asked for what is before something.
class BothLineages {
public:
    BothLineages(const ReadTxn& txn, const Rows& rows) : txn_(txn) {
        for (const auto& use : rows.uses) said_[use.run].uses[use.segment].insert(use.version);
        for (const auto& log : rows.logs) {
            if (log.kind != LogKind::logged) continue;
            said_[log.run].uses[log.segment];
            loggers_[log.version].insert({std::string(log.run.view()), log.segment});
        }
    }

    // A circle needs an edge of the rows, and each of those is at a segment that they name.
    bool has_circle() {
        for (const auto& [run, segments] : said_)
            for (const auto& [number, uses] : segments.uses)
                if (comes_back({std::string(run.view()), number})) return true;
        return false;
    }

private:
    struct Segments {
        std::map<std::uint32_t, std::set<VersionId>> uses;
    };
    struct Step {
        LineageNode node;
        std::vector<LineageNode> before;
    };

    // Runs have few segments, and numbers in the rows may be any.
    Segments segments_of(const RunId& run) const {
        Segments all;
        if (auto found = said_.find(run); found != said_.end()) all = found->second;
        txn_.each_use(run, [&](std::uint32_t segment, const VersionId& version) {
            all.uses[segment].insert(version);
        });
        for (const auto& log : txn_.logs_of(run)) all.uses[log.segment];
        return all;
    }

    std::vector<LineageNode> before(const LineageNode& node) const {
        std::set<LineageNode> found;
        if (node.segment == 0) {
            auto version = *VersionId::from_bytes(node.id);
            if (auto said = loggers_.find(version); said != loggers_.end()) found = said->second;
            for (const auto& log : txn_.loggers_of(version))
                if (log.kind == LogKind::logged)
                    found.insert({std::string(log.run.view()), log.segment});
            return {found.begin(), found.end()};
        }
        auto segments = segments_of(*RunId::from_bytes(node.id));
        auto here = segments.uses.find(node.segment);
        for (const auto& version : here->second) found.insert(node_of(version));
        if (here != segments.uses.begin()) found.insert({node.id, std::prev(here)->first});
        return {found.begin(), found.end()};
    }

    bool comes_back(const LineageNode& start) {
        std::vector<Step> way;
        auto enter = [&](const LineageNode& node) {
            open_[node] = true;
            way.push_back({node, before(node)});
        };
        if (open_.contains(start)) return false;
        enter(start);
        while (!way.empty()) {
            auto& step = way.back();
            if (step.before.empty()) {
                open_[step.node] = false;
                way.pop_back();
                continue;
            }
            auto next = std::move(step.before.back());
            step.before.pop_back();
            auto known = open_.find(next);
            if (known == open_.end())
                enter(next);
            else if (known->second)
                return true;
        }
        return false;
    }

    const ReadTxn& txn_;
    std::map<RunId, Segments> said_;
    std::map<VersionId, std::set<LineageNode>> loggers_;
    std::map<LineageNode, bool> open_;  // false: nothing before it leads back to it
};

}  // namespace

bool closes_circle(const ReadTxn& txn, const Rows& rows) {
    return BothLineages(txn, rows).has_circle();
}

}  // namespace artfs
