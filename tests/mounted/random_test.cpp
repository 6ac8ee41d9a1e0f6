// Random operations on a draft and on a plain directory: they must agree in every result and at the
// end, across seals in mid-run, new runs and a killed daemon.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>

#include "mounted/harness.h"
#include "mounted/twin.h"
#include "support/catch.h"

namespace fs = std::filesystem;

namespace {

unsigned chosen_seed() {
    const char* given = getenv("ARTFS_TEST_SEED");
    return given != nullptr ? static_cast<unsigned>(std::stoul(given)) : std::random_device()();
}

// A child process, which is one run; what its work threw is told at the end.
class Child {
public:
    explicit Child(const std::function<void()>& work) {
        fflush(nullptr);
        int out[2];
        if (pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
        pid_ = fork();
        if (pid_ == 0) {
            std::string problem;
            try {
                work();
            } catch (const std::exception& broken) {
                problem = broken.what();
            }
            [[maybe_unused]] auto told = write(out[1], problem.data(), problem.size());
            _exit(problem.empty() ? 0 : 1);
        }
        close(out[1]);
        from_ = out[0];
    }
    ~Child() { finish(); }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    bool lives() const {
        siginfo_t info{};
        return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == 0;
    }
    void kill() const { ::kill(pid_, SIGKILL); }
    Ran finish() {
        Ran ran;
        if (pid_ == 0) return ran;
        char chunk[4096];
        for (ssize_t got = 0; (got = read(from_, chunk, sizeof chunk)) > 0;)
            ran.err.append(chunk, static_cast<std::size_t>(got));
        close(from_);
        int status = 0;
        waitpid(pid_, &status, 0);
        pid_ = 0;
        ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return ran;
    }

private:
    pid_t pid_ = 0;
    int from_ = -1;
};

void must_agree(const std::string& where, const std::string& draft, const std::string& plain) {
    if (draft != plain)
        throw std::runtime_error(where + "\n--- draft\n" + draft + "\n--- plain\n" + plain);
}

void walk_together(Twin& draft, Twin& plain, unsigned steps) {
    for (unsigned i = 0; i < steps; ++i) {
        auto left = draft.step();
        must_agree("step " + std::to_string(i), left, plain.step());
    }
}

// The same file in both. A run that only makes directories makes no version.
void put_in_both(const fs::path& draft, const fs::path& plain, unsigned round) {
    for (const auto& directory : {draft, plain})
        std::ofstream(directory / ("put." + std::to_string(round))) << round;
}

// What a version leaves of a plain directory: hard links are files of their own, FIFOs are gone.
fs::path as_sealed(const TestMount& mount, const fs::path& plain, const std::string& name) {
    auto next = mount.directory() / name;
    auto ran = shell("cp -a --no-preserve=links " + plain.string() + " " + next.string() +
                     " && find " + next.string() + " -type p -delete");
    INFO(ran.err);
    REQUIRE(ran.status == 0);
    return next;
}

// A closed file's RELEASE may come a moment after close(2) has returned.
void commit(const TestMount& mount, const std::string& run) {
    Ran ran;
    for (int i = 0; i < 100; ++i) {
        ran = mount.art("commit " + run);
        if (ran.status <= 1) return;  // done, or nothing to commit
        usleep(50'000);
    }
    throw std::runtime_error(ran.err);
}

fs::path newest_version(const TestMount& mount) {
    mount.ok("ls a");
    auto versions = mount.json("ls a");
    REQUIRE(!versions.empty());
    return mount.path() / "a" / versions[0].at("version").get<std::string>();
}

}  // namespace

TEST_CASE("random operations: a draft is as a plain directory, and so is the version", "[random]") {
    TestMount mount;
    unsigned seed = chosen_seed();
    auto plain = mount.directory() / "plain";
    fs::create_directory(plain);
    mount.ok("mkdir a");
    auto draft = mount.path() / "a" / "latest" / ".";
    // Each round is a run that starts on what the one before sealed.
    for (unsigned round = 0; round < 8; ++round) {
        INFO("ARTFS_TEST_SEED=" << seed << ", round " << round);
        Child child([&] {
            Twin a(seed + round, draft);
            Twin b(seed + round, plain);
            walk_together(a, b, 250);
            put_in_both(draft, plain, round);
            if (round % 2 == 1) {
                // A seal in mid-run: the run goes on on what it sealed.
                a.let_go();
                b.let_go();
                auto name = fs::read_symlink(mount.path() / ".art" / "run").filename();
                commit(mount, name);
                must_agree("after the seal", tree_text(draft), tree_text(plain));
                walk_together(a, b, 150);
            }
            must_agree("at the end", tree_text(draft), tree_text(plain));
        });
        auto ran = child.finish();
        INFO(ran.err);
        REQUIRE(ran.status == 0);
        REQUIRE(tree_text(newest_version(mount), true) == tree_text(plain, true));
        plain = as_sealed(mount, plain, "plain." + std::to_string(round));
        if (round == 4) {
            mount.umount();
            mount.mount();
        }
    }
    std::printf("random operations: seed %u\n", seed);
}

TEST_CASE("random operations: what was synced is there after the daemon was killed", "[random]") {
    TestMount mount;
    unsigned seed = chosen_seed();
    auto plain = mount.directory() / "plain";
    fs::create_directory(plain);
    mount.ok("mkdir a && actor write a/latest/first 1");
    fs::copy(newest_version(mount), plain);
    auto draft = mount.path() / "a" / "latest" / ".";
    for (unsigned round = 0; round < 3; ++round) {
        INFO("ARTFS_TEST_SEED=" << seed << ", round " << round);
        auto sealed_before = newest_version(mount);
        auto before = tree_text(sealed_before);
        auto told = mount.directory() / ("name." + std::to_string(round));
        Child child([&] {
            Twin a(seed + round, draft);
            Twin b(seed + round, plain);
            walk_together(a, b, 200);
            put_in_both(draft, plain, round);
            a.let_go();
            b.let_go();
            a.sync_all();
            must_agree("at the end", tree_text(draft), tree_text(plain));
            fs::create_symlink(fs::read_symlink(mount.path() / ".art" / "run").filename(), told);
            pause();
        });
        for (int i = 0; i < 3000 && !fs::is_symlink(told) && child.lives(); ++i) usleep(10'000);
        bool synced = fs::is_symlink(told);
        if (synced) mount.kill_daemon();
        child.kill();
        auto ran = child.finish();
        INFO(ran.err);
        REQUIRE(synced);
        mount.mount();
        auto name = fs::read_symlink(told).string();
        REQUIRE(tree_text(sealed_before) == before);
        // Nothing is left to commit where the walk's own looks have sealed it: what this program
        // does is a launcher's doing.
        mount.art("commit " + name);
        REQUIRE(tree_text(mount.path() / "a" / ("@" + name), true) == tree_text(plain, true));
        REQUIRE(tree_text(newest_version(mount), true) == tree_text(plain, true));
        plain = as_sealed(mount, plain, "plain." + std::to_string(round));
    }
    std::printf("random operations with kills: seed %u\n", seed);
}
