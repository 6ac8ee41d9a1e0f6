// Drafts of concurrent runs, and how they become versions (design.md, sections 4 and 5).
#include "mounted/harness.h"
#include "support/catch.h"

using Names = std::vector<std::string>;

namespace {

std::string shard(const std::string& sign, int i) {
    std::string n = std::to_string(i);
    return "actor stat a/latest/x : touch " + sign + n + " : await " + sign +
           ".go : write a/latest/out" + n + " " + n + " >/dev/null & actor await " + sign + n +
           "; ";
}

}  // namespace

TEST_CASE("concurrent runs that touch different paths merge", "[merge]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x base");
    auto sign = (mount.directory() / "shard").string();
    mount.ok(shard(sign, 1) + shard(sign, 2) + shard(sign, 3) + "actor touch " + sign +
             ".go; wait");
    CHECK(mount.ok("cat a/latest/x a/latest/out1 a/latest/out2 a/latest/out3") == "base123");
    auto versions = mount.json("log a");
    REQUIRE(versions.size() == 4);
    int merged = 0;
    for (int i = 1; i <= 3; ++i) {
        auto version = mount.json("show a:v" + std::to_string(i));
        CHECK(version.at("parent") == "v0");
        CHECK(version.at("diverged").empty());
        if (!version.at("merged_with").is_null()) ++merged;
    }
    CHECK(merged == 2);
}

TEST_CASE("runs of the same path keep their own, and say what they leave out", "[merge]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x base");
    auto sign = (mount.directory() / "late").string();
    mount.ok("actor stat a/latest/x : touch " + sign + " : await " + sign +
             ".go : write a/latest/x late >/dev/null & actor await " + sign +
             "; actor write a/latest/x early : write a/latest/y more; actor touch " + sign +
             ".go; wait");
    CHECK(mount.ok("cat a/latest/x; ls a/latest") == "latex\n");
    auto version = mount.json("show a:v2");
    CHECK(version.at("parent") == "v0");
    CHECK(version.at("merged_with").is_null());
    // It has an x of its own making; the head's change of that is left out too.
    CHECK(version.at("diverged") == nlohmann::json{"x", "y"});
    CHECK(mount.ok("cat a/v1/x a/v1/y") == "earlymore");
}

TEST_CASE("a shard that removes what the base has is not merged", "[merge]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x base : write a/latest/old o");
    auto sign = (mount.directory() / "late").string();
    mount.ok("actor stat a/latest/x : touch " + sign + " : await " + sign +
             ".go : unlink a/latest/old >/dev/null & actor await " + sign +
             "; actor write a/latest/y more; actor touch " + sign + ".go; wait");
    CHECK(mount.ok("ls a/latest") == "x\n");
    CHECK(mount.json("show a:v2").at("diverged") == nlohmann::json{"y"});
}

TEST_CASE("the next program starts on what was frozen, and its seal waits", "[freeze]") {
    TestMount mount;
    mount.ok("mkdir a b");
    // Hashing so much takes its time; reading the names of it does not.
    auto status = nlohmann::json::parse(mount.ok(
        "actor write a/latest/x small : write a/latest/big '' : truncate a/latest/big 3000000000 "
        "&& actor read a/latest/x : holdread a/latest/big : write b/latest/y made >/dev/null && "
        "actor read b/latest/y : write a/latest/z third > /dev/null; art status --json"));
    REQUIRE(status.at("drafts").size() == 3);
    int waiting = 0;
    for (const auto& draft : status.at("drafts")) {
        CHECK((draft.at("state") == "frozen" || draft.at("state") == "sealing"));
        if (!draft.at("waits_for").is_null()) {
            ++waiting;
            CHECK(draft.at("state") == "frozen");
        }
    }
    CHECK(waiting >= 2);
    auto runs = mount.json("runs");  // waits for the seals
    REQUIRE(runs.size() == 3);
    std::string first = runs[2].at("name");
    std::string second = runs[1].at("name");
    std::string third = runs[0].at("name");
    CHECK(mount.logs(first) == Names{"a:v0"});
    CHECK(mount.uses(second) == Names{"a:v0/big", "a:v0/x"});
    CHECK(mount.logs(second) == Names{"b:v0"});
    CHECK(mount.uses(third) == Names{"b:v0/y"});
    CHECK(mount.logs(third) == Names{"a:v1"});
    CHECK(mount.ok("cat a/v1/x a/v1/z b/v0/y; stat -c %s a/v1/big") ==
          "smallthirdmade3000000000\n");
    CHECK(mount.json("show a:v1").at("parent") == "v0");
    CHECK(mount.json("status").at("drafts").empty());
}

TEST_CASE("what is built on a frozen tree can be changed, and changes nothing of it", "[freeze]") {
    TestMount mount;
    mount.ok("mkdir a");
    mount.ok(
        "actor mkdir a/latest/d : write a/latest/d/x small : write a/latest/big '' : truncate "
        "a/latest/big 2000000000 && actor append a/latest/d/x er : rename a/latest/d a/latest/e : "
        "link a/latest/big a/latest/big2 : unlink a/latest/big");
    CHECK(mount.ok("cat a/v0/d/x a/v1/e/x; ls a/v0 a/v1; stat -c %s a/v1/big2") ==
          "smallsmallera/v0:\nbig\nd\n\na/v1:\nbig2\ne\n2000000000\n");
    auto run = mount.newest_run();
    CHECK(mount.uses(run) == Names{"a:v0/d/x"});
}

TEST_CASE("a frozen draft that equals the head makes no version", "[freeze]") {
    TestMount mount;
    mount.ok("mkdir a b && actor write a/latest/big '' : truncate a/latest/big 1500000000");
    mount.ok(
        "actor write a/latest/big '' : truncate a/latest/big 1500000000 && actor holdread "
        "a/latest/big : write b/latest/y made");
    CHECK(mount.json("ls a").size() == 1);
    CHECK(mount.uses(mount.newest_run()) == Names{"a:v0/big"});
}

TEST_CASE("a seal that fails abandons what is built on it, and loses nothing", "[freeze]") {
    TestMount mount;
    mount.ok("mkdir a");
    // Where the object of so many zeros would be linked stands a file.
    auto digest = shell("head -c 512M /dev/zero | sha256sum").out;
    auto room = mount.store() / "objects" / digest.substr(0, 2);
    std::filesystem::rename(room, mount.directory() / "away");
    mount.ok(": > " + room.string());
    // The next program starts on the frozen tree while that is hashed.
    mount.ok(
        "actor append a/latest/x '' : truncate a/latest/x 536870912 && "
        "actor stat a/latest/x : write a/latest/y more");
    auto runs = mount.json("runs --all");
    auto second = runs.at(0).at("name").get<std::string>();
    auto first = runs.at(1).at("name").get<std::string>();
    CHECK(mount.json("ls a").empty());
    auto drafts = mount.json("status").at("drafts");
    REQUIRE(drafts.size() == 2);
    for (const auto& draft : drafts) CHECK(draft.at("state") == "abandoned");
    auto said = mount.art("status").out;
    CHECK(said.find("the draft of run " + first + " that it is built on could not be sealed") !=
          std::string::npos);
    CHECK(mount.art("commit " + second).status == 4);
    auto refused = mount.art("discard " + first);
    CHECK(refused.status == 4);
    CHECK(refused.err.find("another run's draft is built on it") != std::string::npos);
    // With the store mended, both become what they would have been.
    std::filesystem::remove(room);
    std::filesystem::rename(mount.directory() / "away", room);
    CHECK(mount.art("commit " + first).status == 0);
    CHECK(mount.art("commit " + second).status == 0);
    CHECK(mount.ok("ls a/v0/ a/v1/") == "a/v0/:\nx\n\na/v1/:\nx\ny\n");
    CHECK(mount.ok("stat -c %s a/v1/x; cat a/v1/y") == "536870912\nmore");
}
