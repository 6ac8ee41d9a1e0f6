// Rule 3 of design.md, section 3: observers leave no trace, and lend what they read.
#include <fstream>

#include "mounted/harness.h"
#include "support/catch.h"

using Names = std::vector<std::string>;

TEST_CASE("Observers see the head, or what their shell has drafted", "[observers]") {
    TestMount mount;
    mount.ok("mkdir a; echo x > ../x; actor write a/latest/y 1");
    auto runs = mount.json("runs --all").size();
    CHECK(mount
              .ok("ls a/latest/; cp ../x a/latest/; ls a/latest/; cat a/latest/x; ls a; "
                  "diff a/latest/x ../x; :")
              .find("y\nx\ny\nx\n") == 0);
    CHECK(mount.json("runs --all").size() == runs + 1);
    // Somebody else's observer sees the head.
    mount.ok("cp ../x a/latest/z; setsid -w env -i bash -c 'exec 3>&-; exit 0'; :");
    CHECK(mount.ok("ls a/latest/") == "x\ny\nz\n");
}

TEST_CASE("What an observer read counts for who reads its output", "[observers]") {
    TestMount mount;
    mount.ok(
        "mkdir a b; actor write a/latest/x '2\n' : write a/latest/y '1\n' : write a/latest/z 0");
    mount.ok("cat a/latest/x a/latest/y | sort > b/latest/sorted; :");
    auto run = mount.newest_run("sort");
    CHECK(mount.uses(run) == Names{"a:v0/x", "a:v0/y"});
    CHECK(mount.logs(run) == Names{"b:v0"});
    CHECK(mount.ok("cat b/v0/sorted") == "1\n2\n");
    std::ofstream(mount.directory() / "x.py") << "import sys\nprint(len(sys.stdin.read()))\n";
    mount.ok("cat a/v0/x | grep 2 | /usr/bin/python3 ../x.py > b/latest/count; :");
    auto counter = mount.newest_run("x");
    CHECK(mount.uses(counter) == Names{"a:v0/x"});
    CHECK(mount.logs(counter) == Names{"b:v1"});
    // The same through what the shell opened, and for a program that looks before it reads.
    mount.ok("cat < a/latest/y | tac | actor stat a/latest/x : sleep 100 : write b/latest/w 1; :");
    CHECK(mount.uses(mount.newest_run("artfs_actor")) == Names{"a:v0/y"});
    // No other program gets it.
    mount.ok("cat a/latest/z > /dev/null; actor write b/latest/w 2; cat a/latest/z; :");
    CHECK(mount.uses(mount.newest_run("artfs_actor")).empty());
}

TEST_CASE("A claimed file of a shell's draft is sealed first", "[observers]") {
    TestMount mount;
    mount.ok("mkdir a b; printf '3\\n1\\n' > ../x");
    mount.ok("cp ../x a/latest/; cat a/latest/x | sort > b/latest/y; :");
    auto run = mount.newest_run("sort");
    CHECK(mount.uses(run) == Names{"a:v0/x"});
    CHECK(mount.logs(run) == Names{"b:v0"});
    CHECK(mount.ok("cat b/v0/y") == "1\n3\n");
}

TEST_CASE("Inside a run an observer is like any program", "[observers]") {
    TestMount mount;
    mount.ok("mkdir a; actor write a/latest/x 1");
    mount.ok("art run --name outer -- bash -c 'cat a/latest/x > /dev/null'");
    CHECK(mount.uses("outer") == Names{"a:v0/x"});
    // One that writes is a run, and what it read before counts.
    mount.ok("mkdir b; grep 1 a/latest/x > b/latest/found; :");
    auto run = mount.newest_run("grep");
    CHECK(mount.uses(run) == Names{"a:v0/x"});
    CHECK(mount.logs(run) == Names{"b:v0"});
    // Clearing a view is a change.
    mount.ok("find a/latest/ -mindepth 1 -delete; :");
    CHECK(mount.ok("ls a/v1") == "");
}
