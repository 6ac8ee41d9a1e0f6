// Text in JSON: names are bytes, JSON is UTF-8.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace artfs {

bool is_utf8(std::string_view text);
// UTF-8, with U+FFFD for what is not.
std::string lossy_utf8(const std::string& text);
std::string base64(std::string_view bytes);  // RFC 4648, with padding

// {"path": …} and, where it is not UTF-8, the exact bytes in "path_b64".
void put_name(nlohmann::json& object, const char* key, const std::string& name);

// The same for a list: "files" and, if any is not UTF-8, "files_b64" of the same length, null where
// the name is UTF-8.
void put_names(nlohmann::json& object, const char* key, const std::vector<std::string>& names);

// What metadata.json or the like holds: the object, or {"invalid": true, "text": …} where it is no
// JSON object, or one nested so deeply that its readers' stacks would not bear it.
nlohmann::json parse_metadata(const std::string& bytes);

}  // namespace artfs
