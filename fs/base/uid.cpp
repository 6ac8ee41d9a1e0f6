#include "base/uid.h"

#include <sys/random.h>

#include <chrono>
#include <mutex>
#include <stdexcept>

namespace artfs::detail {

std::array<std::uint8_t, 16> make_uuid7() {
    static std::mutex mutex;
    static std::uint64_t last_ms = 0;
    static std::uint16_t sequence =
        0;  // in the 12 bits of rand_a: keeps order within a millisecond
    std::array<std::uint8_t, 16> bytes{};
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        throw std::runtime_error("the kernel gave no random bytes");
    std::lock_guard lock(mutex);
    auto since = std::chrono::system_clock::now().time_since_epoch();
    auto ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
    if (ms > last_ms) {
        last_ms = ms;
        sequence = static_cast<std::uint16_t>(bytes[6] & 7U) << 8U | bytes[7];
    } else if (++sequence > 0xfffU) {
        ++last_ms;  // ahead of the clock rather than out of order
        sequence = 0;
    }
    for (unsigned i = 0; i < 6; ++i)
        bytes[i] = static_cast<std::uint8_t>(last_ms >> (40U - 8U * i));
    bytes[6] = static_cast<std::uint8_t>(0x70U | (sequence >> 8U));
    bytes[7] = static_cast<std::uint8_t>(sequence);
    bytes[8] = static_cast<std::uint8_t>(0x80U | (bytes[8] & 0x3fU));
    return bytes;
}

std::string uuid_text(const std::array<std::uint8_t, 16>& bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
        text.push_back(digits[bytes[i] >> 4U]);
        text.push_back(digits[bytes[i] & 15U]);
    }
    return text;
}

std::optional<std::array<std::uint8_t, 16>> parse_uuid(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    std::array<std::uint8_t, 16> bytes{};
    std::size_t digit = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-') return std::nullopt;
            continue;
        }
        char c = text[i];
        unsigned value = 0;
        if (c >= '0' && c <= '9')
            value = static_cast<unsigned>(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = static_cast<unsigned>(c - 'a') + 10;
        else
            return std::nullopt;
        auto& byte = bytes[digit / 2];
        byte = static_cast<std::uint8_t>(byte << 4U | value);
        ++digit;
    }
    return bytes;
}

}  // namespace artfs::detail
