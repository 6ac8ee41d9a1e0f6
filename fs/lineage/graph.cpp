#include "lineage/graph.h"

#include <algorithm>
#include <map>
#include <set>

#include "lineage/run_facts.h"
#include "lineage/text.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

std::string version_node(const ArtifactRecord& artifact, std::uint32_t number) {
    return artifact.type + ":" + artifact.name + ":v" + std::to_string(number);
}

std::string run_node(const RunRecord& run, std::uint32_t segment = 1) {
    std::string id = lossy_utf8(run.job_type) + ":" + run.name;
    return segment > 1 ? id + "." + std::to_string(segment) : id;
}

// Counts what comes twice.
class GraphBuilder {
public:
    void node(GraphNode node) {
        auto [found, added] = nodes_.emplace(node.id, graph_.nodes.size());
        if (added)
            graph_.nodes.push_back(std::move(node));
        else
            ++graph_.nodes[found->second].count;
    }
    void edge(const std::string& from, const std::string& to, bool log) {
        auto [found, added] = edges_.emplace(std::tuple(from, to, log), graph_.edges.size());
        if (added)
            graph_.edges.push_back({from, to, log, 1});
        else
            ++graph_.edges[found->second].count;
    }
    Graph take() { return std::move(graph_); }

private:
    Graph graph_;
    std::map<std::string, std::size_t> nodes_;
    std::map<std::tuple<std::string, std::string, bool>, std::size_t> edges_;
};

std::string label_of(const GraphNode& node) {
    return node.count > 1 ? node.id + " (" + std::to_string(node.count) + ")" : node.id;
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(c);
    }
    return out + "\"";
}

void add_run(const ReadTxn& txn, const RunRecord& run, GraphForm form,
             const std::map<VersionId, std::string>& versions, GraphBuilder& builder) {
    auto uses = txn.uses_of(run.id);
    auto logs = txn.logs_of(run.id);
    std::erase_if(logs, [](const LogEdge& log) { return log.kind != LogKind::logged; });
    if (uses.empty() && logs.empty()) return;
    std::set<std::uint32_t> segments{1};
    if (form == GraphForm::segments) {
        for (const auto& use : uses) segments.insert(use.segment);
        for (const auto& log : logs) segments.insert(log.segment);
    }
    auto id_of = [&](std::uint32_t segment) {
        if (form == GraphForm::collapsed) return lossy_utf8(run.job_type);
        return run_node(run, form == GraphForm::segments ? segment : 1);
    };
    std::string before;
    for (auto segment : segments) {
        builder.node({id_of(segment), true, lossy_utf8(run.job_type), to_string(run.state), 1});
        if (!before.empty()) builder.edge(before, id_of(segment), false);
        before = id_of(segment);
    }
    for (const auto& use : uses)
        if (auto version = versions.find(use.version); version != versions.end())
            builder.edge(version->second, id_of(use.segment), false);
    for (const auto& log : logs)
        if (auto version = versions.find(log.version); version != versions.end())
            builder.edge(id_of(log.segment), version->second, true);
}

}  // namespace

Graph project_graph(const ReadTxn& txn, const std::string& project, GraphForm form) {
    GraphBuilder builder;
    std::map<VersionId, std::string> versions;
    for (const auto& artifact : txn.artifacts(project)) {
        for (const auto& version : txn.versions(artifact.id)) {
            std::string id = form == GraphForm::collapsed ? artifact.type
                                                          : version_node(artifact, version.number);
            versions[version.id] = id;
            builder.node({id, false, artifact.type, "", 1});
        }
    }
    txn.runs(project, [&](const RunRecord& run) {
        add_run(txn, run, form, versions, builder);
        return true;
    });
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

std::string graph_dot(const Graph& graph) {
    std::string out = "digraph artfs {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n";
    for (const auto& node : graph.nodes)
        out += "  " + quoted(node.id) + " [label=" + quoted(label_of(node)) +
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
        std::string label = label_of(node);
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
        node_width = std::max(node_width, label_of(node).size());
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
        out += user.empty() ? label_of(node) : padded(label_of(node), node_width) + " --> " + user;
        out += "\n";
    }
    return out;
}

namespace {

class LineageWalk {
public:
    LineageWalk(const Reading& at, const LineageQuery& query) : at_(at), query_(query) {}

    std::vector<LineageStep> go() {
        if (query_.version) version(*query_.version, 0, {});
        if (query_.run) run(*query_.run, 0, {});
        return std::move(steps_);
    }

private:
    bool step(const std::string& node, unsigned depth, std::vector<std::string> files) {
        bool again = !seen_.insert(node).second;
        steps_.push_back({depth, node, std::move(files), again});
        return !again && depth < query_.depth;
    }

    std::vector<std::string> files(const UseEdge& use) const {
        return query_.files ? some_files_of_use(at_, use, query_.most_files).paths
                            : std::vector<std::string>();
    }

    void version(const VersionRecord& version, unsigned depth, std::vector<std::string> used) {
        auto artifact = at_.txn.artifact(version.artifact);
        if (!artifact || !step(version_node(*artifact, version.number), depth, std::move(used)))
            return;
        if (query_.direction == Direction::upstream) {
            for (const auto& log : at_.txn.loggers_of(version.id))
                if (auto maker = at_.txn.run(log.run); maker && log.kind == LogKind::logged)
                    run(*maker, depth + 1, {});
        } else {
            for (const auto& use : at_.txn.users_of(version.id))
                if (auto user = at_.txn.run(use.run)) run(*user, depth + 1, files(use));
        }
    }

    void run(const RunRecord& run, unsigned depth, std::vector<std::string> used) {
        if (!step(run_node(run), depth, std::move(used))) return;
        if (query_.direction == Direction::upstream) {
            for (const auto& use : at_.txn.uses_of(run.id))
                if (auto input = at_.txn.version(use.version))
                    version(*input, depth + 1, files(use));
            // It began with what the other had made of its own inputs.
            if (auto before = run.resumes ? at_.txn.run(*run.resumes) : std::nullopt)
                this->run(*before, depth + 1, {});
        } else {
            for (const auto& log : at_.txn.logs_of(run.id))
                if (auto output = at_.txn.version(log.version);
                    output && log.kind == LogKind::logged)
                    version(*output, depth + 1, {});
        }
    }

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
