// The graph as a drawing that any browser shows: columns from left to right, each node right of
// what leads to it.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "lineage/graph.h"
#include "lineage/text.h"

namespace artfs {

namespace {

constexpr double row_height = 44;
constexpr double box_height = 28;
constexpr double column_gap = 70;
constexpr double margin = 20;
constexpr double character_width = 7.3;  // of 12 px monospace

struct Links {
    struct Link {
        std::size_t from = 0;
        std::size_t to = 0;
        bool log = false;
    };
    std::vector<Link> all;
    std::vector<std::vector<std::size_t>> from;  // by node
    std::vector<std::vector<std::size_t>> to;
};

Links links_of(const Graph& graph) {
    std::map<std::string, std::size_t> places;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) places[graph.nodes[i].id] = i;
    Links links;
    links.from.resize(graph.nodes.size());
    links.to.resize(graph.nodes.size());
    for (const auto& edge : graph.edges) {
        auto from = places.find(edge.from);
        auto to = places.find(edge.to);
        if (from == places.end() || to == places.end()) continue;
        links.all.push_back({from->second, to->second, edge.log});
        links.to[from->second].push_back(to->second);
        links.from[to->second].push_back(from->second);
    }
    return links;
}

// The column of each node: one more than the last of those that lead to it. Collapsed, a graph may
// be cyclic: then a node is placed before one that leads to it.
std::vector<std::size_t> columns_of(const Links& links) {
    const auto count = links.from.size();
    std::vector<std::size_t> columns(count, 0);
    std::vector<std::size_t> waits_for(count);
    std::vector<bool> placed(count, false);
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < count; ++i) {
        waits_for[i] = links.from[i].size();
        if (waits_for[i] == 0) ready.push_back(i);
    }
    std::size_t next_unplaced = 0;
    for (std::size_t done = 0; done < count;) {
        if (ready.empty()) {
            while (placed[next_unplaced]) ++next_unplaced;
            ready.push_back(next_unplaced);
        }
        auto node = ready.back();
        ready.pop_back();
        if (placed[node]) continue;
        placed[node] = true;
        ++done;
        for (auto to : links.to[node]) {
            if (placed[to]) continue;
            columns[to] = std::max(columns[to], columns[node] + 1);
            if (--waits_for[to] == 0) ready.push_back(to);
        }
    }
    return columns;
}

struct Box {
    double x = 0;
    double y = 0;
    double width = 0;
};

// Columns are as wide as their widest label; in one, a node is near those that lead to it.
std::vector<Box> boxes_of(const Graph& graph, const Links& links) {
    auto columns = columns_of(links);
    std::vector<Box> boxes(graph.nodes.size());
    std::vector<std::vector<std::size_t>> in_column;
    for (std::size_t node = 0; node < columns.size(); ++node) {
        if (columns[node] >= in_column.size()) in_column.resize(columns[node] + 1);
        in_column[columns[node]].push_back(node);
    }
    double x = margin;
    for (std::size_t column = 0; column < in_column.size(); ++column) {
        std::vector<std::pair<double, std::size_t>> members;
        double width = 0;
        for (auto node : in_column[column]) {
            double sum = 0;
            std::size_t before = 0;
            for (auto from : links.from[node]) {
                if (columns[from] >= column) continue;
                sum += boxes[from].y;
                ++before;
            }
            members.emplace_back(before == 0 ? 0 : sum / static_cast<double>(before), node);
            width = std::max(
                width,
                static_cast<double>(graph_label(graph.nodes[node]).size()) * character_width + 24);
        }
        std::stable_sort(members.begin(), members.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        double y = margin;
        for (const auto& [wanted, node] : members) {
            boxes[node] = {x, y, width};
            y += row_height;
        }
        x += width + column_gap;
    }
    return boxes;
}

std::string escaped(const std::string& text) {
    std::string out;
    for (char c : lossy_utf8(text)) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '"')
            out += "&quot;";
        else if (static_cast<unsigned char>(c) >= 0x20)
            out += c;
    }
    return out;
}

std::string curve(const Box& from, const Box& to, bool log) {
    double x0 = from.x + from.width;
    double y0 = from.y + box_height / 2;
    double y1 = to.y + box_height / 2;
    double bend = std::max(40.0, (to.x - x0) / 2);
    return fmt::format(
        "<path d=\"M{:.1f} {:.1f}C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}\"{} "
        "marker-end=\"url(#end)\"/>\n",
        x0, y0, x0 + bend, y0, to.x - bend, y1, to.x - 4, y1,
        log ? "" : " stroke-dasharray=\"4 3\"");
}

std::string shape(const GraphNode& node, const Box& box) {
    return fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" rx=\"{}\" fill=\"{}\" "
        "stroke=\"{}\"/><text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
        box.x, box.y, box.width, box_height, node.run ? 3 : box_height / 2,
        node.run ? "#e7f6ec" : "#e8f0fd", node.run ? "#2f8f57" : "#3567c4", box.x + 12, box.y + 18,
        escaped(graph_label(node)));
}

}  // namespace

std::string graph_svg(const Graph& graph) {
    auto links = links_of(graph);
    auto boxes = boxes_of(graph, links);
    double width = margin;
    double height = margin;
    for (const auto& box : boxes) {
        width = std::max(width, box.x + box.width + margin);
        height = std::max(height, box.y + box_height + margin);
    }
    std::string svg = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
        "viewBox=\"0 "
        "0 {0:.0f} {1:.0f}\" font-family=\"monospace\" font-size=\"12\">\n"
        "<defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"4\" refY=\"4\" markerWidth=\"7\" "
        "markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#777\"/></marker>"
        "</defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        "<g fill=\"none\" stroke=\"#777\">\n",
        width, height);
    for (const auto& link : links.all) svg += curve(boxes[link.from], boxes[link.to], link.log);
    svg += "</g>\n<g fill=\"#111\">\n";
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) svg += shape(graph.nodes[i], boxes[i]);
    return svg + "</g>\n</svg>\n";
}

}  // namespace artfs
