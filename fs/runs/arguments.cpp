#include "runs/arguments.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "runs/programs.h"

namespace artfs {

namespace {

constexpr const char* hidden = "***";

bool is_upper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }
bool is_lower(char c) { return std::islower(static_cast<unsigned char>(c)) != 0; }
bool is_alpha(char c) { return is_upper(c) || is_lower(c); }
bool is_decimal(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n'; }

template <std::size_t N>
bool any_equal(const std::array<std::string_view, N>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// "hfToken", "HF_TOKEN", "--hf-token" -> hf, token.
std::vector<std::string> words_of(std::string_view key) {
    std::vector<std::string> words;
    bool begin = true;
    for (std::size_t i = 0; i < key.size(); ++i) {
        char c = key[i];
        if (!is_alpha(c) && !is_decimal(c)) {
            begin = true;
            continue;
        }
        if (is_upper(c) && i > 0 && (is_lower(key[i - 1]) || is_decimal(key[i - 1]))) begin = true;
        if (begin) words.emplace_back();
        begin = false;
        words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return words;
}

// The name of a flag: "epochs" of --epochs or -epochs; none for a number or "--".
std::optional<std::string_view> flag_name(std::string_view word) {
    auto from = word.find_first_not_of('-');
    if (from == 0 || from > 2 || from == std::string_view::npos) return std::nullopt;
    if (!is_alpha(word[from]) && word[from] != '_') return std::nullopt;
    return word.substr(from);
}

nlohmann::json typed(const std::string& text) {
    if (text == "true" || text == "True" || text == "TRUE") return true;
    if (text == "false" || text == "False" || text == "FALSE") return false;
    const char* end = text.data() + text.size();
    std::string_view digits = text;
    if (digits.starts_with('-')) digits.remove_prefix(1);
    if (digits.empty() || (!is_decimal(digits[0]) && digits[0] != '.')) return text;
    // 007 is a name; 0.7 and 0 are numbers.
    if (digits.size() > 1 && digits[0] == '0' && is_decimal(digits[1])) return text;
    std::int64_t whole = 0;
    if (auto got = std::from_chars(text.data(), end, whole);
        got.ec == std::errc{} && got.ptr == end)
        return whole;
    double real = 0;
    if (auto got = std::from_chars(text.data(), end, real);
        got.ec == std::errc{} && got.ptr == end && std::isfinite(real))
        return real;
    return text;
}

void set(nlohmann::json& config, std::string_view name, nlohmann::json value) {
    std::string key(name);
    std::replace(key.begin(), key.end(), '-', '_');
    if (looks_secret(key)) value = hidden;
    auto [entry, is_new] = config.emplace(key, value);
    if (is_new) return;
    if (!entry->is_array()) *entry = nlohmann::json::array({*entry});
    entry->push_back(std::move(value));
}

// user:password@ of a URL, and secrets in its query.
std::string redact_url(std::string word) {
    auto scheme = word.find("://");
    if (scheme == std::string::npos) return word;
    auto host = scheme + 3;
    auto path = word.find_first_of("/?#", host);
    auto at = word.rfind('@', path == std::string::npos ? path : path - 1);
    if (at != std::string::npos && at > host) {
        auto colon = word.find(':', host);
        // With no colon the whole may be a token: https://TOKEN@host.
        auto from = colon < at ? colon + 1 : host;
        word.replace(from, at - from, hidden);
    }
    for (auto mark = word.find_first_of("?&"); mark != std::string::npos;
         mark = word.find_first_of("?&", mark + 1)) {
        auto end = word.find_first_of("&#", mark + 1);
        auto equals = word.find('=', mark);
        if (equals == std::string::npos || equals >= end) continue;
        if (looks_secret(word.substr(mark + 1, equals - mark - 1)))
            word.replace(equals + 1, end == std::string::npos ? end : end - equals - 1, hidden);
    }
    return word;
}

// "Authorization: Bearer …", "X-Api-Key: …".
std::optional<std::string> redact_header(const std::string& word) {
    auto colon = word.find(": ");
    if (colon == std::string::npos || colon == 0) return std::nullopt;
    auto name = word.substr(0, colon);
    auto is_name = [](char c) { return is_alpha(c) || is_decimal(c) || c == '-' || c == '_'; };
    if (!std::all_of(name.begin(), name.end(), is_name) || !looks_secret(name)) return std::nullopt;
    return name + ": " + hidden;
}

// Redacts words as they come: a flag's value is the word after it.
class Redactor {
public:
    std::string operator()(const std::string& word) {
        bool follows_secret = std::exchange(after_secret_, false);
        if (auto header = redact_header(word)) return *header;
        if (std::any_of(word.begin(), word.end(), is_space) && !follows_secret)
            return redact_line(word);
        auto name = flag_name(word);
        if (follows_secret && !name) return hidden;
        auto equals = word.find('=');
        if (equals != std::string::npos) {
            auto key = std::string_view(word).substr(0, equals);
            if (key.find("://") == std::string_view::npos && looks_secret(key))
                return word.substr(0, equals + 1) + hidden;
        } else if (name && looks_secret(*name)) {
            after_secret_ = true;
        }
        return redact_url(word);
    }

private:
    // What is handed to `sh -c` is a command line in itself.
    static std::string redact_line(const std::string& line) {
        Redactor inner;
        std::string out;
        for (std::size_t i = 0; i < line.size();) {
            auto word_end =
                std::find_if(line.begin() + static_cast<std::ptrdiff_t>(i), line.end(), is_space);
            auto end = static_cast<std::size_t>(word_end - line.begin());
            if (end > i) out += inner(line.substr(i, end - i));
            if (end < line.size()) out += line[end];
            i = end + 1;
        }
        return out;
    }

    bool after_secret_ = false;
};

}  // namespace

bool looks_secret(std::string_view key) {
    static constexpr std::array<std::string_view, 11> anywhere = {
        "secret",     "secrets",     "password",      "passwords", "passwd", "passphrase",
        "credential", "credentials", "authorization", "bearer",    "apikey"};
    static constexpr std::array<std::string_view, 5> at_end = {"token", "key", "pwd", "auth",
                                                               "pat"};
    static constexpr std::array<std::string_view, 4> after = {"id", "value", "string", "base64"};
    static constexpr std::array<std::string_view, 8> endings = {
        "password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "secretkey"};
    auto words = words_of(key);
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto& word = words[i];
        if (any_equal(anywhere, word)) return true;
        bool last =
            i + 1 == words.size() || (i + 2 == words.size() && any_equal(after, words.back()));
        if (!last) continue;
        if (any_equal(at_end, word)) return true;
        for (auto ending : endings)
            if (word.ends_with(ending)) return true;
    }
    return false;
}

nlohmann::json config_of(const std::vector<std::string>& arguments) {
    auto config = nlohmann::json::object();
    if (arguments.empty()) return config;
    auto slash = arguments[0].rfind('/');
    auto program = slash == std::string::npos ? arguments[0] : arguments[0].substr(slash + 1);
    for (auto i = invocation_of(program, arguments).own_arguments; i < arguments.size(); ++i) {
        if (arguments[i] == "--") break;
        auto name = flag_name(arguments[i]);
        if (!name) continue;
        if (auto equals = name->find('='); equals != std::string_view::npos) {
            set(config, name->substr(0, equals),
                typed(redact_url(std::string(name->substr(equals + 1)))));
            continue;
        }
        bool has_value =
            i + 1 < arguments.size() && arguments[i + 1] != "--" && !flag_name(arguments[i + 1]);
        set(config, *name, has_value ? typed(redact_url(arguments[i + 1])) : nlohmann::json(true));
        if (has_value) ++i;
    }
    // Arguments are any bytes; JSON is UTF-8.
    return nlohmann::json::parse(
        config.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::vector<std::string> redact(const std::vector<std::string>& arguments) {
    Redactor redactor;
    std::vector<std::string> out;
    out.reserve(arguments.size());
    for (const auto& word : arguments) out.push_back(redactor(word));
    return out;
}

}  // namespace artfs
