#include "base/json.h"

#include "base/bytes.h"

namespace artfs {

using Json = nlohmann::json;

namespace {

constexpr int deepest_cbor = 4 * deepest_json;

bool too_deep(std::string_view json) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t at = 0; at < json.size(); ++at) {
        char c = json[at];
        if (in_string && c == '\\') ++at;
        if (c == '"') in_string = !in_string;
        if (in_string) continue;
        if (c == '[' || c == '{') ++depth;
        if (c == ']' || c == '}') --depth;
        if (depth > deepest_json) return true;
    }
    return false;
}

// Ends the reading, which goes down by one call a level, at the level that is too deep.
class Depth : public nlohmann::json_sax<Json> {
public:
    bool exceeded() const { return depth_ > deepest_cbor; }

    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool key(string_t&) override { return true; }
    bool start_object(std::size_t) override { return ++depth_ <= deepest_cbor; }
    bool start_array(std::size_t) override { return ++depth_ <= deepest_cbor; }
    bool end_object() override { return --depth_ >= 0; }
    bool end_array() override { return --depth_ >= 0; }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
        return false;
    }

private:
    int depth_ = 0;
};

}  // namespace

Json parse_json(std::string_view text) {
    if (too_deep(text)) return Json(Json::value_t::discarded);
    return Json::parse(text, nullptr, false);
}

Json parse_cbor(std::string_view bytes) {
    // Each level takes a byte.
    if (bytes.size() > deepest_cbor) {
        Depth depth;
        Json::sax_parse(bytes.begin(), bytes.end(), &depth, Json::input_format_t::cbor);
        if (depth.exceeded()) throw FormatError("a record is nested too deeply");
    }
    return Json::from_cbor(bytes.begin(), bytes.end());
}

}  // namespace artfs
