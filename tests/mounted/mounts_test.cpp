// One daemon, several mounts: two projects of a store, and two mountpoints of one project.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "mounted/harness.h"
#include "support/catch.h"

namespace {

using Names = std::vector<std::string>;

// A store with project `default` on path() and project `other` on second().
class TwoProjects : public TestMount {
public:
    TwoProjects() {
        auto ran = art("mount " + second() + " --project other --store " + store().string());
        INFO(ran.err);
        REQUIRE(ran.status == 0);
    }
    ~TwoProjects() { art("umount --lazy " + second()); }
    std::string second() const { return (directory() / "second").string(); }
    nlohmann::json other(const std::string& arguments) const {
        return json(arguments + " --project other");
    }
};

}  // namespace

TEST_CASE("Two projects of a store have one daemon and nothing else in common", "[mounts]") {
    TwoProjects mount;
    mount.ok("mkdir a && actor write a/latest/x 1");
    mount.ok("cd " + mount.second() +
             " && ls && mkdir a b && ART_MOUNT= actor write a/latest/x 2 : write b/latest/y 3");
    CHECK(mount.json("ls").size() == 1);
    CHECK(mount.other("ls").size() == 2);
    CHECK(mount.art("cat a:v0/x").out == "1");
    CHECK(mount.art("cat a:v0/x --project other").out == "2");
    // The mount one stands in says which project is meant.
    CHECK(shell("ART_STORE= " + program("art").string() + " cat a:v0/x", mount.second()).out ==
          "2");
    auto status = mount.json("status");
    REQUIRE(status.at("mounts").size() == 2);
    CHECK(status.at("mounts").at(0).at("project") == "default");
    CHECK(status.at("mounts").at(1).at("project") == "other");
    CHECK(status.at("mounts").at(1).at("path") == mount.second());
    CHECK(mount.json("graph --explode").at("nodes").size() == 2);
}

TEST_CASE("Unmounting one of two leaves the other, and the last ends the daemon", "[mounts]") {
    TwoProjects mount;
    mount.ok("cd " + mount.second() + " && mkdir b && actor write b/latest/y 3");
    CHECK(mount.art("umount").status == 2);  // which?
    CHECK(mount.art("umount /tmp/nothing-of-ours").status == 3);
    pid_t daemon = mount.daemon_pid();
    CHECK(mount.art("umount " + mount.second()).status == 0);
    CHECK(mount.daemon_pid() == daemon);
    CHECK(mount.ok("mkdir a && actor write a/latest/x 1 : read a/latest/x") == "1");
    // Mounted again, what was made there is there.
    CHECK(mount.art("mount " + mount.second() + " --project other").status == 0);
    CHECK(shell("cat b/v0/y", mount.second()).out == "3");
    CHECK(mount.art("umount " + mount.path().string()).status == 0);
    CHECK(mount.daemon_pid() == daemon);
    CHECK(shell("cat b/latest/y", mount.second()).out == "3");
    CHECK(mount.art("umount").status == 0);
    CHECK(mount.json("status").at("daemon").is_null());
    // It ends when it has answered.
    auto process = "/proc/" + std::to_string(daemon);
    for (int i = 0; i < 500 && std::filesystem::exists(process); ++i) usleep(10'000);
    CHECK_FALSE(std::filesystem::exists(process));
    mount.mount();
}

TEST_CASE("A run that touches two projects is in both under one id", "[mounts]") {
    TwoProjects mount;
    mount.ok("mkdir a && actor write a/latest/x 1");
    mount.ok("mkdir " + mount.second() + "/b");
    mount.ok("art run --name both --job-type copy -- artfs_actor read a/latest/x : write " +
             mount.second() + "/b/latest/y 2 > /dev/null");
    mount.ok("actor read a/latest/x : write " + mount.second() + "/b/latest/y 3 > /dev/null");
    auto here = mount.json("show @both");
    auto there = mount.other("show @both");
    CHECK(here.at("id") == there.at("id"));
    CHECK(here.at("project") == "default");
    CHECK(there.at("project") == "other");
    CHECK(there.at("state") == "finished");
    CHECK(there.at("job_type") == "copy");
    CHECK(mount.uses("both") == Names{"a:v0/x"});
    CHECK(mount.other("ls b").size() == 2);
    CHECK(mount.other("ls b").at(1).at("logged_by") == nlohmann::json{"both"});
    // One that nobody named, too.
    std::string inferred = mount.other("ls b").at(0).at("logged_by").at(0);
    CHECK(mount.json("show @" + inferred).at("id") == mount.other("show @" + inferred).at("id"));
    CHECK(mount.uses(inferred) == Names{"a:v0/x"});
}

TEST_CASE("G7: no edge closes a cycle over two projects", "[mounts][G7]") {
    TwoProjects mount;
    std::string other = mount.second();
    mount.ok("mkdir a " + other + "/b && actor write a/latest/x 1");
    mount.ok("actor read a/latest/x : write " + other + "/b/latest/y 2 > /dev/null");
    // Of b, which was made from a: what it makes of a is what b came from.
    mount.ok("art run --name back -- artfs_actor read " + other +
             "/b/latest/y : write a/latest/x 1 > /dev/null");
    CHECK(mount.logs("back").empty());
    CHECK(mount.json("show @back").at("confirmed").size() == 1);
    CHECK(mount.json("ls a").size() == 1);
    // The same of a run that nobody named.
    mount.ok("actor read " + other + "/b/latest/y : write a/latest/x 1 > /dev/null");
    std::string unnamed = mount.newest_run("artfs_actor");
    CHECK(mount.logs(unnamed).empty());
    CHECK(mount.json("show @" + unnamed).at("confirmed").size() == 1);
    // An older version made again by who used a younger one: that is upstream of it from then on.
    mount.ok("mkdir old " + other + "/young && actor write old/latest/x 1");
    mount.ok("actor write " + other + "/young/latest/x 2");
    mount.ok("art run --name again -- artfs_actor read " + other +
             "/young/latest/x : write old/latest/x 1 > /dev/null");
    CHECK(mount.logs("again") == Names{"old:v0"});
    mount.ok("art run --name circle -- artfs_actor read old/latest/x : write " + other +
             "/young/latest/x 2 > /dev/null");
    CHECK(mount.other("show @circle").at("logs").empty());
    CHECK(mount.other("show @circle").at("confirmed").size() == 1);
}

TEST_CASE("G7: a seal in one project closes the segment in the others", "[mounts][G7]") {
    TwoProjects mount;
    const std::string b = mount.second() + "/b";
    const auto sign = (mount.directory() / "sign").string();
    mount.ok("mkdir a " + b + "; actor write " + b + "/latest/first 1");
    // What the run has committed is what the other makes b of, and then the run reads b.
    mount.ok("art run --name both -- artfs_actor read " + b + "/v0/first : write a/latest/x 1 : " +
             "write a/latest/.art/commit 1 : touch " + sign + " : await " + sign + ".2 : read " +
             b + "/v1/y : write " + b + "/latest/z 3 : write a/latest/x 2 & actor await " + sign +
             "; art run --name other -- artfs_actor read a/v0/x : write " + b +
             "/latest/y 2 && ls " + b + " > /dev/null && actor touch " + sign + ".2; wait");
    auto segments = [&](const char* edges) {
        Names found;
        const auto run = mount.json("show @both");
        for (const auto& edge : run.at(edges))
            found.push_back(edge.at("artifact").get<std::string>() + ":" +
                            edge.at("version").get<std::string>() + " in " +
                            edge.at("segment").dump());
        std::sort(found.begin(), found.end());
        return found;
    };
    CHECK(segments("uses") == Names{"b:v0 in 1", "b:v1 in 2"});
    CHECK(segments("logs") == Names{"a:v0 in 1", "a:v1 in 2", "b:v2 in 2"});
    CHECK(mount.json("show @both").at("segments") == 2);
    CHECK(mount.other("show @both").at("segments") == 2);
}

TEST_CASE("Two mountpoints of one project see one state", "[mounts]") {
    TestMount mount;
    std::string second = (mount.directory() / "second").string();
    CHECK(mount.art("mount " + second).status == 0);
    mount.ok("mkdir a && actor write a/latest/x 1");
    CHECK(shell("cat a/latest/x a/v0/x", second).out == "11");
    // A run that uses both has one view; an open file of one is the file of the other.
    mount.ok("actor write a/latest/x 2 : read " + second + "/a/latest/x : append " + second +
             "/a/latest/x 3 : read a/latest/x > " + mount.directory().string() + "/out");
    CHECK(shell("cat " + mount.directory().string() + "/out").out == "223");
    CHECK(mount.art("cat a:v1/x").out == "23");
    CHECK(mount.json("ls a").size() == 2);
    auto status = mount.json("status");
    REQUIRE(status.at("mounts").size() == 2);
    CHECK(status.at("mounts").at(1).at("path") == second);
    CHECK(mount.art("umount " + second).status == 0);
    CHECK(mount.ok("cat a/latest/x") == "23");
    // The first one goes, the second stays.
    CHECK(mount.art("mount " + second).status == 0);
    CHECK(mount.art("umount " + mount.path().string()).status == 0);
    CHECK(shell("cat a/latest/x", second).out == "23");
    CHECK(mount.art("umount " + second).status == 0);
    mount.mount();
}

TEST_CASE("A second mountpoint may be read-only, and may not lie on a mount", "[mounts]") {
    TestMount mount;
    std::string second = (mount.directory() / "second").string();
    mount.ok("mkdir a && actor write a/latest/x 1");
    CHECK(mount.art("mount " + second + " --read-only").status == 0);
    CHECK(shell("mkdir b", second).status != 0);
    CHECK(shell("cat a/latest/x", second).out == "1");
    CHECK(mount.art("mount " + mount.path().string() + "/inside").status == 2);
    CHECK(mount.art("mount " + second).status == 0);  // another worker goes on with it
    CHECK(shell("mkdir b", second).status != 0);
    CHECK(mount.art("umount " + second).status == 0);
}

TEST_CASE("What is no matter of a mount is done for a project that is not mounted, too",
          "[mounts]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 1");
    auto second = (mount.directory() / "second").string();
    auto far = [&](const std::string& command) {
        auto ran = mount.sh("cd / && art " + command + " --project far");
        INFO(command << "\n" << ran.err);
        REQUIRE(ran.status == 0);
        return ran.out;
    };
    auto file = (mount.directory() / "x").string();
    mount.ok("echo one > " + file);
    CHECK(far("put " + file + " a --alias best") == "a:v0\n");
    mount.ok("echo two > " + file);
    CHECK(far("put " + file + " a") == "a:v1\n");
    CHECK(far("cat a:best/x") == "one\n");
    far("alias a:v1 good");
    far("describe a:v1 told");
    far("tag a:v1 checked");
    far("revert a:v0");
    CHECK(far("cat a/x") == "one\n");
    far("bundle a -o " + file + ".tar");
    CHECK(far("unbundle " + file + ".tar") == "all of it is here already\n");
    far("put " + file + " c");
    far("rm c:v0");
    CHECK(far("gc").find("c:v0") != std::string::npos);
    far("get a:v1 " + file + ".out");
    // Nothing of it is on the mount, whose artifact has that name too.
    CHECK(mount.ok("ls . a; cat a/latest/x; art ls --json | grep -c best || true") ==
          ".:\na\n\na:\nlatest\nv0\n10\n");
    // A draft that was left there.
    CHECK(mount.art("mount " + second + " --project far").status == 0);
    CHECK(shell("cat a/latest/x a/good/x a/best/x; ls", second).out == "one\ntwo\none\na\nc\n");
    for (const char* run : {"one", "two"})
        shell("ART_STORE=" + mount.store().string() + " ART_PROJECT=far " +
                  program("art").string() + " run --name " + run +
                  " -- sh -c 'echo 3 > a/latest/x; exit 3'",
              second);
    CHECK(mount.art("umount " + second).status == 0);
    CHECK(far("commit one") == "a:v2\n");
    CHECK(far("discard two") == "dropped the draft of a\n");
    CHECK(mount.art("commit two --project far").status == 1);
    CHECK(mount.art("commit one").status == 3);
    // What is a matter of a mount says so.
    auto ran = mount.sh("art run --project far -- true");
    CHECK(ran.status == 4);
    CHECK(ran.err == "art: project far is not mounted: art mount DIR --project far\n");
}

TEST_CASE("Mounting again changes no option of a mount, and says so", "[mounts]") {
    TestMount mount;
    std::string second = (mount.directory() / "second").string();
    auto again = [&](const std::string& options, const std::string& word) {
        auto ran = mount.art("mount " + options);
        INFO(options << "\n" << ran.err);
        CHECK(ran.status == (word.empty() ? 0 : 4));
        CHECK(ran.err.find(word) != std::string::npos);
        CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == (word.empty() ? 0 : 1));
    };
    const auto first = mount.path().string();
    again(first + " -o ro", "mounted already, and writable");
    again(first + " --read-only", "mounted already, and writable");
    again(first + " -o allow_other", "for you alone");
    again(first + " -o rw", "");
    mount.ok("mkdir a && actor write a/latest/x 1");
    again(second + " -o ro", "");
    again(second + " -o ro", "");
    again(second + " -o rw", "mounted already, and read-only");
    again(second, "");
    CHECK(shell("mkdir b", second).status != 0);
    CHECK(mount.art("umount " + second).status == 0);
    again(second + " -o ro -o rw", "");
    CHECK(shell("mkdir b", second).status == 0);
    CHECK(mount.art("umount " + second).status == 0);
}

TEST_CASE("mount(8) mounts a store by its helper", "[mounts]") {
    TestMount mount;
    mount.umount();
    auto ran =
        shell("PATH=" + program("art").parent_path().string() +
              ":$PATH " ARTFS_SOURCE "/tools/system/mount.fuse.artfs " + mount.store().string() +
              " " + mount.path().string() + " -n -o rw,nofail,project=other,x-anything=1");
    INFO(ran.err);
    REQUIRE(ran.status == 0);
    CHECK(mount.json("status").at("mounts").at(0).at("project") == "other");
    CHECK(shell(ARTFS_SOURCE "/tools/system/mount.fuse.artfs one").status == 1);
    CHECK(mount.art("umount " + mount.path().string()).status == 0);
}
