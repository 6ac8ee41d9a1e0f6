#include "lineage/metric_sources.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <set>

#include "lineage/event_files.h"

namespace artfs {

namespace {

constexpr std::uint64_t most_bytes = std::uint64_t{256} << 20U;
constexpr std::uint64_t beginning_bytes = 16384;
constexpr std::size_t most_columns = 500;

// The better one first.
constexpr std::array<std::string_view, 6> step_names{"step",      "_step", "global_step",
                                                     "iteration", "iter",  "epoch"};

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
        text.remove_prefix(1);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
        text.remove_suffix(1);
    return text;
}

std::optional<double> number_in(std::string_view cell) {
    cell = trimmed(cell);
    if (cell.starts_with('+')) cell.remove_prefix(1);
    double value = 0;
    auto [end, bad] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (bad != std::errc() || end != cell.data() + cell.size()) return std::nullopt;
    return value;
}

char separator_of(std::string_view header) {
    char best = ',';
    for (char one : {';', '\t'})
        if (std::count(header.begin(), header.end(), one) >
            std::count(header.begin(), header.end(), best))
            best = one;
    return best;
}

// The next row of a table, taken off the text; false at its end, and for a last row without an end
// of line, which a program may have been killed over. `cells` are emptied, not freed: a million
// rows need no memory of their own.
bool next_row(std::string_view& text, char separator, std::vector<std::string>& cells,
              std::size_t& count) {
    count = 0;
    bool quoted = false;
    auto cell = [&]() -> std::string& { return cells[count - 1]; };
    auto begin = [&] {
        if (cells.size() == count) cells.emplace_back();
        cells[count++].clear();
    };
    begin();
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '"') {
            if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
                cell() += '"';
                ++i;
            } else {
                quoted = !quoted;
            }
        } else if (c == '\n' && !quoted) {
            text.remove_prefix(i + 1);
            return true;
        } else if (c == separator && !quoted) {
            begin();
        } else {
            cell() += c;
        }
    }
    text = {};
    return false;
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

std::vector<std::string> header_of(std::string_view& text, char& separator) {
    constexpr std::string_view mark = "\xEF\xBB\xBF";
    if (text.starts_with(mark)) text.remove_prefix(mark.size());
    separator = separator_of(first_line(text));
    std::vector<std::string> names;
    std::size_t count = 0;
    if (!next_row(text, separator, names, count)) return {};
    names.resize(count);
    for (auto& name : names) name = trimmed(name);
    // Rows of numbers alone are data.
    bool header = std::none_of(names.begin(), names.end(),
                               [](const std::string& name) { return number_in(name).has_value(); });
    return header ? names : std::vector<std::string>();
}

std::optional<std::size_t> step_column(const std::vector<std::string>& names) {
    for (auto wanted : step_names)
        for (std::size_t i = 0; i < names.size(); ++i)
            if (lower(names[i]) == wanted) return i;
    return std::nullopt;
}

// What a file of that name may be.
MetricSource kind_of_name(std::string_view path) {
    auto file = lower(path.substr(path.rfind('/') + 1));
    if (file.find("tfevents") != std::string::npos) return MetricSource::events;
    if (file.ends_with(".csv") || file.ends_with(".tsv")) return MetricSource::table;
    if (file.ends_with(".jsonl") || file.ends_with(".ndjson")) return MetricSource::lines;
    return MetricSource::none;
}

bool name_says_so(const std::string& file) {
    auto stem = file.substr(0, file.rfind('.'));
    return stem == "log" || stem == "results" || stem.find("metrics") != std::string::npos ||
           stem.find("history") != std::string::npos || stem.find("progress") != std::string::npos;
}

bool has_step_key(std::string_view line) {
    auto first = parse_metrics(line, step_names);
    auto object = nlohmann::json::parse(line.begin(), line.end(), nullptr, false);
    if (!object.is_object() || first.empty()) return false;
    return std::any_of(step_names.begin(), step_names.end(), [&](std::string_view name) {
        auto found = object.find(std::string(name));
        return found != object.end() && found->is_number();
    });
}

// Series of one file, or of the event files of one directory.
struct Found {
    std::string label;  // where it was: "logs/train", "model/metrics.csv"
    AllSeries series;
};

void append(AllSeries& all, AllSeries more) {
    for (auto& [key, series] : more) {
        auto& known = all[key];
        known.steps.insert(known.steps.end(), series.steps.begin(), series.steps.end());
        known.values.insert(known.values.end(), series.values.begin(), series.values.end());
        known.times.insert(known.times.end(), series.times.begin(), series.times.end());
    }
}

class Collector {
public:
    explicit Collector(const Reading& at) : at_(at) {}

    void file(const WrittenFile& file) {
        // Most names are none of these: their bytes are not looked at.
        if (kind_of_name(file.path) == MetricSource::none) return;
        auto source = metric_source(file.path, read_written(at_.store, file, 0, beginning_bytes));
        if (source == MetricSource::none) return;
        auto text = read_written(at_.store, file, 0, most_bytes);
        std::string label = file.label();
        AllSeries series;
        if (source == MetricSource::events) {
            label = event_label(file);
            series = parse_event_file(text);
        }
        if (source == MetricSource::table) series = parse_table(text);
        if (source == MetricSource::lines) series = parse_metrics(text, step_names);
        auto known = std::find_if(found_.begin(), found_.end(),
                                  [&](const Found& one) { return one.label == label; });
        if (known == found_.end()) known = found_.insert(found_.end(), {label, {}});
        append(known->series, std::move(series));
    }

    // A key of several sources has their labels before it.
    AllSeries take(const AllSeries& own) {
        std::map<std::string, std::size_t> sources;
        for (const auto& [key, series] : own) ++sources[key];
        for (const auto& one : found_)
            for (const auto& [key, series] : one.series) ++sources[key];
        AllSeries all;
        for (auto& one : found_)
            for (auto& [key, series] : one.series)
                all[sources[key] == 1 ? key : one.label + "/" + key] = std::move(series);
        return all;
    }

private:
    const Reading& at_;
    std::vector<Found> found_;
};

bool is_own(const WrittenFile& file) {
    return file.artifact.empty() && file.path == "metrics.jsonl";
}

AllSeries own_metrics(const Reading& at, const RunRecord& run, const Unsealed& unsealed) {
    AllSeries all;
    for (const auto& file : unsealed)
        if (is_own(file)) all = parse_metrics(read_written(at.store, file, 0, most_bytes));
    if (!run.data) return all;
    auto found = find_path(at.nodes, at.txn.snapshot(*run.data).root, "metrics.jsonl");
    if (!found || found->entry.kind != Kind::file) return all;
    return parse_metrics(
        read_written(at.store, {"", "metrics.jsonl", found->entry.size, found->entry.digest, {}}, 0,
                     most_bytes));
}

AllSeries found_beside(const Reading& at, const RunRecord& run, const Unsealed& unsealed,
                       const AllSeries& own) {
    Collector found(at);
    each_written(at, run, unsealed, [&](const WrittenFile& file) {
        if (!is_own(file)) found.file(file);
    });
    return found.take(own);
}

}  // namespace

MetricSource metric_source(std::string_view path, std::string_view beginning) {
    auto file = lower(path.substr(path.rfind('/') + 1));
    auto kind = kind_of_name(path);
    bool is = kind == MetricSource::events;
    if (kind == MetricSource::table) {
        char separator = ',';
        auto text = beginning;
        auto header = header_of(text, separator);
        is = !header.empty() && (name_says_so(file) || step_column(header));
    }
    if (kind == MetricSource::lines) is = name_says_so(file) || has_step_key(first_line(beginning));
    return is ? kind : MetricSource::none;
}

AllSeries parse_table(std::string_view text) {
    char separator = ',';
    auto names = header_of(text, separator);
    if (names.size() > most_columns) names.resize(most_columns);
    auto steps = step_column(names);
    std::vector<Series> columns(names.size());
    std::vector<std::string> cells;
    std::size_t count = 0;
    for (double row = 0; next_row(text, separator, cells, count); ++row) {
        count = std::min(count, names.size());
        auto step = steps && *steps < count ? number_in(cells[*steps]) : std::nullopt;
        for (std::size_t i = 0; i < count; ++i) {
            if (steps == i) continue;
            auto value = number_in(cells[i]);
            if (!value) continue;
            columns[i].steps.push_back(step.value_or(row));
            columns[i].values.push_back(*value);
        }
    }
    AllSeries all;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (!columns[i].values.empty() && !names[i].empty())
            all.try_emplace(names[i], std::move(columns[i]));
    return all;
}

AllSeries found_metrics(const Reading& at, const RunRecord& run, const Unsealed& unsealed) {
    return found_beside(at, run, unsealed, own_metrics(at, run, unsealed));
}

AllSeries all_metrics(const Reading& at, const RunRecord& run, const Unsealed& unsealed) {
    auto all = own_metrics(at, run, unsealed);
    all.merge(found_beside(at, run, unsealed, all));
    return all;
}

std::string event_label(const WrittenFile& file) {
    auto label = file.label();
    auto slash = label.rfind('/');
    return slash == std::string::npos ? "events" : label.substr(0, slash);
}

}  // namespace artfs
