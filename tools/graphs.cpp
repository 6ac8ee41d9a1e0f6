// art lineage, art graph.
#include <charconv>

#include "command.h"
#include "lineage/graph.h"
#include "lineage/text.h"
#include "output.h"
#include "ref.h"

namespace artfs {

int run_lineage(const Arguments& arguments) {
    Reader reader(arguments);
    Ref ref = parse_ref(arguments.positional[0]);
    LineageQuery query;
    query.files = arguments.flag("files");
    if (arguments.flag("downstream")) {
        if (arguments.flag("upstream"))
            throw Failure(exit_usage, "choose one of --upstream and --downstream");
        query.direction = Direction::downstream;
    }
    if (arguments.has("depth")) {
        std::string text = arguments.text("depth");
        auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), query.depth);
        if (bad != std::errc() || end != text.data() + text.size())
            throw Failure(exit_usage, "--depth takes a number");
    }
    if (names_run(reader.txn(), reader.project(), ref))
        query.run = find_run(reader.txn(), reader.project(), ref.name);
    else
        query.version = find_version(reader.txn(), reader.project(), ref);
    auto steps = lineage_of(reader.reading(), query);
    if (arguments.flag("json")) {
        auto list = nlohmann::json::array();
        for (const auto& step : steps) {
            nlohmann::json one{{"depth", step.depth}, {"node", step.node}, {"again", step.again}};
            put_names(one, "files", step.files);
            list.push_back(std::move(one));
        }
        show_json(list);
        return exit_done;
    }
    std::string text;
    for (const auto& step : steps) {
        text.append(2 * step.depth, ' ');
        text += step.node + (step.again ? dim(" (above)") : "");
        std::string files;
        for (const auto& file : step.files) files += (files.empty() ? "" : ", ") + lossy_utf8(file);
        if (!files.empty()) text += "  " + dim("[" + files + "]");
        text += "\n";
    }
    show_text(text);
    return exit_done;
}

int run_graph(const Arguments& arguments) {
    Reader reader(arguments);
    GraphForm form = GraphForm::collapsed;
    if (arguments.flag("explode")) form = GraphForm::exploded;
    if (arguments.flag("segments")) form = GraphForm::segments;
    auto graph = project_graph(reader.txn(), reader.project(), form);
    std::string format = arguments.flag("json") ? "json" : arguments.text("format", "text");
    if (format == "json")
        show_json(graph_json(graph, form == GraphForm::collapsed));
    else if (format == "dot")
        show_text(graph_dot(graph));
    else if (format == "mermaid")
        show_text(graph_mermaid(graph));
    else if (format == "svg")
        show_text(graph_svg(graph));
    else if (format == "text")
        show_text(graph_text(graph));
    else
        throw Failure(exit_usage, "--format is text, dot, mermaid, json or svg");
    return exit_done;
}

}  // namespace artfs
