#include "base/bytes.h"

#include <bit>
#include <cstring>

namespace artfs {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers are stored as they are");

template <class Number>
Number swapped(Number value) {
    if constexpr (sizeof(Number) == 4) return __builtin_bswap32(value);
    return static_cast<Number>(__builtin_bswap64(value));
}

template <class Number>
void append(std::string& out, Number value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class Number>
Number take(std::string_view raw) {
    Number value = 0;
    std::memcpy(&value, raw.data(), sizeof value);
    return value;
}

}  // namespace

Encoder& Encoder::u8(std::uint8_t value) {
    out_.push_back(static_cast<char>(value));
    return *this;
}
Encoder& Encoder::u32(std::uint32_t value) {
    append(out_, value);
    return *this;
}
Encoder& Encoder::u64(std::uint64_t value) {
    append(out_, value);
    return *this;
}
Encoder& Encoder::u32be(std::uint32_t value) { return u32(swapped(value)); }
Encoder& Encoder::u64be(std::uint64_t value) { return u64(swapped(value)); }
Encoder& Encoder::raw(std::string_view bytes) {
    out_.append(bytes);
    return *this;
}
Encoder& Encoder::str(std::string_view bytes) {
    return u32(static_cast<std::uint32_t>(bytes.size())).raw(bytes);
}

std::string_view Decoder::raw(std::size_t bytes) {
    if (in_.size() < bytes) throw FormatError("stored bytes end early");
    auto taken = in_.substr(0, bytes);
    in_.remove_prefix(bytes);
    return taken;
}
std::uint8_t Decoder::u8() { return static_cast<std::uint8_t>(raw(1).front()); }
std::uint32_t Decoder::u32() { return take<std::uint32_t>(raw(4)); }
std::uint64_t Decoder::u64() { return take<std::uint64_t>(raw(8)); }
std::uint32_t Decoder::u32be() { return swapped(u32()); }
std::uint64_t Decoder::u64be() { return swapped(u64()); }
std::string_view Decoder::str() { return raw(u32()); }

}  // namespace artfs
