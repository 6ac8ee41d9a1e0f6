#include "lineage/text.h"

#include "base/json.h"

namespace artfs {

using Json = nlohmann::json;

bool is_utf8(std::string_view text) {
    try {
        [[maybe_unused]] auto checked = Json(text).dump();
        return true;
    } catch (const Json::type_error&) {
        return false;
    }
}

std::string lossy_utf8(const std::string& text) {
    if (is_utf8(text)) return text;
    auto replaced = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    return Json::parse(replaced).get<std::string>();
}

std::string base64(std::string_view bytes) {
    static constexpr char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        auto three = bytes.substr(at, 3);
        unsigned value = 0;
        for (std::size_t i = 0; i < 3; ++i)
            value = value << 8U | (i < three.size() ? static_cast<unsigned char>(three[i]) : 0U);
        for (std::size_t i = 0; i < 4; ++i)
            out.push_back(i <= three.size() ? digits[value >> (18 - 6 * i) & 63U] : '=');
    }
    return out;
}

void put_name(Json& object, const char* key, const std::string& name) {
    object[key] = lossy_utf8(name);
    if (!is_utf8(name)) object[std::string(key) + "_b64"] = base64(name);
}

void put_names(Json& object, const char* key, const std::vector<std::string>& names) {
    auto shown = Json::array();
    auto exact = Json::array();
    bool all_text = true;
    for (const auto& name : names) {
        bool text = is_utf8(name);
        shown.push_back(lossy_utf8(name));
        exact.push_back(text ? Json(nullptr) : Json(base64(name)));
        all_text = all_text && text;
    }
    object[key] = std::move(shown);
    if (!all_text) object[std::string(key) + "_b64"] = std::move(exact);
}

Json parse_metadata(const std::string& bytes) {
    auto value = parse_json(bytes);
    if (value.is_object()) return value;
    return {{"invalid", true}, {"text", lossy_utf8(bytes)}};
}

}  // namespace artfs
