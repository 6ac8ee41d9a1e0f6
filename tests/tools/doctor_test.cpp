#include "doctor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/fd.h"
#include "progress.h"
#include "support/catch.h"

using namespace artfs;

namespace {

Verdict verdict_of(const Machine& machine, const std::string& what) {
    for (const auto& finding : examine(machine))
        if (finding.what == what) {
            CHECK((finding.verdict == Verdict::good) == finding.advice.empty());
            return finding.verdict;
        }
    FAIL("nothing about " << what);
    return Verdict::bad;
}

Machine a_machine(int major, int minor, bool root) {
    Machine machine;
    machine.release = std::to_string(major) + "." + std::to_string(minor) + ".1";
    machine.major = major;
    machine.minor = minor;
    machine.root = root;
    machine.fuse_device = machine.fusermount = true;
    machine.store_type = "ext4";
    machine.store_free = std::uint64_t{1} << 40U;
    machine.descriptors = 1U << 20U;
    machine.locked_memory = 8U << 20U;
    return machine;
}

}  // namespace

TEST_CASE("doctor says what holds on which machine") {
    auto best = a_machine(6, 18, true);
    for (const auto& finding : examine(best)) {
        INFO(finding.what);
        CHECK(finding.verdict == Verdict::good);
    }
    auto middle = a_machine(6, 12, true);
    CHECK(verdict_of(middle, "data") == Verdict::good);
    CHECK(verdict_of(middle, "exit statuses") == Verdict::limited);
    CHECK(verdict_of(middle, "killed daemon") == Verdict::good);
    auto old = a_machine(6, 1, true);
    CHECK(verdict_of(old, "data") == Verdict::limited);
    CHECK(verdict_of(old, "killed daemon") == Verdict::limited);
    auto user = a_machine(6, 18, false);
    CHECK(verdict_of(user, "data") == Verdict::limited);
    CHECK(verdict_of(user, "exit statuses") == Verdict::good);
    user.fusermount = false;
    CHECK(verdict_of(user, "mounting") == Verdict::bad);
    best.fuse_device = false;
    CHECK(verdict_of(best, "/dev/fuse") == Verdict::bad);
    best.store_unfit = true;
    CHECK(verdict_of(best, "store") == Verdict::bad);
}

TEST_CASE("a progress line has a bar, sizes and a rate") {
    auto line = progress_line("putting", 512U << 20U, 1U << 30U, 2.0);
    CHECK(line.find("putting [============>           ]") == 0);
    CHECK(line.find("50 %  512.0 MiB of 1.0 GiB  256.0 MiB/s") != std::string::npos);
    CHECK(progress_line("x", 0, 0, 0).find("100 %") != std::string::npos);
}

namespace {

// What long work writes to standard error, where that leads to `end`, and is read at `read_end`.
std::string progress_at(int end, int read_end) {
    int before = dup(STDERR_FILENO);
    dup2(end, STDERR_FILENO);
    {
        Progress bar("putting");
        bar.show(0, 100);
        std::this_thread::sleep_for(std::chrono::milliseconds(400));
        bar.show(50, 100);
    }
    dup2(before, STDERR_FILENO);
    close(before);
    fcntl(read_end, F_SETFL, O_NONBLOCK);
    std::string text(4096, '\0');
    auto got = read(read_end, text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

}  // namespace

TEST_CASE(
    "long work shows its progress on a terminal, wipes it in the end, and else says nothing") {
    Fd terminal(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(terminal);
    REQUIRE(grantpt(terminal.get()) == 0);
    REQUIRE(unlockpt(terminal.get()) == 0);
    Fd end(open(ptsname(terminal.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(end);
    auto shown = progress_at(end.get(), terminal.get());
    CHECK(shown.find("putting [============>") != std::string::npos);
    CHECK(shown.find("50 %") != std::string::npos);
    CHECK(shown.ends_with("\r\033[K"));
    int pipe_ends[2];
    REQUIRE(pipe(pipe_ends) == 0);
    Fd from(pipe_ends[0]);
    Fd to(pipe_ends[1]);
    CHECK(progress_at(to.get(), from.get()).empty());
}
