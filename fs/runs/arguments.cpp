#include "runs/arguments.h"

#include <algorithm>
#include <cctype>

namespace artfs {

namespace {

constexpr const char* hidden = "***";

bool is_flag(const std::string& argument) {
    if (argument.size() < 2 || argument.front() != '-') return false;
    // -3 and -.5 are numbers.
    return std::isdigit(static_cast<unsigned char>(argument[1])) == 0 && argument[1] != '.';
}

std::string key_of(const std::string& flag) {
    auto from = flag.find_first_not_of('-');
    return from == std::string::npos ? "" : flag.substr(from, flag.find('=') - from);
}

nlohmann::json typed(const std::string& text) {
    auto value = nlohmann::json::parse(text, nullptr, false);
    if (value.is_number() || value.is_boolean()) return value;
    if (text == "True" || text == "False") return text == "True";
    return text;
}

}  // namespace

bool looks_secret(std::string_view key) {
    std::string lower(key);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const char* word : {"token", "secret", "password", "passwd", "credential", "apikey", "api-key", "api_key"})
        if (lower.find(word) != std::string::npos) return true;
    // "key" as a word of its own: --key, AWS_KEY, not --keyboard or --monkey.
    for (auto at = lower.find("key"); at != std::string::npos; at = lower.find("key", at + 3)) {
        bool begins = at == 0 || std::isalnum(static_cast<unsigned char>(lower[at - 1])) == 0;
        bool ends = at + 3 == lower.size() || std::isalnum(static_cast<unsigned char>(lower[at + 3])) == 0;
        if (begins && ends) return true;
    }
    return false;
}

std::vector<std::string> redact(const std::vector<std::string>& arguments) {
    std::vector<std::string> shown = arguments;
    for (std::size_t i = 0; i < shown.size(); ++i) {
        auto equals = shown[i].find('=');
        bool flag = is_flag(shown[i]);
        if (equals != std::string::npos && looks_secret(shown[i].substr(0, equals)))
            shown[i] = shown[i].substr(0, equals + 1) + hidden;
        else if (flag && equals == std::string::npos && looks_secret(key_of(shown[i])) &&
                 i + 1 < shown.size() && !is_flag(shown[i + 1]))
            shown[++i] = hidden;
    }
    return shown;
}

nlohmann::json config_of(const std::vector<std::string>& arguments) {
    auto config = nlohmann::json::object();
    auto shown = redact(arguments);
    for (std::size_t i = 1; i < shown.size(); ++i) {
        if (shown[i] == "--") break;
        if (!is_flag(shown[i])) continue;
        std::string key = key_of(shown[i]);
        if (key.empty()) continue;
        auto equals = shown[i].find('=');
        if (equals != std::string::npos)
            config[key] = typed(shown[i].substr(equals + 1));
        else if (i + 1 < shown.size() && !is_flag(shown[i + 1]))
            config[key] = typed(shown[++i]);
        else
            config[key] = true;
    }
    return config;
}

}  // namespace artfs
