#include "runs/config.h"

#include <toml++/toml.h>

#include <charconv>
#include <sstream>

#include "base/fd.h"
#include "base/names.h"

namespace artfs {

namespace {

// Thrown while reading, so that every reader can say what is wrong where.
struct Wrong {
    std::string message;
    toml::source_position where;
};

[[noreturn]] void wrong(const toml::node& node, const std::string& message) {
    throw Wrong{message, node.source().begin};
}

std::vector<std::string> read_list(const toml::node& node, const std::vector<std::string>& built_in) {
    const auto* array = node.as_array();
    if (array == nullptr) wrong(node, "must be a list of texts");
    std::vector<std::string> list;
    bool adds = false;
    for (const auto& item : *array) {
        auto text = item.value<std::string>();
        if (!text) wrong(item, "must be a text");
        if (list.empty() && !adds && *text == "+") {
            adds = true;
            continue;
        }
        list.push_back(*text);
    }
    if (adds) list.insert(list.begin(), built_in.begin(), built_in.end());
    return list;
}

std::string read_text(const toml::node& node) {
    auto text = node.value<std::string>();
    if (!text) wrong(node, "must be a text");
    return *text;
}

std::uint64_t read_count(const toml::node& node) {
    auto number = node.value<std::int64_t>();
    if (!number || *number < 0) wrong(node, "must be a number that is not negative");
    return static_cast<std::uint64_t>(*number);
}

std::uint64_t read_bytes(const toml::node& node) {
    if (node.is_integer()) return read_count(node);
    auto bytes = parse_bytes(read_text(node));
    if (!bytes) wrong(node, "must be a size, like \"10GiB\"");
    return *bytes;
}

std::chrono::seconds read_age(const toml::node& node) {
    auto age = parse_duration(read_text(node));
    if (!age) wrong(node, "must be a time, like \"30d\"");
    return std::chrono::duration_cast<std::chrono::seconds>(*age);
}

CommitPolicy read_commit(const toml::node& node) {
    std::string text = read_text(node);
    if (text == "end") return {};
    if (text.starts_with("quiet:"))
        if (auto quiet = parse_duration(text.substr(6))) return {CommitPolicy::When::quiet, *quiet};
    wrong(node, "must be \"end\" or \"quiet:5s\"");
}

SealPolicy read_seal(const toml::node& node) {
    std::string text = read_text(node);
    if (text == "success") return {};
    if (text == "always") return {SealPolicy::Which::always, {}};
    if (text.starts_with("ok:")) {
        SealPolicy policy{SealPolicy::Which::exits, {}};
        std::istringstream codes(text.substr(3));
        for (std::string code; std::getline(codes, code, ',');) {
            int value = 0;
            auto [end, bad] = std::from_chars(code.data(), code.data() + code.size(), value);
            if (bad != std::errc() || end != code.data() + code.size()) wrong(node, "\"ok:\" takes exit statuses, like \"ok:0,1\"");
            policy.exits.push_back(value);
        }
        return policy;
    }
    wrong(node, "must be \"success\", \"always\" or \"ok:0,1\"");
}

Policy read_policy(const toml::table& table, bool of_artifact) {
    Policy policy;
    for (const auto& [key, node] : table) {
        if (key == "type" && of_artifact) policy.type = read_text(node);
        else if (key == "description") policy.description = read_text(node);
        else if (key == "commit") policy.commit = read_commit(node);
        else if (key == "seal") policy.seal = read_seal(node);
        else if (key == "base") {
            std::string text = read_text(node);
            if (text != "latest" && text != "empty") wrong(node, "must be \"latest\" or \"empty\"");
            policy.base = text == "empty" ? BasePolicy::empty : BasePolicy::latest;
        } else if (key == "keep_last") policy.keep_last = static_cast<std::uint32_t>(read_count(node));
        else if (key == "ttl") policy.ttl = read_age(node);
        else wrong(node, "unknown key '" + std::string(key.str()) + "'");
    }
    return policy;
}

std::map<std::string, Policy> read_policies(const toml::node& node, bool of_artifacts) {
    const auto* tables = node.as_table();
    if (tables == nullptr) wrong(node, "must be tables, like [artifact.\"name\"]");
    std::map<std::string, Policy> policies;
    for (const auto& [name, table] : *tables) {
        if (!table.is_table()) wrong(table, "must be a table");
        if (!is_plain_name(name.str())) wrong(table, "'" + std::string(name.str()) + "' is no name of an artifact or type");
        policies[std::string(name.str())] = read_policy(*table.as_table(), of_artifacts);
    }
    return policies;
}

void read_limits(const toml::node& node, Limits& limits) {
    const auto* table = node.as_table();
    if (table == nullptr) wrong(node, "must be a table");
    for (const auto& [key, value] : *table) {
        if (key == "drafts") limits.drafts = read_count(value);
        else if (key == "bytes") limits.bytes = read_bytes(value);
        else if (key == "views") limits.views = read_count(value);
        else if (key == "draft_age") limits.draft_age = read_age(value);
        else if (key == "output_log") limits.output_log = read_bytes(value);
        else wrong(value, "unknown key '" + std::string(key.str()) + "'");
    }
}

void read_key(const std::string& key, const toml::node& node, Config& config) {
    auto& programs = config.programs;
    if (key == "launchers") programs.launchers = read_list(node, programs.launchers);
    else if (key == "supervisors") programs.supervisors = read_list(node, programs.supervisors);
    else if (key == "observers") programs.observers = read_list(node, programs.observers);
    else if (key == "file_tools") programs.file_tools = read_list(node, programs.file_tools);
    else if (key == "never_keep") config.never_keep = read_list(node, config.never_keep);
    else if (key == "record_environment") config.record_environment = read_list(node, config.record_environment);
    else if (key == "group_by_environment") config.group_by_environment = read_list(node, config.group_by_environment);
    else if (key == "artifact") config.artifacts = read_policies(node, true);
    else if (key == "type") config.types = read_policies(node, false);
    else if (key == "limits") read_limits(node, config.limits);
    else if (key == "pm_qos") {
        std::string text = read_text(node);
        if (text != "auto" && text != "off") wrong(node, "must be \"auto\" or \"off\"");
        config.pm_qos = text == "off" ? PmQos::off : PmQos::automatic;
    } else wrong(node, "unknown key '" + key + "'");
}

}  // namespace

Config Config::built_in() {
    Config config;
    config.never_keep = {"lock.mdb", "*.lock", "__pycache__", ".ipynb_checkpoints", "*.swp", "*.swo", "*~", ".nfs*",
                         "*.cache",  "*-shm", ".DS_Store"};
    config.record_environment = {"LANG", "LC_*", "TZ", "CUDA_*", "NVIDIA_VISIBLE_DEVICES", "OMP_*", "MKL_*",
                                 "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED", "PYTHONPATH", "CONDA_DEFAULT_ENV",
                                 "VIRTUAL_ENV", "SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_ARRAY_*", "SLURM_NTASKS",
                                 "SLURM_JOB_NAME", "SLURM_NODELIST", "RANK", "WORLD_SIZE", "LOCAL_RANK", "SEED"};
    config.group_by_environment = {"SLURM_JOB_ID+SLURM_STEP_ID", "PMIX_NAMESPACE"};
    return config;
}

Policy Config::policy(const std::string& artifact, const std::string& type) const {
    Policy policy;
    if (auto found = types.find(type); found != types.end()) policy = found->second;
    auto found = artifacts.find(artifact);
    if (found == artifacts.end()) return policy;
    const auto& own = found->second;
    if (own.type) policy.type = own.type;
    if (own.description) policy.description = own.description;
    if (own.commit) policy.commit = own.commit;
    if (own.seal) policy.seal = own.seal;
    if (own.base) policy.base = own.base;
    if (own.keep_last) policy.keep_last = own.keep_last;
    if (own.ttl) policy.ttl = own.ttl;
    return policy;
}

Result<Config> parse_config(std::string_view text, const std::string& name) {
    auto complain = [&](const toml::source_position& at, std::string_view what) {
        return fail(EINVAL, name + ":" + std::to_string(at.line) + ": " + std::string(what) + ": correct it");
    };
    try {
        Config config = Config::built_in();
        toml::table table = toml::parse(text, name);
        for (const auto& [key, node] : table) {
            try {
                read_key(std::string(key.str()), node, config);
            } catch (const Wrong& bad) {
                std::string key_name(key.str());
                bool named = bad.message.find(key_name) != std::string::npos;
                return complain(bad.where, named ? bad.message : key_name + " " + bad.message);
            }
        }
        return config;
    } catch (const toml::parse_error& error) {
        return complain(error.source().begin, error.description());
    }
}

Result<Config> load_config(const std::filesystem::path& path) {
    auto text = read_file(path);
    if (!text && text.error().code == ENOENT) return Config::built_in();
    if (!text) return tl::unexpected(text.error());
    return parse_config(*text, path.string());
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    std::uint64_t number = 0;
    auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (bad != std::errc() || number > 1'000'000'000) return std::nullopt;
    std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    std::uint64_t scale = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" || unit == "min" ? 60'000
                        : unit == "h" ? 3'600'000 : unit == "d" ? 86'400'000 : unit == "w" ? 604'800'000 : 0;
    if (scale == 0) return std::nullopt;
    return std::chrono::milliseconds(number * scale);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    std::uint64_t number = 0;
    auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (bad != std::errc()) return std::nullopt;
    std::string unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (unit.ends_with("iB")) unit.resize(unit.size() - 2);
    else if (unit.ends_with("B")) unit.resize(unit.size() - 1);
    unsigned shift = unit.empty() ? 0 : unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : unit == "T" ? 40 : 64;
    if (shift == 64 || number > (UINT64_MAX >> shift)) return std::nullopt;
    return number << shift;
}

}  // namespace artfs
