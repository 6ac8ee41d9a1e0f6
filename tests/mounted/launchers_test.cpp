// Rule 6 of design.md, section 3: the views of launchers.
#include <fstream>

#include "mounted/harness.h"
#include "support/catch.h"

using Names = std::vector<std::string>;

TEST_CASE("A shell that goes into latest is in a view of its own, which follows the head",
          "[launchers]") {
    TestMount mount;
    mount.ok("mkdir a; actor write a/latest/x one : mkdir a/latest/d : write a/latest/d/z deep");
    auto out =
        mount.ok("cd a/latest/d; pwd -P; cat z; cat ../x; (cd /; actor write " +
                 mount.path().string() + "/a/latest/x two); cat ../x; ls; cd ..; cat d/z; :");
    CHECK(out.find("/a/@bash-") != std::string::npos);
    CHECK(out.substr(out.find('\n') + 1) == "deeponetwoz\ndeep");
    // What `readlink` says is where the shell goes.
    CHECK(mount
              .ok("test \"$(readlink a/latest)\" = @bash-$$; readlink a/latest >&2; "
                  "cd a/latest; test \"$(basename $(pwd -P))\" = @bash-$$; :")
              .empty());
    // Observers see the head by name.
    CHECK(mount.ok("ls -l a | grep -o 'latest -> .*'") == "latest -> v1\n");
}

TEST_CASE("Programs write where the shell is", "[launchers]") {
    TestMount mount;
    mount.ok("mkdir a b; actor write b/latest/in 1");
    mount.ok(
        "cd a/latest; actor write x one : read ../../b/latest/in; ls > /dev/null; "
        "sort x > sorted; cat ../v0/x; :");
    auto first = mount.newest_run("artfs_actor");
    CHECK(mount.logs(first) == Names{"a:v0"});
    CHECK(mount.uses(first) == Names{"b:v0/in"});
    auto second = mount.newest_run("sort");
    CHECK(mount.uses(second) == Names{"a:v0/x"});
    CHECK(mount.logs(second) == Names{"a:v1"});
    CHECK(mount.json("ls a").size() == 2);
    // `latest` is that view for a run that has its draft there.
    CHECK(mount.ok("cd a/latest; actor write y two : read ../latest/y : readlink ../latest; :")
              .find("two@bash-") == 0);
    CHECK(mount.json("ls a").size() == 3);
}

TEST_CASE("A failing program's draft leaves the shell's view", "[launchers]") {
    TestMount mount;
    mount.ok("mkdir a; actor write a/latest/x good");
    CHECK(mount.ok("cd a/latest; actor write x bad : write y more : exit 3; "
                   "actor read x; ls; :") == "goodx\n");
    auto drafts = mount.json("status").at("drafts");
    REQUIRE(drafts.size() == 1);
    std::string run = drafts[0].at("run");
    CHECK(mount.ok("cat a/@" + run + "/x; ls a/@" + run) == "badx\ny\n");
    CHECK(mount.json("show @" + run).at("state") == "failed");
}

TEST_CASE("A program begins on the directories that were made for it", "[launchers]") {
    TestMount mount;
    mount.ok("mkdir b");
    CHECK(mount
              .ok("mkdir -p b/latest/out/deep && ls b/latest/ && actor write b/latest/out/deep/x "
                  "1 : write b/latest/out/y 2 && cat b/v0/out/deep/x b/v0/out/y 2>/dev/null; "
                  "actor read b/latest/out/y; :")
              .find("out\n") == 0);
    CHECK(mount.json("ls b").size() == 1);
    CHECK(mount.ok("find b/v0 -mindepth 1 | sort") ==
          "b/v0/out\nb/v0/out/deep\nb/v0/out/deep/x\n"
          "b/v0/out/y\n");
    auto run = mount.newest_run("artfs_actor");
    CHECK(mount.uses(run) == Names{"b:v0/out/y"});
    // The same below directories that are there, and into a redirection.
    mount.ok("mkdir -p b/latest/out/more && sort /etc/hostname > b/latest/out/more/z; :");
    CHECK(mount.json("ls b").size() == 2);
    CHECK(mount.ok("ls b/v1/out b/v1/out/more") ==
          "b/v1/out:\ndeep\nmore\ny\n\nb/v1/out/more:\nz\n");
    // Directories alone make nothing.
    mount.ok("mkdir -p b/latest/nothing; :");
    CHECK(mount.json("ls b").size() == 2);
    CHECK(mount.json("status").at("drafts").empty());
    CHECK(mount.json("runs --all --job-type mkdir").empty());
}

TEST_CASE("A path is made through a new artifact's latest", "[launchers]") {
    TestMount mount;
    mount.ok("echo 1 > ../x; mkdir -p a/latest/d/e && cp ../x a/latest/d/e/; ls -l a; :");
    mount.ok("install -D ../x b/latest/d/e/x; mkdir -p b/latest/d/f/g; :");
    mount.ok("art run --name c -- sh -c 'mkdir -p c/latest/d/e && cp ../x c/latest/d/e/'");
    mount.ok("mkdir -p d/latest; actor write d/latest/x 1");
    for (const char* artifact : {"a", "b", "c"}) {
        CHECK(mount.ok(std::string("cat ") + artifact + "/v0/d/e/x") == "1\n");
        CHECK(mount.ok(std::string("readlink ") + artifact + "/latest") == "v0\n");
    }
    CHECK(mount.ok("ls d/latest/") == "x\n");
}

TEST_CASE("Several who write in one shell's view have all logged it", "[launchers]") {
    TestMount mount;
    auto sign = (mount.directory() / "sign").string();
    mount.ok("mkdir a");
    mount.ok("cd a/latest; actor write x 1 : touch " + sign + " : await " + sign +
             ".2 & actor await " + sign + " : write y 2; actor touch " + sign + ".2; wait; :");
    CHECK(mount.json("ls a").size() == 1);
    CHECK(mount.ok("cat a/v0/x a/v0/y") == "12");
    CHECK(mount.json("show a:v0").at("logged_by").size() == 2);
}

TEST_CASE("Who is in a shell's view stays there when the shell is gone", "[launchers]") {
    TestMount mount;
    mount.ok("mkdir a; actor write a/latest/x 1");
    CHECK(mount.ok("p=$(bash -c 'cd a/latest; tail -f /dev/null > /dev/null 2>&1 & echo $!'); "
                   "actor write a/latest/y 2; ls /proc/$p/cwd/; cat /proc/$p/cwd/y; kill $p") ==
          "x\ny\n2");
}

TEST_CASE("A pipeline reads what its own shell has drafted, and writes beside it", "[launchers]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x '1\n2\n'");
    // The shell's draft is sealed while the reader is on its way.
    for (int i = 0; i < 8; ++i) {
        const std::string out = "o" + std::to_string(i);
        mount.ok("mkdir " + out + "; bash -c 'gzip -nc a/latest/x > " + out +
                 "/latest/x.gz; zcat " + out + "/latest/x.gz | sort -r > " + out + "/latest/y'; :");
        auto run = mount.newest_run("sort");
        CHECK(mount.uses(run) == Names{out + ":v0/x.gz"});
        CHECK(mount.logs(run) == Names{out + ":v1"});
        CHECK(mount.ok("cat " + out + "/v1/y") == "2\n1\n");
    }
}

TEST_CASE("A shell's next command sees what the one before wrote, also by a name it knows",
          "[launchers]") {
    TestMount mount;
    mount.ok("mkdir a b c d");
    CHECK(mount.ok("bash -c 'cd a/latest; mkdir -p d/e; (cd d/e && echo 1 > f && ln -s f g); "
                   "[ -e d/e/f ] && echo seen; tar cf t.tar d; tar tf t.tar'") ==
          "seen\nd/\nd/e/\nd/e/f\nd/e/g\n");
    mount.ok(
        "bash -c 'install -D /dev/null b/latest/p/q; sh -c \"cp b/latest/p/q b/latest/s; echo t "
        ">> b/latest/s\"; chmod 600 b/latest/s'");
    CHECK(mount.ok("stat -c %a b/latest/s; cat b/latest/s") == "600\nt\n");
    mount.ok(
        "bash -c 'printf abc > c/latest/x; truncate -s 2 c/latest/x; sh -c \"echo d >> "
        "c/latest/x\"; printf X | dd of=c/latest/x conv=notrunc status=none'");
    CHECK(mount.ok("cat c/latest/x") == "Xbd\n");
    mount.ok(
        "bash -c 'for i in 1 2 3 4 5; do (echo $i >> d/latest/x); truncate -s +1 d/latest/x; "
        "done'");
    CHECK(mount.ok("tr -d '\\0' < d/latest/x") == "1\n2\n3\n4\n5\n");
}

TEST_CASE("What one shell of a script began, the others go on with", "[launchers]") {
    TestMount mount;
    mount.ok("mkdir in a b && actor write in/latest/x 'b\na\n'");
    mount.ok("sh -c 'echo 1 > a/latest/x; :'; echo 2 > a/latest/y; sh -c 'echo 3 > a/latest/z; :'");
    CHECK(mount.ok("cat a/latest/x a/latest/y a/latest/z") == "1\n2\n3\n");
    // Each line of a recipe is a shell of its own; a program's draft is not theirs.
    std::ofstream(mount.directory() / "Makefile")
        << "all:\n\tsort in/latest/x > b/latest/x && echo 4 > b/latest/d\n\techo 5 > b/latest/y\n";
    mount.ok("make -s -f ../Makefile && echo 6 >> b/latest/y");
    CHECK(mount.ok("cat b/latest/x b/latest/d b/latest/y") == "a\nb\n4\n5\n6\n");
    CHECK(mount.uses(mount.newest_run("sort")) == Names{"in:v0/x"});
}
