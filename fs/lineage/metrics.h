// Metrics that a run wrote: metrics.jsonl, one JSON object a line, each with its step.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace artfs {

struct Series {
    std::vector<double> steps;
    std::vector<double> values;
    // Seconds since 1970, one a value; empty where the source says none.
    std::vector<double> times = {};
};

// By key; what is nested is "outer.inner". Numbers and truth values only. A line without "step" (or
// "_step") has the number of the line, from 0. Lines that are no JSON object are passed over.
std::map<std::string, Series> parse_metrics(std::string_view lines);
// The first of `step_names` that a line has is its step.
std::map<std::string, Series> parse_metrics(std::string_view lines,
                                            std::span<const std::string_view> step_names);

// "▁▂▅█": at most `width` columns, each the mean of its part of the series. Values that are no
// numbers are gaps.
std::string sparkline(const std::vector<double>& values, std::size_t width);

}  // namespace artfs
