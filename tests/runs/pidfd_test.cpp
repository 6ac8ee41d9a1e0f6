// Threads and processes by descriptor, exit statuses, and the watcher, on real processes.
#include "runs/pidfd.h"

#include <poll.h>
#include <sys/syscall.h>

#include <atomic>
#include <thread>

#include "runs/children.h"
#include "runs/exit_watcher.h"
#include "runs/proc_files.h"
#include "support/catch.h"

using namespace artfs;
using namespace artfs::test;

namespace {

// A thread of the test that lives until it is let go.
class Thread {
public:
    Thread() {
        thread_ = std::thread([this] {
            tid_ = static_cast<pid_t>(syscall(SYS_gettid));
            while (!done_) std::this_thread::yield();
        });
        while (tid_ == 0) std::this_thread::yield();
    }
    ~Thread() { end(); }
    pid_t tid() const { return tid_; }
    void end() {
        done_ = true;
        if (thread_.joinable()) thread_.join();
    }

private:
    std::atomic<pid_t> tid_{0};
    std::atomic<bool> done_{false};
    std::thread thread_;
};

}  // namespace

TEST_CASE("A thread is of its process and its death is noticed") {
    for (bool pidfds : {true, false}) {
        CAPTURE(pidfds);
        Thread thread;
        REQUIRE(thread.tid() != getpid());
        auto handle = ThreadHandle::open(thread.tid(), pidfds);
        REQUIRE(handle);
        if (!pidfds) CHECK(handle.kind() == ThreadHandle::Kind::directory);
        CHECK(handle.alive());
        CHECK(handle.process() == getpid());
        thread.end();
        CHECK(eventually([&] { return !handle.alive(); }));
        CHECK_FALSE(handle.process() == getpid());
    }
}

TEST_CASE("A process's own thread dies with it, zombie or not") {
    for (bool pidfds : {true, false}) {
        CAPTURE(pidfds);
        Child child(sleep_for_ever);
        auto handle = ThreadHandle::open(child.pid(), pidfds);
        REQUIRE(handle.alive());
        CHECK(handle.process() == child.pid());
        child.kill();
        child.await_zombie();
        CHECK_FALSE(handle.alive());
        child.reap();
        CHECK_FALSE(handle.alive());
    }
}

TEST_CASE("There is no handle of nobody") {
    Child child([] { return 0; });
    pid_t pid = child.pid();
    child.reap();
    for (bool pidfds : {true, false}) {
        CHECK_FALSE(ThreadHandle::open(0, pidfds));
        CHECK_FALSE(ThreadHandle::open(-5, pidfds));
        CHECK_FALSE(ThreadHandle::open(pid, pidfds));
    }
    CHECK_FALSE(ThreadHandle());
    CHECK_FALSE(ThreadHandle().alive());
    CHECK_FALSE(open_pidfd(0));
    CHECK_FALSE(open_pidfd(pid));
    CHECK_FALSE(alive(-1));
    CHECK_FALSE(exit_status(-1, pid));
}

TEST_CASE("The status of an exit, from the zombie and after it was reaped") {
    for (int code : {0, 1, 7, 255}) {
        CAPTURE(code);
        Child child([code] { return code; });
        Fd pidfd = open_pidfd(child.pid());
        pid_t pid = child.pid();
        child.await_zombie();
        CHECK_FALSE(alive(pidfd));
        auto as_zombie = exit_status(pidfd.get(), pid);
        REQUIRE(as_zombie);
        CHECK(WIFEXITED(*as_zombie));
        CHECK(WEXITSTATUS(*as_zombie) == code);
        int waited = child.reap();
        // Kernels before 6.15 know nothing of a process that was reaped.
        auto reaped = exit_status(pidfd.get(), pid);
        if (reaped) CHECK(*reaped == waited);
    }
}

TEST_CASE("The status of a death by signal") {
    for (int signal : {SIGKILL, SIGTERM, SIGSEGV}) {
        CAPTURE(signal);
        Child child = Child::of_program({"/usr/bin/sleep", "1000"});
        Fd pidfd = open_pidfd(child.pid());
        CHECK(alive(pidfd));
        CHECK_FALSE(exit_status(pidfd.get(), child.pid()));
        child.kill(signal);
        child.await_zombie();
        auto status = exit_status(pidfd.get(), child.pid());
        REQUIRE(status);
        CHECK(WIFSIGNALED(*status));
        CHECK(WTERMSIG(*status) == signal);
    }
}

TEST_CASE("A process is alive while any of its threads is") {
    Signal left;
    Child child([&] {
        std::thread([&] {
            left.wait();
            _exit(9);
        }).detach();
        syscall(SYS_exit, 0);  // the first thread only
        return 0;
    });
    Fd pidfd = open_pidfd(child.pid());
    Fd process = open_process_directory(child.pid());
    REQUIRE(eventually([&] { return read_stat_at(process.get())->state == 'Z'; }));
    CHECK(alive(pidfd));
    CHECK_FALSE(exit_status(pidfd.get(), child.pid()));
    left.send();
    child.await_zombie();
    CHECK(WEXITSTATUS(exit_status(pidfd.get(), child.pid()).value_or(0)) == 9);
}

TEST_CASE("The watcher reports each exit once, with its status") {
    auto watcher = ExitWatcher::create();
    REQUIRE(watcher);
    CHECK(watcher->drain().empty());
    Signal go;
    Child slow([&] { return go.wait() == 0 ? 3 : 4; });
    Child fast([] { return 5; });
    Child dropped([] { return 6; });
    auto slow_key = key_of(slow.pid());
    auto fast_key = key_of(fast.pid());
    REQUIRE(watcher->add(open_pidfd(slow.pid()), slow_key));
    REQUIRE(watcher->add(open_pidfd(fast.pid()), fast_key));
    REQUIRE(watcher->add(open_pidfd(dropped.pid()), key_of(dropped.pid())));
    watcher->remove(key_of(dropped.pid()));
    CHECK(watcher->size() == 2);
    fast.await_zombie();
    dropped.await_zombie();
    pollfd one{watcher->fd(), POLLIN, 0};
    CHECK(poll(&one, 1, 5000) == 1);
    auto exited = watcher->drain();
    REQUIRE(exited.size() == 1);
    CHECK(exited[0].key == fast_key);
    CHECK(WEXITSTATUS(exit_status(exited[0].pidfd.get(), fast.pid()).value_or(0)) == 5);
    CHECK(watcher->drain().empty());
    CHECK(watcher->alive(slow_key));
    CHECK_FALSE(watcher->alive(fast_key));
    CHECK(poll(&one, 1, 0) == 0);
    go.send();
    slow.await_zombie();
    CHECK_FALSE(watcher->alive(slow_key));
    CHECK(watcher->drain().size() == 1);
    CHECK(watcher->size() == 0);
}

TEST_CASE("The watcher takes many, those that are gone, and none that is no process") {
    auto watcher = ExitWatcher::create();
    REQUIRE(watcher);
    CHECK_FALSE(watcher->add(Fd(), ProcessKey{1, 1}));
    std::vector<Child> children;
    for (int i = 0; i < 150; ++i) {
        children.emplace_back([] { return 0; });
        auto key = key_of(children.back().pid());
        Fd pidfd = open_pidfd(key.pid);
        if (i % 2 == 0) children.back().await_zombie();
        REQUIRE(watcher->add(std::move(pidfd), key));
        // Watching again replaces.
        REQUIRE(watcher->add(open_pidfd(key.pid), key));
    }
    for (auto& child : children) child.await_zombie();
    CHECK(watcher->drain().size() == 150);
    CHECK(watcher->size() == 0);
}

TEST_CASE("Names in /proc/PID/stat may hold anything") {
    auto stat = parse_stat("7 (a) R (b\n) c) S 3 4 5 34816 6 4194304" + [] {
        std::string rest;
        for (int field = 10; field <= 52; ++field) rest += " " + std::to_string(field);
        return rest;
    }());
    REQUIRE(stat);
    CHECK(stat->comm == "a) R (b\n) c");
    CHECK(stat->state == 'S');
    CHECK(stat->parent == 3);
    CHECK(stat->session == 5);
    CHECK(stat->has_terminal);
    CHECK(stat->start_ticks == 22);
    CHECK(stat->exit_code == 52);
    for (const char* damaged : {"", "7", "7 (x", "7 )x(", "7 (x) S 1 2", "7 (x)"}) {
        CAPTURE(damaged);
        CHECK_FALSE(parse_stat(damaged));
    }
}

TEST_CASE("Our own status") {
    auto status = read_status_at(open_process_directory(getpid()).get());
    REQUIRE(status);
    CHECK(status->thread_group == getpid());
    CHECK(status->real_uid == getuid());
    CHECK(status->effective_gid == getegid());
    CHECK(status->groups.size() == static_cast<std::size_t>(getgroups(0, nullptr)));
}
