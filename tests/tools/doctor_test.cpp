#include "doctor.h"

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
