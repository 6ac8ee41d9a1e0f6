// The guarantees of design.md, section 6, on a real mount. G9 to G12 come with later work.
#include <sys/stat.h>

#include <set>

#include "mounted/harness.h"
#include "support/catch.h"

using Names = std::vector<std::string>;

TEST_CASE("G1: a sealed version never changes", "[G1]") {
    TestMount mount;
    mount.ok(
        "mkdir a && actor mkdir a/latest/sub : write a/latest/sub/x one : write a/latest/y two");
    auto before = mount.ok("find a/v0 -printf '%p %m %s %T@ %y\\n' | sort; cat a/v0/sub/x a/v0/y");
    for (const char* attempt :
         {"actor write a/v0/y other", "actor append a/v0/y more", "actor unlink a/v0/y",
          "actor rename a/v0/y a/v0/z", "actor mkdir a/v0/new", "actor truncate a/v0/y 0",
          "actor write a/v0/fresh text", "actor link a/v0/y a/v0/z", "actor symlink y a/v0/z"}) {
        auto ran = mount.sh(attempt);
        INFO(attempt << ": " << ran.err);
        CHECK(ran.status == 1);
        CHECK(ran.err.find("EROFS") != std::string::npos);
    }
    CHECK(mount.sh("chmod 600 a/v0/y").status != 0);
    CHECK(mount.sh("touch a/v0/y").status != 0);
    CHECK(mount.sh("rm -rf a").status != 0);
    mount.ok("actor write a/latest/y three : unlink a/latest/sub/x");
    mount.ok("setfattr -n user.note -v x a/latest/y 2>/dev/null || true");
    CHECK(mount.ok("find a/v0 -printf '%p %m %s %T@ %y\\n' | sort; cat a/v0/sub/x a/v0/y") ==
          before);
    mount.umount();
    mount.mount();
    CHECK(mount.ok("find a/v0 -printf '%p %m %s %T@ %y\\n' | sort; cat a/v0/sub/x a/v0/y") ==
          before);
}

TEST_CASE("G2: a version that was seen survives the daemon's death, whole", "[G2]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x one");
    REQUIRE(mount.ok("cat a/v0/x") == "one");
    auto digest = mount.json("show a:v0").at("digest");
    // A second run is in the middle of its draft: synced bytes must survive, too.
    auto sign = mount.directory() / "synced";
    mount.ok("actor hold a/latest/y unfinished : fsync a/latest/y : touch " + sign.string() +
             " : sleep 60000 >/dev/null 2>&1 & actor await " + sign.string());
    mount.kill_daemon();
    mount.mount();
    CHECK(mount.ok("cat a/v0/x") == "one");
    CHECK(mount.json("show a:v0").at("digest") == digest);
    auto drafts = mount.json("status").at("drafts");
    REQUIRE(drafts.size() == 1);
    CHECK(drafts[0].at("state") == "abandoned");
    std::string run = drafts[0].at("run");
    CHECK(mount.ok("cat a/@" + run + "/y") == "unfinished");
    CHECK(mount.json("show @" + run).at("state") == "lost");
    REQUIRE(mount.art("commit " + run).status == 0);
    CHECK(mount.ok("cat a/v1/x a/v1/y") == "oneunfinished");
    CHECK(mount.json("status").at("drafts").empty());
    mount.sh("pkill -KILL -f '[:] sleep 60000' ");
}

TEST_CASE("G3: what `a && b` wrote is what b sees, with nothing between", "[G3]") {
    TestMount mount;
    mount.ok("mkdir a b");
    for (int i = 0; i < 25; ++i) {
        std::string text = "round " + std::to_string(i);
        auto out = mount.ok("actor write a/latest/x '" + text +
                            "' && actor read a/latest/x : write b/latest/y '" + text +
                            "' && actor read b/latest/y");
        REQUIRE(out == text + text);
    }
    // Also when the last to write is killed by a signal, and through art.
    mount.ok("actor write a/latest/x last && test \"$(art cat a:latest/x)\" = last");
    CHECK(mount.json("ls a").size() == 26);
}

TEST_CASE("G4: a run sees one version of each artifact for its whole life", "[G4]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x first");
    auto go = (mount.directory() / "go").string();
    auto looked = (mount.directory() / "looked").string();
    auto out = mount.ok("actor read a/latest/x : touch " + looked + " : await " + go +
                        " : read a/latest/x : read a/latest/x > " + go + ".out & actor await " +
                        looked + " : write a/latest/x second; actor touch " + go + "; wait; cat " +
                        go + ".out; actor read a/latest/x");
    CHECK(out == "firstfirstfirstsecond");
    // Its own writes are the exception.
    CHECK(mount.ok("actor read a/latest/x : write a/latest/x mine : read a/latest/x") ==
          "secondmine");
}

TEST_CASE("G5: every open for reading is a use edge, file by file", "[G5]") {
    TestMount mount;
    mount.ok(
        "mkdir a && actor write a/latest/x 1 : write a/latest/y 2 : mkdir a/latest/d : write "
        "a/latest/d/z 3");
    auto maker = mount.newest_run();
    CHECK(mount.logs(maker) == Names{"a:v0"});

    mount.ok("actor read a/latest/x : mapread a/latest/d/z");
    CHECK(mount.uses(mount.newest_run()) == Names{"a:v0/d/z", "a:v0/x"});
    mount.ok("actor read a/v0/y");
    CHECK(mount.uses(mount.newest_run()) == Names{"a:v0/y"});
    mount.ok("actor child : read a/latest/x");
    CHECK(mount.uses(mount.newest_run()) == Names{"a:v0/x"});
    // Changing a part of a file needs what was there.
    mount.ok("actor patch a/latest/y 9 : append a/latest/x more");
    auto patcher = mount.newest_run();
    CHECK(mount.uses(patcher) == Names{"a:v0/x", "a:v0/y"});
    CHECK(mount.logs(patcher) == Names{"a:v1"});
    CHECK(mount.ok("cat a/v1/x a/v1/y") == "1more9");
    // Execution is reading.
    mount.ok("cp $(command -v artfs_actor) a/latest/tool");
    mount.ok("a/latest/tool stat a/latest/x");
    CHECK(mount.uses(mount.newest_run()) == Names{"a:v2/tool"});
    // So is reading the metadata.
    mount.ok("actor write a/latest/.art/metadata.json '{\"k\":1}'");
    mount.ok("actor read a/latest/.art/metadata.json");
    CHECK(mount.uses(mount.newest_run()) == Names{"a:v3/.art/metadata.json"});
    mount.ok("actor read a/v3/.art/metadata.json");
    CHECK(mount.uses(mount.newest_run()) == Names{"a:v3/.art/metadata.json"});
}

TEST_CASE("G6: looking around makes no edges", "[G6]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 1 : write a/latest/y 2");
    auto runs = mount.json("runs --all").size();
    mount.ok(
        "ls -lR a; cat a/latest/x a/v0/y; stat a/v0/x; find a; du -s a; head -c1 a/latest/x; "
        "readlink a/latest; wc -c a/v0/x; grep 1 a/v0/x; cmp a/v0/x a/latest/x; cd a/v0; ls");
    CHECK(mount.json("runs --all").size() == runs);
    // A run that stats, lists, fails to open and reads what it wrote itself.
    mount.ok("actor stat a/latest/x : write a/latest/z own : read a/latest/z");
    auto run = mount.newest_run();
    CHECK(mount.uses(run).empty());
    CHECK(mount.logs(run) == Names{"a:v1"});
    mount.sh("actor read a/latest/absent");
    CHECK(mount.newest_run() == run);
    // Replacing a file entirely needs nothing of it.
    mount.ok("actor write a/latest/x new");
    CHECK(mount.uses(mount.newest_run()).empty());
    // The other documents of .art are no inputs.
    mount.ok("actor read a/v0/.art/version.json > /dev/null");
    CHECK(mount.json("runs --all").size() == runs + 2);
}

TEST_CASE("G7: the graph has no cycles and no edge to what did not exist", "[G7]") {
    TestMount mount;
    mount.ok("mkdir a b");
    mount.ok("actor write a/latest/x 1");
    mount.ok("actor read a/latest/x : write b/latest/y 2");
    // Writes what is there already, of an artifact that its own input came from: no edge may
    // follow.
    mount.ok("actor read b/latest/y : write a/latest/x 1");
    auto run = mount.newest_run();
    CHECK(mount.logs(run).empty());
    CHECK(mount.json("show @" + run).at("confirmed").size() == 1);
    CHECK(mount.json("ls a").size() == 1);
    // Equal content and no such path: an edge to what exists.
    mount.ok("actor write a/latest/x 1");
    CHECK(mount.logs(mount.newest_run()) == Names{"a:v0"});
    auto graph = mount.json("graph --explode --segments");
    std::map<std::string, std::set<std::string>> edges;
    for (const auto& edge : graph.at("edges"))
        edges[edge.at("from")].insert(edge.at("to").get<std::string>());
    std::set<std::string> done;
    std::set<std::string> open;
    std::function<bool(const std::string&)> acyclic = [&](const std::string& at) {
        if (done.count(at) > 0) return true;
        if (!open.insert(at).second) return false;
        for (const auto& next : edges[at])
            if (!acyclic(next)) return false;
        open.erase(at);
        done.insert(at);
        return true;
    };
    for (const auto& node : graph.at("nodes")) CHECK(acyclic(node.at("id")));
}

TEST_CASE("G8: a failing run moves nothing, and what it wrote is kept", "[G8]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x good && ln -s v0 a/best");
    auto failed = mount.sh("actor write a/latest/x bad : write a/latest/y half : exit 3");
    CHECK(failed.status == 3);
    CHECK(mount.ok("cat a/latest/x; readlink a/best") == "goodv0\n");
    CHECK(mount.json("ls a").size() == 1);
    auto run = mount.newest_run();
    auto document = mount.json("show @" + run);
    CHECK(document.at("state") == "failed");
    CHECK(document.at("exit_code") == 3);
    REQUIRE(document.at("drafts").size() == 1);
    CHECK(mount.ok("ls a | grep @") == "@" + run + "\n");
    CHECK(mount.ok("cat a/@" + run + "/x") == "bad");

    auto killed = mount.sh("actor write a/latest/x worse : kill 9");
    CHECK(killed.status == 137);
    auto second = mount.newest_run();
    CHECK(mount.json("show @" + second).at("state") == "killed");
    CHECK(mount.json("show @" + second).at("signal") == 9);

    CHECK(mount.art("commit " + run).status == 0);
    CHECK(mount.ok("cat a/v1/x a/v1/y") == "badhalf");
    CHECK(mount.art("discard " + second).status == 0);
    CHECK(mount.json("status").at("drafts").empty());
    CHECK(mount.ok("ls a | grep @ || true").empty());
    // What was committed before a failure stays.
    auto go = (mount.directory() / "go").string();
    mount.sh("actor write a/latest/x kept : touch " + go + " : await " + go +
             ".2 : write a/latest/x lost : exit 1 & actor await " + go +
             "; art commit \"$(art runs --state running --json --all | python3 -c 'import "
             "json,sys; print(json.load(sys.stdin)[0][\"name\"])')\"; touch " +
             go + ".2; wait");
    CHECK(mount.ok("cat a/latest/x") == "kept");
}
