// Globally unique, time-ordered identifiers (UUID version 7, RFC 9562 section 5.7), so that
// stores can be merged. Byte order is creation order, which makes them good keys.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace artfs {

namespace detail {
// A fresh UUIDv7; later calls in one process give greater values. Thread-safe.
std::array<std::uint8_t, 16> make_uuid7();
std::string uuid_text(const std::array<std::uint8_t, 16>& bytes);
std::optional<std::array<std::uint8_t, 16>> parse_uuid(std::string_view text);
}  // namespace detail

// `Tag` keeps the identifiers of different things apart; it is never instantiated.
template <class Tag>
struct Uid {
    std::array<std::uint8_t, 16> bytes{};

    auto operator<=>(const Uid&) const = default;

    static Uid make() { return Uid{detail::make_uuid7()}; }
    bool is_nil() const { return *this == Uid{}; }
    std::string_view view() const {
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    static std::optional<Uid> from_bytes(std::string_view raw) {
        if (raw.size() != 16) return std::nullopt;
        Uid uid;
        std::memcpy(uid.bytes.data(), raw.data(), 16);
        return uid;
    }
    // The usual form: 8-4-4-4-12 hexadecimal digits.
    std::string text() const { return detail::uuid_text(bytes); }
    static std::optional<Uid> parse(std::string_view text) {
        auto bytes = detail::parse_uuid(text);
        if (!bytes) return std::nullopt;
        return Uid{*bytes};
    }
};

using ArtifactId = Uid<struct ArtifactTag>;
using VersionId = Uid<struct VersionTag>;
using RunId = Uid<struct RunTag>;
using DraftId = Uid<struct DraftTag>;

}  // namespace artfs

template <class Tag>
struct std::hash<artfs::Uid<Tag>> {
    std::size_t operator()(const artfs::Uid<Tag>& uid) const noexcept {
        std::size_t value = 0;  // the low half is random
        std::memcpy(&value, uid.bytes.data() + 8, sizeof value);
        return value;
    }
};
