// The process connector: orphans, and what is done when events are lost. Root only.
#include "runs/process_connector.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "runs/fake_processes.h"
#include "support/catch.h"

using namespace artfs;

namespace {

// A grandchild whose parent has exited; it lives until its pipe is closed.
struct Orphan {
    pid_t pid = 0;
    int keep = -1;
    Orphan() {
        int tell[2];
        int live[2];
        REQUIRE(pipe(tell) == 0);
        REQUIRE(pipe(live) == 0);
        pid_t child = fork();
        if (child == 0) {
            pid_t grandchild = fork();
            if (grandchild == 0) {
                close(live[1]);
                char end = 0;
                _exit(read(live[0], &end, 1) == 0 ? 0 : 1);
            }
            if (write(tell[1], &grandchild, sizeof grandchild) < 0) _exit(1);
            _exit(0);
        }
        waitpid(child, nullptr, 0);
        REQUIRE(read(tell[0], &pid, sizeof pid) == sizeof pid);
        for (int fd : {tell[0], tell[1], live[0]}) close(fd);
        keep = live[1];
    }
    ~Orphan() { close(keep); }
    Orphan(const Orphan&) = delete;
    Orphan& operator=(const Orphan&) = delete;
};

}  // namespace

TEST_CASE("The connector knows where an orphan came from", "[connector]") {
    auto connector = ProcessConnector::open();
    if (!connector) {
        WARN("no process connector here: not root, or not in the first pid namespace");
        return;
    }
    Orphan orphan;
    CHECK(connector->descent(orphan.pid)->living_ancestor == getpid());
    CHECK(connector->descent(orphan.pid)->dead.size() == 1);
    CHECK_FALSE(connector->descent(getpid())->living_ancestor);  // its parent lives
    CHECK(connector->descent(getpid())->dead.empty());
    auto connected = connected_processes();
    REQUIRE(connected);
    Orphan later;
    auto chain = ancestry(*connected, later.pid);
    REQUIRE(chain.size() > 1);
    CHECK(chain.at(1).pid == getpid());
    // Without it, whoever adopts orphans is the parent.
    CHECK(ancestry(system_processes(), later.pid).at(1).pid != getpid());
}

TEST_CASE("After an overflow the tree is read from /proc, and forks are followed again",
          "[connector]") {
    auto connector = ProcessConnector::open();
    if (!connector) return;
    Orphan before;
    CHECK(connector->descent(before.pid)->living_ancestor == getpid());
    connector->rebuild();
    CHECK(connector->rebuilds() == 1);
    // What /proc cannot say is forgotten.
    CHECK_FALSE(connector->descent(before.pid)->living_ancestor);
    Orphan after;
    CHECK(connector->descent(after.pid)->living_ancestor == getpid());
}

TEST_CASE("A storm of forks leaves nothing behind", "[connector]") {
    auto connector = ProcessConnector::open();
    if (!connector) return;
    auto before = connector->size();
    for (int i = 0; i < 300; ++i) {
        pid_t child = fork();
        if (child == 0) _exit(0);
        waitpid(child, nullptr, 0);
    }
    CHECK_FALSE(connector->descent(getpid())->living_ancestor);  // reads what has arrived
    CHECK(connector->size() < before + 200);
}

TEST_CASE("The connector knows when a process became another, and when it was forked",
          "[connector]") {
    auto connector = ProcessConnector::open();
    if (!connector) return;
    int tell[2];
    REQUIRE(pipe(tell) == 0);
    // A shell that starts two and becomes the last of its commands.
    pid_t shell = fork();
    if (shell == 0) {
        dup2(tell[1], 1);
        execl("/bin/sh", "sh", "-c", "sleep 60 & echo $!; exec sleep 60", nullptr);
        _exit(1);
    }
    char text[32] = {};
    REQUIRE(read(tell[0], text, sizeof text - 1) > 0);
    auto started = static_cast<pid_t>(std::atol(text));
    auto of_started = connector->descent(started);
    auto of_shell = connector->descent(shell);
    for (int i = 0; i < 1000 && of_shell->execed < of_started->forked; ++i) {
        usleep(10'000);
        of_shell = connector->descent(shell);
    }
    CHECK(of_shell->forked < of_started->forked);
    CHECK(of_started->forked < of_shell->execed);
    CHECK(connector->descent(getpid())->execed < of_shell->forked);
    // As another program it is no ancestor, nor when it is dead.
    kill(shell, SIGKILL);
    waitpid(shell, nullptr, 0);
    CHECK(connector->descent(started)->living_ancestor == getpid());
    CHECK(connector->descent(started)->dead.empty());
    connector->rebuild();
    CHECK(connector->descent(started)->forked > of_shell->execed);
    kill(started, SIGKILL);
    for (int fd : {tell[0], tell[1]}) close(fd);
}

TEST_CASE("A parent that dies while it is looked at is no ancestor", "[connector]") {
    class Dying : public test::FakeProcesses {
    public:
        pid_t dies = 0;
        bool dead = false;
        std::optional<ProcessFacts> facts(pid_t pid) override {
            dead = dead || pid == dies;
            return FakeProcesses::facts(pid);
        }
        std::optional<Descent> descent(pid_t pid) override {
            if (pid == dies && dead) return std::nullopt;
            if (pid == started && dead) return Descent{shell, {}, at(1), {}};
            return Descent{{}, {}, at(1), pid == dies ? at(2) : Instant()};
        }
        pid_t shell = 0;
        pid_t started = 0;
        static Instant at(int seconds) { return Instant(std::chrono::seconds(seconds)); }
    } processes;
    pid_t init = processes.add(0, {"/sbin/init"});
    processes.shell = processes.add(init, {"/bin/bash"}, {.terminal = true});
    // bash's `sort > >(upper)`, when sort is about to end.
    processes.dies = processes.add(processes.shell, {"/usr/bin/sort"});
    processes.started = processes.add(processes.dies, {"./upper"});
    auto inferred = infer_root(processes, ProgramLists::built_in(), processes.started);
    REQUIRE(inferred);
    CHECK(inferred->root == processes.started);
    CHECK(inferred->line_process == processes.shell);
    CHECK(inferred->topmost_launcher == 0);
}

TEST_CASE("An orphan is walked from the ancestor that lives", "[connector]") {
    class Orphaned : public test::FakeProcesses {
    public:
        std::map<pid_t, pid_t> came_from;
        std::optional<Descent> descent(pid_t pid) override {
            if (!came_from.contains(pid)) return std::nullopt;
            return Descent{came_from.at(pid), {7001, 7002}, {}, {}};
        }
    } processes;
    pid_t init = processes.add(0, {"/sbin/init"});
    pid_t shell = processes.add(init, {"/bin/bash"}, {.terminal = true});
    pid_t driver = processes.add(shell, {"/usr/bin/driver"});
    pid_t orphan = processes.add(init, {"/usr/bin/worker"});
    auto lists = ProgramLists::built_in();
    CHECK(infer_root(processes, lists, orphan)->root == orphan);
    processes.came_from[orphan] = driver;
    CHECK(infer_root(processes, lists, orphan)->root == driver);
    CHECK(infer_root(processes, lists, orphan)->dead_above.empty());  // below the root
    processes.came_from[orphan] = shell;
    CHECK(infer_root(processes, lists, orphan)->root == orphan);
    CHECK(infer_root(processes, lists, orphan)->dead_above == std::vector<pid_t>{7002, 7001});
    CHECK(infer_root(processes, lists, orphan)->line_process == shell);
}
