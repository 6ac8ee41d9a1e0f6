// What is recorded about a root, on real processes and repositories.
#include "runs/facts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "runs/built_in.h"
#include "runs/children.h"
#include "runs/git_state.h"
#include "support/catch.h"

using namespace artfs;
using namespace artfs::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

// A directory of the test's own, gone afterwards.
class Scratch {
public:
    Scratch() {
        char name[] = "/tmp/artfs-runs-XXXXXX";
        path_ = mkdtemp(name);
        // Others may be asked to look at it.
        chmod(path_.c_str(), 0755);
    }
    ~Scratch() { fs::remove_all(path_); }
    const fs::path& path() const { return path_; }
    void run(const std::string& commands) const {
        std::string all = "cd " + path_.string() +
                          " && export HOME=/nonexistent GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b "
                          "GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; { " +
                          commands + "; } >/dev/null 2>&1";
        REQUIRE(system(all.c_str()) == 0);
    }

private:
    fs::path path_;
};

Child start_in(const fs::path& directory, std::vector<std::string> arguments,
               std::vector<std::string> environment = {}) {
    auto before = fs::current_path();
    fs::current_path(directory);
    Child child = Child::of_program(std::move(arguments), std::move(environment));
    fs::current_path(before);
    return child;
}

RunFacts facts_of(FactCollector& collector, pid_t pid) {
    auto root = read_root(pid, lists);
    REQUIRE(root);
    return collector.collect(*root);
}

Fd directory_fd(const fs::path& path) { return Fd(open(path.c_str(), O_PATH | O_CLOEXEC)); }

std::optional<GitState> git_of(const fs::path& path, std::chrono::milliseconds timeout = 5s) {
    return git_state(directory_fd(path), geteuid(), getegid(), timeout);
}

}  // namespace

TEST_CASE("A root's facts") {
    Scratch scratch;
    FactCollector collector({"LANG", "SLURM_*", "MY_TOKEN", "URL"}, {});
    Child child =
        start_in(scratch.path(), {"/usr/bin/tail", "-f", "/dev/null"},
                 {"LANG=C", "SLURM_JOB_ID=7", "MY_TOKEN=abc", "OTHER=x", "URL=https://u:p@h"});
    auto facts = facts_of(collector, child.pid());
    CHECK(facts.command == std::vector<std::string>{"/usr/bin/tail", "-f", "/dev/null"});
    CHECK(facts.config == nlohmann::json({{"f", "/dev/null"}}));
    CHECK(facts.job_type == "tail");
    CHECK(facts.cwd == scratch.path());
    CHECK(facts.executable == "/usr/bin/tail");
    CHECK(facts.uid == getuid());
    CHECK_FALSE(facts.user.empty());
    CHECK_FALSE(facts.host.empty());
    CHECK(facts.parent == getpid());
    CHECK(facts.git_commit.empty());
    CHECK(facts.environment == std::map<std::string, std::string>{{"LANG", "C"},
                                                                  {"MY_TOKEN", "***"},
                                                                  {"SLURM_JOB_ID", "7"},
                                                                  {"URL", "https://u:***@h"}});
    std::ifstream file("/usr/bin/tail", std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    REQUIRE(facts.executable_digest);
    CHECK(*facts.executable_digest == sha256(bytes.str()));
    CHECK(facts_of(collector, child.pid()).executable_digest == facts.executable_digest);
}

TEST_CASE("An executable that was replaced has the digest of what runs") {
    Scratch scratch;
    auto program = scratch.path() / "prog";
    fs::copy_file("/usr/bin/sleep", program);
    FactCollector collector({}, {});
    Child old = Child::of_program({program.string(), "1000"});
    auto first = facts_of(collector, old.pid()).executable_digest;
    REQUIRE(first);
    fs::remove(program);
    std::ofstream(program, std::ios::binary) << std::ifstream("/usr/bin/sleep").rdbuf() << "more";
    fs::permissions(program, fs::perms::owner_all);
    Child young = Child::of_program({program.string(), "1000"});
    CHECK(facts_of(collector, old.pid()).executable_digest == first);
    CHECK(facts_of(collector, young.pid()).executable_digest != first);
    CHECK(facts_of(collector, old.pid()).job_type == "prog");
}

TEST_CASE("The facts of a root that died are those it left") {
    FactCollector collector({"A"}, {});
    Child child = Child::of_program({"/usr/bin/sleep", "1000"}, {"A=1"});
    auto root = read_root(child.pid(), lists);
    REQUIRE(root);
    pid_t pid = child.pid();
    child.kill();
    child.reap();
    auto facts = collector.collect(*root);
    CHECK(facts.executable_digest);
    CHECK(facts.environment.at("A") == "1");
    CHECK_FALSE(read_root(pid, lists));
    // Facts alone: without anything of the process.
    auto late = collector.collect(open_root(root->facts, root->program_class));
    CHECK(late.command == facts.command);
    CHECK_FALSE(late.executable_digest);
}

TEST_CASE("The commit and dirtiness of the work tree") {
    Scratch scratch;
    CHECK_FALSE(git_of(scratch.path()));
    // The kernel remembers now that there is none.
    CHECK_FALSE(git_of(scratch.path()));
    scratch.run("git init -q");
    CHECK_FALSE(git_of(scratch.path()));  // no commit yet
    scratch.run("mkdir sub; echo 1 > a; git add a; git commit -qm one");
    auto state = git_of(scratch.path() / "sub");
    REQUIRE(state);
    CHECK(state->commit.size() == 40);
    CHECK_FALSE(state->dirty);
    scratch.run("echo 2 > untracked");
    CHECK_FALSE(git_of(scratch.path())->dirty);
    scratch.run("echo 2 > a");
    CHECK(git_of(scratch.path())->dirty);
    Child child = start_in(scratch.path(), {"/usr/bin/sleep", "1000"});
    FactCollector collector({}, {});
    auto facts = facts_of(collector, child.pid());
    CHECK(facts.git_commit == state->commit);
    CHECK(facts.git_dirty);
    // Nothing of it where the mount is.
    FactCollector careful({}, {scratch.path()});
    CHECK(facts_of(careful, child.pid()).git_commit.empty());
}

TEST_CASE("A repository's configuration runs nothing as us") {
    if (geteuid() != 0) return;
    Scratch scratch;
    scratch.run(
        "git init -q; echo 1 > a; git add a; git commit -qm one; "
        "printf '#!/bin/sh\\nid -u > /tmp/'$(basename $PWD)'.ran\\n' > hook; chmod +x hook; "
        "git config core.fsmonitor $PWD/hook; "
        "git config filter.f.clean \"$PWD/hook; cat\"; echo 'a filter=f' > .gitattributes; "
        "touch -d '1 hour ago' a; chown -R 65534:65534 .");
    auto trace = "/tmp/" + scratch.path().filename().string() + ".ran";
    auto state = git_state(directory_fd(scratch.path()), 65534, 65534, 5s);
    CHECK(state);
    std::ifstream ran(trace);
    if (std::string uid; ran >> uid) CHECK(uid == "65534");
    fs::remove(trace);
    // Another user's repository: git itself refuses.
    CHECK_FALSE(git_state(directory_fd(scratch.path()), 0, 0, 5s));
}

TEST_CASE("A git that hangs is left behind") {
    Scratch scratch;
    scratch.run(
        "git init -q; echo 1 > a; git add a; git commit -qm one; "
        "git config filter.f.clean 'sleep 1000'; echo 'a filter=f' > .gitattributes; "
        "echo 2 > a; touch -d '1 hour ago' a");
    auto began = std::chrono::steady_clock::now();
    CHECK_FALSE(git_of(scratch.path(), 300ms));
    CHECK(std::chrono::steady_clock::now() - began < 3s);
}

TEST_CASE("What git prints") {
    auto clean = parse_git_status("# branch.oid abc\n# branch.head main\n");
    REQUIRE(clean);
    CHECK(clean->commit == "abc");
    CHECK_FALSE(clean->dirty);
    CHECK(parse_git_status("# branch.oid abc\n1 .M N... x\n")->dirty);
    CHECK_FALSE(parse_git_status("# branch.oid (initial)\n"));
    CHECK_FALSE(parse_git_status(""));
    CHECK_FALSE(parse_git_status("nonsense"));
}

TEST_CASE("An executable on the mount is not opened, whatever path leads there") {
    if (geteuid() != 0) return;
    Scratch scratch;
    auto mount_point = scratch.path() / "mnt";
    fs::create_directory(mount_point);
    if (mount("test", mount_point.c_str(), "tmpfs", 0, nullptr) != 0) return;
    fs::copy_file("/usr/bin/sleep", mount_point / "prog");
    auto other = scratch.path() / "bind";
    fs::create_directory(other);
    REQUIRE(mount(mount_point.c_str(), other.c_str(), nullptr, MS_BIND, nullptr) == 0);
    {
        Child direct = Child::of_program({(mount_point / "prog").string(), "1000"});
        Child bound = Child::of_program({(other / "prog").string(), "1000"});
        Child outside = Child::of_program({"/usr/bin/sleep", "1000"});
        FactCollector collector({}, {mount_point});
        CHECK_FALSE(facts_of(collector, direct.pid()).executable_digest);
        CHECK_FALSE(facts_of(collector, bound.pid()).executable_digest);
        CHECK(facts_of(collector, outside.pid()).executable_digest);
        // A directory that nothing is mounted on stands for no device.
        FactCollector idle({}, {scratch.path() / "nothing", scratch.path()});
        CHECK(facts_of(idle, outside.pid()).executable_digest);
    }
    umount2(other.c_str(), MNT_DETACH);
    umount2(mount_point.c_str(), MNT_DETACH);
}
