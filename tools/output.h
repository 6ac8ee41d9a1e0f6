// What people see: colour, sizes, ages, tables, and a pager for what is long.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"

namespace artfs {

bool colour_wanted();  // standard output is a terminal and NO_COLOR is unset
std::string bold(const std::string& text);
std::string dim(const std::string& text);
std::string state_colour(const std::string& state);

// A string as it is, anything else as JSON.
std::string short_text(const nlohmann::json& value);
std::string joined(const nlohmann::json& list);    // with commas
std::string human_size(std::uint64_t bytes);       // 52.4 MiB
std::string human_age(std::int64_t seconds);       // 3 h
std::string age_of(const std::string& timestamp);  // of RFC 3339

// Columns padded to their widest cell; the first row is the header.
std::string table(const std::vector<std::vector<std::string>>& rows);

// To standard output; through a pager when that is a terminal and the text is longer than it.
void show_text(const std::string& text);
void show_json(const nlohmann::json& document);

}  // namespace artfs
