#include "lineage/text.h"

#include "support/catch.h"

using namespace artfs;
using Json = nlohmann::json;

TEST_CASE("names that are not UTF-8 are exact beside what can be shown", "[lineage]") {
    Json object;
    put_name(object, "path", "plain");
    CHECK(object == Json{{"path", "plain"}});
    put_name(object, "path", "a\xff");
    CHECK(object.at("path_b64") == "Yf8=");
    put_names(object, "files", {"x", "\x80"});
    CHECK(object.at("files").size() == 2);
    CHECK(object.at("files_b64") == Json::array({nullptr, "gA=="}));
    Json all_text;
    put_names(all_text, "files", {"x", "ü"});
    CHECK(all_text == Json{{"files", {"x", "ü"}}});
}

TEST_CASE("metadata is an object, or kept as text", "[lineage]") {
    CHECK(parse_metadata("{\"a\": [1, {\"b\": \"]}{[\"}]}").at("a").at(0) == 1);
    for (const std::string text : {"", "no", "[1]", "1", "{\"a\":}", "{\"a\": \"\xff\"}"}) {
        auto shown = parse_metadata(text);
        CHECK(shown.at("invalid") == true);
        CHECK(shown.at("text").is_string());
        CHECK_NOTHROW(shown.dump());
    }
    // Deep, but fine; and so deep that writing it out again would end the program.
    auto nested = [](int depth) {
        auto times = static_cast<std::size_t>(depth);
        std::string open(times, '[');
        std::string close(times, ']');
        return "{\"a\":" + open + close + "}";
    };
    CHECK(parse_metadata(nested(400)).contains("a"));
    auto deep = parse_metadata(nested(1'000'000));
    CHECK(deep.at("invalid") == true);
    CHECK(deep.at("text").get<std::string>().size() == 2'000'006);
}
