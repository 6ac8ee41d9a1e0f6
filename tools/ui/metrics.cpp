#include "ui/metrics.h"

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

}  // namespace

Json metric_columns(std::string_view text, std::size_t most) {
    auto lines = split(text);
    std::size_t every =
        std::max<std::size_t>(1, (lines.size() + most - 1) / std::max<std::size_t>(most, 1));
    Columns columns;
    std::size_t row = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (i % every != 0 && i + 1 != lines.size()) continue;
        auto line = Json::parse(lines[i], nullptr, false);
        if (!line.is_object()) continue;
        add_numbers(columns, "", line, row);
        ++row;
    }
    Json document{{"rows", lines.size()}, {"shown", row}, {"columns", Json::object()}};
    for (auto& [name, column] : columns) {
        column.resize(row, std::nan(""));
        auto& list = document["columns"][name] = Json::array();
        for (double value : column)
            list.push_back(std::isfinite(value) ? Json(value) : Json(nullptr));
    }
    return document;
}

}  // namespace artfs::ui
