// Text in JSON: names are bytes, JSON is UTF-8.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace artfs {

bool is_utf8(std::string_view text);
// UTF-8, with U+FFFD for what is not.
std::string lossy_utf8(const std::string& text);
std::string base64(std::string_view bytes);  // RFC 4648, with padding

// {"path": …} and, where it is not UTF-8, the exact bytes in "path_b64".
void put_name(nlohmann::json& object, const char* key, const std::string& name);

// What metadata.json or the like holds: the object, or {"invalid": true, "text": …} where it is no
// JSON object.
nlohmann::json parse_metadata(const std::string& bytes);

}  // namespace artfs
