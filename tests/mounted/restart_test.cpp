// G9: the worker dies, and no program on the mount feels it.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <thread>

#include "mounted/harness.h"
#include "namespace/journal.h"
#include "support/catch.h"

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

namespace {

// A program on the mount, which is one run: it does its work and waits to be told to go on.
class Program {
public:
    explicit Program(const std::function<void(const std::function<void()>& pause)>& work) {
        int told[2];
        int tells[2];
        if (pipe2(told, O_CLOEXEC) != 0 || pipe2(tells, O_CLOEXEC) != 0)
            throw std::runtime_error("no pipes");
        fflush(nullptr);
        pid_ = fork();
        if (pid_ == 0) {
            close(told[1]);
            close(tells[0]);
            char byte = 'x';
            auto pause = [&] {
                if (write(tells[1], &byte, 1) != 1 || read(told[0], &byte, 1) != 1) _exit(2);
            };
            try {
                work(pause);
            } catch (const std::exception& broken) {
                fprintf(stderr, "%s\n", broken.what());
                _exit(1);
            }
            _exit(0);
        }
        close(told[0]);
        close(tells[1]);
        go_ = told[1];
        from_ = tells[0];
    }
    ~Program() {
        close(go_);
        close(from_);
        if (pid_ > 0) waitpid(pid_, nullptr, 0);
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    void until_pause() const {
        char byte = 0;
        REQUIRE(read(from_, &byte, 1) == 1);
    }
    void go_on() const { REQUIRE(write(go_, "x", 1) == 1); }
    int finish() {
        int status = 0;
        waitpid(pid_, &status, 0);
        pid_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    pid_t pid_ = 0;
    int go_ = -1;
    int from_ = -1;
};

void must(bool good, const char* what) {
    if (!good) throw std::runtime_error(std::string(what) + ": " + strerror(errno));
}

void put(int fd, const std::string& text) {
    must(write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()), "writing");
}

std::string contents(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream all;
    all << file.rdbuf();
    must(!file.bad(), path.c_str());
    return all.str();
}

// The session of a mount as the next worker would find it.
artfs::Session session_of(const TestMount& mount) {
    auto guardian = mount.json("status").at("daemon").at("pid").get<pid_t>();
    for (const auto& fd : fs::directory_iterator("/proc/" + std::to_string(guardian) + "/fd")) {
        if (fs::read_symlink(fd.path()).string().find("artfs-session") == std::string::npos)
            continue;
        auto journal = artfs::Journal::open(artfs::Fd(open(fd.path().c_str(), O_RDWR | O_CLOEXEC)));
        REQUIRE(journal);
        return (*journal)->restore();
    }
    throw std::runtime_error("no session is kept");
}

}  // namespace

TEST_CASE("a killed worker is not felt by a program with files open", "[G9]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/old before");
    auto view = mount.path() / "a" / "latest";
    auto reported = mount.directory() / "problem";
    Program program([&](const std::function<void()>& pause) {
        int kept = open((view / "old").c_str(), O_RDONLY | O_CLOEXEC);
        must(kept >= 0, "open old");
        int fd = open((view / "new").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        must(fd >= 0, "create new");
        put(fd, "first ");
        int gone = open((view / "gone").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        must(gone >= 0, "create gone");
        put(gone, "still here");
        must(unlink((view / "gone").c_str()) == 0, "unlink gone");
        must(mkdir((view / "dir").c_str(), 0755) == 0, "mkdir");
        int document = open((view / ".art" / "base").c_str(), O_RDONLY | O_CLOEXEC);
        must(document >= 0, "open base");
        pause();
        put(fd, "second");
        char bytes[64] = {};
        must(pread(fd, bytes, sizeof bytes, 0) == 12, "reading new");
        must(std::string(bytes) == "first second", "what new has");
        must(pread(gone, bytes, sizeof bytes, 0) == 10, "reading gone");
        must(pread(kept, bytes, sizeof bytes, 0) == 6, "reading old");
        must(pread(document, bytes, sizeof bytes, 0) == 3, "reading base");
        must(mkdir((view / "dir").c_str(), 0755) != 0 && errno == EEXIST, "dir is there");
        must(rename((view / "new").c_str(), (view / "dir" / "new").c_str()) == 0, "rename");
        struct stat status {};
        must(fstat(fd, &status) == 0 && status.st_size == 12, "fstat");
        must(access((view / "gone").c_str(), F_OK) != 0, "gone is gone");
        close(fd);
        std::ofstream(view / "late") << "late";
    });
    program.until_pause();
    auto before = mount.worker_pid();
    mount.kill_worker();
    program.go_on();
    CHECK(program.finish() == 0);
    mount.ok("true");
    CHECK(mount.ok("cat a/latest/dir/new a/latest/late a/latest/old") == "first secondlatebefore");
    auto status = mount.json("status");
    CHECK(status.at("daemon").at("worker") != before);
    CHECK(status.at("daemon").at("restarts") == 1);
    CHECK(status.at("drafts").empty());
    auto versions = mount.json("ls a");
    CHECK(versions.size() == 2);
    CHECK(mount.uses(mount.json("show a:v1").at("logged_by").at(0)) ==
          std::vector<std::string>{"a:v0/old"});
    CHECK(mount.art("fsck").status == 0);
}

TEST_CASE("how a run ended while there was no worker is known", "[G9]") {
    TestMount mount;
    mount.ok("mkdir a");
    auto written = mount.directory() / "written";
    auto go = mount.directory() / "go";
    // The shell execs it: a program, and so a run.
    auto script = "open(F, '>', 'a/latest/x'); print F 'x'; close F; open(F, '>', '" +
                  written.string() + "'); close F; select(undef, undef, undef, 0.01) until -e '" +
                  go.string() + "'; exit 3";
    pid_t program = fork();
    if (program == 0) _exit(mount.sh("exec perl -e \"" + script + "\"").status);
    while (!fs::exists(written)) usleep(1000);
    mount.kill_worker();
    std::ofstream(go) << "";
    int status = 0;
    waitpid(program, &status, 0);
    CHECK(WEXITSTATUS(status) == 3);
    auto runs = mount.json("runs");
    for (int i = 0; i < 300 && runs.at(0).at("state") == "running"; ++i) {
        usleep(10'000);
        runs = mount.json("runs");
    }
    CHECK(runs.at(0).at("state") == "failed");
    CHECK(runs.at(0).at("exit_code") == 3);
    CHECK(mount.json("ls a").empty());
}

TEST_CASE("kills under load: every byte, run and edge is there, once", "[G9]") {
    TestMount mount;
    mount.ok("mkdir in out log && actor write in/latest/data 1");
    // Programs that run all the time, each a run of its own that writes a version.
    auto work = R"sh(
set -e
for i in $(seq 1 25); do
    actor read in/latest/data > /dev/null
    mkdir -p out
    actor write out/latest/f$i $i
    test "$(cat out/latest/f$i)" = $i
done
)sh";
    pid_t load = fork();
    if (load == 0) {
        auto ran = mount.sh(work);
        std::ofstream(mount.directory() / "load.out") << ran.out << ran.err;
        _exit(ran.status);
    }
    int kills = 0;
    int status = 0;
    while (waitpid(load, &status, WNOHANG) == 0) {
        auto asked = mount.art("status --json");
        REQUIRE(asked.status == 0);
        auto worker = nlohmann::json::parse(asked.out).at("daemon").value("worker", 0);
        if (kills < 20 && ::kill(worker, SIGKILL) == 0) ++kills;
        usleep(50'000 + static_cast<unsigned>(rand()) % 150'000);
    }
    INFO(contents(mount.directory() / "load.out"));
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
    CHECK(kills > 3);
    mount.ok("true");
    auto versions = mount.json("ls out");
    CHECK(versions.size() == 25);
    std::size_t writers = 0;
    for (const auto& run : mount.json("runs --all"))
        if (run.at("job_type") == "artfs_actor") ++writers;
    CHECK(writers == 1 + 25 + 25);
    for (int i = 1; i <= 25; ++i)
        CHECK(mount.art("cat out:latest/f" + std::to_string(i)).out == std::to_string(i));
    CHECK(mount.json("status").at("drafts").empty());
    CHECK(mount.art("fsck").status == 0);
}

TEST_CASE("the guardian's death ends the mount, and the next one cleans up", "[G9]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 1");
    auto worker = mount.worker_pid();
    mount.kill_daemon();
    CHECK(!fs::exists("/proc/" + std::to_string(worker)));
    struct stat status {};
    CHECK((stat(mount.path().c_str(), &status) != 0 && errno == ENOTCONN));
    mount.mount();
    CHECK(mount.ok("cat a/latest/x") == "1");
    CHECK(mount.json("status").at("daemon").at("restarts") == 0);
}

TEST_CASE("art mount of a program over its own mount goes on with it", "[G9]") {
    TestMount mount;
    mount.ok("mkdir a");
    auto view = mount.path() / "a" / "latest";
    Program program([&](const std::function<void()>& pause) {
        int fd = open((view / "x").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        must(fd >= 0, "create");
        put(fd, "one ");
        pause();
        put(fd, "two");
    });
    program.until_pause();
    auto guardian = mount.daemon_pid();
    auto worker = mount.worker_pid();
    mount.mount();
    CHECK(mount.daemon_pid() == guardian);
    CHECK(mount.worker_pid() != worker);
    program.go_on();
    CHECK(program.finish() == 0);
    mount.ok("true");
    CHECK(mount.ok("cat a/latest/x") == "one two");
}

TEST_CASE("a worker may die while a launcher's execve waits for it", "[G9]") {
    Configured mount("launchers = [\"+\", \"hold\"]\n");
    const auto sign = mount.directory() / "sign";
    std::ofstream(mount.directory() / "hold")
        << "import os, sys, time\n"
           "os.open('b/latest/x', os.O_WRONLY | os.O_CREAT)\n"  // closed by execve
           "print(os.getpid(), file=open(sys.argv[1] + '.pid', 'w'))\n"
           "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"
           "os.execvp('sort', ['sort', 'a/latest/x'])\n";
    mount.ok("mkdir a b; printf '2\\n1\\n' > ../x; art run -- cp ../x a/latest/x");
    Ran ran;
    std::thread shell(
        [&] { ran = mount.sh("timeout 60 /usr/bin/python3 ../hold " + sign.string()); });
    auto until = [](const std::function<bool()>& there) {
        for (int i = 0; i < 3000 && !there(); ++i) usleep(10'000);
        return there();
    };
    bool held = until([&] { return fs::exists(sign.string() + ".pid"); });
    const auto worker = mount.worker_pid();
    ::kill(worker, SIGSTOP);
    std::ofstream(sign) << "go";
    auto pid = contents(sign.string() + ".pid");
    auto status = "/proc/" + pid.substr(0, pid.find('\n')) + "/status";
    bool within =
        until([&] { return contents(status).find("VmExe:\t       0") != contents(status).npos; });
    ::kill(worker, SIGKILL);
    shell.join();
    CHECK(held);
    CHECK(within);
    CHECK(ran.out == "1\n2\n");
    CHECK(mount.uses(mount.newest_run("sort")) == Names{"a:v0/x"});
    CHECK(mount.worker_pid() != worker);
}

TEST_CASE("a worker that crashes is followed by another, as one that is killed", "[G9]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 1");
    auto worker = mount.worker_pid();
    REQUIRE(::kill(worker, SIGSEGV) == 0);
    CHECK(mount.ok("cat a/latest/x") == "1");
    CHECK(mount.worker_pid() != worker);
}

TEST_CASE("a worker that cannot start ends the mount, and its log says why", "[G9]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 1");
    auto format = contents(mount.store() / "format");
    auto guardian = mount.daemon_pid();
    auto worker = mount.worker_pid();
    std::ofstream(mount.store() / "format") << "artfs 99\n";
    REQUIRE(::kill(worker, SIGKILL) == 0);
    for (int i = 0; i < 1000 && fs::exists("/proc/" + std::to_string(guardian)); ++i)
        usleep(10'000);
    CHECK(!fs::exists("/proc/" + std::to_string(guardian)));
    CHECK(!fs::exists(mount.path() / "a"));
    auto log = contents(mount.store() / "artd.log");
    CHECK(log.find("install a newer artfs") != std::string::npos);
    CHECK(log.find("the mount ends") != std::string::npos);
    // After the one that was killed, five were tried.
    std::size_t tries = 0;
    for (auto at = log.find("cannot go on"); at != std::string::npos;
         at = log.find("cannot go on", at + 1))
        ++tries;
    CHECK(tries == 5);
    std::ofstream(mount.store() / "format") << format;
    mount.mount();
    CHECK(mount.ok("cat a/latest/x") == "1");
}

TEST_CASE("a run begun by name goes on over the death of the worker", "[G9]") {
    TestMount mount;
    mount.ok("mkdir a b");
    auto started = mount.directory() / "started";
    auto go = mount.directory() / "go";
    std::string wait = "until [ -e " + go.string() + " ]; do sleep 0.01; done";
    pid_t run = fork();
    if (run == 0)
        _exit(
            mount
                .sh("art run --name long --config lr=3 -- bash -c 'artfs_actor write a/latest/x 1; "
                    "touch " +
                    started.string() + "; " + wait +
                    "; artfs_actor read a/latest/x : write b/latest/y 2; exit 7'")
                .status);
    while (!fs::exists(started)) usleep(1000);
    mount.kill_worker();
    std::ofstream(go) << "";
    int status = 0;
    waitpid(run, &status, 0);
    CHECK(WEXITSTATUS(status) == 7);
    mount.ok("true");
    auto shown = mount.json("show @long");
    CHECK(shown.at("state") == "failed");
    CHECK(shown.at("exit_code") == 7);
    CHECK(shown.at("config").at("lr") == 3);
    CHECK(mount.json("runs --all").size() == 1);
    CHECK(mount.json("status").at("drafts").size() == 2);
    CHECK(mount.art("commit long").status == 0);
    CHECK(mount.ok("cat a/latest/x b/latest/y") == "12");
}

TEST_CASE("every mount of a daemon goes on: another project, and a second place", "[G9]") {
    if (geteuid() != 0) return;
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 1");
    auto second = (mount.directory() / "second").string();
    auto other = (mount.directory() / "other").string();
    REQUIRE(mount.art("mount " + second).status == 0);
    REQUIRE(mount.art("mount " + other + " --project other").status == 0);
    REQUIRE(mount.sh("mkdir " + other + "/b && actor write " + other + "/b/latest/y 2").status ==
            0);
    mount.kill_worker();
    CHECK(mount.ok("cat a/latest/x " + second + "/a/latest/x " + other + "/b/latest/y") == "112");
    CHECK(mount.json("status").at("mounts").size() == 3);
    CHECK(mount.art("umount " + second).status == 0);
    mount.kill_worker();
    CHECK(mount.ok("cat a/latest/x " + other + "/b/latest/y") == "12");
    CHECK(mount.json("status").at("mounts").size() == 2);
    CHECK(mount.art("umount " + other).status == 0);
    CHECK(mount.json("status").at("mounts").size() == 1);
}

TEST_CASE("A session does not grow with the runs that there were", "[sessions]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 1 && sort a/latest/x");
    auto first = mount.newest_run("sort");
    mount.ok("for i in $(seq 2000); do sort a/latest/x; done");
    CHECK(mount.json("runs --all").size() == 2002);
    CHECK(session_of(mount).views().size() < 1600);
    mount.kill_worker();
    CHECK(mount.ok("cat a/@" + first + "/x") == "1");
}
