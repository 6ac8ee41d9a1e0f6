#include "runs/config_edit.h"

#include <toml++/toml.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runs/config.h"

namespace artfs {

namespace {

// "artifact.a.b.ttl" -> artifact, a.b, ttl: names of artifacts may have dots.
std::vector<std::string> parts_of(std::string_view name) {
    auto first = name.find('.');
    auto last = name.rfind('.');
    if (first == std::string_view::npos) return {std::string(name)};
    std::vector<std::string> parts{std::string(name.substr(0, first))};
    if (first != last) parts.emplace_back(name.substr(first + 1, last - first - 1));
    parts.emplace_back(name.substr(last + 1));
    return parts;
}

const toml::node* find_node(const toml::table& file, const std::vector<std::string>& parts) {
    const toml::node* node = &file;
    for (const auto& part : parts) {
        const auto* table = node->as_table();
        node = table == nullptr ? nullptr : table->get(part);
        if (node == nullptr) return nullptr;
    }
    return node;
}

// Columns count code points, from 1.
std::size_t offset_of(const std::string& text, toml::source_position at) {
    std::size_t offset = 0;
    for (toml::source_index line = 1; line < at.line; ++line) offset = text.find('\n', offset) + 1;
    for (toml::source_index column = 1; column < at.column && offset < text.size(); ++column) {
        ++offset;
        while (offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xc0U) == 0x80U)
            ++offset;
    }
    return offset;
}

std::string line_end(const std::string& text) {
    return text.empty() || text.back() == '\n' ? "" : "\n";
}

bool is_toml_value(const std::string& value) {
    if (value.find('\n') != std::string::npos) return false;
    try {
        return toml::parse("value = " + value).size() == 1;
    } catch (const toml::parse_error&) {
        return false;
    }
}

// A basic string of TOML is written as a string of JSON is.
std::string as_toml(const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string table_header(const std::vector<std::string>& parts) {
    std::string header = "[" + parts.front();
    if (parts.size() == 3) header += ".\"" + parts[1] + "\"";
    return header + "]";
}

// After the header of its table; a key of no table goes before the first table.
std::string inserted(const std::string& text, const toml::table& file,
                     const std::vector<std::string>& parts, const std::string& value) {
    std::string line = parts.back() + " = " + value + "\n";
    if (parts.size() == 1) {
        std::size_t at = text.size();
        for (const auto& [key, node] : file)
            if (const auto* table = node.as_table(); table != nullptr && !table->is_inline()) {
                // A table of tables begins where its first part does.
                auto begin = table->source().begin;
                if (begin.line > 0) at = std::min(at, offset_of(text, {begin.line, 1}));
            }
        std::string before = text.substr(0, at);
        return before + line_end(before) + line + text.substr(at);
    }
    const auto* table = find_node(file, {parts.begin(), parts.end() - 1});
    std::string header = table_header(parts);
    if (table == nullptr || text.find(header) == std::string::npos)
        return text + line_end(text) + (text.empty() ? "" : "\n") + header + "\n" + line;
    auto end = text.find('\n', text.find(header));
    if (end == std::string::npos) return text + "\n" + line;
    return text.substr(0, end + 1) + line + text.substr(end + 1);
}

Result<toml::table> parsed(const std::string& text) {
    if (auto good = parse_config(text, "config.toml"); !good) return tl::unexpected(good.error());
    return toml::table(toml::parse(text));
}

}  // namespace

const ConfigKey* find_config_key(std::string_view name) {
    auto parts = parts_of(name);
    for (const auto& key : config_keys()) {
        auto known = parts_of(key.name);
        if (known.size() != parts.size() || known.front() != parts.front()) continue;
        if (known.back() == parts.back()) return &key;
    }
    return nullptr;
}

Result<std::string> config_value(const std::string& text, const std::string& name) {
    auto file = parsed(text);
    if (!file) return tl::unexpected(file.error());
    const auto* node = find_node(*file, parts_of(name));
    if (node == nullptr) return std::string();
    auto region = node->source();
    auto begin = offset_of(text, region.begin);
    return text.substr(begin, offset_of(text, region.end) - begin);
}

Result<std::string> with_config_value(const std::string& text, const std::string& name,
                                      const std::string& value) {
    if (find_config_key(name) == nullptr)
        return fail(EINVAL, "no setting is called '" + name + "': art config lists them");
    auto file = parsed(text);
    if (!file) return tl::unexpected(file.error());
    auto parts = parts_of(name);
    std::string written = is_toml_value(value) ? value : as_toml(value);
    std::string changed;
    if (const auto* node = find_node(*file, parts)) {
        auto begin = offset_of(text, node->source().begin);
        auto end = offset_of(text, node->source().end);
        changed = text.substr(0, begin) + written + text.substr(end);
    } else {
        changed = inserted(text, *file, parts, written);
    }
    if (auto good = parsed(changed); !good) return tl::unexpected(good.error());
    auto now_is = config_value(changed, name);
    if (!now_is || *now_is != written)
        return fail(EINVAL, "config.toml is written in a way that art cannot change: edit it");
    return changed;
}

}  // namespace artfs
