// When drafts are sealed and what becomes of those that are not (design.md, section 5).
#include <fstream>

#include "mounted/harness.h"
#include "support/catch.h"

using Names = std::vector<std::string>;

namespace {

// Waits until `art log ARTIFACT` has so many versions.
void await_versions(const TestMount& mount, const std::string& artifact, std::size_t count) {
    for (int i = 0; i < 600; ++i) {
        if (mount.json("ls " + artifact).size() >= count) return;
        mount.ok("sleep 0.05");
    }
    CHECK(mount.json("ls " + artifact).size() >= count);
}

}  // namespace

TEST_CASE("seal= says which ends of a run seal", "[policies]") {
    Configured mount("[artifact.all]\nseal = \"always\"\n[artifact.some]\nseal = \"ok:0,3\"\n");
    mount.ok("mkdir all some plain");
    mount.sh(
        "actor write all/latest/x 1 : write some/latest/x 1 : write plain/latest/x 1 : exit 3");
    CHECK(mount.json("ls all").size() == 1);
    CHECK(mount.json("ls some").size() == 1);
    CHECK(mount.json("ls plain").empty());
    CHECK(mount.json("show @" + mount.newest_run()).at("state") == "failed");
    mount.sh("actor write all/latest/x 2 : write some/latest/x 2 : kill 9");
    CHECK(mount.json("ls all").size() == 2);
    CHECK(mount.json("ls some").size() == 1);
    CHECK(mount.sh("art run --ok-exit 0,7 -- artfs_actor write plain/latest/x 3 : exit 7").status ==
          7);
    CHECK(mount.json("ls plain").size() == 1);
    CHECK(mount.json("show @" + mount.newest_run()).at("state") == "finished");
}

TEST_CASE("a quiet draft is sealed in mid-run, by policy", "[policies]") {
    Configured mount("[type.model]\ncommit = \"quiet:200ms\"\n");
    mount.ok("mkdir -p a/latest && actor write a/latest/.art/type model : write a/latest/x 0");
    auto sign = (mount.directory() / "go").string();
    mount.ok("actor read a/latest/x : write a/latest/y 1 : await " + sign +
             " : write a/latest/y 2 >/dev/null & echo $! > " + sign + ".pid");
    await_versions(mount, "a", 2);
    CHECK(mount.ok("cat a/v1/x a/v1/y") == "01");
    mount.ok("touch " + sign + "; while kill -0 $(cat " + sign +
             ".pid) 2>/dev/null; do sleep 0.01; done");
    CHECK(mount.ok("cat a/v2/y") == "2");
    auto run = mount.json("show @" + mount.newest_run());
    CHECK(mount.logs(mount.newest_run()) == Names{"a:v1", "a:v2"});
    CHECK(run.at("logs")[0].at("segment") == 1);
    CHECK(run.at("logs")[1].at("segment") == 2);
}

TEST_CASE("what somebody works in seals when it is quiet, not at its end", "[policies]") {
    TestMount mount;
    auto server = (mount.directory() / "jupyter-server").string();
    auto sign = (mount.directory() / "go").string();
    std::ofstream(server) << "artfs_actor write a/latest/x 1 : await " + sign + "\n";
    mount.ok("mkdir a; sh " + server + " >/dev/null & echo $! > " + sign + ".pid");
    await_versions(mount, "a", 1);
    CHECK(mount.json("show @" + mount.newest_run()).at("state") == "running");
    mount.ok("touch " + sign + "; while kill -0 $(cat " + sign +
             ".pid) 2>/dev/null; do sleep 0.01; done");
    CHECK(mount.json("ls a").size() == 1);
}

TEST_CASE("a write to .art/commit seals and returns when it is durable", "[policies]") {
    TestMount mount;
    mount.ok("mkdir a");
    mount.ok(
        "actor write a/latest/x 1 : append a/latest/.art/commit now : read a/v0/x : write "
        "a/latest/x 2 : append a/latest/.art/commit now : read a/v1/x : read a/latest/x");
    CHECK(mount.json("ls a").size() == 2);
    // While a file is open for writing it refuses.
    auto refused = mount.sh("actor hold a/latest/x 3 : append a/latest/.art/commit now");
    CHECK(refused.status == 1);
    CHECK(refused.err.find("EBUSY") != std::string::npos);
    // Another run's draft is nobody else's to commit.
    auto sign = (mount.directory() / "sign").string();
    mount.ok("actor write a/latest/y 1 : touch " + sign + " : await " + sign +
             ".go >/dev/null & actor await " + sign);
    auto other = mount.ok("ls a | grep @ | tail -1");
    other.pop_back();
    CHECK(mount.sh("actor append a/" + other + "/.art/commit now").err.find("EROFS") !=
          std::string::npos);
    mount.ok("touch " + sign + ".go");
}

TEST_CASE("base = empty starts each draft empty", "[policies]") {
    Configured mount("[artifact.a]\nbase = \"empty\"\n");
    mount.ok("mkdir a && actor write a/latest/x 1 : mkdir a/latest/d : write a/latest/d/y 2");
    CHECK(mount.ok("actor read a/latest/x : write a/latest/z 3 && ls a/latest a/v1") ==
          "1a/latest:\nz\n\na/v1:\nz\n");
    auto version = mount.json("show a:v1");
    CHECK(version.at("parent").is_null());
    CHECK(version.at("diverged").empty());
    CHECK(mount.uses(mount.newest_run()) == Names{"a:v0/x"});
}

TEST_CASE("chmod a-w makes an artifact's views read-only", "[policies]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 1; chmod a-w a");
    CHECK(mount.ok("stat -c %a a") == "555\n");
    CHECK(mount.sh("actor write a/latest/x 2").err.find("EROFS") != std::string::npos);
    CHECK(mount.sh("actor write a/latest/new 2").err.find("EROFS") != std::string::npos);
    mount.umount();
    mount.mount();
    CHECK(mount.sh("actor write a/latest/x 2").status == 1);
    mount.ok("chmod u+w a; actor write a/latest/x 2");
    CHECK(mount.ok("cat a/v1/x") == "2");
}

TEST_CASE("art revert makes an older version latest again", "[policies]") {
    TestMount mount;
    mount.ok("mkdir a; for i in 0 1 2; do actor write a/latest/x $i; done");
    REQUIRE(mount.art("revert a:v0").status == 0);
    CHECK(mount.ok("cat a/latest/x; readlink a/latest") == "0v0\n");
    CHECK(mount.ok("actor read a/latest/x") == "0");
    CHECK(mount.uses(mount.newest_run()) == Names{"a:v0/x"});
    // The no-op test and the parent mean the head.
    mount.ok("actor write a/latest/x 0");
    CHECK(mount.json("ls a").size() == 3);
    mount.ok("actor write a/latest/x new");
    CHECK(mount.json("show a:v3").at("parent") == "v0");
    CHECK(mount.art("revert a:v9").status == 3);
    CHECK(mount.art("revert a").status == 2);
    mount.umount();
    REQUIRE(mount.art("revert a:v1").status == 0);
    mount.mount();
    CHECK(mount.ok("cat a/latest/x") == "1");
}

TEST_CASE("keep_last and ttl delete older versions that runs made, and no others", "[policies]") {
    Configured mount("[artifact.a]\nkeep_last = 2\n[artifact.b]\nttl = \"1s\"\n");
    mount.ok("mkdir a b; actor write a/latest/x 0 : write b/latest/x 0; ln -s v0 a/best");
    mount.ok("ln -s v0 b/best; actor write b/latest/x 1; actor write b/latest/x 2");
    mount.ok("for i in 1 2 3 4; do actor write a/latest/x $i; done");
    auto left = [&](const std::string& artifact) {
        Names versions;
        for (const auto& version : mount.json("ls " + artifact))
            versions.push_back(version.at("version"));
        std::sort(versions.begin(), versions.end());
        return versions;
    };
    for (int i = 0; i < 600 && (left("a").size() > 3 || left("b").size() > 2); ++i)
        mount.ok("sleep 0.1");
    CHECK(left("a") == Names{"v0", "v3", "v4"});
    CHECK(left("b") == Names{"v0", "v2"});
    CHECK(mount.ok("ls a | grep v; cat a/best/x a/latest/x") == "v0\nv3\nv4\n04");
    CHECK(mount.sh("stat a/v1").status != 0);
}

TEST_CASE("draft_age drops what nobody decided about", "[policies]") {
    Configured mount("[limits]\ndraft_age = \"1s\"\n");
    mount.ok("mkdir a");
    mount.sh("actor write a/latest/x 1 : exit 1");
    for (int i = 0; i < 600 && !mount.json("status").at("drafts").empty(); ++i)
        mount.ok("sleep 0.1");
    CHECK(mount.json("status").at("drafts").empty());
    CHECK(mount.ok("ls a | grep @ || true").empty());
}

TEST_CASE("options of art run are checked before anything runs", "[policies]") {
    TestMount mount;
    mount.ok("mkdir a; actor write a/latest/x 1; actor write a/latest/x 2");
    CHECK(mount.ok("art run --pin a=v0 -- artfs_actor read a/latest/x") == "1");
    CHECK(mount.sh("art run --pin a=v7 -- artfs_actor read a/latest/x").status == 3);
    CHECK(mount.sh("art run --pin b=v0 -- artfs_actor read a/latest/x").status == 3);
    CHECK(mount.sh("art run --type a=model -- artfs_actor read a/latest/x").status == 2);
    CHECK(mount.sh("art run --alias a=latest -- artfs_actor read a/latest/x").status == 2);
    mount.ok("mkdir m; art run --type m=model --alias m=good -- artfs_actor write m/latest/x 1");
    CHECK(mount.json("show m:good").at("type") == "model");
}

TEST_CASE("an abandoned draft that a run reads becomes a version beside the head", "[policies]") {
    TestMount mount;
    mount.ok("mkdir a b; actor write a/latest/x good");
    mount.sh("actor write a/latest/x bad : write a/latest/y half : exit 1");
    auto failed = mount.newest_run();
    // Observers leave no trace.
    CHECK(mount.ok("cat a/@" + failed + "/x") == "bad");
    CHECK(mount.json("ls a").size() == 1);
    CHECK(mount.ok("actor read a/@" + failed + "/x : write b/latest/z made") == "bad");
    auto reader = mount.newest_run();
    CHECK(mount.uses(reader) == Names{"a:v1/x"});
    CHECK(mount.logs(failed) == Names{"a:v1"});
    CHECK(mount.ok("cat a/latest/x a/v1/x") == "goodbad");
    CHECK(mount.json("show a").at("version") == "v0");
    CHECK(mount.json("status").at("drafts").empty());
    // What comes next is made upon the head.
    mount.ok("actor write a/latest/w 1");
    CHECK(mount.ok("ls a/v2; cat a/v2/x") == "w\nx\ngood");
}

TEST_CASE("a resumed run goes on where the other left its drafts", "[resume]") {
    TestMount mount;
    mount.ok("mkdir a b c; actor write a/latest/in 1 : write c/latest/in 1");
    mount.ok("actor write b/latest/old o");
    mount.sh(
        "actor read a/latest/in : stat c/latest/in : mkdir b/latest/d : write b/latest/d/x half : "
        "unlink b/latest/old : exit 1");
    auto failed = mount.newest_run();
    mount.ok("actor write c/latest/in 2");  // it stays pinned to what it saw
    CHECK(mount.ok("art run --resume " + failed +
                   " -- artfs_actor read c/latest/in : append b/latest/d/x more : write b/latest/y "
                   "end") == "1");
    auto resumed = mount.newest_run();
    CHECK(resumed != failed);
    CHECK(mount.ok("cat b/v1/d/x b/v1/y; ls b/v1") == "halfmoreendd\ny\n");
    CHECK(mount.logs(resumed) == Names{"b:v1"});
    CHECK(mount.uses(resumed) == Names{"c:v0/in"});
    CHECK(mount.logs(failed).empty());
    CHECK(mount.json("status").at("drafts").empty());
    CHECK(mount.sh("art run --resume nobody-1 -- true").status == 3);
    // Lineage goes through what it resumes: b:v1 came from a:v0, so nothing made of b made that.
    mount.ok("actor read b/latest/y : write a/latest/in 1");
    auto run = mount.newest_run();
    CHECK(mount.logs(run).empty());
    CHECK(mount.json("show @" + run).at("confirmed").size() == 1);
}

TEST_CASE("what a process does after its run's seal is the next segment", "[segments]") {
    TestMount mount;
    mount.ok("mkdir a b; actor write b/latest/in 1");
    auto sign = (mount.directory() / "sign").string();
    // The child lives on when the run's root has exited and its draft is sealed. (Who was started
    // in the clock tick of the end counts as started after it.)
    mount.ok("art run -- sh -c 'artfs_actor write a/latest/x 1; artfs_actor await " + sign +
             " : read b/latest/in : write a/latest/y 2 : touch " + sign +
             ".done >/dev/null 2>&1 & sleep 0.1'");
    await_versions(mount, "a", 1);
    auto run = mount.newest_run();
    CHECK(mount.ok("cat a/v0/x; ls a/v0") == "1x\n");
    mount.ok("touch " + sign + "; actor await " + sign + ".done");
    await_versions(mount, "a", 2);
    CHECK(mount.ok("cat a/v1/x a/v1/y") == "12");
    CHECK(mount.newest_run() == run);
    auto document = mount.json("show @" + run);
    CHECK(document.at("segments") == 2);
    REQUIRE(document.at("uses").size() == 1);
    CHECK(document.at("uses")[0].at("segment") == 2);
    CHECK(mount.logs(run) == Names{"a:v0", "a:v1"});
}

TEST_CASE("a run with a dead root and a living writer is lingering, and nobody waits",
          "[segments]") {
    TestMount mount;
    mount.ok("mkdir a; actor write a/latest/x 0");
    auto sign = (mount.directory() / "sign").string();
    mount.ok("actor hold a/latest/x held : fork : await " + sign + " >/dev/null 2>&1");
    CHECK(mount.ok("actor read a/latest/x") == "0");
    bool lingering = false;
    auto status = mount.json("status");
    for (const auto& run : status.at("runs"))
        lingering = lingering || run.at("state") == "lingering";
    CHECK(lingering);
    CHECK(!status.at("warnings").empty());
    mount.ok("touch " + sign);
    await_versions(mount, "a", 2);
    CHECK(mount.ok("cat a/v1/x") == "held");
}

TEST_CASE("reading what it wrote before a seal makes no edge, reading the rest does",
          "[segments]") {
    TestMount mount;
    mount.ok("mkdir a; actor write a/latest/old 1");
    mount.ok(
        "actor write a/latest/new 2 : append a/latest/.art/commit now : read a/latest/new : read "
        "a/latest/old : write a/latest/last 3");
    auto run = mount.newest_run();
    CHECK(mount.uses(run) == Names{"a:v0/old"});
    CHECK(mount.logs(run) == Names{"a:v1", "a:v2"});
}
