// Rule 2 of design.md, section 3, on made-up process trees.
#include <set>

#include "runs/built_in.h"
#include "runs/fake_processes.h"
#include "runs/identity.h"
#include "support/catch.h"

using namespace artfs;
using artfs::test::FakeProcesses;
using artfs::test::lists;

namespace {

// init, a terminal and its shell: what most people work in.
struct Desk {
    FakeProcesses table;
    pid_t init = table.add(0, {"/usr/lib/systemd/systemd"});
    pid_t terminal = table.add(init, {"/usr/bin/gnome-terminal-server"});
    pid_t shell = table.add(terminal, {"/bin/bash"}, {.terminal = true});

    pid_t run(pid_t parent, std::vector<std::string> arguments) {
        return table.add(parent, std::move(arguments));
    }
    Inferred of(pid_t pid) {
        auto inferred = infer_root(table, lists, pid);
        REQUIRE(inferred);
        return *inferred;
    }
    pid_t root(pid_t pid) { return of(pid).root; }
};

}  // namespace

TEST_CASE("pipeline.sh with five stages is five runs") {
    Desk desk;
    pid_t script = desk.run(desk.shell, {"/bin/bash", "./pipeline.sh"});
    std::set<pid_t> roots;
    for (const char* stage :
         {"./load-data", "./preprocess", "./initialize", "./train", "./report"}) {
        pid_t pid = desk.run(script, {stage});
        auto inferred = desk.of(pid);
        CHECK(inferred.root == pid);
        CHECK(inferred.root_start == static_cast<std::uint64_t>(pid) * 10);
        CHECK(inferred.line == Line::terminal_launcher);
        CHECK(inferred.line_process == desk.shell);
        CHECK(inferred.line_launcher == desk.shell);
        CHECK(inferred.topmost_launcher == script);
        roots.insert(inferred.root);
    }
    CHECK(roots.size() == 5);
}

TEST_CASE("torchrun with its workers is one run") {
    Desk desk;
    pid_t torchrun = desk.run(desk.shell, {"/usr/bin/python3.11", "/usr/bin/torchrun", "train.py"});
    for (int i = 0; i < 4; ++i) {
        pid_t worker = desk.run(torchrun, {"/usr/bin/python3.11", "train.py"});
        pid_t loader = desk.run(worker, {"/usr/bin/python3.11", "train.py"});
        CHECK(desk.root(worker) == torchrun);
        CHECK(desk.root(loader) == torchrun);
    }
}

TEST_CASE("xargs -P is one run, and what it starts through shells too") {
    Desk desk;
    pid_t xargs = desk.run(desk.shell, {"/usr/bin/xargs", "-P", "4", "sh", "-c", "./one $0"});
    for (int i = 0; i < 3; ++i) {
        pid_t sh = desk.run(xargs, {"/bin/dash", "-c", "./one $0"});
        CHECK(desk.root(sh) == xargs);
        CHECK(desk.root(desk.run(sh, {"./one"})) == xargs);
    }
}

TEST_CASE("each recipe of make -j is a run, also under make under make") {
    Desk desk;
    pid_t make = desk.run(desk.shell, {"/usr/bin/make", "-j4"});
    pid_t inner = desk.run(make, {"/usr/bin/make", "-C", "sub"});
    pid_t sh1 = desk.run(make, {"/bin/sh", "-c", "python3 a.py"});
    pid_t sh2 = desk.run(inner, {"/bin/sh", "-c", "python3 b.py"});
    pid_t a = desk.run(sh1, {"/usr/bin/python3", "a.py"});
    pid_t b = desk.run(sh2, {"/usr/bin/python3", "b.py"});
    CHECK(desk.root(a) == a);
    CHECK(desk.root(b) == b);
    CHECK(desk.of(b).topmost_launcher == make);
}

TEST_CASE("sudo, nohup, env, time and package runners are passed over") {
    Desk desk;
    pid_t at = desk.shell;
    for (std::vector<std::string> launcher :
         {std::vector<std::string>{"/usr/bin/sudo", "-u", "x"},
          {"/usr/bin/nohup"},
          {"/usr/bin/env", "A=1"},
          {"/usr/bin/time", "-v"},
          {"/root/.local/bin/uv", "run"},
          {"/usr/bin/python3", "/opt/conda/bin/conda", "run", "-n", "x"}})
        at = desk.run(at, launcher);
    pid_t train = desk.run(at, {"/usr/bin/python3", "train.py"});
    CHECK(desk.root(train) == train);
    pid_t child = desk.run(train, {"/usr/bin/sudo", "./helper"});
    CHECK(desk.root(desk.run(child, {"./helper"})) == train);
}

TEST_CASE("uv without run is a program") {
    Desk desk;
    pid_t uv = desk.run(desk.shell, {"/usr/bin/uv", "pip", "install", "x"});
    CHECK(desk.root(desk.run(uv, {"/usr/bin/python3", "setup.py"})) == uv);
}

TEST_CASE("A command over ssh is a run, with and without a shell between") {
    Desk desk;
    pid_t sshd = desk.run(desk.init, {"/usr/sbin/sshd", "-D"});
    pid_t session = desk.run(sshd, {"/usr/sbin/sshd"});
    pid_t direct = desk.run(session, {"/usr/bin/python3", "train.py"});
    CHECK(desk.root(direct) == direct);
    CHECK(desk.of(direct).line == Line::supervisor);
    CHECK(desk.of(direct).line_launcher == 0);
    pid_t shell = desk.run(session, {"/bin/bash", "-c", "./a; ./b"});
    pid_t b = desk.run(shell, {"./b"});
    CHECK(desk.root(b) == b);
    CHECK(desk.of(b).line == Line::supervised_launcher);
    CHECK(desk.of(b).line_launcher == shell);
    CHECK(desk.of(b).topmost_launcher == 0);
}

TEST_CASE("cron's sh -c starts a run each") {
    Desk desk;
    pid_t cron = desk.run(desk.init, {"/usr/sbin/cron", "-f"});
    pid_t child = desk.run(cron, {"/usr/sbin/cron", "-f"});
    pid_t sh = desk.run(child, {"/bin/sh", "-c", "./nightly"});
    pid_t job = desk.run(sh, {"./nightly"});
    CHECK(desk.root(job) == job);
    CHECK(desk.of(job).line == Line::supervised_launcher);
}

TEST_CASE("A pane of tmux is a desk of its own") {
    Desk desk;
    pid_t tmux = desk.run(desk.init, {"/usr/bin/tmux"});
    pid_t pane = desk.table.add(tmux, {"/bin/zsh"}, {.terminal = true});
    pid_t job = desk.run(pane, {"./train"});
    CHECK(desk.root(job) == job);
    CHECK(desk.of(job).line_process == pane);
}

TEST_CASE("A shell in a terminal that an ordinary program opened is the line") {
    Desk desk;
    pid_t program = desk.run(desk.shell, {"/usr/bin/my-ide"});
    pid_t shell = desk.table.add(program, {"/bin/bash"}, {.terminal = true});
    pid_t job = desk.run(shell, {"./train"});
    CHECK(desk.root(job) == job);
    // Without a terminal of its own it is the program's.
    pid_t plain = desk.run(program, {"/bin/bash", "-c", "./train"});
    CHECK(desk.root(desk.run(plain, {"./train"})) == program);
}

TEST_CASE("What supervisors start are runs, and what one opens itself is its own") {
    Desk desk;
    for (std::vector<std::string> supervisor :
         {std::vector<std::string>{"/usr/bin/python3", "/usr/bin/jupyter-lab"},
          {"/usr/bin/python3", "-m", "jupyter_server"},
          {"/usr/bin/python3", "/usr/bin/snakemake", "-j8"},
          {"/usr/bin/node", "/opt/x/out/server-main.js"},
          {"/usr/bin/java", "-cp", "a.jar", "nextflow.cli.Launcher", "run"},
          {"/usr/bin/containerd-shim-runc-v2"}}) {
        CAPTURE(supervisor);
        pid_t above = desk.run(desk.shell, supervisor);
        pid_t kernel = desk.run(above, {"/usr/bin/python3", "-m", "ipykernel_launcher"});
        CHECK(desk.root(kernel) == kernel);
        CHECK(desk.of(kernel).line_process == above);
        auto own = desk.of(above);
        CHECK(own.root == above);
        CHECK(own.root_class == ProgramClass::supervisor);
        CHECK(own.line == Line::own);
        // It sees what it starts make, as a launcher does.
        CHECK(role_of(own, ProgramClass::supervisor) == Role::launcher);
        REQUIRE(own.acts_for() != nullptr);
        CHECK(own.acts_for()->process == own.key());
    }
}

TEST_CASE(
    "A launcher between a supervisor's child and a program is passed over, a program is not") {
    Desk desk;
    pid_t runner = desk.run(desk.init, {"/opt/Runner.Worker"});
    pid_t step = desk.run(runner, {"/bin/bash", "-e", "step.sh"});
    pid_t tool = desk.run(step, {"./tool"});
    pid_t inner = desk.run(tool, {"/bin/bash", "inner.sh"});
    CHECK(desk.root(desk.run(inner, {"./leaf"})) == tool);
}

TEST_CASE("Interpreters in interpreters are the outermost one's run") {
    Desk desk;
    pid_t python = desk.run(desk.shell, {"/usr/bin/python3", "sweep.py"});
    pid_t sh = desk.run(python, {"/bin/sh", "-c", "Rscript fit.R"});
    pid_t r = desk.run(sh, {"/usr/lib/R/bin/exec/R", "--file=fit.R"});
    pid_t perl = desk.run(r, {"/usr/bin/perl", "x.pl"});
    CHECK(desk.root(perl) == python);
}

TEST_CASE("An observer is a root outside a run, and a part of it inside") {
    Desk desk;
    pid_t cat = desk.run(desk.shell, {"/usr/bin/cat", "x"});
    CHECK(desk.root(cat) == cat);
    CHECK(desk.of(cat).root_class == ProgramClass::observer);
    pid_t train = desk.run(desk.shell, {"./train"});
    pid_t inside = desk.run(train, {"/usr/bin/cat", "x"});
    CHECK(desk.root(inside) == train);
    CHECK(desk.of(inside).root_class == ProgramClass::ordinary);
    pid_t sh = desk.run(train, {"/bin/sh", "-c", "cat x"});
    CHECK(desk.root(desk.run(sh, {"/usr/bin/cat", "x"})) == train);
}

TEST_CASE("What an observer or a file tool starts is of its run") {
    Desk desk;
    pid_t find = desk.run(desk.shell, {"/usr/bin/find", ".", "-exec", "./x"});
    CHECK(desk.root(desk.run(find, {"./x"})) == find);
    pid_t git = desk.run(desk.shell, {"/usr/bin/git", "pull"});
    CHECK(desk.root(desk.run(git, {"/usr/lib/git-core/git-remote-https"})) == git);
}

TEST_CASE("A launcher with only launchers above is its own root") {
    Desk desk;
    pid_t script = desk.run(desk.shell, {"/bin/bash", "pipeline.sh"});
    CHECK(desk.root(script) == script);
    CHECK(desk.of(script).root_class == ProgramClass::launcher);
    auto shell = desk.of(desk.shell);
    CHECK(shell.root == desk.shell);
    CHECK(shell.line == Line::terminal_launcher);
}

TEST_CASE("Orphans are their own roots; init and subreapers are lines") {
    Desk desk;
    pid_t orphan = desk.run(desk.init, {"./daemon"});
    CHECK(desk.root(orphan) == orphan);
    FakeProcesses table;
    pid_t first = table.add(0, {"/sbin/anything"});
    pid_t reaper = table.add(first, {"./reaper"}, {.subreaper = true});
    pid_t child = table.add(reaper, {"./child"});
    CHECK(infer_root(table, lists, child)->root == child);
    CHECK(infer_root(table, lists, child)->line == Line::init);
    CHECK(infer_root(table, lists, reaper)->line == Line::own);
    pid_t direct = table.add(first, {"./direct"});
    CHECK(infer_root(table, lists, direct)->root == direct);
    CHECK(infer_root(table, lists, first)->root == first);
}

TEST_CASE("Kernel threads, pid 0 and the dead are nobody") {
    FakeProcesses table;
    table.add(0, {"/sbin/init"});
    pid_t kthread = table.add(0, {"kworker"}, {.kernel_thread = true});
    CHECK_FALSE(infer_root(table, lists, kthread));
    CHECK_FALSE(infer_root(table, lists, 0));
    CHECK_FALSE(infer_root(table, lists, -1));
    CHECK_FALSE(infer_root(table, lists, 999));
    // A program that the kernel itself started (a usermode helper).
    pid_t helper = table.add(kthread, {"./helper"});
    CHECK(infer_root(table, lists, helper)->root == helper);
    CHECK(infer_root(table, lists, helper)->line == Line::kernel_thread);
}

TEST_CASE("What a shell started before it became a program is not that program's") {
    Desk desk;
    auto at = [](int seconds) { return Instant(std::chrono::seconds(seconds)); };
    // sh -c './watch & exec ./serve'
    pid_t serve = desk.run(desk.shell, {"./serve"});
    pid_t watch = desk.run(serve, {"./watch"});
    pid_t worker = desk.run(serve, {"./worker"});
    desk.table[watch].forked = at(1);
    desk.table[serve].execed = at(2);
    desk.table[worker].forked = at(3);
    CHECK(desk.root(watch) == watch);
    CHECK(desk.of(watch).topmost_launcher == serve);
    CHECK(desk.of(watch).line_process == desk.shell);
    CHECK(desk.root(worker) == serve);
    CHECK(desk.root(serve) == serve);
    // What has not become anything yet is the shell still, about to become a program.
    pid_t fork = desk.run(serve, {"/bin/sh", "-c", "./watch & exec ./serve"});
    desk.table[fork].forked = at(1);
    CHECK(desk.of(fork).launchers.at(0).fork);
    desk.table[fork].execed = at(2);
    CHECK_FALSE(desk.of(fork).launchers.at(0).fork);
    // A supervisor's child is a line also as the program that it is now.
    pid_t cron = desk.run(desk.init, {"/usr/sbin/cron"});
    pid_t job = desk.run(cron, {"./serve"});
    pid_t copy = desk.run(job, {"/usr/bin/cp", "x", "y"});
    desk.table[copy].forked = at(1);
    desk.table[job].execed = at(2);
    CHECK(desk.of(copy).line == Line::supervised_launcher);
    CHECK(desk.of(copy).acts_for()->process.pid == job);
    // A supervisor that has started itself anew is one.
    desk.table[job].forked = at(1);
    desk.table[cron].execed = at(2);
    CHECK(desk.of(copy).line == Line::supervised_launcher);
    CHECK(desk.of(job).line == Line::supervisor);
}

TEST_CASE("What a process within execve has started, it started as what it was") {
    Desk desk;
    pid_t tee = desk.run(desk.shell, {"/usr/bin/tee"});
    pid_t program = desk.run(tee, {"./upper"});
    desk.table[tee].arguments.clear();  // its new memory has none yet
    CHECK(desk.root(program) == program);
    CHECK(desk.of(program).topmost_launcher == tee);
}

TEST_CASE("The walk does not leave the caller's pid namespace") {
    Desk desk;
    pid_t outside = desk.run(desk.shell, {"./orchestrator"});
    pid_t first = desk.table.add(outside, {"/usr/bin/python3", "train.py"}, {.pid_namespace = 2});
    pid_t worker = desk.table.add(first, {"/usr/bin/python3", "train.py"}, {.pid_namespace = 2});
    // A container's first process is the program it is for.
    CHECK(desk.root(worker) == first);
    CHECK(desk.of(worker).line == Line::namespace_edge);
    CHECK(desk.of(worker).line_process == 0);
    pid_t entered = desk.table.add(outside, {"/bin/sh"}, {.pid_namespace = 3});
    pid_t job = desk.table.add(entered, {"./job"}, {.pid_namespace = 3});
    CHECK(desk.root(job) == job);
    CHECK(desk.of(job).topmost_launcher == entered);
    // Where namespaces cannot be read they do not part anybody.
    pid_t unknown = desk.table.add(outside, {"./x"}, {.pid_namespace = 0});
    CHECK(desk.root(unknown) == outside);
}

TEST_CASE("A parent that dies during the walk is followed to who adopts") {
    Desk desk;
    pid_t train = desk.run(desk.shell, {"./train"});
    pid_t between = desk.run(train, {"/bin/sh", "-c", "./x"});
    pid_t x = desk.run(between, {"./x"});
    desk.table.asked = [&](pid_t pid) {
        if (pid != between || desk.table[x].parent != between) return;
        desk.table.remove(between);
        desk.table[x].parent = desk.init;
    };
    CHECK(desk.root(x) == x);
    CHECK(desk.of(x).line_process == desk.init);
}

TEST_CASE("A parent's number that is another's now ends the walk") {
    Desk desk;
    pid_t train = desk.run(desk.shell, {"./train"});
    pid_t x = desk.run(train, {"./x"});
    desk.table[train].start_ticks = desk.table[x].start_ticks + 5;
    CHECK(desk.root(x) == x);
    // A circle, which no kernel has, ends too.
    desk.table[train].start_ticks = desk.table[x].start_ticks;
    desk.table[train].parent = x;
    CHECK(infer_root(desk.table, lists, x));
}

TEST_CASE("Launchers are noted, and who acts for which") {
    Desk desk;
    pid_t script = desk.run(desk.shell, {"/bin/bash", "./pipeline.sh"});
    pid_t fork = desk.run(script, {"/bin/bash", "./pipeline.sh"});
    pid_t cp = desk.run(fork, {"/usr/bin/cp", "x", "y"});
    auto inferred = desk.of(cp);
    REQUIRE(inferred.launchers.size() == 3);
    CHECK(inferred.launchers[0].process.pid == fork);
    CHECK(inferred.launchers[0].fork);
    CHECK_FALSE(inferred.launchers[1].fork);
    CHECK(inferred.launchers[1].name == "bash");
    CHECK(inferred.launchers[2].desk);
    CHECK(inferred.acts_for()->process.pid == script);
    CHECK(role_of(inferred, ProgramClass::file_tool) == Role::file_tool);
    CHECK(desk.of(script).launchers.front().process.pid == script);
    CHECK(role_of(desk.of(script), ProgramClass::launcher) == Role::launcher);
    // Typed: for the shell itself. With none: a run of its own.
    pid_t typed = desk.run(desk.shell, {"/usr/bin/rm", "x"});
    CHECK(desk.of(typed).acts_for()->process.pid == desk.shell);
    pid_t alone = desk.run(desk.terminal, {"/usr/bin/rm", "x"});
    CHECK(desk.of(alone).acts_for() == nullptr);
    CHECK(role_of(desk.of(alone), ProgramClass::file_tool) == Role::program);
    // Below a tool, everything is the tool's; below an observer only observers leave no trace.
    pid_t git = desk.run(script, {"/usr/bin/git", "pull"});
    pid_t hook = desk.run(git, {"/bin/sh", "hook"});
    CHECK(role_of(desk.of(hook), ProgramClass::launcher) == Role::file_tool);
    CHECK(desk.of(hook).acts_for()->process.pid == script);
    pid_t pack = desk.run(hook, {"/usr/bin/git", "upload-pack"});
    CHECK(desk.of(pack).acts_for()->process.pid == script);
    CHECK(desk.of(desk.run(desk.run(desk.run(desk.shell, {"/usr/bin/git"}), {"/bin/sh"}), {"git"}))
              .acts_for()
              ->process.pid == desk.shell);
    pid_t find = desk.run(script, {"/usr/bin/find", "."});
    CHECK(role_of(desk.of(desk.run(find, {"/usr/bin/cat"})), ProgramClass::observer) ==
          Role::observer);
    CHECK(role_of(desk.of(desk.run(find, {"./x"})), ProgramClass::ordinary) == Role::program);
}
