#include "base/wakefulness.h"

#include <chrono>
#include <fstream>

#include "support/catch.h"
#include "support/scratch.h"

using namespace artfs;
using std::chrono::milliseconds;

TEST_CASE("processors are kept awake while many requests come, and no longer") {
    Scratch scratch;
    auto device = scratch.path() / "device";
    std::ofstream(device) << "";
    Wakefulness awake(device.string());
    Wakefulness::Time time{std::chrono::hours(1)};

    awake.served(15, false, time);
    awake.served(15, false, time + milliseconds(20));
    CHECK(!awake.holds());
    CHECK(awake.patience_ms() == -1);
    awake.served(15, false, time + milliseconds(21));
    CHECK(awake.holds());
    CHECK(std::filesystem::file_size(device) == 4);
    CHECK(awake.patience_ms() == 0);
    awake.served(0, false, time + milliseconds(22));
    CHECK(awake.patience_ms() == 40);
    awake.served(1, true, time + milliseconds(23));
    CHECK(awake.patience_ms() == 40);

    awake.served(1, false, time + milliseconds(50));
    CHECK(awake.holds());
    awake.served(0, false, time + milliseconds(64));
    CHECK(!awake.holds());
}

TEST_CASE("where processors may not be kept awake, nothing is tried again") {
    Scratch scratch;
    Wakefulness::Time time{std::chrono::hours(1)};
    for (std::string path : {std::string(), (scratch.path() / "none").string()}) {
        Wakefulness awake(path);
        awake.served(100, false, time);
        CHECK(!awake.holds());
        CHECK(awake.patience_ms() == -1);
    }
}
