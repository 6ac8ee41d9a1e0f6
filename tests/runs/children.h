// Real processes for tests: started, told to go on, and never left behind.
#pragma once

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "runs/process.h"

namespace artfs::test {

// A child of the test that runs a function, then exits with what it gave. Kills and reaps it at the
// end of its life. Owned by one thread.
class Child {
public:
    explicit Child(const std::function<int()>& body);
    // Executes a program; `environment` replaces ours.
    static Child of_program(std::vector<std::string> arguments,
                            std::vector<std::string> environment = {"PATH=/usr/bin:/bin"});
    ~Child();
    Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
    Child& operator=(Child&&) = delete;

    pid_t pid() const { return pid_; }
    void kill(int signal = SIGKILL) const { ::kill(pid_, signal); }
    // Waits until it is a zombie, and leaves it one.
    void await_zombie() const;
    // The wait status.
    int reap();

private:
    pid_t pid_ = 0;
};

// A pipe between the test and a child: one byte says "go on", or carries a number.
class Signal {
public:
    Signal();
    void send(int number = 0) const;
    int wait() const;  // -1: nobody can send any more

private:
    Fd reader_;
    Fd writer_;
};

// Of a process that lives, or is a zombie.
ProcessKey key_of(pid_t pid);
// Sleeps until killed.
int sleep_for_ever();
// Waits until `condition` holds, at most five seconds.
bool eventually(const std::function<bool()>& condition);

}  // namespace artfs::test
