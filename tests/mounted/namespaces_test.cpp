// Callers in other namespaces, containers, and bind mounts of the mount and of parts of it.
#include <sys/mount.h>
#include <unistd.h>

#include "mounted/harness.h"
#include "support/catch.h"

namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

bool works(const std::string& command) { return shell(command + " > /dev/null 2>&1").status == 0; }

// Binds for the life of a test.
class Bind {
public:
    Bind(const fs::path& from, const fs::path& to) : to_(to) {
        fs::create_directories(to);
        REQUIRE(::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) == 0);
    }
    ~Bind() { umount2(to_.c_str(), MNT_DETACH); }
    Bind(const Bind&) = delete;
    Bind& operator=(const Bind&) = delete;

private:
    fs::path to_;
};

}  // namespace

TEST_CASE("A program in a pid namespace of its own is a run with its edges", "[namespaces]") {
    TestMount mount;
    mount.ok("mkdir a b; actor write a/latest/x 1");
    mount.ok("unshare -p -f --mount-proc artfs_actor read a/latest/x : write b/latest/y 2");
    auto run = mount.json("ls b").at(0).at("logged_by").at(0).get<std::string>();
    CHECK(mount.uses(run) == Names{"a:v0/x"});
    CHECK(mount.json("show @" + run).at("job_type") == "artfs_actor");
}

TEST_CASE("A run that crosses into a pid namespace stays one", "[namespaces]") {
    TestMount mount;
    mount.ok("mkdir a b");
    mount.ok(
        "art run --name one -- bash -c 'artfs_actor write a/latest/x 1; "
        "unshare -p -f --mount-proc artfs_actor write b/latest/y 2'");
    CHECK(mount.logs("one") == Names{"a:v0", "b:v0"});
}

TEST_CASE("A program in a user namespace is a run of its real user", "[namespaces]") {
    TestMount mount;
    if (!works("unshare -U -r true")) {
        WARN("no user namespaces here");
        return;
    }
    mount.ok("mkdir a b; actor write a/latest/x 1");
    mount.ok("unshare -U -r artfs_actor read a/latest/x : write b/latest/y 2");
    auto run = mount.json("ls b").at(0).at("logged_by").at(0).get<std::string>();
    CHECK(mount.uses(run) == Names{"a:v0/x"});
    CHECK(mount.json("show @" + run).at("user") == "root");
}

TEST_CASE("bubblewrap: the mount, an artifact and latest bound into a sandbox", "[namespaces]") {
    TestMount mount;
    std::string base = "bwrap --ro-bind / / --dev /dev --proc /proc --unshare-pid ";
    if (!works(base + "true")) {
        WARN("bubblewrap does not run here");
        return;
    }
    auto in = (mount.directory() / "in").string();
    fs::create_directory(in);
    mount.ok("mkdir a b; actor write a/latest/x 1");
    auto actor = program("artfs_actor").string();
    mount.ok(base + "--bind " + mount.path().string() + " " + in + " " + actor + " read " + in +
             "/a/latest/x : write " + in + "/b/latest/y 2");
    auto run = mount.json("ls b").at(0).at("logged_by").at(0).get<std::string>();
    CHECK(mount.uses(run) == Names{"a:v0/x"});
    mount.ok(base + "--bind a " + in + " " + actor + " read " + in + "/latest/x : write " + in +
             "/latest/z 3");
    CHECK(mount.json("ls a").size() == 2);
    CHECK(mount.art("cat a:v1/z").out == "3");
    // What latest is, is decided when it is bound: by bwrap, for the run that it becomes.
    auto out = mount.ok(base + "--bind a/latest " + in + " " + actor + " read " + in + "/x");
    CHECK(out == "1");
}

TEST_CASE("Bind mounts of the mount, of an artifact and of a view", "[namespaces]") {
    TestMount mount;
    mount.ok("mkdir a b; actor write a/latest/x 1");
    auto whole = mount.directory() / "whole";
    auto one = mount.directory() / "one";
    {
        Bind all(mount.path(), whole);
        Bind artifact(mount.path() / "a", one);
        mount.ok("actor read " + whole.string() + "/a/latest/x : write " + whole.string() +
                 "/b/latest/y 2");
        auto run = mount.json("ls b").at(0).at("logged_by").at(0).get<std::string>();
        CHECK(mount.uses(run) == Names{"a:v0/x"});
        mount.ok("actor read " + one.string() + "/latest/x : write " + one.string() +
                 "/latest/z 3");
        CHECK(mount.art("cat a:v1/z").out == "3");
        CHECK(mount.ok("cat " + one.string() + "/v0/x") == "1");
    }
    auto version = mount.directory() / "version";
    {
        Bind bound(mount.path() / "a" / "v0", version);
        auto out = mount.ok("actor read " + version.string() + "/x : write b/latest/out 1");
        CHECK(out == "1");
        auto run = mount.json("ls b").at(0).at("logged_by").at(0).get<std::string>();
        CHECK(mount.uses(run) == Names{"a:v0/x"});
    }
}

TEST_CASE("Processes of a batch step are one run, by environment", "[namespaces]") {
    TestMount mount;
    auto script = (mount.directory() / "slurmstepd").string();
    mount.ok("mkdir a b; cat > " + script +
             " <<'E'\n"
             "import os, subprocess, sys\n"
             "def task(step, path):\n"
             "    env = dict(os.environ, SLURM_JOB_ID='7', SLURM_STEP_ID=step)\n"
             "    return subprocess.Popen(['artfs_actor', 'write', path, step, ':', 'touch', "
             "sys.argv[1] + path.replace('/', '_'), ':', 'await', sys.argv[1] + 'go'], env=env)\n"
             "tasks = [task('0', 'a/latest/one'), task('0', 'a/latest/two'), "
             "task('1', 'b/latest/x')]\n"
             "import time\n"
             "while len([n for n in os.listdir(sys.argv[1]) if '_latest_' in n]) < 3: "
             "time.sleep(0.02)\n"
             "open(sys.argv[1] + 'go', 'w')\n"
             "for t in tasks: t.wait()\n"
             "E\n"
             "python3 " +
             script + " " + mount.directory().string() + "/");
    // Both tasks of step 0 wrote to one draft.
    REQUIRE(mount.json("ls a").size() == 1);
    CHECK(mount.json("show a:v0").at("files").size() == 2);
    CHECK(mount.json("ls a").at(0).at("logged_by").size() == 1);
    CHECK(mount.json("ls a").at(0).at("logged_by") != mount.json("ls b").at(0).at("logged_by"));
}
