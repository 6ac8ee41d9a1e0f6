// Classification, names and job types, as tables.
#include "runs/programs.h"

#include <set>
#include <string>
#include <vector>

#include "runs/built_in.h"
#include "support/catch.h"

using namespace artfs;
using artfs::test::lists;

namespace {

struct Row {
    const char* executable;
    std::vector<std::string> arguments;
    ProgramClass expected;
    const char* job_type;
};

ProcessFacts facts_of(const Row& row) {
    ProcessFacts facts;
    facts.pid = 42;
    facts.executable = row.executable;
    facts.arguments = row.arguments;
    return facts;
}

constexpr auto ordinary = ProgramClass::ordinary;
constexpr auto launcher = ProgramClass::launcher;
constexpr auto supervisor = ProgramClass::supervisor;
constexpr auto observer = ProgramClass::observer;
constexpr auto file_tool = ProgramClass::file_tool;
constexpr const char* loader = "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";

}  // namespace

TEST_CASE("Programs are classed, and name their runs") {
    const std::vector<Row> table = {
        {"/home/u/train", {"./train", "--lr", "1"}, ordinary, "train"},
        {"/home/u/train.bin", {"./train.bin"}, ordinary, "train"},
        {"/usr/bin/python3.11", {"python3", "train.py"}, ordinary, "train"},
        {"/usr/bin/python3.11",
         {"python3", "-u", "-X", "dev", "src/train.py", "x"},
         ordinary,
         "train"},
        {"/usr/bin/python3.11", {"python", "-m", "pkg.train", "--x"}, ordinary, "train"},
        {"/usr/bin/python3.11", {"python", "-um", "pkg.train"}, ordinary, "train"},
        {"/usr/bin/python3.11", {"python", "-mpkg.train"}, ordinary, "train"},
        {"/usr/bin/python3.11", {"python", "-m", "pkg.tool.__main__"}, ordinary, "tool"},
        {"/usr/bin/python3.11", {"python", "-Werror", "t.py"}, ordinary, "t"},
        {"/usr/bin/python3.11", {"python", "-W", "error", "t.py"}, ordinary, "t"},
        {"/usr/bin/python3.11", {"python", "-c", "print(1)"}, ordinary, "python3"},
        {"/usr/bin/python3.11", {"python", "find.py"}, ordinary, "find"},
        {"/usr/bin/gzip", {"gzip", "-cd", "a.gz"}, observer, "gzip"},
        {"/usr/bin/xz", {"xz", "--decompress", "--stdout", "a.xz"}, observer, "xz"},
        {"/usr/bin/xz", {"unxz", "-c", "a.xz"}, observer, "xz"},
        {"/usr/bin/xz", {"xzcat", "a.xz"}, observer, "xz"},
        {"/usr/bin/xz", {"unxz", "a.xz"}, file_tool, "xz"},
        {"/usr/bin/gzip", {"gzip", "-c", "data"}, file_tool, "gzip"},
        {"/usr/bin/gzip", {"gzip", "-d", "a.gz"}, file_tool, "gzip"},
        {"/usr/bin/python3.11", {"python", "cat.py"}, ordinary, "cat"},
        {"/usr/bin/python3.11", {"python", "/usr/bin/jupyter-lab"}, supervisor, "jupyter-lab"},
        {"/usr/bin/python3.11", {"python", "-m", "jupyter_server"}, supervisor, "jupyter_server"},
        {"/usr/bin/python3.11",
         {"python", "-m", "ipykernel_launcher", "-f", "x"},
         ordinary,
         "ipykernel_launcher"},
        {"/usr/bin/python3.11", {"python", "/c/bin/conda", "run", "x"}, launcher, "conda"},
        {"/usr/bin/python3.11", {"python", "/c/bin/conda", "install", "x"}, ordinary, "conda"},
        {"/usr/bin/python3.11", {"python", "/usr/bin/dvc", "repro"}, supervisor, "dvc"},
        {"/usr/lib/R/bin/exec/R",
         {"R", "--no-echo", "--file=fit.R", "--args", "3"},
         ordinary,
         "fit"},
        {"/usr/bin/Rscript", {"Rscript", "--vanilla", "fit.R"}, ordinary, "fit"},
        {"/usr/bin/perl", {"perl", "-w", "-Ilib", "x.pl"}, ordinary, "x"},
        {"/usr/bin/node", {"node", "-r", "dotenv/config", "app.js"}, ordinary, "app"},
        {"/usr/bin/node", {"node", "/x/out/server-main.js"}, supervisor, "server-main"},
        {"/usr/bin/node", {"npm run build"}, launcher, "node"},
        {"/usr/bin/java", {"java", "-cp", "x", "org.acme.Fit", "1"}, ordinary, "Fit"},
        {"/usr/bin/java", {"java", "-Xmx1g", "-jar", "/o/fit.jar", "1"}, ordinary, "fit"},
        {"/usr/bin/java", {"java", "-jar", "agent.jar"}, supervisor, "agent"},
        {"/usr/bin/julia", {"julia", "--project=.", "-t", "4", "fit.jl"}, ordinary, "fit"},
        {"/usr/bin/bash", {"/bin/bash", "./pipeline.sh"}, launcher, "pipeline"},
        {"/usr/bin/bash", {"bash", "-euo", "pipefail", "./pipeline.sh"}, launcher, "pipeline"},
        {"/usr/bin/bash", {"bash", "./cat"}, launcher, "cat"},
        {"/usr/bin/bash", {"-bash"}, launcher, "bash"},
        {"/usr/bin/bash", {"bash", "-c", "ls"}, launcher, "bash"},
        {"/usr/bin/bash", {"bash", "/usr/bin/code-server"}, supervisor, "code-server"},
        {"/usr/bin/dash", {"/bin/sh", "x.sh"}, launcher, "x"},
        {"/opt/bash-5.2", {"bash"}, launcher, "bash-5"},
        {"/bin/busybox", {"sh", "-c", "x"}, launcher, "sh"},
        {"/bin/busybox", {"cat", "x"}, observer, "cat"},
        {"/bin/busybox", {"busybox", "cp", "a", "b"}, file_tool, "cp"},
        {"/usr/bin/coreutils", {"coreutils", "--coreutils-prog=cat"}, observer, "cat"},
        {"/usr/bin/uv", {"uv", "run", "x.py"}, launcher, "uv"},
        {"/usr/bin/uv", {"uv", "--quiet", "run", "x.py"}, launcher, "uv"},
        {"/usr/bin/uv", {"uv", "pip", "install"}, ordinary, "uv"},
        {"/usr/bin/art", {"art", "run", "--", "x"}, launcher, "art"},
        {"/usr/bin/art", {"art", "show", "x"}, observer, "art"},
        {"/usr/sbin/sshd", {"sshd: root@pts/0"}, supervisor, "sshd"},
        {"/usr/bin/tmux", {"tmux", "new"}, launcher, "tmux"},
        {"/usr/bin/make", {"make", "-j"}, launcher, "make"},
        {"/usr/bin/grep", {"grep", "x"}, observer, "grep"},
        {"/usr/bin/sha256sum", {"sha256sum"}, observer, "sha256sum"},
        {"/usr/bin/git", {"git", "clone"}, file_tool, "git"},
        {"/usr/bin/cp (deleted)", {"cp"}, file_tool, "cp"},
        {"/memfd:runc_cloned:/proc/self/exe (deleted)", {"runc", "init"}, supervisor, "runc"},
        {"/memfd:sealed-1f0a (deleted)", {"tools/backend"}, supervisor, "backend"},
        {"/memfd:x (deleted)", {"/usr/bin/cp", "a", "b"}, file_tool, "cp"},
        {"/usr/bin/find", {"find", "x", "-name", "y"}, observer, "find"},
        {"/usr/bin/find", {"find", "x", "-fprint", "y"}, file_tool, "find"},
        {"/usr/bin/tree", {"tree", "-o", "x"}, file_tool, "tree"},
        {"/usr/bin/xxd", {"xxd", "-l", "9", "-"}, observer, "xxd"},
        {"/usr/bin/xxd", {"xxd", "-r", "x", "y"}, file_tool, "xxd"},
        // The dynamic loader, told what to run.
        {loader, {"ld.so", "/bin/cat", "x"}, observer, "cat"},
        {loader, {"ld.so", "--preload", "x.so", "./train", "--list"}, ordinary, "train"},
        {loader, {"ld.so", "--argv0", "x", "--inhibit-cache", "/bin/cp"}, file_tool, "cp"},
        {loader, {"ld.so", "/usr/bin/python3", "-u", "fit.py"}, ordinary, "fit"},
        {"/lib/ld-musl-x86_64.so.1", {"ld.so", "/bin/sh", "-c", "x"}, launcher, "sh"},
        {loader, {"ld.so", "--list", "./train"}, launcher, "ld-linux-x86-64.so"},
        {loader, {"ld.so", "--preload"}, launcher, "ld-linux-x86-64.so"},
        {loader, {"ld.so"}, launcher, "ld-linux-x86-64.so"},
        {"/usr/bin/ld-so-farm", {"ld-so-farm", "/bin/cat"}, ordinary, "ld-so-farm"},
        {"/usr/bin/xargs", {"xargs"}, ordinary, "xargs"},
        {"/home/u/test", {"./test"}, ordinary, "test"},
        {"/home/u/split", {"./split"}, ordinary, "split"},
    };
    for (const auto& row : table) {
        CAPTURE(row.executable, row.arguments);
        auto facts = facts_of(row);
        CHECK(std::string(to_string(classify(lists, facts))) == to_string(row.expected));
        CHECK(job_type_of(facts) == row.job_type);
    }
}

TEST_CASE("Where the executable cannot be read, argv[0] and then comm is the name") {
    ProcessFacts facts;
    facts.comm = "sshd";
    CHECK(classify(lists, facts) == supervisor);
    CHECK(program_name(facts) == "sshd");
    facts.comm = "containerd-shim";  // cut at 15 bytes
    CHECK(classify(lists, facts) == supervisor);
    facts.comm = "gnome-terminal-";
    CHECK(classify(lists, facts) == supervisor);
    facts.comm = "gnome-termin";  // not cut: another name
    CHECK(classify(lists, facts) == ordinary);
    facts.arguments = {"/usr/bin/python3", "train.py"};
    CHECK(program_name(facts) == "python3");
    CHECK(job_type_of(facts) == "train");
    facts.arguments = {"-zsh"};
    CHECK(classify(lists, facts) == launcher);
}

TEST_CASE("Lists that a user gives decide") {
    ProgramLists own;
    own.launchers = {"wrap.py", "my tool"};
    own.supervisors = {"wrap.py"};
    own.observers = {"looker_x"};
    ProcessFacts facts;
    facts.executable = "/usr/bin/python3";
    facts.arguments = {"python3", "./wrap.py"};
    CHECK(classify(own, facts) == supervisor);  // the order of precedence
    facts.executable = "/usr/bin/my";
    facts.arguments = {"my", "tool"};
    CHECK(classify(own, facts) == launcher);
    facts.arguments = {"my"};
    CHECK(classify(own, facts) == ordinary);
    facts.executable = "/usr/bin/looker-x2.1";
    CHECK(classify(own, facts) == observer);
    facts.executable = "/bin/bash";
    facts.arguments = {"bash"};
    CHECK(classify(own, facts) == ordinary);
}

TEST_CASE("No built-in name stands in two lists") {
    std::set<std::string> seen;
    for (const auto* list :
         {&lists.launchers, &lists.supervisors, &lists.observers, &lists.file_tools})
        for (const auto& name : *list) {
            CAPTURE(name);
            CHECK(seen.insert(name).second);
        }
}
