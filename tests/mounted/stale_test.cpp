// art rerun --stale: a project is brought up to date.
#include <algorithm>

#include "mounted/harness.h"
#include "support/catch.h"

namespace {

using Names = std::vector<std::string>;

std::string text_of(const TestMount& mount, const std::string& file) {
    return mount.art("cat " + file).out;
}

}  // namespace

TEST_CASE("What is stale is made anew, makers before users, until nothing is", "[stale]") {
    TestMount mount;
    mount.ok("mkdir raw mid side net score");
    mount.ok("actor write raw/latest/x 1");
    auto run = [&](const std::string& name, const std::string& script) {
        mount.ok("art run --name " + name + " -- sh -c '" + script + "'");
    };
    run("mid", "cat raw/latest/x raw/latest/x > mid/latest/x");
    run("side", "cat raw/latest/x > side/latest/y");
    // Stale by raw at once, but nothing to begin with before mid is there.
    run("net", "cat raw/latest/x mid/latest/x side/latest/y > net/latest/w");
    run("score", "wc -c < net/latest/w > score/latest/n");
    CHECK(mount.art("rerun --stale").out == "nothing is stale\n");
    mount.ok("actor write raw/latest/x 22");
    auto stale = mount.json("stale");
    REQUIRE(stale.size() == 3);
    CHECK(stale.back().at("artifact") == "net");
    CHECK(stale.back().at("waits_for") == nlohmann::json{"mid", "side"});
    auto plan = mount.art("rerun --stale --dry-run").out;
    CHECK(std::count(plan.begin(), plan.end(), '\n') == 3);
    CHECK(mount.json("ls mid").size() == 1);

    auto done = mount.art("rerun --stale -j 2");
    INFO(done.err);
    CHECK(done.status == 0);
    CHECK(mount.json("stale").empty());
    CHECK(text_of(mount, "net:latest/w") == "22222222");
    CHECK(text_of(mount, "score:latest/n") == "8\n");
    // Each once, upon what the others made.
    for (const char* artifact : {"mid", "side", "net", "score"})
        CHECK(mount.json(std::string("ls ") + artifact).size() == 2);
    auto maker = mount.json("ls net").at(0).at("logged_by").at(0).get<std::string>();
    CHECK(mount.uses(maker) == Names{"mid:v1/x", "raw:v1/x", "side:v1/y"});
    CHECK(mount.json("show @" + maker).at("tags") == nlohmann::json{"rerun-of-net"});
}

TEST_CASE("What needs nothing of one another is made at once", "[stale]") {
    TestMount mount;
    mount.ok("mkdir raw left right && actor write raw/latest/x 1");
    auto meet = mount.directory().string();
    // Each of two waits for the other, where they are told to meet; alone it gives up.
    auto run = [&](const std::string& mine, const std::string& other) {
        mount.ok("art run --name " + mine + " -- sh -c 'cat raw/latest/x > " + mine +
                 "/latest/x; test -e " + meet + "/meet || exit 0; touch " + meet + "/" + mine +
                 "; for i in $(seq 600); do test -e " + meet + "/" + other +
                 " && exit 0; sleep 0.1; done; exit 1'");
    };
    run("left", "right");
    run("right", "left");
    mount.ok("actor write raw/latest/x 2; touch " + meet + "/meet");
    auto done = mount.art("rerun --stale -j 2");
    INFO(done.err);
    CHECK(done.status == 0);
    CHECK(text_of(mount, "left:latest/x") == "2");
    CHECK(text_of(mount, "right:latest/x") == "2");
}

TEST_CASE("What cannot be made anew stays stale, and so does what needs it", "[stale]") {
    TestMount mount;
    mount.ok("mkdir raw mid side net && actor write raw/latest/x 1");
    mount.ok("art run --name mid -- sh -c 'grep 1 raw/latest/x > mid/latest/x'");
    mount.ok("art run --name side -- sh -c 'cat raw/latest/x > side/latest/x'");
    mount.ok("art run --name net -- sh -c 'cat mid/latest/x side/latest/x > net/latest/w'");
    mount.ok("actor write raw/latest/x 2");
    auto done = mount.art("rerun --stale");
    CHECK(done.status == 1);
    CHECK(done.err.find("mid stays stale: its run ended with status 1") != std::string::npos);
    CHECK(done.err.find("net stays stale: what it is made from") != std::string::npos);
    CHECK(text_of(mount, "side:latest/x") == "2");
    CHECK(mount.json("ls mid").size() == 1);
    CHECK(mount.json("ls net").size() == 1);
    CHECK(mount.art("rerun").status == 2);
    CHECK(mount.art("rerun --stale net").status == 2);
    CHECK(mount.art("rerun --stale -j 0").status == 2);
}
