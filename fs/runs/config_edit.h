// The keys of config.toml, what each means, and changing one without touching the rest of the file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace artfs {

struct ConfigKey {
    // "limits.drafts"; of tables by name, "artifact.NAME.ttl".
    const char* name;
    const char* form;  // an example of a value
    const char* explanation;
};
const std::vector<ConfigKey>& config_keys();
// The key that a name as a user writes it ("artifact.mnist-raw.ttl") is of; null if none.
const ConfigKey* find_config_key(std::string_view name);

// The value that the file gives, as TOML; empty where it gives none. EINVAL: the file is bad.
Result<std::string> config_value(const std::string& text, const std::string& name);

// The file with one value more or another one. `value` is TOML, or plain text, which is then put
// into quotes. EINVAL where the outcome would be no valid configuration.
Result<std::string> with_config_value(const std::string& text, const std::string& name,
                                      const std::string& value);

}  // namespace artfs
