// Fixed little-endian and big-endian numbers and length-prefixed strings, for on-disk formats.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace artfs {

// Thrown when stored bytes do not have the form their reader expects: damage, never user input.
class FormatError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Encoder {
public:
    Encoder& u8(std::uint8_t value);
    Encoder& u32(std::uint32_t value);    // little-endian
    Encoder& u64(std::uint64_t value);    // little-endian
    Encoder& u32be(std::uint32_t value);  // for keys: byte order is number order
    Encoder& u64be(std::uint64_t value);
    Encoder& raw(std::string_view bytes);  // no length
    Encoder& str(std::string_view bytes);  // u32 length, then the bytes
    const std::string& bytes() const { return out_; }
    std::string take() { return std::move(out_); }

private:
    std::string out_;
};

// Reads what Encoder wrote; throws FormatError where the bytes end early. Views into the input.
class Decoder {
public:
    explicit Decoder(std::string_view in) : in_(in) {}
    std::uint8_t u8();
    std::uint32_t u32();
    std::uint64_t u64();
    std::uint32_t u32be();
    std::uint64_t u64be();
    std::string_view raw(std::size_t bytes);
    std::string_view str();
    bool at_end() const { return in_.empty(); }
    std::string_view rest() const { return in_; }

private:
    std::string_view in_;
};

}  // namespace artfs
