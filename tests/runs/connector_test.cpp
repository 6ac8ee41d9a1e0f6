// The process connector: orphans, and what is done when events are lost. Root only.
#include "runs/process_connector.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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
    CHECK(connector->living_ancestor(orphan.pid) == getpid());
    CHECK(connector->dead_ancestors(orphan.pid).size() == 1);
    CHECK_FALSE(connector->living_ancestor(getpid()));  // its parent lives
    CHECK(connector->dead_ancestors(getpid()).empty());
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
    CHECK(connector->living_ancestor(before.pid) == getpid());
    connector->rebuild();
    CHECK(connector->rebuilds() == 1);
    CHECK_FALSE(connector->living_ancestor(before.pid));  // what /proc cannot say is forgotten
    Orphan after;
    CHECK(connector->living_ancestor(after.pid) == getpid());
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
    CHECK_FALSE(connector->living_ancestor(getpid()));  // reads what has arrived
    CHECK(connector->size() < before + 200);
}

TEST_CASE("An orphan is walked from the ancestor that lives", "[connector]") {
    class Orphaned : public test::FakeProcesses {
    public:
        std::map<pid_t, pid_t> came_from;
        std::optional<pid_t> living_ancestor(pid_t pid) override {
            auto found = came_from.find(pid);
            return found == came_from.end() ? std::nullopt : std::optional(found->second);
        }
        std::vector<pid_t> dead_ancestors(pid_t pid) override {
            return came_from.contains(pid) ? std::vector<pid_t>{7001, 7002} : std::vector<pid_t>();
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
