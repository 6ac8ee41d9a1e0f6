#include "base/names.h"

#include <algorithm>
#include <charconv>

namespace artfs {

namespace {
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name_byte(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' ||
           c == '.' || c == '-';
}
}  // namespace

bool is_plain_name(std::string_view text) {
    return !text.empty() && text.size() <= 128 && text.front() != '.' &&
           std::all_of(text.begin(), text.end(), is_name_byte);
}

std::optional<VersionNumber> VersionNumber::parse(std::string_view text) {
    if (text.size() < 2 || text.front() != 'v') return std::nullopt;
    text.remove_prefix(1);
    if (!std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    VersionNumber number;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number.value);
    if (error != std::errc()) return std::nullopt;
    return number;
}

std::optional<AliasName> AliasName::parse(std::string_view text) {
    if (!is_plain_name(text) || text == "new" || text == "latest") return std::nullopt;
    bool numbered = text.size() > 1 && text.front() == 'v' &&
                    std::all_of(text.begin() + 1, text.end(), is_digit);
    if (numbered) return std::nullopt;
    return AliasName(std::string(text));
}

}  // namespace artfs
