#include "runs/resource_meter.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <thread>
#include <vector>

#include "runs/children.h"
#include "runs/process.h"
#include "support/catch.h"

using namespace artfs;

namespace {

void use_processor(double seconds) {
    timespec time{};
    do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    while (static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9 < seconds);
}

void read_zeros(std::size_t bytes) {
    std::vector<char> buffer(bytes);
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    [[maybe_unused]] auto got = read(fd, buffer.data(), bytes);
    close(fd);
}

ProcessKey living_key(pid_t pid) { return system_processes().facts(pid).value().key(); }

}  // namespace

TEST_CASE("A process that was reaped is known with its threads and the children it waited for",
          "[meter]") {
    auto meter = ResourceMeter::open();
    if (!meter) {
        WARN("no taskstats here: not root, or not in the first pid namespace");
        return;
    }
    test::Signal go;
    test::Child child([&] {
        go.wait();
        std::thread thread([] { use_processor(0.1); });
        pid_t inner = fork();
        if (inner == 0) {
            use_processor(0.1);
            read_zeros(8 << 20);
            _exit(0);
        }
        waitpid(inner, nullptr, 0);
        thread.join();
        read_zeros(1 << 20);
        return 0;
    });
    auto key = living_key(child.pid());
    CHECK_FALSE(meter->of(key));  // it lives
    go.send();
    child.reap();
    auto took = meter->of(key);
    REQUIRE(took);
    CHECK(*took->user_us + *took->system_us >= 200000);
    CHECK(*took->user_us + *took->system_us < 30000000);
    CHECK(took->bytes_read >= 9U << 20U);
    CHECK(took->bytes_read < 10U << 20U);
    CHECK(took->peak_memory >= 8U << 20U);
    CHECK_FALSE(meter->of({key.pid, 1}));  // began before the meter did
}

TEST_CASE("A storm of exits does not lose what matters", "[meter]") {
    auto meter = ResourceMeter::open();
    if (!meter) return;
    test::Signal go;
    test::Child child([&] {
        go.wait();
        for (int i = 0; i < 200; ++i) {
            pid_t inner = fork();
            if (inner == 0) {
                read_zeros(4096);
                _exit(0);
            }
            waitpid(inner, nullptr, 0);
        }
        return 0;
    });
    auto key = living_key(child.pid());
    go.send();
    child.reap();
    auto took = meter->of(key);
    REQUIRE(took);
    CHECK(took->bytes_read >= 200U * 4096U);
}
