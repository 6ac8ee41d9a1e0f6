// Rule 4 of design.md, section 3: file tools act for the launcher that started them.
#include <fstream>

#include "mounted/harness.h"
#include "support/catch.h"

using Names = std::vector<std::string>;

TEST_CASE("A loop of file tools is one run and one version", "[filetools]") {
    TestMount mount;
    mount.ok("mkdir a b; actor write b/latest/z theirs");
    auto runs = mount.json("runs --all").size();
    mount.ok("cd " + mount.directory().string() +
             "; for i in 1 2 3 4 5; do echo $i > f$i; done; "
             "for f in f?; do cp $f mnt/a/latest/; done; "
             "cp mnt/b/latest/z mnt/a/latest/taken; mv mnt/a/latest/f5 mnt/a/latest/g5; "
             "rm mnt/a/latest/f4; mkdir mnt/a/latest/d; touch mnt/a/latest/d/empty; "
             "sed -i s/1/one/ mnt/a/latest/f1");
    CHECK(mount.json("ls a").size() == 1);
    CHECK(mount.json("runs --all").size() == runs + 1);
    auto run = mount.newest_run();
    CHECK(mount.logs(run) == Names{"a:v0"});
    CHECK(mount.uses(run) == Names{"b:v0/z"});
    auto document = mount.json("show @" + run);
    CHECK(document.at("state") == "finished");
    CHECK(document.at("job_type") == "cp");
    CHECK(document.at("command") == nlohmann::json{"cp", "f1", "mnt/a/latest/"});
    CHECK(document.at("commands").size() == 11);
    CHECK(mount.ok("cat a/v0/f1 a/v0/g5 a/v0/taken; ls a/v0 a/v0/d") ==
          "one\n5\ntheirsa/v0:\nd\nf1\nf2\nf3\ng5\ntaken\n\na/v0/d:\nempty\n");
}

TEST_CASE("A tool's failure does not fail what others did", "[filetools]") {
    TestMount mount;
    mount.ok("mkdir a; echo x > " + mount.directory().string() + "/x");
    mount.sh("cp ../x a/latest/; cp ../absent a/latest/; rm a/latest/absent; false");
    auto run = mount.newest_run();
    CHECK(mount.json("show @" + run).at("state") == "finished");
    CHECK(mount.ok("cat a/v0/x") == "x\n");
}

TEST_CASE("A program's look seals what tools did before", "[filetools]") {
    TestMount mount;
    mount.ok("mkdir a b; echo x > " + mount.directory().string() + "/x");
    CHECK(mount.ok("cp ../x a/latest/ && actor read a/latest/x : write b/latest/y 1; "
                   "cp ../x a/latest/again; art ls a --json | grep -o digest | wc -l") == "x\n2\n");
    CHECK(mount.uses(mount.newest_run("artfs_actor")) == Names{"a:v0/x"});
    CHECK(mount.json("ls a").size() == 2);
    // `art` asks, observers do not.
    CHECK(mount.ok("cp ../x a/latest/third; ls a/latest/; art ls a --json | grep -o digest | wc "
                   "-l; ls a/v2") == "again\nthird\nx\n3\nagain\nthird\nx\n");
    // The script of a run that goes on is not waited for.
    CHECK(mount.ok("bash -c 'cp ../x a/latest/fourth; actor read a/latest/fourth; "
                   "cp ../x a/latest/fifth'; ls a/latest/") == "again\nfifth\nfourth\nthird\nx\n");
}

TEST_CASE("What a tool starts by a shell acts for whom the tool acts", "[filetools]") {
    TestMount mount;
    mount.ok("mkdir a");
    // git asks a shell for the other side, which is git again.
    mount.ok(
        "git init -q --bare a/latest/r && git -c safe.directory='*' ls-remote a/latest/r; "
        "sh -c 'true'; touch a/latest/more; :");
    CHECK(mount.json("runs").size() == 1);
    CHECK(mount.json("ls a").size() == 1);
    CHECK(mount.json("status").at("drafts").empty());
}

TEST_CASE("With no launcher, a tool is a run of its own", "[filetools]") {
    TestMount mount;
    mount.ok("mkdir a; echo x > " + mount.directory().string() + "/x");
    // The harness is a supervisor, so what takes the place of its shell has no launcher.
    mount.ok("exec cp ../x a/latest/");
    auto run = mount.newest_run("cp");
    CHECK(mount.logs(run) == Names{"a:v0"});
    // Inside a run they are like any program.
    mount.ok(
        "art run --name outer -- bash -c 'cp a/latest/x a/latest/y; cp a/latest/x a/latest/z'");
    CHECK(mount.logs("outer") == Names{"a:v1"});
    CHECK(mount.uses("outer") == Names{"a:v0/x"});
}

TEST_CASE("A shell's own redirections and its tools are one run", "[filetools]") {
    TestMount mount;
    mount.ok(
        "mkdir a; echo x > ../x; mkdir -p a/latest/d; echo hello > a/latest/greeting; "
        "cp ../x a/latest/d/; echo more >> a/latest/greeting");
    CHECK(mount.json("ls a").size() == 1);
    CHECK(mount.ok("cat a/v0/greeting a/v0/d/x") == "hello\nmore\nx\n");
    // Also in a script below it, and in a loop that is a subshell.
    std::ofstream(mount.directory() / "inner.sh") << "cp ../x a/latest/in; echo y > a/latest/out\n";
    mount.ok("bash ../inner.sh; seq 3 | while read i; do cp ../x a/latest/n$i; done");
    CHECK(mount.ok("ls a/latest/") == "d\ngreeting\nin\nn1\nn2\nn3\nout\n");
    CHECK(mount.json("ls a").size() <= 3);
}
