#include "runs/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>

#include "base/fd.h"
#include "base/names.h"
#include "runs/event_target.h"

namespace artfs {

namespace {

// Carries what is wrong out to parse_config; goes no further.
struct Bad {
    toml::source_index line;
    std::string what;
};

[[noreturn]] void bad(const toml::node& node, std::string what) {
    throw Bad{node.source().begin.line, std::move(what)};
}

// What a number's ending multiplies it by.
struct Unit {
    std::string_view name;
    std::uint64_t size;
};

template <std::size_t N>
std::optional<std::uint64_t> measured(std::string_view text, const std::array<Unit, N>& units) {
    std::uint64_t count = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    for (const auto& unit : units)
        if (unit.name == text && count <= most / unit.size) return count * unit.size;
    return std::nullopt;
}

std::string text_of(const toml::node& node, const std::string& key) {
    auto text = node.value_exact<std::string>();
    if (!text) bad(node, key + " must be text in quotes");
    return *text;
}

std::uint64_t count_of(const toml::node& node, const std::string& key) {
    auto count = node.value_exact<std::int64_t>();
    if (!count || *count < 0) bad(node, key + " must be a whole number");
    return static_cast<std::uint64_t>(*count);
}

std::uint64_t byte_count(const toml::node& node, const std::string& key) {
    if (node.is_integer()) return count_of(node, key);
    auto bytes = node.is_string() ? parse_bytes(text_of(node, key)) : std::nullopt;
    if (!bytes) bad(node, key + R"( must be a number of bytes, or a size such as "10GiB")");
    return *bytes;
}

std::chrono::seconds duration_of(const toml::node& node, const std::string& key) {
    auto duration = node.is_string() ? parse_duration(text_of(node, key)) : std::nullopt;
    if (!duration) bad(node, key + R"( must be a duration such as "30d", "2h" or "5s")");
    return std::chrono::ceil<std::chrono::seconds>(*duration);
}

// The names that the file gave, without the "+".
std::vector<std::string> read_list(const toml::node& node, const std::string& key,
                                   std::vector<std::string>& list) {
    const auto* array = node.as_array();
    if (array == nullptr) bad(node, key + R"( must be a list such as ["+", "name"])");
    std::vector<std::string> given;
    for (const auto& element : *array) {
        given.push_back(text_of(element, "each entry of " + key));
        if (given.back().empty()) bad(element, key + " has an empty entry");
    }
    bool add = !given.empty() && given.front() == "+";
    if (add) given.erase(given.begin());
    if (!add) list.clear();
    list.insert(list.end(), given.begin(), given.end());
    return given;
}

CommitPolicy commit_of(const toml::node& node) {
    auto text = text_of(node, "commit");
    if (text == "end") return {};
    constexpr std::string_view quiet = "quiet:";
    auto time = text.starts_with(quiet) ? parse_duration(text.substr(quiet.size())) : std::nullopt;
    if (!time) bad(node, R"(commit must be "end", or "quiet:" and a duration, as "quiet:5s")");
    return {CommitPolicy::When::quiet, *time};
}

SealPolicy seal_of(const toml::node& node) {
    auto text = text_of(node, "seal");
    if (text == "success") return {};
    if (text == "always") return {SealPolicy::Which::always, {}};
    SealPolicy policy{SealPolicy::Which::exits, {}};
    std::string_view rest = text;
    bool good = rest.starts_with("ok:");
    rest.remove_prefix(good ? 3 : 0);
    while (good) {
        auto number = rest.substr(0, rest.find(','));
        int exit = -1;
        auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), exit);
        good =
            error == std::errc{} && end == number.data() + number.size() && exit >= 0 && exit < 256;
        if (good) policy.exits.push_back(exit);
        if (number.size() == rest.size()) break;
        rest.remove_prefix(number.size() + 1);
    }
    if (!good)
        bad(node, R"(seal must be "success", "always", or "ok:" and exit statuses, as "ok:0,1")");
    return policy;
}

BasePolicy base_of(const toml::node& node) {
    auto text = text_of(node, "base");
    if (text == "latest") return BasePolicy::latest;
    if (text == "empty") return BasePolicy::empty;
    bad(node, R"(base must be "latest" or "empty")");
}

void read_policy(const toml::table& table, bool of_artifact, Policy& policy) {
    for (const auto& [toml_key, node] : table) {
        std::string key(toml_key.str());
        if (key == "type" && of_artifact) {
            policy.type = text_of(node, key);
            if (!is_plain_name(*policy.type))
                bad(node, "\"" + *policy.type + "\" cannot be a type");
        } else if (key == "description") {
            policy.description = text_of(node, key);
        } else if (key == "commit") {
            policy.commit = commit_of(node);
        } else if (key == "seal") {
            policy.seal = seal_of(node);
        } else if (key == "base") {
            policy.base = base_of(node);
        } else if (key == "keep_last") {
            auto count = count_of(node, key);
            if (count == 0 || count > std::numeric_limits<std::uint32_t>::max())
                bad(node, "keep_last must be at least 1");
            policy.keep_last = static_cast<std::uint32_t>(count);
        } else if (key == "ttl") {
            policy.ttl = duration_of(node, key);
        } else {
            bad(node, "unknown key \"" + key + "\" in this table: see `art config`");
        }
    }
}

void read_policies(const toml::node& node, const std::string& what,
                   std::map<std::string, Policy>& policies) {
    const auto* tables = node.as_table();
    if (tables == nullptr) bad(node, what + " must be tables such as [" + what + ".\"name\"]");
    for (const auto& [key, one] : *tables) {
        std::string name(key.str());
        if (!is_plain_name(name)) bad(one, "\"" + name + "\" is no name of an artifact or type");
        if (!one.is_table()) bad(one, what + "." + name + " must be a table");
        read_policy(*one.as_table(), what == "artifact", policies[name]);
    }
}

void read_limits(const toml::node& node, Limits& limits) {
    const auto* table = node.as_table();
    if (table == nullptr) bad(node, "limits must be a table");
    for (const auto& [toml_key, value] : *table) {
        std::string key(toml_key.str());
        if (key == "drafts")
            limits.drafts = count_of(value, key);
        else if (key == "bytes")
            limits.bytes = byte_count(value, key);
        else if (key == "views")
            limits.views = count_of(value, key);
        else if (key == "draft_age")
            limits.draft_age = duration_of(value, key);
        else if (key == "output_log")
            limits.output_log = byte_count(value, key);
        else
            bad(value, "unknown key \"" + key + "\" in [limits]: see `art config`");
    }
}

PmQos pm_qos_of(const toml::node& node) {
    auto text = text_of(node, "pm_qos");
    if (text == "auto") return PmQos::automatic;
    if (text == "off") return PmQos::off;
    bad(node, R"(pm_qos must be "auto" or "off")");
}

std::string event_target_of(const toml::node& node) {
    auto text = text_of(node, "openlineage");
    for (std::string_view start : {"http://", "https://", "file:///", "/"})
        if (text.empty() || text.starts_with(start)) return text;
    bad(node, "openlineage must be a URL, http:// or https://, or the absolute path of a file");
}

// A program is in one class: what the file says of it replaces what is built in.
void read_programs(const toml::table& file, ProgramLists& programs) {
    std::array<std::pair<const char*, std::vector<std::string>*>, 4> lists = {
        {{"supervisors", &programs.supervisors},
         {"launchers", &programs.launchers},
         {"observers", &programs.observers},
         {"file_tools", &programs.file_tools}}};
    std::array<std::vector<std::string>, 4> given;
    for (std::size_t i = 0; i < lists.size(); ++i)
        if (const auto* node = file.get(lists[i].first))
            given[i] = read_list(*node, lists[i].first, *lists[i].second);
    auto contains = [](const std::vector<std::string>& list, const std::string& name) {
        return std::find(list.begin(), list.end(), name) != list.end();
    };
    for (std::size_t i = 0; i < lists.size(); ++i)
        for (const auto& name : given[i])
            for (std::size_t other = 0; other < lists.size(); ++other)
                if (other != i && !contains(given[other], name))
                    std::erase(*lists[other].second, name);
}

// Never all: nobody knows every variable that holds a secret.
void read_environment(const toml::node& node, std::vector<std::string>& list) {
    for (const auto& pattern : read_list(node, "record_environment", list))
        if (pattern.find_first_not_of('*') == std::string::npos)
            bad(node, "record_environment must not record everything: name what may be kept");
}

Config config_of(const toml::table& file) {
    Config config = Config::built_in();
    read_programs(file, config.programs);
    for (const auto& [toml_key, node] : file) {
        std::string key(toml_key.str());
        if (key == "supervisors" || key == "launchers" || key == "observers" || key == "file_tools")
            continue;
        if (key == "never_keep")
            read_list(node, key, config.never_keep);
        else if (key == "record_environment")
            read_environment(node, config.record_environment);
        else if (key == "group_by_environment")
            read_list(node, key, config.group_by_environment);
        else if (key == "artifact")
            read_policies(node, key, config.artifacts);
        else if (key == "type")
            read_policies(node, key, config.types);
        else if (key == "limits")
            read_limits(node, config.limits);
        else if (key == "pm_qos")
            config.pm_qos = pm_qos_of(node);
        else if (key == "openlineage")
            event_target_of(node);  // asked for by itself: event_target.h
        else
            bad(node, "unknown key \"" + key + "\": see `art config`");
    }
    return config;
}

std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    static constexpr std::array<Unit, 6> units = {{{"ms", 1},
                                                   {"s", 1000},
                                                   {"m", 60'000},
                                                   {"h", 3'600'000},
                                                   {"d", 86'400'000},
                                                   {"w", 604'800'000}}};
    // A hundred years, so that nanoseconds never overflow.
    constexpr std::uint64_t most = 100ULL * 366 * 86'400'000;
    auto count = measured(text, units);
    if (!count || *count > most) return std::nullopt;
    return std::chrono::milliseconds(*count);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    constexpr std::uint64_t k = 1000;
    constexpr std::uint64_t ki = 1024;
    static constexpr std::array<Unit, 14> units = {{{"", 1},
                                                    {"B", 1},
                                                    {"K", ki},
                                                    {"KiB", ki},
                                                    {"KB", k},
                                                    {"M", ki * ki},
                                                    {"MiB", ki * ki},
                                                    {"MB", k * k},
                                                    {"G", ki * ki * ki},
                                                    {"GiB", ki * ki * ki},
                                                    {"GB", k * k * k},
                                                    {"T", ki * ki * ki * ki},
                                                    {"TiB", ki * ki * ki * ki},
                                                    {"TB", k * k * k * k}}};
    return measured(text, units);
}

Result<Config> parse_config(std::string_view text, const std::string& name) {
    auto wrong = [&](toml::source_index line, const std::string& what) {
        return fail(EINVAL, name + ", line " + std::to_string(line) + ": " + one_line(what));
    };
    try {
        return config_of(toml::parse(text, name));
    } catch (const toml::parse_error& error) {
        return wrong(error.source().begin.line, std::string(error.description()));
    } catch (const Bad& error) {
        return wrong(error.line, error.what);
    }
}

Result<Config> load_config(const std::filesystem::path& path) {
    auto text = read_file(path);
    if (!text && text.error().code == ENOENT) return Config::built_in();
    if (!text) return tl::unexpected(text.error());
    return parse_config(*text, path.string());
}

Result<std::string> load_event_target(const std::filesystem::path& path) {
    auto text = read_file(path);
    if (!text && text.error().code == ENOENT) return "";
    if (!text) return tl::unexpected(text.error());
    if (auto good = parse_config(*text, path.string()); !good) return tl::unexpected(good.error());
    auto file = toml::parse(*text);
    const auto* node = file.get("openlineage");
    return node == nullptr ? "" : event_target_of(*node);
}

}  // namespace artfs
