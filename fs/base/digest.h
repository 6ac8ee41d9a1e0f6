// SHA-256 digests, the names of everything that is addressed by content.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace artfs {

struct Digest {
    std::array<std::uint8_t, 32> bytes{};

    auto operator<=>(const Digest&) const = default;

    std::string_view view() const {
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    static std::optional<Digest> from_bytes(std::string_view raw);

    // 64 lower-case hexadecimal digits.
    std::string hex() const;
    static std::optional<Digest> from_hex(std::string_view text);
};

// Incremental SHA-256 (FIPS 180-4). Not thread-safe; one thread at a time owns a hasher.
class Hasher {
public:
    Hasher();
    ~Hasher();
    Hasher(Hasher&&) noexcept;
    Hasher& operator=(Hasher&&) noexcept;
    Hasher(const Hasher&) = delete;
    Hasher& operator=(const Hasher&) = delete;

    Hasher& add(std::string_view data);
    Hasher& add(const void* data, std::size_t bytes);
    // Ends the computation; the hasher can only be destroyed or assigned afterwards.
    Digest finish();

private:
    struct Context;
    std::unique_ptr<Context> context_;
};

Digest sha256(std::string_view data);

}  // namespace artfs

template <>
struct std::hash<artfs::Digest> {
    std::size_t operator()(const artfs::Digest& digest) const noexcept {
        std::size_t value = 0;  // a digest is uniform already
        std::memcpy(&value, digest.bytes.data(), sizeof value);
        return value;
    }
};
