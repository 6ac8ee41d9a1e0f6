// art metrics, and the lines that art show draws of them.
#include "lineage/metric_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "command.h"
#include "drafts/draft_files.h"
#include "metrics.h"
#include "output.h"
#include "ref.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

constexpr std::size_t spark_width = 32;

AllSeries metrics_of(Reader& reader, const RunRecord& run) {
    return all_metrics(reader.reading(), run, draft_files(reader.reading(), run));
}

std::string shown(double value) { return fmt::format("{:.6g}", value); }

// JSON has no word for what is no number.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json series_json(const AllSeries& all) {
    Json document = Json::object();
    for (const auto& [key, series] : all) {
        auto& one = document[key] = {{"steps", Json::array()}, {"values", Json::array()}};
        for (double step : series.steps) one["steps"].push_back(number(step));
        for (double value : series.values) one["values"].push_back(number(value));
    }
    return document;
}

std::string csv_cell(const std::string& text) {
    if (text.find_first_of(",\"\n") == std::string::npos) return text;
    std::string cell = "\"";
    for (char c : text) cell += c == '"' ? std::string("\"\"") : std::string(1, c);
    return cell + "\"";
}

// A row a step, a column a key; a step that has a key twice has a row for each.
std::string series_csv(const AllSeries& all) {
    std::vector<double> steps;
    for (const auto& [key, series] : all)
        steps.insert(steps.end(), series.steps.begin(), series.steps.end());
    std::sort(steps.begin(), steps.end());
    steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
    std::string text = "step";
    std::vector<std::multimap<double, double>> columns;
    for (const auto& [key, series] : all) {
        text += "," + csv_cell(key);
        auto& column = columns.emplace_back();
        for (std::size_t i = 0; i < series.steps.size(); ++i)
            column.emplace(series.steps[i], series.values[i]);
    }
    text += "\n";
    for (double step : steps) {
        std::size_t rows = 1;
        for (const auto& column : columns) rows = std::max(rows, column.count(step));
        for (std::size_t row = 0; row < rows; ++row) {
            text += fmt::format("{}", step);
            for (const auto& column : columns) {
                text += ",";
                auto at = column.lower_bound(step);
                for (std::size_t i = 0; i < row && at != column.end() && at->first == step; ++i)
                    ++at;
                if (at != column.end() && at->first == step) text += fmt::format("{}", at->second);
            }
            text += "\n";
        }
    }
    return text;
}

}  // namespace

std::string metrics_table(const AllSeries& all) {
    std::vector<std::vector<std::string>> rows{{"METRIC", "POINTS", "LAST", "LEAST", "MOST", ""}};
    for (const auto& [key, series] : all) {
        auto [least, most] = std::minmax_element(series.values.begin(), series.values.end());
        rows.push_back({key, std::to_string(series.values.size()), shown(series.values.back()),
                        shown(*least), shown(*most), sparkline(series.values, spark_width)});
    }
    return table(rows);
}

std::string metrics_of_run(Reader& reader, const RunRecord& run) {
    auto all = metrics_of(reader, run);
    return all.empty() ? "" : "\n" + metrics_table(all);
}

Json last_metrics(Reader& reader, const RunRecord& run) {
    Json last = Json::object();
    for (const auto& [key, series] : metrics_of(reader, run))
        last[key] = number(series.values.back());
    return last;
}

void metrics_options(po::options_description& options) {
    options.add_options()("json", po::bool_switch(), "one JSON document")(
        "csv", po::bool_switch(), "a row a step, a column a metric");
}

int run_metrics(const Arguments& arguments) {
    Reader reader(arguments);
    Ref ref = parse_ref(arguments.positional[0]);
    auto run = find_run(reader.txn(), reader.project(), ref.name);
    auto all = metrics_of(reader, run);
    if (arguments.positional.size() > 1) {
        AllSeries wanted;
        for (std::size_t i = 1; i < arguments.positional.size(); ++i) {
            auto found = all.find(arguments.positional[i]);
            if (found == all.end())
                throw Failure(exit_not_found, "run " + run.name + " has no metric '" +
                                                  arguments.positional[i] + "': art metrics " +
                                                  run.name + " lists them");
            wanted.insert(*found);
        }
        all = std::move(wanted);
    }
    if (arguments.flag("json"))
        show_json(series_json(all));
    else if (arguments.flag("csv"))
        show_text(series_csv(all));
    else
        show_text(all.empty() ? "run " + run.name + " wrote no metrics\n" : metrics_table(all));
    return exit_done;
}

}  // namespace artfs
