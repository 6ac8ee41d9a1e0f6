#include "lineage/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace artfs {

namespace {

using Json = nlohmann::json;

// Takes the numbers of one line out of the parser's events: no tree is built, a million lines are
// read in about the time it takes to read them.
class LineReader : public nlohmann::json_sax<Json> {
public:
    std::vector<std::pair<std::string, double>> numbers;
    bool is_object = false;

    void begin() {
        numbers.clear();
        keys_.clear();
        key_.clear();
        arrays_ = 0;
        is_object = false;
    }

    bool null() override { return true; }
    bool boolean(bool value) override { return number(value ? 1 : 0); }
    bool number_integer(number_integer_t value) override {
        return number(static_cast<double>(value));
    }
    bool number_unsigned(number_unsigned_t value) override {
        return number(static_cast<double>(value));
    }
    bool number_float(number_float_t value, const string_t&) override { return number(value); }
    bool string(string_t& value) override {
        // Python's json writes what is no number in words, bare (which is no JSON) or as text.
        if (value == "NaN" || value == "nan") return number(std::nan(""));
        return true;
    }
    bool binary(binary_t&) override { return true; }
    bool start_object(std::size_t) override {
        if (keys_.empty() && arrays_ == 0) is_object = true;
        keys_.push_back(key_);
        return true;
    }
    bool key(string_t& name) override {
        key_ = keys_.empty() || keys_.back().empty() ? name : keys_.back() + "." + name;
        return true;
    }
    bool end_object() override {
        keys_.pop_back();
        return true;
    }
    bool start_array(std::size_t) override {
        ++arrays_;
        return true;
    }
    bool end_array() override {
        --arrays_;
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
        return false;
    }

private:
    bool number(double value) {
        if (arrays_ == 0) numbers.emplace_back(key_, value);
        return true;
    }

    std::vector<std::string> keys_;
    std::string key_;
    std::size_t arrays_ = 0;
};

constexpr std::array<std::string_view, 2> own_step_names{"step", "_step"};

using Numbers = std::vector<std::pair<std::string, double>>;

// Which of a line's numbers is its step; their count if none is.
std::size_t step_among(const Numbers& numbers, std::span<const std::string_view> names) {
    for (auto name : names)
        for (std::size_t i = 0; i < numbers.size(); ++i)
            if (numbers[i].first == name) return i;
    return numbers.size();
}

}  // namespace

std::map<std::string, Series> parse_metrics(std::string_view lines) {
    return parse_metrics(lines, own_step_names);
}

std::map<std::string, Series> parse_metrics(std::string_view lines,
                                            std::span<const std::string_view> step_names) {
    std::map<std::string, Series> all;
    LineReader reader;
    double count = 0;
    while (!lines.empty()) {
        auto end = lines.find('\n');
        auto line = lines.substr(0, end);
        lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
        reader.begin();
        if (!Json::sax_parse(line.begin(), line.end(), &reader) || !reader.is_object) continue;
        double step = count++;
        auto at = step_among(reader.numbers, step_names);
        if (at < reader.numbers.size()) step = reader.numbers[at].second;
        for (std::size_t i = 0; i < reader.numbers.size(); ++i) {
            const auto& [key, value] = reader.numbers[i];
            if (i == at) continue;
            auto& series = all[key];
            series.steps.push_back(step);
            series.values.push_back(value);
        }
    }
    return all;
}

std::string sparkline(const std::vector<double>& values, std::size_t width) {
    static constexpr const char* bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    std::size_t columns = std::min(width, values.size());
    std::vector<double> means(columns, std::nan(""));
    for (std::size_t column = 0; column < columns; ++column) {
        double sum = 0;
        std::size_t count = 0;
        auto end = (column + 1) * values.size() / columns;
        for (auto i = column * values.size() / columns; i < end; ++i) {
            if (!std::isfinite(values[i])) continue;
            sum += values[i];
            ++count;
        }
        if (count > 0) means[column] = sum / static_cast<double>(count);
    }
    double low = INFINITY;
    double high = -INFINITY;
    for (double mean : means) {
        if (std::isnan(mean)) continue;
        low = std::min(low, mean);
        high = std::max(high, mean);
    }
    std::string text;
    for (double mean : means) {
        if (std::isnan(mean)) {
            text += " ";
            continue;
        }
        double part = high > low ? (mean - low) / (high - low) : 0.5;
        text += bars[static_cast<std::size_t>(std::lround(part * 7))];
    }
    return text;
}

}  // namespace artfs
