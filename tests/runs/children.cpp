#include "runs/children.h"

#include <fcntl.h>
#include <sys/prctl.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace artfs::test {

Child::Child(const std::function<int()>& body) {
    pid_ = fork();
    if (pid_ < 0) throw std::runtime_error("fork");
    if (pid_ > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(body());
}

Child Child::of_program(std::vector<std::string> arguments, std::vector<std::string> environment) {
    auto pointers = [](std::vector<std::string>& strings) {
        std::vector<char*> all;
        for (auto& string : strings) all.push_back(string.data());
        all.push_back(nullptr);
        return all;
    };
    auto argv = pointers(arguments);
    auto envp = pointers(environment);
    Child child([&] {
        execve(argv[0], argv.data(), envp.data());
        return 127;
    });
    // Until the exec has happened the child is the test program.
    eventually([&] {
        auto name = read_file("/proc/" + std::to_string(child.pid()) + "/cmdline");
        return !name || name->starts_with(arguments[0]);
    });
    return child;
}

Child::~Child() {
    if (pid_ == 0) return;
    kill();
    reap();
}

void Child::await_zombie() const {
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
}

int Child::reap() {
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    return status;
}

Signal::Signal() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    reader_ = Fd(ends[0]);
    writer_ = Fd(ends[1]);
}

void Signal::send(int number) const {
    if (write(writer_.get(), &number, sizeof number) != sizeof number)
        throw std::runtime_error("write");
}

int Signal::wait() const {
    int number = -1;
    if (read(reader_.get(), &number, sizeof number) != sizeof number) return -1;
    return number;
}

ProcessKey key_of(pid_t pid) { return system_processes().facts(pid)->key(); }

int sleep_for_ever() {
    while (true) pause();
}

bool eventually(const std::function<bool()>& condition) {
    using namespace std::chrono_literals;
    for (auto waited = 0ms; waited < 5000ms; waited += 2ms) {
        if (condition()) return true;
        std::this_thread::sleep_for(2ms);
    }
    return condition();
}

}  // namespace artfs::test
