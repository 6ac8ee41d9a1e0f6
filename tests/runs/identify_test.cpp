// Who is calling, asked of real processes.
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <filesystem>
#include <map>
#include <sstream>
#include <thread>

#include "runs/caller_cache.h"
#include "runs/children.h"
#include "runs/identity.h"
#include "runs/proc_files.h"
#include "support/catch.h"

using namespace artfs;
using namespace artfs::test;

namespace {

std::string own_name() { return program_name(*system_processes().facts(getpid())); }

// Lists by which the test program starts unrelated work, as a supervisor does.
ProgramLists under_test() {
    auto lists = ProgramLists::built_in();
    lists.supervisors.push_back(own_name());
    return lists;
}

Identified identify(Identifier& identifier, pid_t tid) {
    auto identified = identifier.identify(tid);
    REQUIRE(identified);
    return std::move(*identified);
}

void next_tick() {
    auto before = now_ticks();
    while (now_ticks() <= before + 1) std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

// In the middle of an exec a process has its new name and no arguments yet.
std::string name_of(pid_t pid) {
    auto facts = system_processes().facts(pid);
    return facts && !facts->arguments.empty() ? program_name(*facts) : "";
}

// /proc/PID/task/TID/children, proc(5).
std::vector<pid_t> children_of(pid_t pid) {
    std::string number = std::to_string(pid);
    auto list = read_file("/proc/" + number + "/task/" + number + "/children");
    std::istringstream words(list.value_or(""));
    std::vector<pid_t> children;
    for (pid_t child = 0; words >> child;) children.push_back(child);
    return children;
}

// The real table; but the test program is a line, whatever its class.
class UnderTheTest : public ProcessTable {
public:
    std::optional<ProcessFacts> facts(pid_t pid) override {
        auto found = system_processes().facts(pid);
        if (found && pid == test_) found->subreaper = true;
        return found;
    }

    // Of children that were started before their parent's last exec.
    std::map<pid_t, Descent> descents;
    std::optional<Descent> descent(pid_t pid) override {
        auto found = descents.find(pid);
        return found == descents.end() ? std::nullopt : std::optional(found->second);
    }

private:
    pid_t test_ = getpid();
};

}  // namespace

TEST_CASE("A program is identified with everything that is needed of it") {
    Identifier identifier(under_test());
    Child child = Child::of_program({"/usr/bin/sleep", "1000"});
    auto found = identify(identifier, child.pid());
    const auto& caller = found.caller;
    CHECK(caller.tid == child.pid());
    CHECK(caller.process == key_of(child.pid()));
    CHECK(caller.parent == getpid());
    CHECK(caller.credentials.uid == geteuid());
    CHECK(caller.program == "sleep");
    CHECK(caller.program_class == ProgramClass::ordinary);
    CHECK(caller.root() == caller.process);
    CHECK(caller.inferred.line == Line::supervisor);
    CHECK(caller.role == Role::program);
    CHECK_FALSE(caller.explicit_run);
    CHECK_FALSE(caller.process_directory);
    REQUIRE(found.root);
    CHECK(found.root->facts.arguments == std::vector<std::string>{"/usr/bin/sleep", "1000"});
    CHECK(found.root->cwd == std::filesystem::current_path());
    CHECK(found.root->pidfd);
    CHECK(file_identity(found.root->executable) == caller.executable);
    CHECK(found.root->same_mounts);
    REQUIRE(found.root->environment.size() == 1);
    CHECK(found.root->environment[0].first == "PATH");
    CHECK_FALSE(identifier.identify(0));
    CHECK_FALSE(identifier.identify(2));  // kthreadd
    child.kill();
    pid_t pid = child.pid();
    child.reap();
    CHECK_FALSE(identifier.identify(pid));
}

TEST_CASE("A thread's number is not its process's") {
    Identifier identifier(under_test());
    Signal told;
    Child child([&] {
        std::thread([&] {
            told.send(static_cast<int>(syscall(SYS_gettid)));
            sleep_for_ever();
        }).detach();
        return sleep_for_ever();
    });
    pid_t tid = told.wait();
    REQUIRE(tid != child.pid());
    auto found = identify(identifier, tid);
    CHECK(found.caller.tid == tid);
    CHECK(found.caller.process == key_of(child.pid()));
}

TEST_CASE("Groups are the thread's own") {
    if (geteuid() != 0) return;
    Identifier identifier(under_test());
    Signal ready;
    Child child([&] {
        gid_t groups[] = {7, 9};
        bool done = setgroups(2, groups) == 0 && setresgid(65534, 65534, 65534) == 0 &&
                    setresuid(65534, 65534, 65534) == 0;
        ready.send(done ? 0 : 1);
        return sleep_for_ever();
    });
    REQUIRE(ready.wait() == 0);
    auto credentials = identify(identifier, child.pid()).caller.credentials;
    CHECK(credentials.uid == 65534);
    CHECK(credentials.gid == 65534);
    CHECK(credentials.groups == std::vector<std::uint32_t>{7, 9});
}

TEST_CASE("A redirection's fork and the program it becomes are one run") {
    // bash: the child opens the file, still bash, then execs the program. Here the test program is
    // the shell.
    UnderTheTest table;
    auto lists = ProgramLists::built_in();
    lists.launchers.push_back(own_name());
    Identifier identifier(lists, {}, table);
    CallerCache cache;
    Signal go;
    Signal forked;
    Child shell([&] {
        Child inner([&] {
            go.wait();
            execl("/usr/bin/sleep", "sleep", "1000", nullptr);
            return 127;
        });
        forked.send(inner.pid());
        return sleep_for_ever();
    });
    pid_t pid = forked.wait();
    const auto& before = cache.insert(identify(identifier, pid));
    CHECK(before.program_class == ProgramClass::launcher);
    CHECK(before.inferred.root == pid);
    CHECK(before.may_become_another());
    CHECK(CallerCache::same_program(before));
    ProcessKey key = before.root();
    go.send();
    REQUIRE(eventually([&] { return name_of(pid) == "sleep"; }));
    CHECK_FALSE(CallerCache::same_program(before));
    cache.erase(pid);
    auto again = identify(identifier, pid);
    CHECK(again.caller.program == "sleep");
    CHECK(again.caller.root() == key);
    CHECK(again.root->facts.arguments.front() == "sleep");
}

TEST_CASE("A program keeps its run across exec") {
    UnderTheTest table;
    Identifier identifier(ProgramLists::built_in(), {}, table);
    Signal go;
    Child child([&] {
        go.wait();
        execl("/bin/sh", "sh", "-c", "sleep 1000; true", nullptr);
        return 127;
    });
    CHECK(identify(identifier, child.pid()).caller.root() == key_of(child.pid()));
    go.send();
    pid_t grandchild = 0;
    REQUIRE(eventually([&] {
        auto list = children_of(child.pid());
        if (!list.empty()) grandchild = list.front();
        return grandchild != 0 && name_of(grandchild) == "sleep";
    }));
    auto shell = identify(identifier, child.pid());
    CHECK(shell.caller.program_class == ProgramClass::launcher);
    CHECK(shell.caller.root() == key_of(child.pid()));
    // So does what it starts, which a shell's would not.
    CHECK(identify(identifier, grandchild).caller.root() == key_of(child.pid()));
    Identifier forgetful(ProgramLists::built_in(), {}, table);
    CHECK(identify(forgetful, grandchild).caller.root() == key_of(grandchild));
    kill(grandchild, SIGKILL);
}

TEST_CASE("What a program started before it became another is its own if it was seen before") {
    UnderTheTest table;
    Identifier seen(ProgramLists::built_in(), {}, table);
    Identifier later(ProgramLists::built_in(), {}, table);
    Signal forked;
    Signal go;
    Child program([&] {
        Child child([] { return sleep_for_ever(); });
        forked.send(child.pid());
        go.wait();
        execl("/usr/bin/sleep", "sleep", "1000", nullptr);
        return 127;
    });
    pid_t child = forked.wait();
    CHECK(identify(seen, program.pid()).caller.root() == key_of(program.pid()));
    go.send();
    REQUIRE(eventually([&] { return name_of(program.pid()) == "sleep"; }));
    auto at = [](int seconds) { return Instant(std::chrono::seconds(seconds)); };
    table.descents[child] = {{}, {}, at(1), {}};
    table.descents[program.pid()] = {{}, {}, {}, at(2)};
    CHECK(identify(seen, program.pid()).caller.root() == key_of(program.pid()));
    CHECK(identify(seen, child).caller.root() == key_of(program.pid()));
    CHECK(identify(later, program.pid()).caller.root() == key_of(program.pid()));
    CHECK(identify(later, child).caller.root() == key_of(child));
    kill(child, SIGKILL);
}

TEST_CASE("Who was seen in a run stays in it when its root dies, and so do its children") {
    UnderTheTest table;
    Identifier remembering(ProgramLists::built_in(), {}, table);
    Identifier forgetful(ProgramLists::built_in(), {}, table);
    Signal told;
    Signal grow;
    Child root([&] {
        if (fork() != 0) return sleep_for_ever();
        told.send(getpid());
        grow.wait();
        pid_t child = fork();
        if (child != 0) told.send(child);
        return sleep_for_ever();
    });
    pid_t worker = told.wait();
    ProcessKey root_key = key_of(root.pid());
    CHECK(identify(remembering, worker).caller.root() == root_key);
    root.kill();
    root.reap();
    REQUIRE(eventually([&] { return system_processes().facts(worker)->parent != root_key.pid; }));
    auto orphan = identify(remembering, worker);
    CHECK(orphan.caller.root() == root_key);
    REQUIRE(orphan.root);
    CHECK_FALSE(orphan.root->pidfd);
    CHECK(orphan.root->facts.key() == root_key);
    CHECK(identify(forgetful, worker).caller.root() == key_of(worker));
    grow.send();
    pid_t child = told.wait();
    CHECK(identify(remembering, child).caller.root() == root_key);
    kill(child, SIGKILL);
    kill(worker, SIGKILL);
}

TEST_CASE("Observers are seen as such only where they are the root") {
    Identifier identifier(under_test());
    Child cat = Child::of_program({"/usr/bin/tail", "-f", "/dev/null"});
    auto alone = identify(identifier, cat.pid());
    CHECK(alone.caller.role == Role::observer);
    CHECK(alone.caller.may_become_another());
    CHECK(alone.caller.process_directory);
    RunId run = RunId::make();
    identifier.explicit_runs().add({.id = run, .root = key_of(cat.pid()), .uid = getuid()});
    CHECK(identify(identifier, cat.pid()).caller.role == Role::program);
}

TEST_CASE("Pipes at standard input and output are noted") {
    Identifier identifier(under_test());
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    Child child([&] {
        dup2(ends[0], 0);
        dup2(ends[1], 1);
        return sleep_for_ever();
    });
    auto pipe_inode = file_identity(ends[0], "")->inode;
    REQUIRE(eventually([&] { return standard_pipes_of(child.pid()).output == pipe_inode; }));
    auto pipes = identify(identifier, child.pid()).caller.pipes;
    CHECK(pipes.input == pipe_inode);
    CHECK(pipes.output == pipe_inode);
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("The real table tells pid namespaces apart") {
    if (geteuid() != 0) return;
    Signal told;
    Child outer([&] {
        if (unshare(CLONE_NEWPID) != 0) return told.send(0), 1;
        pid_t first = fork();
        if (first == 0) return sleep_for_ever();
        told.send(first);
        return sleep_for_ever();
    });
    pid_t first = told.wait();
    if (first == 0) return;
    auto facts = system_processes().facts(first);
    REQUIRE(facts);
    CHECK(facts->pid_in_namespace == 1);
    CHECK(facts->pid_namespace != system_processes().facts(getpid())->pid_namespace);
    Identifier identifier(ProgramLists::built_in());
    auto found = identify(identifier, first);
    CHECK(found.caller.inferred.root == first);
    CHECK(found.caller.inferred.line == Line::namespace_edge);
    kill(first, SIGKILL);  // takes its namespace along
}

TEST_CASE("Processes under a supervisor that agree in a group's variables are one run") {
    Identifier identifier(under_test(), {"JOB+STEP", "SPACE"});
    auto start = [](std::vector<std::string> environment) {
        return Child::of_program({"/usr/bin/sleep", "1000"}, std::move(environment));
    };
    Child a = start({"JOB=1", "STEP=0"});
    Child b = start({"JOB=1", "STEP=0"});
    Child other_step = start({"JOB=1", "STEP=1"});
    Child incomplete = start({"JOB=1"});
    Child space = start({"SPACE=x"});
    Child same_space = start({"SPACE=x", "JOB=9"});
    auto root = [&](const Child& child) { return identify(identifier, child.pid()).caller.root(); };
    CHECK(root(a) == key_of(a.pid()));
    CHECK(root(b) == key_of(a.pid()));
    CHECK(root(other_step) == key_of(other_step.pid()));
    CHECK(root(incomplete) == key_of(incomplete.pid()));
    CHECK(root(same_space) == root(space));
    // Under a launcher they are stages of its own.
    Child script = Child::of_program({"/bin/sh", "-c", "sleep 1000 & sleep 1000 & wait"},
                                     {"PATH=/usr/bin:/bin", "JOB=1", "STEP=0"});
    std::vector<pid_t> stages;
    REQUIRE(eventually([&] {
        stages = children_of(script.pid());
        return stages.size() == 2 && name_of(stages[0]) == "sleep" && name_of(stages[1]) == "sleep";
    }));
    CHECK(identify(identifier, stages[0]).caller.root() == key_of(stages[0]));
    CHECK(identify(identifier, stages[1]).caller.root() == key_of(stages[1]));
    for (pid_t stage : stages) kill(stage, SIGKILL);
}

// ---- explicit runs

TEST_CASE("What an explicit root starts is in its run, the nearest one's") {
    Identifier identifier(under_test());
    Signal told;
    Child outer([&] {
        Child inner([&] {
            Child leaf(sleep_for_ever);
            told.send(leaf.pid());
            return sleep_for_ever();
        });
        told.send(inner.pid());
        return sleep_for_ever();
    });
    pid_t one = told.wait();
    pid_t two = told.wait();
    if (system_processes().facts(one)->parent != outer.pid()) std::swap(one, two);
    RunId big = RunId::make();
    RunId small = RunId::make();
    ProcessKey wrapper{getpid(), key_of(getpid()).start_ticks};
    identifier.explicit_runs().add(
        {.id = big, .root = key_of(outer.pid()), .wrapper = wrapper, .uid = getuid()});
    CHECK(identify(identifier, two).caller.explicit_run == big);
    CHECK(identify(identifier, outer.pid()).caller.explicit_run == big);
    CHECK_FALSE(identify(identifier, two).root);
    next_tick();
    identifier.explicit_runs().add(
        {.id = small, .root = key_of(one), .late = true, .uid = getuid()});
    CHECK(identify(identifier, one).caller.explicit_run == small);
    // Of a shell's run, only what is started from then on: the leaf was there before.
    CHECK(identify(identifier, two).caller.explicit_run == big);
    // The wrapper's own looks, and what was re-parented to it.
    CHECK(identify(identifier, getpid()).caller.explicit_run == big);
}

TEST_CASE("A shell's run has what is started between begin and end") {
    ExplicitRuns runs;
    ProcessKey shell{100, 10};
    RunId first = RunId::make();
    ProcessKey before{101, now_ticks() - 50};
    next_tick();
    runs.add({.id = first, .root = shell, .late = true, .uid = 1});
    ProcessKey within{102, now_ticks()};
    CHECK(runs.by_ancestor(shell, shell, shell) == first);
    CHECK(runs.by_ancestor(shell, within, within) == first);
    CHECK_FALSE(runs.by_ancestor(shell, before, before));
    CHECK_FALSE(runs.by_ancestor(shell, before, within));  // of an older job
    CHECK_FALSE(runs.by_ancestor(within, within, within));
    next_tick();
    runs.ended(first);
    next_tick();
    ProcessKey after{103, now_ticks()};
    CHECK_FALSE(runs.by_ancestor(shell, shell, shell));
    CHECK(runs.by_ancestor(shell, within, within) == first);
    CHECK_FALSE(runs.by_ancestor(shell, after, after));
    RunId second = RunId::make();
    runs.add({.id = second, .root = shell, .late = true, .uid = 1});
    next_tick();
    ProcessKey later{104, now_ticks()};
    CHECK(runs.by_ancestor(shell, shell, shell) == second);
    CHECK(runs.by_ancestor(shell, later, later) == second);
    CHECK(runs.by_ancestor(shell, within, within) == first);
}

TEST_CASE("What art next made of a run is what the environment of the shell means") {
    ExplicitRuns runs;
    ProcessKey shell{100, 10};
    RunId first = RunId::make();
    RunId second = RunId::make();
    runs.add({.id = first, .root = shell, .late = true, .uid = 1});
    next_tick();
    ProcessKey early{101, now_ticks()};
    next_tick();
    runs.add({.id = second, .root = shell, .late = true, .uid = 1});
    runs.ended(first);
    runs.continued(first, second);
    next_tick();
    ProcessKey late{102, now_ticks()};
    CHECK(runs.by_environment(first, 1, early) == first);
    CHECK(runs.by_environment(first, 1, late) == second);
    CHECK_FALSE(runs.by_environment(first, 2, late));
    CHECK(runs.live(first) == second);
    runs.ended(second);
    CHECK_FALSE(runs.live(first));
    next_tick();
    CHECK_FALSE(runs.by_environment(first, 1, {103, now_ticks()}));
}

TEST_CASE("Only so many ended runs are remembered, and no live one is forgotten") {
    ExplicitRuns runs;
    CHECK(runs.empty());
    RunId live = RunId::make();
    RunId oldest = RunId::make();
    runs.add({.id = live, .root = {1, 1}, .uid = 1});
    runs.add({.id = oldest, .root = {2, 1}, .uid = 1});
    runs.ended(oldest);
    runs.ended(oldest);
    CHECK(runs.by_environment(oldest, 1, {9, 0}) == oldest);
    for (pid_t i = 0; i < 1024; ++i) {
        RunId id = RunId::make();
        runs.add({.id = id, .root = {10 + i, 1}, .uid = 1});
        runs.ended(id);
    }
    CHECK(runs.by_environment(live, 1, {9, 0}) == live);
    CHECK_FALSE(runs.by_environment(oldest, 1, {9, 0}));
}

TEST_CASE("ART_RUN is honoured for the run's user, for what was started before its end") {
    Identifier identifier(under_test());
    RunId run = RunId::make();
    RunId foreign = RunId::make();
    auto start = [](const std::string& id) {
        return Child::of_program({"/usr/bin/sleep", "1000"}, {"ART_RUN=" + id});
    };
    ProcessKey elsewhere{1, 1};
    identifier.explicit_runs().add({.id = run, .root = elsewhere, .wrapper = {}, .uid = getuid()});
    identifier.explicit_runs().add({.id = foreign, .root = {1, 2}, .uid = getuid() + 1});
    Child member = start(run.text());
    Child stranger = start(foreign.text());
    Child unknown = start(RunId::make().text());
    Child nonsense = start("nonsense");
    CHECK(identify(identifier, member.pid()).caller.explicit_run == run);
    CHECK_FALSE(identify(identifier, stranger.pid()).caller.explicit_run);
    CHECK_FALSE(identify(identifier, unknown.pid()).caller.explicit_run);
    CHECK_FALSE(identify(identifier, nonsense.pid()).caller.explicit_run);
    next_tick();
    identifier.explicit_runs().ended(run);
    next_tick();
    Child late = start(run.text());
    CHECK(identify(identifier, member.pid()).caller.explicit_run == run);
    auto inferred = identify(identifier, late.pid());
    CHECK_FALSE(inferred.caller.explicit_run);
    CHECK(inferred.root);
}

// ---- the cache

TEST_CASE("The cache believes a number only while its thread lives") {
    Identifier identifier(under_test());
    CallerCache cache;
    Child child = Child::of_program({"/usr/bin/sleep", "1000"});
    CHECK(cache.find(child.pid()) == nullptr);
    cache.insert(identify(identifier, child.pid()));
    REQUIRE(cache.find(child.pid()) != nullptr);
    CHECK(cache.find(child.pid())->program == "sleep");
    cache.insert(identify(identifier, child.pid()));
    CHECK(cache.size() == 1);
    // The number now means another: the entry is of the dead one.
    auto entry = identify(identifier, child.pid());
    Child other = Child::of_program({"/usr/bin/sleep", "1000"});
    entry.caller.tid = other.pid();
    cache.insert(std::move(entry));
    child.kill();
    pid_t pid = child.pid();
    child.reap();
    CHECK(cache.find(pid) == nullptr);
    CHECK(cache.find(other.pid()) == nullptr);
    CHECK(cache.size() == 0);
    cache.insert(identify(identifier, other.pid()));
    cache.clear();
    CHECK(cache.size() == 0);
}

TEST_CASE("The cache keeps to its descriptors and drops whom nobody asked for longest") {
    Identifier identifier(under_test());
    CallerCache cache(4);
    std::vector<Child> children;
    for (int i = 0; i < 4; ++i) {
        children.push_back(Child::of_program({"/usr/bin/sleep", "1000"}));
        cache.insert(identify(identifier, children.back().pid()));
    }
    CHECK(cache.size() == 4);
    REQUIRE(cache.find(children[0].pid()));
    // An observer takes two: the two least recently used go.
    Child observer = Child::of_program({"/usr/bin/tail", "-f", "/dev/null"});
    cache.insert(identify(identifier, observer.pid()));
    CHECK(cache.size() == 3);
    CHECK(cache.find(children[0].pid()));
    CHECK_FALSE(cache.find(children[1].pid()));
    CHECK_FALSE(cache.find(children[2].pid()));
    CHECK(cache.find(children[3].pid()));
    CHECK(cache.find(observer.pid()));
}

TEST_CASE("The dead do not gather in the cache") {
    Identifier identifier(under_test());
    CallerCache cache;
    for (int i = 0; i < 300; ++i) {
        Child child(sleep_for_ever);
        cache.insert(identify(identifier, child.pid()));
    }
    CHECK(cache.size() <= 64);
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    CHECK(CallerCache::default_descriptors() <= limit.rlim_cur / 4);
}

TEST_CASE("Many threads may identify at once") {
    Identifier identifier(under_test());
    Child child = Child::of_program({"/bin/sh", "-c", "while :; do /bin/true; done"});
    RunId run = RunId::make();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 50; ++n) {
                if (auto found = identifier.identify(child.pid())) {
                    identifier.explicit_runs().add({.id = run, .root = {1, 1}, .uid = 0});
                    identifier.explicit_runs().ended(run);
                }
                // Whoever dies under our hands is nobody, or was somebody.
                identifier.identify(child.pid() + n);
            }
        });
    for (auto& thread : threads) thread.join();
    SUCCEED();
}
