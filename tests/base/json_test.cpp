#include "base/json.h"

#include "base/bytes.h"
#include "support/catch.h"

using namespace artfs;

TEST_CASE("JSON and CBOR that are nested too deeply are not read") {
    auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    CHECK(parse_json(nested(deepest_json)).is_array());
    CHECK(parse_json(nested(deepest_json + 1)).is_discarded());
    CHECK(parse_json(nested(1'000'000)).is_discarded());
    CHECK(parse_json("{\"a\": \"" + std::string(1000, '[') + "\"}").is_object());
    CHECK(parse_json("{\"a\"").is_discarded());
    // What JSON of that depth became, a few levels down.
    std::string bytes;
    nlohmann::json::to_cbor({{"in", {{"in", parse_json(nested(deepest_json))}}}}, bytes);
    CHECK(parse_cbor(bytes).at("in").contains("in"));
    CHECK_THROWS_AS(parse_cbor(std::string(1'000'000, '\x81')), FormatError);
    CHECK_THROWS_AS(parse_cbor(std::string(1'000'000, '\xa1')), nlohmann::json::exception);
    CHECK_THROWS_AS(parse_cbor("\x81"), nlohmann::json::exception);
}
