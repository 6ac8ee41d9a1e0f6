// What a launcher has open for writing, or reads from, while its commands go on beside it.
#include <fstream>

#include "mounted/harness.h"
#include "support/catch.h"

using Names = std::vector<std::string>;

TEST_CASE("What is written beside a script's open log is there for the next command", "[held]") {
    TestMount mount;
    mount.ok("mkdir in o && actor write in/latest/x 'b\na\n'");
    mount.ok(
        "bash -c 'exec >>o/latest/log; echo begun; cp in/latest/x o/latest/copy; "
        "sort o/latest/copy -o o/latest/sorted; cp o/latest/sorted o/latest/again; echo ended'");
    CHECK(mount.ok("cat o/latest/copy o/latest/sorted o/latest/again o/latest/log") ==
          "b\na\na\nb\na\nb\nbegun\nended\n");
    // The version that the program read has all but the log, which was still being written.
    CHECK(mount.uses(mount.newest_run("sort")) == Names{"o:v0/copy"});
    CHECK(mount.ok("ls o/v0") == "copy\n");
    CHECK(mount.ok("ls o/latest/") == "again\ncopy\nlog\nsorted\n");
}

TEST_CASE(
    "A program that prints into a script's log has logged what it made, and is read by the next",
    "[held]") {
    TestMount mount;
    mount.ok("mkdir o");
    std::ofstream(mount.directory() / "train.py")
        << "print('trained', flush=True)\nopen('o/latest/model', 'w').write('1')\n";
    mount.ok(
        "bash -c 'exec >o/latest/log; python3 ../train.py; sort o/latest/model -o o/latest/score; "
        "cat o/latest/score'");
    CHECK(mount.ok("cat o/latest/model o/latest/score o/latest/log") == "11\ntrained\n1\n");
    CHECK(mount.uses(mount.newest_run("sort")) == Names{"o:v0/model"});
    CHECK(mount.logs(mount.newest_run("train")).front() == "o:v0");
}

TEST_CASE("A pipeline into a file tool reads what was there before it", "[held]") {
    TestMount mount;
    mount.ok("mkdir in && actor write in/latest/x 'b\na\n'");
    for (int i = 0; i < 8; ++i) {
        const std::string o = "o" + std::to_string(i) + "/latest/";
        mount.ok("mkdir o" + std::to_string(i) + "; bash -c 'cp in/latest/x " + o + "y; echo c >>" +
                 o + "y; sort " + o + "y | tee " + o + "z >/dev/null; :'");
        CHECK(mount.ok("cat " + o + "z") == "a\nb\nc\n");
        CHECK(mount.uses(mount.newest_run("sort")) == Names{o.substr(0, 2) + ":v0/y"});
    }
}

TEST_CASE("A shell that reads a list from the artifact sees what its commands make there",
          "[held]") {
    TestMount mount;
    mount.ok("mkdir o && actor write o/latest/list 'x\ny\n'");
    mount.ok(
        "bash -c 'while read f; do echo $f | sort -o o/latest/$f; cp o/latest/$f "
        "o/latest/$f.copy; done <o/latest/list; :'");
    CHECK(mount.ok("cat o/latest/x.copy o/latest/y.copy") == "x\ny\n");
    mount.ok(
        "sh -c 'sort o/latest/x -o o/latest/x; rm o/latest/y; cp o/latest/x o/latest/y' "
        "<o/latest/list; :");
    CHECK(mount.ok("cat o/latest/y") == "x\n");
}

TEST_CASE("A redirection that a shell opens itself does not hide what it wrote before", "[held]") {
    TestMount mount;
    mount.ok("mkdir o && actor write o/latest/x old");
    // dash opens it before it forks.
    mount.ok("sh -c 'echo new >o/latest/x; sh -c \"sort o/latest/x >o/latest/y; :\"'; :");
    CHECK(mount.ok("cat o/latest/y") == "new\n");
}

TEST_CASE("What a merge brings into a shell's view is not taken back by its next command",
          "[held]") {
    TestMount mount;
    mount.ok("mkdir o");
    mount.ok(
        "bash -c 'for f in a b c; do echo $f >o/latest/$f; done; { sh -c \"rm o/latest/a; echo B "
        ">o/latest/b\"; } >>o/latest/log; wc -c <o/latest/c; touch o/latest/d; rm o/latest/d; "
        "echo e >o/latest/e' >/dev/null");
    CHECK(mount.ok("ls o/latest/; cat o/latest/b") == "b\nc\ne\nlog\nB\n");
}

TEST_CASE("A run that a script's shell becomes begins on what the shell saw last", "[held]") {
    TestMount mount;
    mount.ok("mkdir o && actor write o/latest/x 1");
    CHECK(mount.ok(
              "bash -c 'cd o/latest; cat x >/dev/null; cd ../..; sort o/latest/x >o/latest/y; "
              "find o/latest/ -type f -exec chmod 640 {} +'; stat -c %a o/latest/x o/latest/y") ==
          "640\n640\n");
}

TEST_CASE("A file without a name stays readable when the shell's view moves on", "[held]") {
    TestMount mount;
    mount.ok("mkdir in o && actor write in/latest/x 'b\na\n'");
    CHECK(mount.ok("bash -c 'exec 3<>o/latest/t; rm o/latest/t; echo kept >&3; "
                   "sort in/latest/x -o o/latest/y; echo z >o/latest/z; cat /proc/$$/fd/3 "
                   "o/latest/y'") == "kept\na\nb\n");
    CHECK(mount.ok("ls o/latest/") == "y\nz\n");
}

TEST_CASE("What a failed program wrote beside an open log is not sealed", "[held]") {
    TestMount mount;
    mount.ok("mkdir in o && actor write in/latest/x 'b\na\n'");
    std::ofstream(mount.directory() / "train.py")
        << "print('begun', flush=True)\nopen('o/latest/model', 'w').write('1')\nraise "
           "SystemExit(1)\n";
    mount.ok(
        "bash -c 'exec >o/latest/log; python3 ../train.py; sort in/latest/x -o o/latest/y; :'");
    CHECK(mount.ok("ls o/latest/ | grep -v log") == "y\n");
    CHECK(mount.json("status").at("drafts").size() == 1);
}
