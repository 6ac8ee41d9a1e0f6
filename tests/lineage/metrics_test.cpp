#include "lineage/metrics.h"

#include <chrono>
#include <cmath>

#include "support/catch.h"

using namespace artfs;

TEST_CASE("metrics are series by key, nested ones by their path") {
    auto all = parse_metrics(
        "{\"step\":10,\"loss\":1.5,\"val\":{\"acc\":0.5,\"name\":\"x\"},\"list\":[1,2]}\n"
        "not json\n"
        "[1,2]\n"
        "{\"loss\":0.5,\"good\":true,\"nan\":\"NaN\"}\n"
        "{\"_step\":3,\"loss\":2}\n"
        "{\"loss\":");
    REQUIRE(all.size() == 4);
    CHECK(all.at("loss").steps == std::vector<double>{10, 1, 3});
    CHECK(all.at("loss").values == std::vector<double>{1.5, 0.5, 2});
    CHECK(all.at("val.acc").values == std::vector<double>{0.5});
    CHECK(all.at("good").values == std::vector<double>{1});
    CHECK(std::isnan(all.at("nan").values.front()));
    CHECK(parse_metrics("").empty());
}

TEST_CASE("a sparkline is as wide as asked, and from least to most") {
    CHECK(sparkline({0, 1, 2, 3, 4, 5, 6, 7}, 8) == "▁▂▃▄▅▆▇█");
    CHECK(sparkline({0, 0, 7, 7}, 2) == "▁█");
    CHECK(sparkline({5, 5}, 8) == "▅▅");
    CHECK(sparkline({0, std::nan(""), 1}, 8) == "▁ █");
    CHECK(sparkline({}, 8).empty());
}

TEST_CASE("a hundred thousand points are quick") {
    std::string lines;
    for (int i = 0; i < 100000; ++i)
        lines +=
            "{\"step\":" + std::to_string(i) + ",\"loss\":" + std::to_string(1.0 / (i + 1)) + "}\n";
    auto all = parse_metrics(lines);
    CHECK(all.at("loss").values.size() == 100000);
    CHECK(all.at("loss").steps.back() == 99999);
}
