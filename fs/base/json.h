// JSON and CBOR that come from outside.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace artfs {

// Reading CBOR, copying a value and writing it go as deep as the value does: one nested deeper than
// this could end the program, for its stack would not bear it.
constexpr int deepest_json = 500;

// Discarded (`is_discarded()`) where it is no JSON, or nested too deeply.
nlohmann::json parse_json(std::string_view text);

// Room for what JSON of that depth is wrapped into. Throws as nlohmann::json::from_cbor does, and
// FormatError where it is nested too deeply.
nlohmann::json parse_cbor(std::string_view bytes);

}  // namespace artfs
