// Names that users give. Each type can only hold a valid name: parse at the edge.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace artfs {

// [A-Za-z0-9_.-], 1 to 128 bytes, not starting with a dot: artifacts, runs, projects, types.
bool is_plain_name(std::string_view text);

template <class Tag>
class PlainName {
public:
    static std::optional<PlainName> parse(std::string_view text) {
        if (!is_plain_name(text)) return std::nullopt;
        return PlainName(std::string(text));
    }
    const std::string& str() const { return text_; }
    auto operator<=>(const PlainName&) const = default;

private:
    explicit PlainName(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

using ArtifactName = PlainName<struct ArtifactNameTag>;
using ProjectName = PlainName<struct ProjectNameTag>;
using RunName = PlainName<struct RunNameTag>;

// "v0", "v1", …: a version's place in its artifact. No leading zeros.
struct VersionNumber {
    std::uint32_t value = 0;
    auto operator<=>(const VersionNumber&) const = default;
    std::string str() const { return "v" + std::to_string(value); }
    static std::optional<VersionNumber> parse(std::string_view text);
};

// A movable name for one version: a plain name that is not `v` + digits, not `new`, and not
// `latest`, which moves by itself.
class AliasName {
public:
    static std::optional<AliasName> parse(std::string_view text);
    const std::string& str() const { return text_; }
    auto operator<=>(const AliasName&) const = default;

private:
    explicit AliasName(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

}  // namespace artfs
