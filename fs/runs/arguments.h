// Command lines as configuration, and what must not be recorded of them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace artfs {

// Command-line flags as configuration: --epochs 5, --lr=0.1, -v, --flag. Keys have '_' for '-', as
// argparse and W&B have them; numbers and booleans are JSON's; a flag given twice is an array. A
// word after a flag is taken for its value, as nothing tells otherwise. Values that look like
// secrets are "***". `arguments` begins with the program; an interpreter's own flags are left out.
nlohmann::json config_of(const std::vector<std::string>& arguments);
// The arguments with secrets as "***": values of flags and NAME=VALUE words whose names look
// secret, and passwords in URLs.
std::vector<std::string> redact(const std::vector<std::string>& arguments);
// Whether what is called `key` should not be kept: api_key, hf-token, dbPassword, SECRET; not
// tokenizer, max_tokens, monkey.
bool looks_secret(std::string_view key);

}  // namespace artfs
