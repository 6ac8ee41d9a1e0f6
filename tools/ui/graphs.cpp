// The graph as a page shows it: filtered, around a node, and clustered where it is too large to
// see.
#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "lineage/graph.h"
#include "lineage/run_facts.h"
#include "lineage/text.h"
#include "ref.h"
#include "ui/api.h"

namespace artfs::ui {

namespace {

// More nodes than this are drawn by artifact and job type.
constexpr std::size_t most_nodes = 5000;

enum class Form { types, names, instances, segments };

struct Filter {
    std::set<std::string> types;
    std::set<std::string> job_types;
    std::set<std::string> states;
    std::string text;
    std::optional<Time> since;

    static Filter of(const Request& request) {
        auto set = [&](const char* key) {
            auto values = request.list(key);
            return std::set<std::string>(values.begin(), values.end());
        };
        Filter filter{set("type"), set("job_type"), set("state"), request.text("q"), {}};
        if (auto seconds = request.number("since", 0); seconds > 0)
            filter.since = now() - std::chrono::seconds(seconds);
        return filter;
    }
    bool takes(const ArtifactRecord& artifact) const {
        return (types.empty() || types.count(artifact.type) > 0) && named(artifact.name);
    }
    bool takes(const IndexedRun& run) const {
        return (job_types.empty() || job_types.count(run.job_type) > 0) &&
               (states.empty() || states.count(to_string(run.state)) > 0) &&
               (!since || run.started >= *since) && (named(run.name) || named(run.job_type));
    }
    bool selects_runs() const { return !job_types.empty() || !states.empty() || since; }

private:
    bool named(const std::string& name) const {
        return text.empty() || name.find(text) != std::string::npos;
    }
};

// Which versions and runs are shown: indexes into the ProjectIndex.
struct Shown {
    std::vector<bool> versions;
    std::vector<bool> runs;
    std::size_t count() const {
        return static_cast<std::size_t>(std::count(versions.begin(), versions.end(), true) +
                                        std::count(runs.begin(), runs.end(), true));
    }
};

// What passes the filter, and what it is joined to: a run without its artifacts says nothing.
Shown filtered(const ProjectIndex& index, const Filter& filter) {
    Shown shown{std::vector<bool>(index.versions.size()), std::vector<bool>(index.runs.size())};
    bool any_text = !filter.text.empty();
    for (std::size_t i = 0; i < index.versions.size(); ++i)
        shown.versions[i] =
            !filter.selects_runs() && filter.takes(index.artifacts[index.versions[i].artifact]);
    for (std::size_t i = 0; i < index.runs.size(); ++i) {
        const auto& run = index.runs[i];
        if (run.edges.empty() || !filter.takes(run)) continue;
        bool joined =
            filter.types.empty() ||
            std::any_of(run.edges.begin(), run.edges.end(), [&](const auto& edge) {
                return filter.types.count(
                           index.artifacts[index.versions[edge.version].artifact].type) > 0;
            });
        shown.runs[i] = joined && (!any_text || filter.selects_runs() || filter.takes(run));
        if (!shown.runs[i] || (!filter.selects_runs() && !any_text)) continue;
        for (const auto& edge : run.edges)
            if (filter.types.empty() ||
                filter.types.count(index.artifacts[index.versions[edge.version].artifact].type) > 0)
                shown.versions[edge.version] = true;
    }
    return shown;
}

struct Focus {
    bool run = false;
    std::size_t place = 0;
};

std::string version_id(const ProjectIndex& index, const IndexedVersion& version) {
    const auto& artifact = index.artifacts[version.artifact];
    return artifact.type + ":" + artifact.name + ":v" + std::to_string(version.number);
}

std::string run_id(const IndexedRun& run, std::uint32_t segment = 1) {
    std::string id = lossy_utf8(run.job_type) + ":" + run.name;
    return segment > 1 ? id + "." + std::to_string(segment) : id;
}

// `dataset:mnist-raw:v0`, `train:sunny-smoke-1`, or the same as a reference.
Focus find_focus(const ProjectIndex& index, const std::string& id) {
    for (std::size_t i = 0; i < index.versions.size(); ++i) {
        auto known = version_id(index, index.versions[i]);
        if (known == id || known.ends_with(":" + id)) return {false, i};
    }
    for (std::size_t i = 0; i < index.runs.size(); ++i)
        if (run_id(index.runs[i]) == id || index.runs[i].name == id ||
            "@" + index.runs[i].name == id)
            return {true, i};
    throw Failure(exit_not_found, "the graph has no node '" + id + "'");
}

// Up and down from one node; never back, so that siblings stay out.
Shown around(const ProjectIndex& index, const Focus& focus, const Request& request) {
    std::vector<std::vector<std::size_t>> makers(index.versions.size());
    std::vector<std::vector<std::size_t>> users(index.versions.size());
    for (std::size_t i = 0; i < index.runs.size(); ++i)
        for (const auto& edge : index.runs[i].edges)
            (edge.log ? makers : users)[edge.version].push_back(i);
    Shown shown{std::vector<bool>(index.versions.size()), std::vector<bool>(index.runs.size())};
    auto depth = request.number("depth", 1000);
    auto walk = [&](bool up) {
        std::deque<std::pair<Focus, std::uint64_t>> next{{focus, 0}};
        std::unordered_set<std::size_t> seen;
        while (!next.empty()) {
            auto [at, steps] = next.front();
            next.pop_front();
            if (!seen.insert(2 * at.place + (at.run ? 1 : 0)).second) continue;
            (at.run ? shown.runs : shown.versions)[at.place] = true;
            if (steps == depth) continue;
            if (at.run) {
                for (const auto& edge : index.runs[at.place].edges)
                    if (edge.log != up) next.push_back({{false, edge.version}, steps + 1});
            } else {
                for (auto run : (up ? makers : users)[at.place])
                    next.push_back({{true, run}, steps + 1});
            }
        }
    };
    auto direction = request.text("direction", "both");
    if (direction != "both" && direction != "up" && direction != "down")
        throw Failure(exit_usage, "direction is up, down or both");
    if (direction != "down") walk(true);
    if (direction != "up") walk(false);
    return shown;
}

// Counts what comes twice. A million edges are counted by numbers; names are made once a node.
class Drawing {
public:
    using Number = std::uint32_t;

    Number node(const std::string& id, const std::function<Json()>& make) {
        auto [found, added] = numbers_.emplace(id, static_cast<Number>(nodes_.size()));
        if (added) {
            nodes_.push_back({make(), 0, {}});
            nodes_.back().document["id"] = id;
        }
        return found->second;
    }
    void count(Number number, std::optional<RunState> state = std::nullopt) {
        ++nodes_[number].count;
        if (state) ++nodes_[number].states[*state];
    }
    void edge(Number from, Number to, bool log) {
        ++edges_[(std::uint64_t{from} << 33U) | (std::uint64_t{to} << 1U) | (log ? 1U : 0U)];
    }
    Json take() {
        auto edges = Json::array();
        for (const auto& [key, count] : edges_)
            edges.push_back({{"from", nodes_[key >> 33U].document["id"]},
                             {"to", nodes_[(key >> 1U) & 0xffffffffU].document["id"]},
                             {"kind", (key & 1U) != 0 ? "log" : "use"},
                             {"count", count}});
        auto nodes = Json::array();
        for (auto& node : nodes_) {
            node.document["count"] = node.count;
            for (const auto& [state, count] : node.states)
                node.document["states"][to_string(state)] = count;
            nodes.push_back(std::move(node.document));
        }
        return {{"nodes", std::move(nodes)}, {"edges", std::move(edges)}};
    }

private:
    struct Node {
        Json document;
        std::size_t count = 0;
        std::map<RunState, std::size_t> states;
    };
    std::unordered_map<std::string, Number> numbers_;
    std::vector<Node> nodes_;
    std::unordered_map<std::uint64_t, std::size_t> edges_;
};

class Painter {
public:
    Painter(const ProjectIndex& index, const Shown& shown, Form form)
        : index_(index), shown_(shown), form_(form), numbers_(index.versions.size()) {}

    Json paint() {
        for (std::size_t i = 0; i < index_.versions.size(); ++i)
            if (shown_.versions[i]) version(i);
        for (std::size_t i = 0; i < index_.runs.size(); ++i)
            if (shown_.runs[i]) run(index_.runs[i]);
        return drawing_.take();
    }

private:
    using Number = Drawing::Number;

    bool single() const { return form_ == Form::instances || form_ == Form::segments; }
    std::string id_of(const IndexedVersion& version) const {
        const auto& artifact = index_.artifacts[version.artifact];
        if (form_ == Form::types) return artifact.type;
        if (form_ == Form::names) return artifact.type + ":" + artifact.name;
        return version_id(index_, version);
    }
    Json document_of(const IndexedVersion& version) const {
        const auto& artifact = index_.artifacts[version.artifact];
        Json node{{"kind", "artifact"}, {"type", artifact.type}};
        if (form_ != Form::types) node["artifact"] = artifact.name;
        if (!single()) return node;
        node["version"] = "v" + std::to_string(version.number);
        node["latest"] = artifact.head == version.number;
        return node;
    }
    void version(std::size_t place) {
        const auto& version = index_.versions[place];
        // Versions of an artifact follow each other.
        bool again = !single() && before_ && index_.versions[*before_].artifact == version.artifact;
        numbers_[place] = again
                              ? numbers_[*before_]
                              : drawing_.node(id_of(version), [&] { return document_of(version); });
        drawing_.count(numbers_[place]);
        before_ = place;
    }
    Number node_of(const IndexedRun& run, std::uint32_t segment) {
        auto id = single() ? run_id(run, form_ == Form::segments ? segment : 1)
                           : lossy_utf8(run.job_type);
        return drawing_.node(id, [&] {
            Json node{{"kind", "run"}, {"job_type", lossy_utf8(run.job_type)}};
            if (!single()) return node;
            node["run"] = run.name;
            node["state"] = to_string(run.state);
            return node;
        });
    }
    void run(const IndexedRun& run) {
        std::map<std::uint32_t, Number> segments{{1, node_of(run, 1)}};
        drawing_.count(segments[1], run.state);
        if (form_ == Form::segments) add_segments(run, segments);
        for (const auto& edge : run.edges) {
            if (!shown_.versions[edge.version]) continue;
            auto segment = form_ == Form::segments ? segments[edge.segment] : segments[1];
            auto version = numbers_[edge.version];
            edge.log ? drawing_.edge(segment, version, true)
                     : drawing_.edge(version, segment, false);
        }
    }
    void add_segments(const IndexedRun& run, std::map<std::uint32_t, Number>& segments) {
        for (const auto& edge : run.edges) segments.emplace(edge.segment, 0);
        std::optional<Number> before;
        for (auto& [segment, number] : segments) {
            number = node_of(run, segment);
            if (segment != 1) drawing_.count(number, run.state);
            if (before) drawing_.edge(*before, number, false);
            before = number;
        }
    }

    const ProjectIndex& index_;
    const Shown& shown_;
    Form form_;
    Drawing drawing_;
    std::vector<Number> numbers_;  // of versions
    std::optional<std::size_t> before_;
};

Form form_of(const Request& request) {
    auto form = request.text("form", "collapsed");
    if (form == "collapsed") return Form::types;
    if (form == "names") return Form::names;
    if (form == "exploded") return Form::instances;
    if (form == "segments") return Form::segments;
    throw Failure(exit_usage, "form is collapsed, names, exploded or segments");
}

}  // namespace

Json show_graph(const Place& place, const Request& request) {
    auto index = place.index->of(request.parts[0]);
    auto form = form_of(request);
    auto focus = request.text("focus");
    auto shown = focus.empty() ? filtered(*index, Filter::of(request))
                               : around(*index, find_focus(*index, focus), request);
    auto instances = shown.count();
    bool clustered = form != Form::types && form != Form::names && instances > most_nodes;
    if (clustered) form = Form::names;
    auto graph = Painter(*index, shown, form).paint();
    if (form == Form::names && graph["nodes"].size() > most_nodes) {
        clustered = true;
        form = Form::types;
        graph = Painter(*index, shown, form).paint();
    }
    std::set<std::string> types;
    std::set<std::string> job_types;
    for (const auto& artifact : index->artifacts) types.insert(artifact.type);
    for (const auto& run : index->runs)
        if (!run.edges.empty()) job_types.insert(lossy_utf8(run.job_type));
    static constexpr const char* names[] = {"collapsed", "names", "exploded", "segments"};
    graph["form"] = names[static_cast<int>(form)];
    graph["clustered"] = clustered;
    graph["instances"] = instances;
    graph["most_nodes"] = most_nodes;
    graph["types"] = types;
    graph["job_types"] = job_types;
    if (!focus.empty()) {
        auto found = find_focus(*index, focus);
        graph["focus"] = found.run ? run_id(index->runs[found.place])
                                   : version_id(*index, index->versions[found.place]);
    }
    return graph;
}

// The files of the use edges between a version and a run.
Json show_edge(const Place& place, const Request& request) {
    View view(place);
    auto version =
        version_named(view, request.parts[0], request.text("artifact"), request.text("version"));
    auto run = find_run(view.txn(), request.parts[0], request.text("run"));
    Json edge{{"artifact", request.text("artifact")},
              {"version", "v" + std::to_string(version.number)},
              {"run", run.name},
              {"files", Json::array()},
              {"of", version.entries}};
    constexpr std::size_t most = 500;
    UseEdge all;
    for (const auto& use : view.txn().uses_of(run.id)) {
        if (use.version != version.id) continue;
        all.version = version.id;
        all.ranks |= use.ranks;
        all.metadata |= use.metadata;
    }
    auto files = some_files_of_use(view.reading(), all, most);
    edge["count"] = files.count;
    for (const auto& file : files.paths) edge["files"].push_back(lossy_utf8(file));
    return edge;
}

Json show_lineage(const Place& place, const Request& request) {
    View view(place);
    Ref ref = parse_ref(request.text("of"));
    LineageQuery query;
    query.files = true;
    query.most_files = 20;
    query.depth = static_cast<unsigned>(request.number("depth", 12));
    if (request.text("direction") == "down") query.direction = Direction::downstream;
    if (names_run(view.txn(), request.parts[0], ref))
        query.run = find_run(view.txn(), request.parts[0], ref.name);
    else
        query.version = find_version(view.txn(), request.parts[0], ref);
    auto list = Json::array();
    for (const auto& step : lineage_of(view.reading(), query)) {
        Json one{{"depth", step.depth}, {"node", step.node}, {"again", step.again}};
        one["files"] = Json::array();
        for (const auto& file : step.files) one["files"].push_back(lossy_utf8(file));
        list.push_back(std::move(one));
    }
    return list;
}

}  // namespace artfs::ui
