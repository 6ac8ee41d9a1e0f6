#include "ui/metrics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace artfs::ui {

namespace {

using Json = nlohmann::json;
using Columns = std::map<std::string, std::vector<double>>;

constexpr std::size_t most_columns = 500;

void add_numbers(Columns& columns, const std::string& name, const Json& value, std::size_t row) {
    if (value.is_object()) {
        for (const auto& [key, inner] : value.items())
            add_numbers(columns, name.empty() ? key : name + "." + key, inner, row);
        return;
    }
    if (!value.is_number() && !value.is_boolean()) return;
    if (columns.size() == most_columns && columns.count(name) == 0) return;
    auto& column = columns[name];
    column.resize(row, std::nan(""));
    column.push_back(value.is_boolean() ? (value.get<bool>() ? 1 : 0) : value.get<double>());
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        auto end = std::min(text.find('\n'), text.size());
        if (end > 0) lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

// When what begins at this place came; null of what nobody saw come.
Json came(const std::vector<Arrival>& arrivals, std::uint64_t from) {
    auto after = std::upper_bound(
        arrivals.begin(), arrivals.end(), from,
        [](std::uint64_t place, const Arrival& arrival) { return place < arrival.from; });
    if (after == arrivals.begin()) return nullptr;
    return static_cast<double>(to_ns(std::prev(after)->at) / 1000000) / 1000;
}

}  // namespace

Json metric_columns(std::string_view text, const std::vector<Arrival>& arrivals, std::size_t most) {
    auto lines = split(text);
    std::size_t every =
        std::max<std::size_t>(1, (lines.size() + most - 1) / std::max<std::size_t>(most, 1));
    Columns columns;
    auto times = Json::array();
    std::size_t row = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (i % every != 0 && i + 1 != lines.size()) continue;
        auto line = Json::parse(lines[i], nullptr, false);
        if (!line.is_object()) continue;
        add_numbers(columns, "", line, row);
        times.push_back(came(arrivals, static_cast<std::uint64_t>(lines[i].data() - text.data())));
        ++row;
    }
    Json document{
        {"rows", lines.size()}, {"shown", row}, {"columns", Json::object()}, {"times", times}};
    for (auto& [name, column] : columns) {
        column.resize(row, std::nan(""));
        auto& list = document["columns"][name] = Json::array();
        for (double value : column)
            list.push_back(std::isfinite(value) ? Json(value) : Json(nullptr));
    }
    return document;
}

void add_series(Json& document, const AllSeries& all, std::size_t most) {
    std::vector<double> steps;
    for (const auto& [key, series] : all)
        steps.insert(steps.end(), series.steps.begin(), series.steps.end());
    std::sort(steps.begin(), steps.end());
    steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
    if (steps.empty()) return;
    auto every =
        std::max<std::size_t>(1, (steps.size() + most - 1) / std::max<std::size_t>(most, 1));
    std::vector<double> kept;
    for (std::size_t i = 0; i < steps.size(); ++i)
        if (i % every == 0 || i + 1 == steps.size()) kept.push_back(steps[i]);
    std::size_t before = document["shown"];
    auto column_of = [&](const std::string& name) -> Json& {
        auto& column = document["columns"][name];
        if (column.is_null()) column = Json::array();
        while (column.size() < before) column.push_back(nullptr);
        return column;
    };
    auto& step_column = column_of("step");
    for (double step : kept)
        step_column.push_back(std::isfinite(step) ? Json(step) : Json(nullptr));
    std::vector<double> times(kept.size(), std::nan(""));
    for (const auto& [key, series] : all) {
        if (document["columns"].size() >= most_columns || key == "step") continue;
        std::vector<double> values(kept.size(), std::nan(""));
        for (std::size_t i = 0; i < series.steps.size(); ++i) {
            auto at = std::lower_bound(kept.begin(), kept.end(), series.steps[i]);
            if (at == kept.end() || *at != series.steps[i]) continue;
            auto row = static_cast<std::size_t>(at - kept.begin());
            values[row] = series.values[i];
            // An event without a time has 0.
            if (series.times.size() == series.steps.size() && series.times[i] > 0)
                times[row] = series.times[i];
        }
        auto& column = column_of(key);
        for (double value : values)
            column.push_back(std::isfinite(value) ? Json(value) : Json(nullptr));
    }
    for (auto& [name, column] : document["columns"].items())
        while (column.size() < before + kept.size()) column.push_back(nullptr);
    for (double time : times)
        document["times"].push_back(std::isfinite(time) ? Json(time) : Json(nullptr));
    document["rows"] = document["rows"].get<std::size_t>() + steps.size();
    document["shown"] = before + kept.size();
}

}  // namespace artfs::ui
