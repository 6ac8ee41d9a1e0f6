#include "runs/run_names.h"

#include <limits>
#include <set>

#include "base/names.h"
#include "support/catch.h"

using namespace artfs;

TEST_CASE("Run names stay what they are") {
    CHECK(run_name(1) == "sunny-smoke-1");
    CHECK(run_name(2) == "fresh-cliff-2");
    CHECK(run_name(3) == "sparkling-hill-3");
    CHECK(run_name(1000) == run_name(1000));
}

TEST_CASE("Run names are valid, differ, and neighbours share no word") {
    std::set<std::string> pairs;
    std::string adjective;
    std::string noun;
    for (std::uint64_t n = 0; n < 7031; ++n) {
        auto name = run_name(n);
        REQUIRE(RunName::parse(name));
        auto first = name.find('-');
        auto second = name.find('-', first + 1);
        REQUIRE(name.substr(second + 1) == std::to_string(n));
        REQUIRE(name.substr(0, first) != adjective);
        REQUIRE(name.substr(first + 1, second - first - 1) != noun);
        adjective = name.substr(0, first);
        noun = name.substr(first + 1, second - first - 1);
        REQUIRE(pairs.insert(adjective + "-" + noun).second);
    }
    CHECK(RunName::parse(run_name(std::numeric_limits<std::uint64_t>::max())));
}
