// What fails in the middle of a mount's life is borne: data goes another way, or nobody notices.
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "mounted/harness.h"
#include "support/catch.h"

namespace fs = std::filesystem;

namespace {

std::string contents(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// artd with faulty.cpp in it, on a mount of its own. For root only, as all of this file.
class FaultyMount {
public:
    FaultyMount() {
        mount_.umount();
        fs::create_directory(faults());
        setenv("ARTFS_TEST_FAULTS", faults().c_str(), 1);
        setenv("LD_PRELOAD", program("artfs_faulty.so").c_str(), 1);
        // Sanitized programs want their own library first.
        const char* before = std::getenv("ASAN_OPTIONS");
        std::string asan = before == nullptr ? "" : std::string(before) + ":";
        setenv("ASAN_OPTIONS", (asan + "verify_asan_link_order=0").c_str(), 1);
        mount_.mount();
        unsetenv("LD_PRELOAD");
        unsetenv("ARTFS_TEST_FAULTS");
        before == nullptr ? unsetenv("ASAN_OPTIONS") : setenv("ASAN_OPTIONS", before, 1);
    }
    const TestMount& operator*() const { return mount_; }
    const TestMount* operator->() const { return &mount_; }
    fs::path faults() const { return mount_.directory() / "faults"; }
    void on(const char* fault) const { std::ofstream(faults() / fault) << ""; }
    void off(const char* fault) const { fs::remove(faults() / fault); }
    std::string log() const { return contents(mount_.store() / "artd.log"); }

private:
    TestMount mount_;
};

// What can write on a mount while this program does something else.
class Alongside {
public:
    Alongside(const TestMount& mount, const std::string& command)
        : thread_([this, &mount, command] { ran_ = mount.sh(command); }) {}
    ~Alongside() {
        if (thread_.joinable()) thread_.join();
    }
    Ran finish() {
        thread_.join();
        return ran_;
    }

private:
    Ran ran_;
    std::thread thread_;
};

// The store's directory as the upper layer of an overlay, as in a container.
class Overlay {
public:
    explicit Overlay(const TestMount& mount) : store_(mount.store()) {
        auto upper = mount.directory() / "upper";
        auto work = mount.directory() / "work";
        fs::create_directory(upper);
        fs::create_directory(work);
        auto how = "lowerdir=" + store_.string() + ",upperdir=" + upper.string() +
                   ",workdir=" + work.string();
        there_ = ::mount("overlay", store_.c_str(), "overlay", 0, how.c_str()) == 0;
    }
    ~Overlay() {
        if (there_) umount2(store_.c_str(), MNT_DETACH);
    }
    Overlay(const Overlay&) = delete;
    Overlay& operator=(const Overlay&) = delete;
    bool is_there() const { return there_; }

private:
    fs::path store_;
    bool there_ = false;
};

}  // namespace

TEST_CASE("A store on overlayfs: drafts are written through the daemon, which says so",
          "[faults]") {
    if (geteuid() != 0) return;
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/below 1");
    mount.umount();
    Overlay overlay(mount);
    if (!overlay.is_there()) return;  // no overlay over what /tmp is on
    mount.mount();
    auto row = mount.json("status").at("mounts").at(0);
    CHECK(row.at("passthrough_writes") == false);
    auto why = row.at("passthrough_why").get<std::string>();
    if (row.at("passthrough") == true) {
        CHECK(why.find("does not tell whether a file is mapped") != std::string::npos);
        auto told = mount.art("doctor").out;
        INFO(told);
        CHECK(told.find("drafts are written through the daemon") != std::string::npos);
    }
    // What was stored in a mapping after its descriptor was closed is in the version.
    mount.ok(
        "actor read a/latest/below : write a/latest/x 'one two' : mapleft a/latest/x ONE : sleep "
        "300 : mapput a/latest/x TWO && cat a/latest/x > ../seen; cmp ../seen a/v1/x");
    CHECK(mount.ok("cat a/v1/x a/v0/below") == "TWO two1");
    mount.kill_worker();
    CHECK(mount.ok("actor write a/latest/y 3 : read a/latest/below && cat a/latest/y") == "13");
    CHECK(mount.art("fsck").status == 0);
    mount.umount();
}

TEST_CASE("Passthrough that is refused in mid-life, file by file", "[faults]") {
    if (geteuid() != 0) return;
    FaultyMount mount;
    if (mount->json("status").at("mounts").at(0).at("passthrough") == false) return;
    mount->ok("mkdir a out && actor write a/latest/x X : write a/latest/y Y : write a/latest/z Z");
    auto ran = mount->sh(R"sh(python3 -c '
import os, sys
fault = sys.argv[1]
d = os.path.realpath("a/v0")
def there(fd, text):
    assert os.pread(fd, 9, 0) == text, (text, os.pread(fd, 9, 0))
x = os.open(d + "/x", os.O_RDONLY)
open(fault, "w").close()
y = os.open(d + "/y", os.O_RDONLY)                     # through the daemon
there(y, b"Y"); there(x, b"X")
x2 = os.open(d + "/x", os.O_RDONLY); there(x2, b"X")   # as it is open already
w = os.open("out/latest/w", os.O_RDWR | os.O_CREAT)
os.write(w, b"one ")
os.remove(fault)
y2 = os.open(d + "/y", os.O_RDONLY); there(y2, b"Y")
w2 = os.open("out/latest/w", os.O_WRONLY | os.O_APPEND)
os.write(w2, b"two"); there(w, b"one two")
z = os.open(d + "/z", os.O_RDONLY); there(z, b"Z")     # straight again
for fd in (y, y2, w, w2): os.close(fd)
y = os.open(d + "/y", os.O_RDONLY); there(y, b"Y")
open(fault, "w").close()
w = os.open("out/latest/w", os.O_RDWR); there(w, b"one two"); os.pwrite(w, b"ONE", 0)
' )sh" + (mount.faults() / "passthrough").string());
    INFO(ran.err);
    REQUIRE(ran.status == 0);
    mount.off("passthrough");
    CHECK(mount->ok("cat out/latest/w") == "ONE two");
    CHECK(mount->uses(mount->newest_run("python3")) ==
          std::vector<std::string>{"a:v0/x", "a:v0/y", "a:v0/z"});
    CHECK(mount.log().find("passthrough refused") != std::string::npos);
    CHECK(mount->art("fsck").status == 0);
}

TEST_CASE("Without memory for the session the mount goes on, and loses nothing when there is some",
          "[faults]") {
    if (geteuid() != 0) return;
    FaultyMount mount;
    mount->ok("mkdir a");
    mount.on("memory");
    mount->ok("actor write a/latest/x 1 : mkdir a/latest/d : write a/latest/d/y 2");
    CHECK(mount->ok("cat a/latest/x a/latest/d/y") == "12");
    CHECK(mount.log().find("no memory is left to keep the session in") != std::string::npos);
    Alongside writer(*mount,
                     "actor write a/latest/z 3 : touch ../written : await ../go : append "
                     "a/latest/z 4 : read a/latest/x");
    while (!fs::exists(mount->directory() / "written")) usleep(1000);
    mount.off("memory");
    mount->ok("mkdir b");  // the first change that there is memory for takes all before it along
    mount->kill_worker();
    std::ofstream(mount->directory() / "go") << "";
    auto ran = writer.finish();
    INFO(ran.err);
    CHECK(ran.status == 0);
    CHECK(mount->ok("cat a/latest/z a/latest/d/y") == "342");
    CHECK(mount->json("ls a").size() == 2);
    CHECK(mount->art("fsck").status == 0);
}

TEST_CASE("Nobody is told of what the session does not keep yet", "[faults]") {
    if (geteuid() != 0) return;
    FaultyMount mount;
    mount->ok("mkdir a");
    // Waits until the session is to be written, and ends the worker before it is.
    auto die_unkept = [&](pid_t worker) {
        while (!fs::exists(mount.faults() / "holding")) usleep(1000);
        usleep(200'000);  // for the answer that must not come
        REQUIRE(::kill(worker, SIGKILL) == 0);
        mount.off("holding");
        mount.off("held");
    };
    auto outside = mount->directory().string();
    auto worker = mount->worker_pid();
    mount.on("held");
    Alongside run(*mount,
                  "art run --name kept -- sh -c 'echo 1 > a/latest/x; touch $0/written; "
                  "while [ ! -e $0/go ]; do sleep 0.01; done; exit 3' " +
                      outside);
    die_unkept(worker);
    while (!fs::exists(mount->directory() / "written")) usleep(1000);
    worker = mount->worker_pid();
    mount.on("held");
    std::ofstream(mount->directory() / "go") << "";
    die_unkept(worker);
    auto ran = run.finish();
    INFO(ran.err);
    CHECK(ran.status == 3);
    auto runs = mount->json("runs --all");
    INFO(runs.dump());
    REQUIRE(runs.size() == 1);
    CHECK(runs.at(0).at("name") == "kept");
    CHECK(runs.at(0).at("exit_code") == 3);
}
