#include "lineage/resources.h"

namespace artfs {

using Json = nlohmann::json;

namespace {
constexpr double microseconds = 1e6;
}

Json resources_json(const Resources& resources) {
    Json document = Json::object();
    auto say = [&](const char* key, const std::optional<std::uint64_t>& value, double unit) {
        if (!value) return;
        document[key] = unit == 1 ? Json(*value) : Json(static_cast<double>(*value) / unit);
    };
    say("peak_memory", resources.peak_memory, 1);
    say("cpu_user_seconds", resources.user_us, microseconds);
    say("cpu_system_seconds", resources.system_us, microseconds);
    say("bytes_read", resources.bytes_read, 1);
    say("bytes_written", resources.bytes_written, 1);
    return document;
}

Resources resources_from(const Json& document) {
    Resources resources;
    auto take = [&](const char* key, std::optional<std::uint64_t>& value, double unit) {
        auto found = document.find(key);
        if (found == document.end() || !found->is_number()) return;
        auto amount = found->get<double>() * unit;
        if (amount >= 0 && amount < 1e18) value = static_cast<std::uint64_t>(amount);
    };
    if (!document.is_object()) return resources;
    take("peak_memory", resources.peak_memory, 1);
    take("cpu_user_seconds", resources.user_us, microseconds);
    take("cpu_system_seconds", resources.system_us, microseconds);
    take("bytes_read", resources.bytes_read, 1);
    take("bytes_written", resources.bytes_written, 1);
    return resources;
}

}  // namespace artfs
