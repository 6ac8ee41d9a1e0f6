#include "drafts/arrivals.h"

#include <fstream>

#include "support/catch.h"
#include "support/scratch.h"

namespace artfs {

namespace {

Time moment(std::int64_t milliseconds) {
    return from_ns(1700000000000000000) + std::chrono::milliseconds(milliseconds);
}

}  // namespace

TEST_CASE("writes are noted with their times, a tenth of a second apart") {
    Scratch store;
    auto run = RunId::make();
    CHECK(arrivals_of(store.path(), run).empty());
    {
        Arrivals arrivals(store.path(), run);
        arrivals.note(0, moment(0));
        arrivals.note(10, moment(50));
        arrivals.note(20, moment(120));
    }
    // The daemon's next worker goes on.
    Arrivals again(store.path(), run);
    again.note(30, moment(130));
    CHECK(arrivals_of(store.path(), run) ==
          std::vector<Arrival>{{0, moment(0)}, {20, moment(120)}, {30, moment(130)}});
    CHECK(arrivals_of(store.path(), RunId::make()).empty());
}

TEST_CASE("what is written over came when it was written over, however soon") {
    Scratch store;
    auto run = RunId::make();
    Arrivals arrivals(store.path(), run);
    arrivals.note(0, moment(0));
    arrivals.note(100, moment(1000));
    arrivals.note(50, moment(1010));
    CHECK(arrivals_of(store.path(), run) ==
          std::vector<Arrival>{{0, moment(0)}, {50, moment(1010)}});
    arrivals.note(0, moment(1020));
    CHECK(arrivals_of(store.path(), run) == std::vector<Arrival>{{0, moment(1020)}});
}

TEST_CASE("half a sample is none") {
    Scratch store;
    auto run = RunId::make();
    Arrivals(store.path(), run).note(7, moment(0));
    std::ofstream(store.path() / "arrivals" / run.text(), std::ios::app) << "half";
    CHECK(arrivals_of(store.path(), run) == std::vector<Arrival>{{7, moment(0)}});
}

}  // namespace artfs
