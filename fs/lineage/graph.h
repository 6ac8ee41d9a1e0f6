// The graph of a project: runs and versions, bipartite and directed.
#pragma once

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lineage/describe.h"

namespace artfs {

struct GraphNode {
    std::string id;
    bool run = false;
    std::string type;   // of an artifact, or the job type
    std::string state;  // of a run
    std::size_t count = 1;
};

struct GraphEdge {
    std::string from;
    std::string to;
    bool log = false;  // else a use
    std::size_t count = 1;
};

struct Graph {
    std::vector<GraphNode> nodes;
    std::vector<GraphEdge> edges;
};

enum class GraphForm {
    collapsed,  // by artifact type and job type
    exploded,   // one node a version and a run
    segments,   // one node a segment: never cyclic
};

// Versions, and the runs that used or logged one.
Graph project_graph(const ReadTxn& txn, const std::string& project, GraphForm form);

nlohmann::json graph_json(const Graph& graph, bool counts);
std::string graph_dot(const Graph& graph);
std::string graph_mermaid(const Graph& graph);
std::string graph_svg(const Graph& graph);
// What a node is called in drawings: its id, and how many it stands for.
std::string graph_label(const GraphNode& node);
// A line an artifact node: what made it, and what used it.
std::string graph_text(const Graph& graph);

// What a version or run came from or went into, depth first.
struct LineageStep {
    unsigned depth = 0;
    std::string node;                // "train:sunny-smoke-1", "dataset:mnist-raw:v0"
    std::vector<std::string> files;  // of the use edge that led here
    bool again = false;              // its own lineage was shown before
};
enum class Direction { upstream, downstream };
struct LineageQuery {
    std::optional<VersionRecord> version;  // one of the two
    std::optional<RunRecord> run;
    Direction direction = Direction::upstream;
    unsigned depth = 1000;
    bool files = false;
    std::size_t most_files = std::numeric_limits<std::size_t>::max();  // of one use edge
};
std::vector<LineageStep> lineage_of(const Reading& at, const LineageQuery& query);

}  // namespace artfs
