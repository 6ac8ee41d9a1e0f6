// Runs begun by name: art run, art begin, art end, art next; how they nest; environment that lies.
#include <unistd.h>

#include "mounted/harness.h"
#include "support/catch.h"

namespace {

using Names = std::vector<std::string>;

std::string run_called(const TestMount& mount, const std::string& name, const char* key) {
    return mount.json("show @" + name).at(key).dump();
}

}  // namespace

TEST_CASE("What a shell does between begin and end is one run", "[explicit]") {
    TestMount mount;
    mount.ok("mkdir a b c");
    mount.ok("actor write a/latest/x 1");
    auto out = mount.ok(
        "eval \"$(art begin --name session --job-type explore --tag t --config lr=0.1)\"; "
        "actor read a/latest/x; actor write b/latest/y 2; echo 3 > b/latest/z; art end; "
        "actor write c/latest/after 4");
    CHECK(out == "1ended session\n");
    auto run = mount.json("show @session");
    CHECK(run.at("job_type") == "explore");
    CHECK(run.at("state") == "finished");
    CHECK(run.at("exit_code") == 0);
    CHECK(run.at("config").at("lr") == 0.1);
    CHECK(run.at("tags") == nlohmann::json{"t"});
    CHECK(mount.uses("session") == Names{"a:v0/x"});
    CHECK(mount.logs("session") == Names{"b:v0"});
    CHECK(mount.art("cat b:v0/z").out == "3\n");
    CHECK(mount.json("ls c").at(0).at("logged_by") != nlohmann::json{"session"});
    CHECK(mount.json("ls b").size() == 1);
}

TEST_CASE("The end of the shell ends the run it began, with the shell's status", "[explicit]") {
    TestMount mount;
    mount.ok("mkdir a");
    CHECK(mount.sh("eval \"$(art begin --name good)\"; actor write a/latest/x 1").status == 0);
    CHECK(mount.sh("eval \"$(art begin --name bad)\"; actor write a/latest/x 2; exit 3").status ==
          3);
    CHECK(mount.logs("good") == Names{"a:v0"});
    CHECK(mount.logs("bad").empty());
    CHECK(run_called(mount, "bad", "state") == "\"failed\"");
    CHECK(mount.json("ls a").size() == 1);
}

TEST_CASE("art end and art next where nothing was begun are refused", "[explicit]") {
    TestMount mount;
    CHECK(mount.sh("art end").status == 3);
    CHECK(mount.sh("art next").status == 3);
    auto inside = mount.sh("art run -- art end");
    CHECK(inside.status == 4);
    CHECK(inside.err.find("ends with its command") != std::string::npos);
    mount.umount();
    CHECK(mount.art("begin").status == 4);
    mount.mount();
}

TEST_CASE("art next ends a run and begins the next one in the same shell", "[explicit]") {
    TestMount mount;
    mount.ok("mkdir a");
    mount.ok(
        "eval \"$(art begin --name one --job-type work --tag t)\"; actor write a/latest/x 1; "
        "art next > /dev/null; actor read a/latest/x > /dev/null; actor write a/latest/x 2; "
        "art end");
    auto runs = mount.json("runs --job-type work");
    REQUIRE(runs.size() == 2);
    CHECK(runs.at(1).at("name") == "one");
    std::string second = runs.at(0).at("name");
    CHECK(mount.logs("one") == Names{"a:v0"});
    CHECK(mount.uses(second) == Names{"a:v0/x"});
    CHECK(mount.logs(second) == Names{"a:v1"});
    CHECK(run_called(mount, second, "tags") == "[\"t\"]");
}

TEST_CASE("art next in a program that nobody wrapped gives its root a new run", "[explicit]") {
    TestMount mount;
    mount.ok("mkdir a b");
    mount.ok(
        "python3 -c \"\n"
        "import subprocess\n"
        "open('a/latest/x', 'w').write('1')\n"
        "subprocess.run(['art', 'next'], check=True, stdout=subprocess.DEVNULL)\n"
        "open('b/latest/y', 'w').write(open('a/latest/x').read())\n\"");
    auto maker = mount.json("ls a").at(0).at("logged_by").at(0).get<std::string>();
    auto second = mount.json("ls b").at(0).at("logged_by").at(0).get<std::string>();
    CHECK(maker != second);
    CHECK(mount.uses(second) == Names{"a:v0/x"});
}

TEST_CASE("A run inside a run sees what the outer one drafted, and gives back what it logged",
          "[explicit]") {
    TestMount mount;
    mount.ok("mkdir a b c");
    mount.ok(
        "actor write b/latest/old 0 : write b/latest/gone 0 : mkdir b/latest/d "
        ": write b/latest/d/deep 0");
    // outer drafts a, looks at all of b, and starts inner, which reads a and changes b.
    mount.ok(
        "art run --name outer -- bash -c '"
        "actor() { artfs_actor \"$@\"; }; actor write a/latest/x 1; "
        "actor read b/latest/old : stat b/latest/d/deep > /dev/null; "
        "! actor read b/latest/fresh 2> /dev/null; cd b/latest/d; "
        "art run --name inner -- artfs_actor read ../../../a/latest/x "
        ": write ../../latest/old 1 : write ../../latest/fresh 1 "
        ": unlink ../../latest/gone : write ../../latest/d/deep 1 > /dev/null; "
        "cd ../../..; "
        "actor read b/latest/old : read b/latest/fresh : read b/latest/d/deep > c/latest/got; "
        "! actor read b/latest/gone 2> /dev/null'");
    CHECK(run_called(mount, "inner", "parent") == "\"outer\"");
    CHECK(mount.art("cat c:v0/got").out == "111");
    CHECK(mount.uses("inner") == Names{"a:v0/x"});
    CHECK(mount.logs("inner") == Names{"b:v1"});
    CHECK(mount.uses("outer") == Names{"b:v0/old", "b:v1/d/deep", "b:v1/fresh", "b:v1/old"});
    auto outer = mount.json("show @outer");
    CHECK(outer.at("segments") == 3);
    std::map<std::string, int> segment;
    for (const auto& use : outer.at("uses"))
        segment[use.at("version")] = use.at("segment").get<int>();
    CHECK(segment.at("v0") < segment.at("v1"));
    CHECK(mount.logs("outer") == Names{"a:v0", "c:v0"});
    auto graph = mount.json("graph --segments");
    CHECK_FALSE(graph.at("edges").empty());
}

TEST_CASE("A shell's run inside a shell's run, and the outer one goes on", "[explicit]") {
    TestMount mount;
    mount.ok("mkdir a b");
    mount.ok(
        "eval \"$(art begin --name outer)\"; actor write a/latest/x 1; "
        "eval \"$(art begin --name inner)\"; actor write b/latest/x 1; art end; "
        "actor write a/latest/y 2; art end");
    CHECK(run_called(mount, "inner", "parent") == "\"outer\"");
    CHECK(mount.logs("inner") == Names{"b:v0"});
    CHECK(mount.logs("outer") == Names{"a:v0", "a:v1"});
}

TEST_CASE("ART_RUN that lies is not believed", "[explicit]") {
    TestMount mount({"--allow-other"});
    mount.ok("umask 0; mkdir -m 777 a b c d");
    auto id = mount.ok("eval \"$(art begin --name over)\"; echo $ART_RUN; art end > /dev/null");
    id.pop_back();
    mount.ok("ART_RUN=" + id + " actor write a/latest/x 1");
    CHECK(mount.json("ls a").at(0).at("logged_by") != nlohmann::json{"over"});
    for (const char* nonsense : {"nonsense", "00000000-0000-0000-0000-000000000000", ""})
        mount.ok("ART_RUN='" + std::string(nonsense) + "' actor write b/latest/x '" +
                 std::string(nonsense) + "'");
    for (const auto& version : mount.json("ls b")) CHECK(version.at("logged_by").size() == 1);
    CHECK(mount.logs("over").empty());
    // Another user's live run: started elsewhere, so that only the environment names it.
    mount.ok("art run --name mine -- bash -c 'echo $ART_RUN > " + mount.directory().string() +
             "/id; artfs_actor write c/latest/x 1; until [ -e " + mount.directory().string() +
             "/done ]; do sleep 0.05; done' > /dev/null 2>&1 & "
             "until [ -s " +
             mount.directory().string() +
             "/id ]; do sleep 0.05; done; "
             "ART_RUN=$(cat " +
             mount.directory().string() +
             "/id) setpriv --reuid 65534 --regid "
             "65534 --clear-groups env artfs_actor write d/latest/x 1; touch " +
             mount.directory().string() + "/done; wait");
    CHECK(mount.logs("mine") == Names{"c:v0"});
    CHECK(mount.json("ls d").at(0).at("logged_by") != nlohmann::json{"mine"});
}

TEST_CASE("What the processes of a run took is told of it", "[explicit]") {
    TestMount mount;
    mount.ok("mkdir a b");
    const std::string work =
        "python3 -c \"\n"
        "import sys, time\n"
        "data = bytearray(48 << 20)\n"
        "open('/dev/zero', 'rb').readinto(data)\n"
        "while time.process_time() < 0.3: pass\n"
        "open(sys.argv[1], 'wb').write(data[:5 << 20])\n\" ";
    mount.ok("art run --name wrapped -- " + work + "a/latest/x");
    mount.ok(work + "b/latest/x; true");
    std::vector<std::string> names{"wrapped"};
    auto inferred = mount.json("ls b").at(0).at("logged_by").at(0).get<std::string>();
    // Nobody tells an ordinary user's daemon of processes that are not its own.
    if (geteuid() == 0) names.push_back(inferred);
    for (const auto& name : names) {
        INFO(name);
        auto took = mount.json("show @" + name).at("resources");
        INFO(took.dump());
        CHECK(took.at("peak_memory").get<std::uint64_t>() >= 48U << 20U);
        CHECK(took.at("peak_memory").get<std::uint64_t>() < 2048U << 20U);
        CHECK(took.at("cpu_user_seconds").get<double>() +
                  took.at("cpu_system_seconds").get<double>() >=
              0.29);
        CHECK(took.at("bytes_read").get<std::uint64_t>() >= 48U << 20U);
        CHECK(took.at("bytes_written").get<std::uint64_t>() >= 5U << 20U);
        CHECK(mount.art("show @" + name).out.find("s of processors") != std::string::npos);
    }
    // A shell's own figures are not those of the run it acts for.
    mount.ok("eval \"$(art begin --name typed)\"; actor write a/latest/y 1; art end");
    CHECK(mount.json("show @typed").at("resources").empty());
}

TEST_CASE("A run's tags and notes have a history", "[explicit]") {
    TestMount mount;
    mount.ok("mkdir a && art run --name one --tag born -- artfs_actor write a/latest/x 1");
    mount.ok("art tag @one good; art tag --delete @one born; art describe @one 'the first'");
    auto run = mount.json("show @one");
    CHECK(run.at("tags") == nlohmann::json{"good"});
    auto history = run.at("history");
    REQUIRE(history.size() == 3);
    CHECK(history.at(0).at("what") == "tag");
    CHECK(history.at(1).at("detail").at("remove") == nlohmann::json{"born"});
    CHECK(history.at(2).at("detail").at("after") == "the first");
    CHECK(history.at(2).at("who") == run.at("user"));
    // Of a live run too; its end keeps it.
    mount.ok("art run --name two -- bash -c 'artfs_actor write a/latest/x 2; art tag @two mid'");
    CHECK(mount.json("show @two").at("history").size() == 1);
    CHECK(mount.json("show @two").at("tags") == nlohmann::json{"mid"});
}
