#include "lineage/graph.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "lineage/run_facts.h"
#include "lineage/text.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

std::string version_node(const ArtifactRecord& artifact, std::uint32_t number) {
    return artifact.type + ":" + artifact.name + ":v" + std::to_string(number);
}

std::string run_node(const RunSketch& run, std::uint32_t segment = 1) {
    std::string id = lossy_utf8(run.job_type) + ":" + run.name;
    return segment > 1 ? id + "." + std::to_string(segment) : id;
}

// Counts what comes twice.
class GraphBuilder {
public:
    using Index = std::uint32_t;

    Index node(GraphNode node) {
        auto [found, added] = nodes_.emplace(node.id, static_cast<Index>(graph_.nodes.size()));
        if (added)
            graph_.nodes.push_back(std::move(node));
        else
            ++graph_.nodes[found->second].count;
        return found->second;
    }
    void edge(Index from, Index to, bool log) {
        std::uint64_t ends = std::uint64_t{from} << 32U | to;
        auto [found, added] = edges_[log ? 1 : 0].emplace(ends, graph_.edges.size());
        if (added)
            graph_.edges.push_back({graph_.nodes[from].id, graph_.nodes[to].id, log, 1});
        else
            ++graph_.edges[found->second].count;
    }
    Graph take() { return std::move(graph_); }

private:
    Graph graph_;
    std::unordered_map<std::string, Index> nodes_;
    std::unordered_map<std::uint64_t, std::size_t> edges_[2];  // uses, logs
};

using VersionNodes = std::unordered_map<VersionId, GraphBuilder::Index>;

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(c);
    }
    return out + "\"";
}

void add_run(const ReadTxn& txn, const RunSketch& run, GraphForm form, const VersionNodes& versions,
             GraphBuilder& builder) {
    struct Use {
        std::uint32_t segment;
        VersionId version;
    };
    std::vector<Use> uses;
    txn.each_use(run.id, [&uses](std::uint32_t segment, const VersionId& version) {
        uses.push_back({segment, version});
    });
    auto logs = txn.logs_of(run.id);
    std::erase_if(logs, [](const LogEdge& log) { return log.kind != LogKind::logged; });
    if (uses.empty() && logs.empty()) return;
    std::map<std::uint32_t, GraphBuilder::Index> segments{{1, 0}};
    if (form == GraphForm::segments) {
        for (const auto& use : uses) segments.emplace(use.segment, 0);
        for (const auto& log : logs) segments.emplace(log.segment, 0);
    }
    std::optional<GraphBuilder::Index> before;
    const std::string job_type = lossy_utf8(run.job_type);
    for (auto& [segment, node] : segments) {
        node = builder.node({form == GraphForm::collapsed ? job_type : run_node(run, segment), true,
                             job_type, to_string(run.state), 1});
        if (before) builder.edge(*before, node, false);
        before = node;
    }
    auto node_of = [&](std::uint32_t segment) {
        return segments.at(form == GraphForm::segments ? segment : 1);
    };
    for (const auto& use : uses)
        if (auto version = versions.find(use.version); version != versions.end())
            builder.edge(version->second, node_of(use.segment), false);
    for (const auto& log : logs)
        if (auto version = versions.find(log.version); version != versions.end())
            builder.edge(node_of(log.segment), version->second, true);
}

}  // namespace

Graph project_graph(const ReadTxn& txn, const std::string& project, GraphForm form) {
    GraphBuilder builder;
    VersionNodes versions;
    for (const auto& artifact : txn.artifacts(project)) {
        txn.version_sketches(artifact.id, [&](const VersionSketch& version) {
            std::string id = form == GraphForm::collapsed ? artifact.type
                                                          : version_node(artifact, version.number);
            versions[version.id] = builder.node({id, false, artifact.type, "", 1});
        });
    }
    txn.run_sketches(project,
                     [&](const RunSketch& run) { add_run(txn, run, form, versions, builder); });
    return builder.take();
}

Json graph_json(const Graph& graph, bool counts) {
    Json document{{"nodes", Json::array()}, {"edges", Json::array()}};
    for (const auto& node : graph.nodes) {
        Json one{{"id", node.id}, {"kind", node.run ? "run" : "artifact"}};
        one[node.run ? "job_type" : "type"] = node.type;
        if (counts)
            one["count"] = node.count;
        else if (node.run)
            one["state"] = node.state;
        document["nodes"].push_back(std::move(one));
    }
    for (const auto& edge : graph.edges) {
        Json one{{"from", edge.from}, {"to", edge.to}, {"kind", edge.log ? "log" : "use"}};
        if (counts) one["count"] = edge.count;
        document["edges"].push_back(std::move(one));
    }
    return document;
}

std::string graph_label(const GraphNode& node) {
    return node.count > 1 ? node.id + " (" + std::to_string(node.count) + ")" : node.id;
}

std::string graph_dot(const Graph& graph) {
    std::string out = "digraph artfs {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n";
    for (const auto& node : graph.nodes)
        out += "  " + quoted(node.id) + " [label=" + quoted(graph_label(node)) +
               (node.run ? ", shape=box, style=rounded];\n" : ", shape=ellipse];\n");
    for (const auto& edge : graph.edges)
        out += "  " + quoted(edge.from) + " -> " + quoted(edge.to) +
               (edge.log ? ";\n" : " [style=dashed];\n");
    return out + "}\n";
}

std::string graph_mermaid(const Graph& graph) {
    std::string out = "flowchart LR\n";
    std::map<std::string, std::string> names;
    for (const auto& node : graph.nodes) {
        std::string name = "n" + std::to_string(names.size());
        names[node.id] = name;
        std::string label = graph_label(node);
        std::replace(label.begin(), label.end(), '"', '\'');
        out += "  " + name + (node.run ? "[\"" + label + "\"]\n" : "([\"" + label + "\"])\n");
    }
    for (const auto& edge : graph.edges)
        out += "  " + names[edge.from] + (edge.log ? " --> " : " -.-> ") + names[edge.to] + "\n";
    return out;
}

std::string graph_text(const Graph& graph) {
    std::map<std::string, std::string> makers;
    std::map<std::string, std::string> users;
    for (const auto& edge : graph.edges) {
        auto& list = edge.log ? makers[edge.to] : users[edge.from];
        list += (list.empty() ? "" : ", ") + (edge.log ? edge.from : edge.to);
    }
    std::size_t maker_width = 0;
    std::size_t node_width = 0;
    for (const auto& node : graph.nodes) {
        if (node.run) continue;
        maker_width = std::max(maker_width, std::min<std::size_t>(makers[node.id].size(), 48));
        node_width = std::max(node_width, graph_label(node).size());
    }
    auto padded = [](std::string text, std::size_t width) {
        if (text.size() < width) text.resize(width, ' ');
        return text;
    };
    std::string out;
    for (const auto& node : graph.nodes) {
        if (node.run) continue;
        const auto& maker = makers[node.id];
        out += padded(maker, maker_width) + (maker.empty() ? "     " : " --> ");
        const auto& user = users[node.id];
        out += user.empty() ? graph_label(node)
                            : padded(graph_label(node), node_width) + " --> " + user;
        out += "\n";
    }
    return out;
}

namespace {

class LineageWalk {
public:
    LineageWalk(const Reading& at, const LineageQuery& query) : at_(at), query_(query) {}

    std::vector<LineageStep> go() {
        if (query_.version) version(query_.version->id, 0, {});
        if (query_.run) run(query_.run->id, 0, {});
        return std::move(steps_);
    }

private:
    bool step(std::string node, unsigned depth, std::vector<std::string> files) {
        bool again = !seen_.insert(node).second;
        steps_.push_back({depth, std::move(node), std::move(files), again});
        return !again && depth < query_.depth;
    }

    const ArtifactRecord* artifact(const ArtifactId& id) {
        auto [found, added] = artifacts_.try_emplace(id);
        if (added) found->second = at_.txn.artifact(id);
        return found->second ? &*found->second : nullptr;
    }

    std::vector<std::string> files(const UseEdge& use) const {
        return query_.files ? some_files_of_use(at_, use, query_.most_files).paths
                            : std::vector<std::string>();
    }

    void version(const VersionId& id, unsigned depth, std::vector<std::string> used) {
        auto place = at_.txn.place_of(id);
        const auto* of = place ? artifact(place->artifact) : nullptr;
        if (of == nullptr || !step(version_node(*of, place->number), depth, std::move(used)))
            return;
        if (query_.direction == Direction::upstream) {
            for (const auto& log : at_.txn.loggers_of(id))
                if (log.kind == LogKind::logged) run(log.run, depth + 1, {});
        } else {
            for (const auto& use : at_.txn.users_of(id)) run(use.run, depth + 1, files(use));
        }
    }

    void run(const RunId& id, unsigned depth, std::vector<std::string> used) {
        auto sketch = at_.txn.run_sketch(id);
        if (!sketch || !step(run_node(*sketch), depth, std::move(used))) return;
        if (query_.direction == Direction::downstream) {
            for (const auto& log : at_.txn.logs_of(id))
                if (log.kind == LogKind::logged) version(log.version, depth + 1, {});
            return;
        }
        if (query_.files) {
            for (const auto& use : at_.txn.uses_of(id)) version(use.version, depth + 1, files(use));
        } else {
            at_.txn.each_use(id, [&](std::uint32_t, const VersionId& used_version) {
                version(used_version, depth + 1, {});
            });
        }
        // It began with what the other had made of its own inputs.
        if (sketch->resumes) run(*sketch->resumes, depth + 1, {});
    }

    std::map<ArtifactId, std::optional<ArtifactRecord>> artifacts_;
    const Reading& at_;
    const LineageQuery& query_;
    std::set<std::string> seen_;
    std::vector<LineageStep> steps_;
};

}  // namespace

std::vector<LineageStep> lineage_of(const Reading& at, const LineageQuery& query) {
    return LineageWalk(at, query).go();
}

}  // namespace artfs
