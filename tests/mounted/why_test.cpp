// art why: each rule of design section 3 named for a process it decides; what paths are. And the
// history that art log shows.
#include <fstream>

#include "mounted/harness.h"
#include "support/catch.h"

using Names = std::vector<std::string>;

namespace {

nlohmann::json why(const TestMount& mount, const std::string& before,
                   const std::string& after = "") {
    auto text = mount.ok(before + " & p=$!; sleep 0.2; art why $p --json; kill $p; " + after);
    return nlohmann::json::parse(text);
}

}  // namespace

TEST_CASE("art why names the rule that decides on a process", "[why]") {
    TestMount mount;
    mount.ok("mkdir a");
    auto plain = why(mount, "artfs_actor sleep 5000");
    CHECK(plain.at("rule") == "walk");
    CHECK(plain.at("class") == "program");
    CHECK(plain.at("root") == plain.at("pid"));
    CHECK(plain.at("run").is_null());
    CHECK(plain.at("line").at("kind") == "supervised-launcher");
    CHECK(plain.at("walk").at(0).at("part") == "root");
    auto live = why(mount, "artfs_actor write a/latest/x 1 : sleep 5000");
    CHECK(live.at("run").at("state") == "running");
    auto observer = why(mount, "tail -f /dev/null");
    CHECK(observer.at("rule") == "observer");
    auto begun = nlohmann::json::parse(mount.ok(
        "art run --name named -- bash -c 'artfs_actor sleep 5000 & art why $! --json; kill $!'"));
    CHECK(begun.at("rule") == "begun");
    CHECK(begun.at("run").at("name") == "named");
    auto inside = nlohmann::json::parse(
        mount.ok("python3 -c \"\nimport subprocess\n"
                 "p = subprocess.Popen(['artfs_actor', 'sleep', '5000'])\n"
                 "subprocess.run(['art', 'why', str(p.pid), '--json'])\np.kill()\n\""));
    CHECK(inside.at("rule") == "walk");
    CHECK(inside.at("root") != inside.at("pid"));
    auto text = mount.ok("artfs_actor sleep 5000 & art why $!; kill $!");
    CHECK(text.find("the line") != std::string::npos);
    CHECK(mount.sh("art why 999999999").status == 3);
}

TEST_CASE("art why says what a path is", "[why]") {
    TestMount mount;
    mount.ok("mkdir a; actor write a/latest/x 1; ln -s v0 a/best");
    auto kind = [&](const std::string& path) {
        return nlohmann::json::parse(mount.ok("art why " + path + " --json")).at("kind");
    };
    CHECK(kind(".") == "mount");
    CHECK(kind("a") == "artifact");
    CHECK(kind("a/v0/x") == "version");
    CHECK(kind("a/latest/x") == "latest");
    CHECK(kind("a/best") == "alias");
    CHECK(kind(".art/runs") == "mount-data");
    CHECK(mount.sh("art why a/v9").status == 3);
    CHECK(mount.sh("art why nothing").status == 3);
    CHECK(mount.sh("art why /etc/passwd").status == 3);
    mount.sh("art run --name bad -- artfs_actor write a/latest/x 2 : exit 1");
    auto left = nlohmann::json::parse(mount.ok("art why a/@bad --json"));
    CHECK(left.at("kind") == "view");
    CHECK(left.at("run") == "bad");
    CHECK(left.at("text").dump().find("art commit bad") != std::string::npos);
}

TEST_CASE("art log shows who made, removed and aliased what", "[why]") {
    TestMount mount;
    mount.ok("mkdir a gone; rmdir gone; actor write a/latest/x 1; ln -s v0 a/best; rm a/best");
    auto of = [&](const std::string& arguments) {
        std::vector<std::string> what;
        for (const auto& entry : mount.json(arguments)) {
            CHECK(entry.at("who") == "root");
            what.push_back(entry.at("what"));
        }
        return what;
    };
    CHECK(of("log a --changes") == Names{"alias", "alias", "create"});
    CHECK(of("log --changes").size() == 3);
    CHECK(mount.json("log a").size() == 1);
    CHECK(mount.art("log a --changes").out.find("create") != std::string::npos);
    CHECK(mount.art("log never").status == 3);
}

TEST_CASE("Lists that match everything or nothing do no harm", "[why]") {
    for (const char* lists :
         {"launchers = [\"*\"]", "supervisors = [\"*\"]", "observers = [\"*\"]",
          "file_tools = [\"*\"]", "launchers = []\nobservers = []\nfile_tools = []",
          "supervisors = []"}) {
        TestMount mount;
        mount.ok("mkdir a");
        mount.umount();
        std::ofstream(mount.store() / "config.toml") << lists << "\n";
        mount.mount();
        INFO(lists);
        CHECK(mount.ok("actor write a/latest/x 1; actor read a/latest/x > /dev/null; "
                       "ls a/latest > /dev/null; echo fine") == "fine\n");
        CHECK(mount.sh("art run --name one -- artfs_actor write a/latest/x 2").status == 0);
        CHECK(mount.json("show @one").at("logs").size() == 1);
    }
}

TEST_CASE("A process that changes its own name stays in its run", "[why]") {
    TestMount mount;
    mount.ok("mkdir a b");
    mount.ok(
        "python3 -c \"\n"
        "import ctypes\n"
        "open('a/latest/x', 'w').write('1')\n"
        "for name in (b'bash', b'ls', b'systemd', b''):\n"
        "    ctypes.CDLL(None).prctl(15, name, 0, 0, 0)\n"
        "    open('b/latest/' + (name.decode() or 'none'), 'w').write('2')\n\"");
    REQUIRE(mount.json("ls b").size() == 1);
    CHECK(mount.json("show b:v0").at("files").size() == 4);
    CHECK(mount.json("ls a").at(0).at("logged_by") == mount.json("ls b").at(0).at("logged_by"));
}

TEST_CASE("Lists that name every program there is do no harm", "[why]") {
    const std::string all = R"(= ["artfs_mounted_tests", "bash", "artfs_actor", "sort", "cp"])";
    for (const std::string list : {"launchers", "supervisors", "observers", "file_tools"}) {
        TestMount mount;
        mount.umount();
        std::ofstream(mount.store() / "config.toml") << list << all << "\n";
        mount.mount();
        INFO(list);
        if (list == "observers") {
            // They are shown what there is, which nobody can write to.
            CHECK(mount.sh("mkdir a; actor write a/latest/x 1").status == 1);
            continue;
        }
        CHECK(mount.ok("mkdir a b; actor write a/latest/x 1; cp a/latest/x b/latest/y; "
                       "sort a/latest/x > b/latest/z; sleep 0; actor read b/latest/y; "
                       "actor read b/latest/z") == "11\n");
        mount.ok("art run --name one -- artfs_actor read b/latest/y : write a/latest/x 2");
        CHECK(mount.json("show @one").at("logs").size() == 1);
        CHECK(mount.uses("one").size() == 1);
        CHECK(mount.ok("actor read a/latest/x") == "2");
    }
}

TEST_CASE("Patterns that match everything, or are none, do no harm", "[why]") {
    {
        Configured mount("never_keep = ['*']\n");
        CHECK(mount.ok("mkdir a; actor write a/latest/x 1 : read a/latest/x") == "1");
        CHECK(mount.json("ls a").empty());
        CHECK(mount.json("status").at("drafts").empty());
        CHECK(mount.ok("ls a/latest/").empty());
    }
    Configured mount(R"(
never_keep = ['[', '[!', '[[:none:]]', 'a\', '***[', 'no/where']
record_environment = ['[', '[!', '\', 'NONE*']
group_by_environment = ['*', '+', '++', 'NONE++', '=', 'HOME=/root']
)");
    CHECK(mount.ok("mkdir a; actor write a/latest/x 1 : write 'a/latest/[' 2 : read a/latest/x") ==
          "1");
    CHECK(mount.json("show a:v0").at("files").size() == 1);
    CHECK(mount.json("runs").size() == 1);
}

TEST_CASE("A process that overwrites its own arguments stays in its run", "[why]") {
    TestMount mount;
    mount.ok("mkdir a b");
    // As setproctitle does, by the place that /proc/PID/stat tells.
    std::ofstream(mount.directory() / "title.py") << R"(
import ctypes, subprocess, sys, threading

def overwrite(text):
    fields = open('/proc/self/stat').read().rpartition(')')[2].split()
    start, end = int(fields[45]), int(fields[46])
    ctypes.memmove(start, (text * (end - start))[:end - start], end - start)

def write(name):
    open('b/latest/' + name, 'w').write(name)

if len(sys.argv) > 1:
    open('a/latest/x', 'w').write('1')
overwrite(b'jupyter-lab ')
assert open('/proc/self/cmdline').read().startswith('jupyter-lab jupy')
thread = threading.Thread(target=write, args=('thread',))
thread.start()
thread.join()
subprocess.run(['artfs_actor', 'write', 'b/latest/child', '1'], check=True)
overwrite(b'\xff\n\x1b[31m"')
write('own')
)";
    const std::string script = "/usr/bin/python3 " + (mount.directory() / "title.py").string();
    mount.ok(script + " --first");
    auto run = mount.newest_run("title");
    CHECK(mount.json("show @" + run).at("command").back() == "--first");
    CHECK(mount.logs(run) == Names{"a:v0", "b:v0"});
    CHECK(mount.json("show b:v0").at("files").size() == 3);
    // Who does it before it is seen is what it says, and harms nobody.
    mount.ok(script);
    CHECK(mount.json("runs --all --long").size() >= 2);
    CHECK(mount.ok("cat b/latest/own b/latest/child b/latest/thread") == "own1thread");
}

TEST_CASE("art status shouts when a run spans many commands and has sealed nothing", "[why]") {
    TestMount mount;
    mount.ok("mkdir a b; actor write a/latest/x 1");
    // A conductor nobody lists, with five different programs under it.
    auto out = mount.ok(
        "python3 -c \"\n"
        "import subprocess\n"
        "for name in 'one two three four five'.split():\n"
        "    open('" +
        mount.directory().string() +
        "/' + name + '.py', 'w').write("
        "'open(\\'a/latest/x\\').read()')\n"
        "    subprocess.run(['python3', '" +
        mount.directory().string() +
        "/' + name + '.py'], check=True)\n"
        "print(subprocess.run(['art', 'status', '--json'], capture_output=True, "
        "text=True).stdout)\n\"");
    CHECK(out.find("spans many commands") != std::string::npos);
    CHECK(mount.json("status").at("warnings").empty());
}
