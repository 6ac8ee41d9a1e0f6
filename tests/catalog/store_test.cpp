#include "catalog/store.h"

#include <sys/stat.h>

#include <fstream>

#include "support/catch.h"
#include "support/child.h"
#include "support/scratch.h"

using namespace artfs;
namespace fs = std::filesystem;

TEST_CASE("a store is made once and opened again") {
    Scratch scratch;
    auto dir = scratch.path() / "deep" / "store";
    CHECK(Store::create_or_open(dir, Store::Access::read_only).error().code == ENOENT);
    {
        auto store = Store::create_or_open(dir, Store::Access::read_write);
        REQUIRE(store);
        // Readers need no lock; a second writer is refused.
        CHECK(in_child(
            [&] { return Store::create_or_open(dir, Store::Access::read_only).has_value(); }));
        CHECK(in_child([&] {
            auto second = Store::create_or_open(dir, Store::Access::read_write);
            return !second && second.error().code == EBUSY;
        }));
    }
    CHECK(Store::create_or_open(dir, Store::Access::read_write));
    struct stat status {};
    REQUIRE(stat((dir / "objects").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0700);  // nobody reads round the mount
}

TEST_CASE("a store of a newer format is refused, and left as it is") {
    Scratch scratch;
    auto dir = scratch.path() / "store";
    REQUIRE(Store::create_or_open(dir, Store::Access::read_write));
    std::ofstream(dir / "format") << "artfs 2\n";
    for (auto access : {Store::Access::read_only, Store::Access::read_write}) {
        auto refused = Store::create_or_open(dir, access);
        REQUIRE(!refused);
        CHECK(refused.error().code == EPROTO);
        CHECK(refused.error().message.find('2') != std::string::npos);
    }
    std::ofstream(dir / "format") << "something else";
    CHECK(!Store::create_or_open(dir, Store::Access::read_write));
}

TEST_CASE("another directory does not become a store, an interrupted one does") {
    Scratch scratch;
    std::ofstream(scratch.path() / "thesis.tex") << "years of work";
    auto refused = Store::create_or_open(scratch.path(), Store::Access::read_write);
    REQUIRE(!refused);
    CHECK(refused.error().code == ENOTEMPTY);
    CHECK(std::distance(fs::directory_iterator(scratch.path()), {}) == 1);
    auto half = scratch.path() / "half";
    fs::create_directories(half / "catalog");
    std::ofstream(half / "lock") << "123\n";
    CHECK(Store::create_or_open(half, Store::Access::read_write));
}

TEST_CASE("ballast is given up once, and put back") {
    Scratch scratch;
    auto store = Store::create_or_open(scratch.path() / "s", Store::Access::read_write);
    REQUIRE(store);
    CHECK((*store)->release_ballast());
    CHECK(!(*store)->release_ballast());
    (*store)->restore_ballast();
    CHECK((*store)->release_ballast());
}
