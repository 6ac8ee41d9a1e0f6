// What flows along pipes, without processes.
#include "namespace/lending.h"

#include "support/catch.h"

using namespace artfs;

namespace {
LentFile file(const char* path) { return {{}, std::nullopt, 7, path}; }
const ProcessKey cat{10, 1};
const ProcessKey other{11, 1};
constexpr pid_t shell = 5;
}  // namespace

TEST_CASE("Who reads the pipe claims what was read before and after") {
    Lending lending;
    RunId run = RunId::make();
    CHECK(lending.opened(cat, shell, 100, file("x")).empty());
    CHECK(lending.reads(run, 100) == Lending::Claims{{run, file("x")}});
    CHECK(lending.opened(cat, shell, 100, file("y")) == Lending::Claims{{run, file("y")}});
    // Each file once.
    CHECK(lending.opened(cat, shell, 100, file("y")).empty());
    CHECK(lending.reads(run, 100).empty());
    CHECK(lending.knows_reader(run, 100));
    lending.run_ended(run);
    CHECK_FALSE(lending.knows_reader(run, 100));
    CHECK(lending.opened(cat, shell, 100, file("z")).empty());
}

TEST_CASE("Observers in the middle pass it on, whenever they are seen") {
    Lending lending;
    RunId run = RunId::make();
    CHECK(lending.reads(run, 102).empty());
    CHECK(lending.opened(cat, shell, 100, file("x")).empty());
    CHECK(lending.passes(101, 102).empty());
    CHECK(lending.passes(100, 101) == Lending::Claims{{run, file("x")}});
    CHECK(lending.opened(other, shell, 101, file("y")) == Lending::Claims{{run, file("y")}});
    CHECK(lending.passes(101, 100).empty());  // a ring ends the search
}

TEST_CASE("A reader that was seen is known by what it read, until it is gone") {
    Lending lending;
    lending.seen(other, 100);
    CHECK(lending.input_of(other) == 100);
    CHECK(lending.input_of(cat) == 0);
    lending.forget([](pid_t pid) { return pid == other.pid; });
    CHECK(lending.input_of(other) == 0);
}

TEST_CASE("What a run reads is not passed on by it") {
    Lending lending;
    RunId middle = RunId::make();
    RunId last = RunId::make();
    CHECK(lending.passes(100, 101).empty());
    CHECK(lending.reads(middle, 100).empty());
    CHECK(lending.passes(100, 101).empty());
    CHECK(lending.reads(last, 101).empty());
    CHECK(lending.opened(cat, shell, 100, file("x")) == Lending::Claims{{middle, file("x")}});
}

TEST_CASE("What goes nowhere is its opener's, until that is gone") {
    Lending lending;
    CHECK(lending.opened(cat, shell, 0, file("x")).empty());
    CHECK(lending.opened(other, shell, 100, file("y")).empty());
    CHECK(lending.opened_by(cat) == std::set<LentFile>{file("x")});
    lending.forget([](pid_t pid) { return pid == cat.pid; });
    CHECK(lending.opened_by(cat).empty());
    CHECK(lending.reads(RunId::make(), 100).size() == 1);
    lending.forget([](pid_t pid) { return pid == shell; });
    CHECK(lending.opened_by(other).empty());
}
