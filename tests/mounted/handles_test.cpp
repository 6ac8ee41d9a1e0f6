// Rule 5 of design.md, section 3: what a launcher opens belongs to who reads and writes it.
#include <fstream>

#include "mounted/harness.h"
#include "support/catch.h"

using Names = std::vector<std::string>;

namespace {
const char* const made = "mkdir a b c; actor write a/latest/x '3\n1\n2\n' : write a/latest/y four";
}

TEST_CASE("Redirections are the program's uses and logs", "[handles]") {
    TestMount mount;
    mount.ok(made);
    mount.ok("sort < a/latest/x > b/latest/y; wc -l < /dev/null");
    auto run = mount.newest_run("sort");
    CHECK(mount.uses(run) == Names{"a:v0/x"});
    CHECK(mount.logs(run) == Names{"b:v0"});
    CHECK(mount.ok("cat b/v0/y") == "1\n2\n3\n");
    auto document = mount.json("show @" + run);
    CHECK(document.at("command") == nlohmann::json{"sort"});
    CHECK(document.at("state") == "finished");
    // The next program of the same shell finds the version: it was sealed when sort ended.
    CHECK(mount.ok("sort -r < a/latest/x > b/latest/y && actor read b/latest/y : write c/latest/z "
                   "1; sleep 0") == "3\n2\n1\n");
    CHECK(mount.uses(mount.newest_run("artfs_actor")) == Names{"b:v1/y"});
    CHECK(mount.json("runs --all").size() == 4);
}

TEST_CASE("Several programs through one handle", "[handles]") {
    TestMount mount;
    mount.ok(made);
    mount.ok("{ sort; uniq; } < a/latest/x > b/latest/y");
    auto sorter = mount.newest_run("sort");
    CHECK(mount.uses(sorter) == Names{"a:v0/x"});
    CHECK(mount.logs(sorter) == Names{"b:v0"});
    // Two that write in turn have both logged it.
    mount.ok("{ sort a/latest/x; tac a/latest/x; uniq a/latest/y; } > b/latest/z; sleep 0");
    CHECK(mount.ok("cat b/v1/z") == "1\n2\n3\n2\n1\n3\nfour\n");
    CHECK(mount.json("show b:v1").at("logged_by").size() == 3);
}

TEST_CASE("Appending, and a loop over a list", "[handles]") {
    TestMount mount;
    mount.ok(made);
    mount.ok("sort a/latest/x >> b/latest/log; uniq a/latest/y >> b/latest/log; sleep 0");
    CHECK(mount.json("ls b").size() == 2);
    CHECK(mount.ok("cat b/latest/log") == "1\n2\n3\nfour\n");
    auto second = mount.newest_run("uniq");
    CHECK(mount.uses(second) == Names{"a:v0/y", "b:v0/log"});
    CHECK(mount.logs(second) == Names{"b:v1"});
    // The shell reads the list, the programs do not.
    mount.ok("while read l; do actor write c/latest/f$l got; done < a/latest/x; sleep 0");
    CHECK(mount.ok("ls c/latest/") == "f1\nf2\nf3\n");
    for (const auto& run : mount.json("runs --all --job-type artfs_actor"))
        CHECK(mount.uses(run.at("name")).empty());
    auto shell = mount.newest_run("bash");
    CHECK(mount.uses(shell) == Names{"a:v0/x"});
    CHECK(mount.logs(shell).empty());
}

TEST_CASE("What the dynamic loader runs is a program like any other", "[handles]") {
    if (shell("test -x /lib64/ld-linux-x86-64.so.2").status != 0) return;
    TestMount mount;
    mount.ok(made);
    const std::string loader = "/lib64/ld-linux-x86-64.so.2 ";
    mount.ok(loader + "/bin/cat a/latest/x > b/latest/y; sleep 0");
    auto run = mount.newest_run("cat");
    CHECK(mount.uses(run) == Names{"a:v0/x"});
    CHECK(mount.logs(run) == Names{"b:v0"});
    // It opens the program, which may be an artifact's, and the program its files.
    mount.ok("cp $(command -v artfs_actor) c/latest/tool");
    mount.ok(loader +
             "--inhibit-cache c/latest/tool read a/latest/y : write b/latest/z 1 : sleep 1");
    run = mount.newest_run("tool");
    CHECK(mount.uses(run) == Names{"a:v0/y", "c:v0/tool"});
    CHECK(mount.logs(run) == Names{"b:v1"});
    // As an observer and as a file tool.
    auto runs = mount.json("runs --all").size();
    CHECK(mount.ok(loader + "/bin/cat a/latest/y; :") == "four");
    CHECK(mount.json("runs --all").size() == runs);
    mount.ok(loader + "/bin/cp a/latest/y c/latest/copied; cp a/latest/x c/latest/; :");
    CHECK(mount.json("show c:v1").at("logged_by").size() == 1);
    CHECK(mount.json("ls c").size() == 2);
}

TEST_CASE("A handle that nobody used is its opener's", "[handles]") {
    TestMount mount;
    mount.ok(made);
    mount.ok("/usr/bin/true > b/latest/none; sleep 0");
    CHECK(mount.logs(mount.newest_run("true")) == Names{"b:v0"});
    mount.ok(": > b/latest/own");
    CHECK(mount.logs(mount.newest_run("bash")) == Names{"b:v1"});
    CHECK(mount.ok("ls b/latest/") == "none\nown\n");
    // An observer that writes is a program, and what it read counts.
    mount.ok("grep f a/latest/y > c/latest/found; sleep 0");
    auto run = mount.newest_run("grep");
    CHECK(mount.uses(run) == Names{"a:v0/y"});
    CHECK(mount.logs(run) == Names{"c:v0"});
}

TEST_CASE("Who read through a handle for both ways is not waited for as its writer", "[handles]") {
    TestMount mount;
    mount.ok(made);
    // The shell has it open for longer than its reader lives, and then writes.
    mount.ok(
        "exec 3<>a/latest/y; sort <&3 > b/latest/sorted; sort -r b/latest/sorted -o "
        "c/latest/back; printf more >&3");
    auto sort = mount.json("show b:v0").at("logged_by").at(0).get<std::string>();
    CHECK(mount.uses(sort) == Names{"a:v0/y"});
    CHECK(mount.uses(mount.json("show c:v0").at("logged_by").at(0)) == Names{"b:v0/sorted"});
    CHECK(mount.logs(mount.newest_run("bash")) == Names{"a:v1"});
    // Nobody wrote: nothing is made, and nothing is left.
    mount.ok("sort <>a/latest/x > b/latest/again; sleep 0");
    mount.ok("exec 3<>a/latest/x; sort <&3 > b/latest/third");
    CHECK(mount.json("ls a").size() == 2);
    CHECK(mount.json("status").at("drafts").empty());
    // flock makes its file by an open for reading.
    mount.ok("flock b/latest/x.lock artfs_actor read a/latest/x : write b/latest/locked 1");
    CHECK(mount.logs(mount.newest_run("artfs_actor")) == Names{"b:v3"});
    CHECK(mount.json("status").at("drafts").empty());
}

TEST_CASE("A program that fails leaves what it wrote to its output as its own draft", "[handles]") {
    TestMount mount;
    mount.ok(made);
    mount.sh("actor read a/latest/x : exit 3 > b/latest/out; sleep 0");
    CHECK(mount.json("ls b").empty());
    auto run = mount.newest_run("artfs_actor");
    CHECK(mount.json("show @" + run).at("state") == "failed");
    CHECK(mount.ok("cat b/@" + run + "/out") == "3\n1\n2\n");
    CHECK(mount.art("commit " + run).status == 0);
    CHECK(mount.ok("cat b/v0/out") == "3\n1\n2\n");
}

TEST_CASE("A launcher's children that close its handles on exec are not waited for", "[handles]") {
    if (shell("command -v parallel").status != 0) return;
    TestMount mount;
    mount.ok("mkdir a b");
    mount.ok("seq 1000 > " + (mount.directory() / "x").string());
    mount.ok("art run -- cp " + (mount.directory() / "x").string() + " a/latest/x");
    auto ran = mount.sh(
        "timeout 60 bash -c 'parallel --will-cite --pipe -j 4 -N 100 sort < a/latest/x > "
        "b/latest/o'");
    INFO(ran.err);
    CHECK(ran.status == 0);
    CHECK(mount.ok("ls b > /dev/null; wc -l < b/v0/o") == "1000\n");
}

TEST_CASE("A launcher that becomes a program closes what it has opened", "[handles]") {
    Configured mount("launchers = [\"+\", \"hold\"]\n");
    std::ofstream(mount.directory() / "hold")
        << "import os\n"
           "os.open('b/latest/x', os.O_WRONLY | os.O_CREAT)\n"  // closed by execve
           "os.execvp('sort', ['sort', 'a/latest/x'])\n";
    mount.ok("mkdir a b; printf '2\\n1\\n' > ../x; art run -- cp ../x a/latest/x");
    CHECK(mount.ok("timeout 60 /usr/bin/python3 ../hold") == "1\n2\n");
    CHECK(mount.uses(mount.newest_run("sort")) == Names{"a:v0/x"});
    CHECK(mount.ok("art ls b > /dev/null; ls b/v0") == "x\n");
}
