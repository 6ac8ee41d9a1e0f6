#include "lineage/event_files.h"

#include <array>
#include <cstring>
#include <optional>

namespace artfs {

namespace {

constexpr std::array<std::uint32_t, 256> crc_table = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
        table[byte] = crc;
    }
    return table;
}();

// As stored, so that a CRC of bytes that hold CRCs stays one.
std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15U) | (crc << 17U)) + 0xA282EAD8U; }

template <class Number>
Number number_at(std::string_view bytes, std::size_t at) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i)
        value |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
    Number number{};
    if constexpr (sizeof(Number) == 8) {
        std::memcpy(&number, &value, sizeof number);
    } else {
        auto half = static_cast<std::uint32_t>(value);
        std::memcpy(&number, &half, sizeof number);
    }
    return number;
}

// The next record of the file, taken off it.
std::optional<std::string_view> next_record(std::string_view& file) {
    constexpr std::size_t head = 12;
    constexpr std::size_t tail = 4;
    if (file.size() < head + tail) return std::nullopt;
    auto length = number_at<std::uint64_t>(file, 0);
    if (masked(crc32c(file.substr(0, 8))) != number_at<std::uint32_t>(file, 8)) return std::nullopt;
    if (length > file.size() - head - tail) return std::nullopt;
    auto record = file.substr(head, static_cast<std::size_t>(length));
    auto sum = number_at<std::uint32_t>(file, head + record.size());
    if (masked(crc32c(record)) != sum) return std::nullopt;
    file.remove_prefix(head + record.size() + tail);
    return record;
}

// The fields of a protocol buffer's message, one after the other.
class Message {
public:
    enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

    explicit Message(std::string_view message) : left_(message) {}

    // False at the end, and where the message makes no sense from here on.
    bool next() {
        auto tag = varint();
        if (!tag) return false;
        field = *tag >> 3U;
        wire = static_cast<Wire>(*tag & 7U);
        switch (wire) {
            case Wire::varint: {
                auto number = varint();
                if (number) integer = *number;
                return number.has_value();
            }
            case Wire::fixed64:
                return take(8);
            case Wire::fixed32:
                return take(4);
            case Wire::bytes: {
                auto length = varint();
                return length && take(*length);
            }
        }
        return false;
    }

    std::uint64_t field = 0;
    Wire wire = Wire::varint;
    std::uint64_t integer = 0;  // of a varint
    std::string_view bytes;     // of anything else

private:
    bool take(std::uint64_t length) {
        if (length > left_.size()) return false;
        bytes = left_.substr(0, static_cast<std::size_t>(length));
        left_.remove_prefix(bytes.size());
        return true;
    }
    std::optional<std::uint64_t> varint() {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < 10 && i < left_.size(); ++i) {
            auto byte = static_cast<unsigned char>(left_[i]);
            value |= std::uint64_t{byte & 0x7FU} << (7 * i);
            if ((byte & 0x80U) != 0) continue;
            left_.remove_prefix(i + 1);
            return value;
        }
        return std::nullopt;
    }

    std::string_view left_;
};

// The one number in `bytes`, of TensorFlow's DataType.
std::optional<double> number_in(std::string_view bytes, std::uint64_t type) {
    constexpr std::uint64_t float32 = 1;
    constexpr std::uint64_t float64 = 2;
    constexpr std::uint64_t int32 = 3;
    constexpr std::uint64_t int64 = 9;
    if (type == float32 && bytes.size() == 4) return number_at<float>(bytes, 0);
    if (type == float64 && bytes.size() == 8) return number_at<double>(bytes, 0);
    if (type == int32 && bytes.size() == 4) return number_at<std::int32_t>(bytes, 0);
    if (type == int64 && bytes.size() == 8)
        return static_cast<double>(number_at<std::int64_t>(bytes, 0));
    return std::nullopt;
}

using Wire = Message::Wire;

std::optional<double> scalar_in(std::string_view tensor) {
    std::uint64_t type = 0;
    std::string_view content;
    std::optional<double> value;
    Message message(tensor);
    while (message.next()) {
        const bool whole = message.wire == Wire::varint;
        if (message.field == 1 && whole) type = message.integer;
        if (message.field == 4 && message.wire == Wire::bytes) content = message.bytes;
        // One number, by itself or packed.
        if (message.field == 5 && !whole) value = number_in(message.bytes, 1);
        if (message.field == 6 && !whole) value = number_in(message.bytes, 2);
        if ((message.field == 7 || message.field == 10) && whole)
            value = static_cast<double>(static_cast<std::int64_t>(message.integer));
        if ((message.field == 7 || message.field == 10) && message.wire == Wire::bytes) {
            // Packed varints: `0: x` reads as a field of number 0.
            std::string one = std::string(1, '\0') + std::string(message.bytes);
            Message packed(one);
            if (packed.next())
                value = static_cast<double>(static_cast<std::int64_t>(packed.integer));
        }
    }
    return value ? value : number_in(content, type);
}

void read_scalar(std::string_view bytes, double step, double time,
                 std::map<std::string, Series>& all) {
    std::string_view tag;
    std::optional<double> scalar;
    Message message(bytes);
    while (message.next()) {
        if (message.field == 1 && message.wire == Wire::bytes) tag = message.bytes;
        if (message.field == 2 && message.wire == Wire::fixed32)
            scalar = number_at<float>(message.bytes, 0);
        if (message.field == 8 && message.wire == Wire::bytes) scalar = scalar_in(message.bytes);
    }
    if (!scalar || tag.empty()) return;
    auto& series = all[std::string(tag)];
    series.steps.push_back(step);
    series.values.push_back(*scalar);
    series.times.push_back(time);
}

// The first field of that number, if it is bytes.
std::string_view bytes_in(std::string_view bytes, std::uint64_t field) {
    Message message(bytes);
    while (message.next())
        if (message.field == field && message.wire == Wire::bytes) return message.bytes;
    return {};
}

class MediaReader {
public:
    explicit MediaReader(std::string_view file) : file_(file) {}

    void read(std::string_view bytes, double step) {
        std::string_view tag;
        std::string_view plugin_now;
        std::vector<std::string_view> strings;
        Message message(bytes);
        while (message.next()) {
            if (message.wire != Wire::bytes) continue;
            if (message.field == 1) tag = message.bytes;
            if (message.field == 4) strings = {bytes_in(message.bytes, 4)};
            if (message.field == 8) strings = strings_in(message.bytes);
            if (message.field == 9) plugin_now = bytes_in(bytes_in(message.bytes, 1), 1);
        }
        if (tag.empty()) return;
        if (!plugin_now.empty()) plugins_.try_emplace(std::string(tag), plugin_now);
        auto plugin = plugins_.find(tag);
        bool texts = plugin != plugins_.end() && plugin->second == "text";
        for (auto one : strings)
            if (texts || !picture_format(one).empty())
                media_.push_back(
                    {texts ? EventMedia::Kind::text : EventMedia::Kind::image, std::string(tag),
                     step, static_cast<std::uint64_t>(one.data() - file_.data()), one.size()});
    }
    std::vector<EventMedia> take() { return std::move(media_); }

private:
    static std::vector<std::string_view> strings_in(std::string_view tensor) {
        std::vector<std::string_view> strings;
        Message message(tensor);
        while (message.next())
            if (message.field == 8 && message.wire == Wire::bytes) strings.push_back(message.bytes);
        return strings;
    }

    std::string_view file_;
    std::map<std::string, std::string, std::less<>> plugins_;  // by tag
    std::vector<EventMedia> media_;
};

// Calls `visit` with each Summary.Value, its step and its time.
template <class Visit>
void each_value(std::string_view file, const Visit& visit) {
    while (auto record = next_record(file)) {
        double step = 0;
        double time = 0;
        std::string_view summary;
        Message event(*record);
        while (event.next()) {
            if (event.field == 1 && event.wire == Wire::fixed64)
                time = number_at<double>(event.bytes, 0);
            if (event.field == 2 && event.wire == Wire::varint)
                step = static_cast<double>(static_cast<std::int64_t>(event.integer));
            if (event.field == 5 && event.wire == Wire::bytes) summary = event.bytes;
        }
        Message values(summary);
        while (values.next())
            if (values.field == 1 && values.wire == Wire::bytes) visit(values.bytes, step, time);
    }
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
    std::uint32_t crc = 0xFFFFFFFFU;
    for (char byte : bytes)
        crc = (crc >> 8U) ^ crc_table[(crc ^ static_cast<unsigned char>(byte)) & 0xFFU];
    return ~crc;
}

std::string picture_format(std::string_view beginning) {
    using namespace std::string_view_literals;
    if (beginning.starts_with("\x89PNG\r\n\x1a\n"sv)) return "png";
    if (beginning.starts_with("\xff\xd8\xff"sv)) return "jpg";
    if (beginning.starts_with("GIF8"sv)) return "gif";
    if (beginning.starts_with("RIFF"sv) && beginning.substr(4).substr(0, 8).ends_with("WEBP"sv))
        return "webp";
    return "";
}

std::map<std::string, Series> parse_event_file(std::string_view file) {
    std::map<std::string, Series> all;
    each_value(file, [&](std::string_view value, double step, double time) {
        read_scalar(value, step, time, all);
    });
    return all;
}

std::vector<EventMedia> media_in_event_file(std::string_view file) {
    MediaReader reader(file);
    each_value(file, [&](std::string_view value, double step, double /*time*/) {
        reader.read(value, step);
    });
    return reader.take();
}

}  // namespace artfs
