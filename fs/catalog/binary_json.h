// Bytes inside the JSON that rows are made of (CBOR's byte strings).
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/bytes.h"

namespace artfs {

inline nlohmann::json binary(std::string_view bytes) {
    return nlohmann::json::binary(std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
}

// As long as `value` lives. Throws as nlohmann::json does where there are no bytes.
inline std::string_view bytes_of(const nlohmann::json& value) {
    const auto& bytes = value.get_binary();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class Id>
Id id_of(const nlohmann::json& value) {
    auto id = Id::from_bytes(bytes_of(value));
    if (!id) throw FormatError("an identifier of the wrong length");
    return *id;
}

}  // namespace artfs
