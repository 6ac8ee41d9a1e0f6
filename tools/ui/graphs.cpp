// The graph as a page shows it: filtered, around a node, and clustered where it is too large to
// see.
#include <algorithm>
#include <deque>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "lineage/graph.h"
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

// Counts what comes twice.
class Drawing {
public:
    void node(const std::string& id, Json node, const char* state = nullptr) {
        auto [found, added] = nodes_.emplace(id, list_.size());
        if (added) {
            node["id"] = id;
            node["count"] = 0;
            if (state != nullptr) node["states"] = Json::object();
            list_.push_back(std::move(node));
        }
        auto& known = list_[found->second];
        known["count"] = known["count"].get<std::size_t>() + 1;
        if (state != nullptr) known["states"][state] = known["states"].value(state, 0) + 1;
    }
    void edge(const std::string& from, const std::string& to, bool log) {
        ++edges_[(log ? "l" : "u") + from + '\0' + to];
    }
    Json take() {
        auto edges = Json::array();
        for (const auto& [key, count] : edges_) {
            auto end = key.find('\0');
            edges.push_back({{"from", key.substr(1, end - 1)},
                             {"to", key.substr(end + 1)},
                             {"kind", key[0] == 'l' ? "log" : "use"},
                             {"count", count}});
        }
        return {{"nodes", std::move(list_)}, {"edges", std::move(edges)}};
    }

private:
    std::unordered_map<std::string, std::size_t> nodes_;
    Json list_ = Json::array();
    std::unordered_map<std::string, std::size_t> edges_;
};

class Painter {
public:
    Painter(const ProjectIndex& index, const Shown& shown, Form form)
        : index_(index), shown_(shown), form_(form) {}

    Json paint() {
        for (std::size_t i = 0; i < index_.versions.size(); ++i)
            if (shown_.versions[i]) version(index_.versions[i]);
        for (std::size_t i = 0; i < index_.runs.size(); ++i)
            if (shown_.runs[i]) run(index_.runs[i]);
        return drawing_.take();
    }

private:
    std::string id_of(const IndexedVersion& version) const {
        const auto& artifact = index_.artifacts[version.artifact];
        if (form_ == Form::types) return artifact.type;
        if (form_ == Form::names) return artifact.type + ":" + artifact.name;
        return version_id(index_, version);
    }
    std::string id_of(const IndexedRun& run, std::uint32_t segment) const {
        if (form_ == Form::types || form_ == Form::names) return lossy_utf8(run.job_type);
        return run_id(run, form_ == Form::segments ? segment : 1);
    }
    void version(const IndexedVersion& version) {
        const auto& artifact = index_.artifacts[version.artifact];
        Json node{{"kind", "artifact"}, {"type", artifact.type}};
        if (form_ != Form::types) node["artifact"] = artifact.name;
        if (form_ == Form::instances || form_ == Form::segments) {
            node["version"] = "v" + std::to_string(version.number);
            node["latest"] = artifact.head == version.number;
        }
        drawing_.node(id_of(version), std::move(node));
    }
    void run(const IndexedRun& run) {
        std::set<std::uint32_t> segments{1};
        if (form_ == Form::segments)
            for (const auto& edge : run.edges) segments.insert(edge.segment);
        std::string before;
        for (auto segment : segments) {
            auto id = id_of(run, segment);
            Json node{{"kind", "run"}, {"job_type", lossy_utf8(run.job_type)}};
            if (form_ == Form::instances || form_ == Form::segments) {
                node["run"] = run.name;
                node["state"] = to_string(run.state);
            }
            drawing_.node(id, std::move(node), to_string(run.state));
            if (!before.empty()) drawing_.edge(before, id, false);
            before = id;
        }
        for (const auto& edge : run.edges) {
            if (!shown_.versions[edge.version]) continue;
            auto version = id_of(index_.versions[edge.version]);
            auto id = id_of(run, edge.segment);
            edge.log ? drawing_.edge(id, version, true) : drawing_.edge(version, id, false);
        }
    }

    const ProjectIndex& index_;
    const Shown& shown_;
    Form form_;
    Drawing drawing_;
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
    std::set<std::string> files;
    for (const auto& use : view.txn().uses_of(run.id))
        if (use.version == version.id)
            for (const auto& file : files_of_use(view.reading(), use))
                files.insert(lossy_utf8(file));
    edge["count"] = files.size();
    constexpr std::size_t most = 500;
    for (const auto& file : files) {
        if (edge["files"].size() == most) break;
        edge["files"].push_back(file);
    }
    return edge;
}

Json show_lineage(const Place& place, const Request& request) {
    View view(place);
    Ref ref = parse_ref(request.text("of"));
    LineageQuery query;
    query.files = true;
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
