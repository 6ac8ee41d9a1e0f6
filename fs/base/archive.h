// Values to bytes and back by one list of their members: `fields(archive, value)` calls the archive
// with each, and both directions follow from that. For what one program version writes and reads
// again; what lasts has formats of its own.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/uid.h"

namespace artfs {

namespace detail {
template <class T>
constexpr bool is_number = std::is_integral_v<T> || std::is_enum_v<T>;
}  // namespace detail

class ArchiveWriter {
public:
    static constexpr bool writes = true;

    template <class... Values>
    void operator()(const Values&... values) {
        (put(values), ...);
    }
    std::string take() { return out_.take(); }

private:
    template <class T>
    void put(const T& value) {
        if constexpr (detail::is_number<T>) {
            out_.u64(static_cast<std::uint64_t>(value));
        } else {
            // `fields` takes what it may fill; a writer's never does.
            fields(*this, const_cast<T&>(value));
        }
    }
    void put(bool value) { out_.u8(value ? 1 : 0); }
    void put(std::uint8_t value) { out_.u8(value); }
    void put(std::uint32_t value) { out_.u32(value); }
    void put(const std::string& value) { out_.str(value); }
    void put(const Digest& value) { out_.raw(value.view()); }
    template <class Tag>
    void put(const Uid<Tag>& value) {
        out_.raw(value.view());
    }
    template <class Clock, class Duration>
    void put(const std::chrono::time_point<Clock, Duration>& value) {
        out_.u64(static_cast<std::uint64_t>(value.time_since_epoch().count()));
    }
    void put(const nlohmann::json& value) {
        std::string bytes;
        nlohmann::json::to_cbor(value, bytes);
        out_.str(bytes);
    }
    template <class T>
    void put(const std::optional<T>& value) {
        put(value.has_value());
        if (value) put(*value);
    }
    template <class T>
    void put(const std::shared_ptr<T>& value) {
        put(value != nullptr);
        if (value) put(*value);
    }
    template <class A, class B>
    void put(const std::pair<A, B>& value) {
        put(value.first);
        put(value.second);
    }
    template <class... T>
    void put(const std::variant<T...>& value) {
        out_.u8(static_cast<std::uint8_t>(value.index()));
        std::visit([this](const auto& one) { this->put(one); }, value);
    }
    template <class Range>
    void put_range(const Range& range) {
        out_.u64(range.size());
        for (const auto& one : range) put(one);
    }
    template <class T>
    void put(const std::vector<T>& value) {
        put_range(value);
    }
    template <class T>
    void put(const std::set<T>& value) {
        put_range(value);
    }
    template <class K, class V, class C>
    void put(const std::map<K, V, C>& value) {
        put_range(value);
    }
    // Equal values shall have equal bytes.
    template <class K, class V>
    void put(const std::unordered_map<K, V>& value) {
        std::vector<const std::pair<const K, V>*> sorted;
        for (const auto& one : value) sorted.push_back(&one);
        std::sort(sorted.begin(), sorted.end(),
                  [](const auto* a, const auto* b) { return a->first < b->first; });
        out_.u64(sorted.size());
        for (const auto* one : sorted) put(*one);
    }
    template <class K, class V>
    void put(const std::unordered_multimap<K, V>& value) {
        std::vector<std::pair<K, V>> sorted(value.begin(), value.end());
        std::sort(sorted.begin(), sorted.end());
        put_range(sorted);
    }

    Encoder out_;
};

// Throws FormatError where the bytes are not what the list of members says.
class ArchiveReader {
public:
    static constexpr bool writes = false;

    explicit ArchiveReader(std::string_view bytes) : in_(bytes) {}
    template <class... Values>
    void operator()(Values&... values) {
        (get(values), ...);
    }
    bool at_end() const { return in_.at_end(); }

private:
    template <class T>
    void get(T& value) {
        if constexpr (detail::is_number<T>)
            value = static_cast<T>(in_.u64());
        else
            fields(*this, value);
    }
    void get(bool& value) { value = in_.u8() != 0; }
    void get(std::uint8_t& value) { value = in_.u8(); }
    void get(std::uint32_t& value) { value = in_.u32(); }
    void get(std::string& value) { value = in_.str(); }
    void get(Digest& value) { value = *Digest::from_bytes(in_.raw(32)); }
    template <class Tag>
    void get(Uid<Tag>& value) {
        value = *Uid<Tag>::from_bytes(in_.raw(16));
    }
    template <class Clock, class Duration>
    void get(std::chrono::time_point<Clock, Duration>& value) {
        value = std::chrono::time_point<Clock, Duration>(
            Duration(static_cast<std::int64_t>(in_.u64())));
    }
    void get(nlohmann::json& value) {
        auto bytes = in_.str();
        value = nlohmann::json::from_cbor(bytes.begin(), bytes.end(), true, false);
        if (value.is_discarded()) throw FormatError("a kept document cannot be read");
    }
    template <class T>
    void get(std::optional<T>& value) {
        value.reset();
        if (in_.u8() == 0) return;
        T one{};
        get(one);
        value = std::move(one);
    }
    template <class T>
    void get(std::shared_ptr<T>& value) {
        value.reset();
        if (in_.u8() == 0) return;
        auto made = std::make_shared<std::remove_const_t<T>>();
        get(*made);
        value = std::move(made);
    }
    template <class A, class B>
    void get(std::pair<A, B>& value) {
        get(value.first);
        get(value.second);
    }
    template <class... T>
    void get(std::variant<T...>& value) {
        get_alternative(value, in_.u8(), std::index_sequence_for<T...>());
    }
    template <class Variant, std::size_t... Index>
    void get_alternative(Variant& value, std::size_t index, std::index_sequence<Index...>) {
        bool known = ((Index == index && (get(value.template emplace<Index>()), true)) || ...);
        if (!known) throw FormatError("a kept record is of no known kind");
    }
    template <class T>
    void get(std::vector<T>& value) {
        value.clear();
        for (auto left = in_.u64(); left > 0; --left) get(value.emplace_back());
    }
    template <class T>
    void get(std::set<T>& value) {
        value.clear();
        for (auto left = in_.u64(); left > 0; --left) {
            T one{};
            get(one);
            value.insert(std::move(one));
        }
    }
    template <class Map>
    void get_map(Map& map) {
        map.clear();
        for (auto left = in_.u64(); left > 0; --left) {
            typename Map::key_type key{};
            typename Map::mapped_type value{};
            get(key);
            get(value);
            map.emplace(std::move(key), std::move(value));
        }
    }
    template <class K, class V, class C>
    void get(std::map<K, V, C>& value) {
        get_map(value);
    }
    template <class K, class V>
    void get(std::unordered_map<K, V>& value) {
        get_map(value);
    }
    template <class K, class V>
    void get(std::unordered_multimap<K, V>& value) {
        get_map(value);
    }

    Decoder in_;
};

}  // namespace artfs
