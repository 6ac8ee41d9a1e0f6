// Rule 7 of design.md, section 3: other runs' views.
#include "mounted/harness.h"
#include "support/catch.h"

using Names = std::vector<std::string>;

TEST_CASE("Another live run's view is read-only, and its draft's files are peeks", "[strangers]") {
    TestMount mount;
    auto sign = (mount.directory() / "sign").string();
    mount.ok("mkdir a; actor write a/latest/x old : write a/latest/y same");
    mount.ok("actor write a/latest/x new : readlink a/latest : touch " + sign + " : await " + sign +
             ".2 > " + sign + ".name & actor await " + sign + "; other=$(cat " + sign +
             ".name); actor read a/$other/x : read a/$other/y; actor write a/$other/z 1; "
             "actor unlink a/$other/y; actor touch " +
             sign + ".2; wait; :");
    auto runs = mount.json("runs --all --job-type artfs_actor");
    auto peeker = mount.json("show @" + runs.at(0).at("name").get<std::string>());
    auto owner = runs.at(1).at("name").get<std::string>();
    REQUIRE(peeker.at("peeks").size() == 1);
    CHECK(peeker.at("peeks")[0] ==
          nlohmann::json({{"artifact", "a"}, {"run", owner}, {"path", "x"}}));
    CHECK(mount.uses(peeker.at("name")) == Names{"a:v0/y"});
    CHECK(mount.ok("ls a/v1") == "x\ny\n");
    // After its end the name shows what it sealed, for ever, and reading is a use of that.
    mount.ok("actor write a/latest/x newer");
    CHECK(mount.ok("actor read a/@" + owner + "/x : read a/@" + owner + "/y") == "newsame");
    CHECK(mount.uses(mount.newest_run()) == Names{"a:v1/x", "a:v1/y"});
    mount.umount();
    mount.mount();
    CHECK(mount.ok("actor read a/@" + owner + "/x") == "new");
    CHECK(mount.uses(mount.newest_run()) == Names{"a:v1/x"});
    // One that only read shows its base.
    auto reader = peeker.at("name").get<std::string>();
    CHECK(mount.sh("cat a/@" + reader + "/x").status != 0);
}

TEST_CASE("A path that a run's look froze is read later as what the run saw", "[strangers]") {
    TestMount mount;
    const auto list = (mount.directory() / "list").string();
    auto later = [&](const std::string& expected, const Names& uses) {
        CHECK(mount.ok("xargs -a " + list + " artfs_actor read") == expected);
        CHECK(mount.uses(mount.newest_run()) == uses);
    };
    mount.ok("mkdir a; actor write a/latest/x one");
    // Of a run that only reads: its base.
    mount.ok(
        "/usr/bin/python3 -c \"import os; print(os.path.realpath('a/latest/x')); "
        "open('a/latest/x').read()\" > " +
        list);
    CHECK(mount.ok("cat " + list).find("/a/@") != std::string::npos);
    mount.ok("actor write a/latest/x two");
    later("one", {"a:v0/x"});
    // Of one with two segments: the last that it sealed.
    mount.ok(
        "/usr/bin/python3 -c \"\nimport os\nfor text in 'three', 'four':\n"
        "    open('a/latest/x', 'w').write(text)\n"
        "    open('a/latest/.art/commit', 'w').write('1')\n"
        "print(os.path.realpath('a/latest/x'))\" > " +
        list);
    mount.ok("actor write a/latest/x five");
    later("four", {"a:v3/x"});
    // Of one that failed: what it left is sealed aside first.
    mount.sh(
        "/usr/bin/python3 -c \"\nimport os\nopen('a/latest/x', 'w').write('six')\n"
        "print(os.path.realpath('a/latest/x'))\nraise SystemExit(1)\" > " +
        list);
    later("six", {"a:v5/x"});
    CHECK(mount.ok("cat a/latest/x") == "five");
    mount.umount();
    mount.mount();
    later("six", {"a:v5/x"});
}

TEST_CASE("A view decides where, not who", "[strangers]") {
    TestMount mount;
    mount.ok("mkdir a; actor write a/latest/x 1");
    // An explicit run that was started in a shell's view writes there.
    mount.ok("cd a/latest; art run --name inside -- artfs_actor write y 2 : read x; :");
    CHECK(mount.logs("inside") == Names{"a:v1"});
    CHECK(mount.uses("inside") == Names{"a:v0/x"});
}
