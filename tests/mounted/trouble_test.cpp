// Bad input and trouble: clear errors, and nothing sealed is lost.
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "mounted/harness.h"
#include "support/catch.h"

namespace fs = std::filesystem;

namespace {
Ran art(const std::string& arguments) { return shell(program("art").string() + " " + arguments); }
}  // namespace

TEST_CASE("a second daemon on a store is refused", "[trouble]") {
    TestMount mount;
    auto other = mount.directory() / "other";
    auto ran = shell(program("artd").string() + " --foreground --mount " + other.string() +
                     " --store " + mount.store().string());
    CHECK(ran.status == 4);
    CHECK(ran.err.find("served by process") != std::string::npos);
    CHECK(mount.ok("mkdir a && ls").find("a") != std::string::npos);
}

TEST_CASE("mountpoints that cannot be used are refused", "[trouble]") {
    TestMount mount;
    auto store = (mount.directory() / "second").string();
    auto full = mount.directory() / "full";
    fs::create_directory(full);
    std::ofstream(full / "file") << "x";
    auto ran = art("mount " + full.string() + " --store " + store);
    CHECK(ran.status == 4);
    CHECK(ran.err.find("not empty") != std::string::npos);
    ran = art("mount " + mount.path().string() + " --store " + store);
    CHECK(ran.status == 4);
    CHECK(ran.err.find("mounted on") != std::string::npos);
    ran = art("mount " + (full / "file").string() + " --store " + store);
    CHECK(ran.status == 4);
    ran = art("mount " + store + "/inside --store " + store);
    CHECK(ran.status == 2);
}

TEST_CASE("what is no store, or a newer one, is refused", "[trouble]") {
    TestMount mount;
    auto here = (mount.directory() / "m").string();
    auto other = mount.directory() / "notes";
    fs::create_directory(other);
    std::ofstream(other / "letter.txt") << "dear";
    CHECK(art("mount " + here + " --store " + other.string()).err.find("no store") !=
          std::string::npos);
    CHECK(art("ls --store " + other.string()).status == 3);
    mount.umount();
    std::ofstream(mount.store() / "format") << "artfs 99\n";
    auto ran = art("mount " + here + " --store " + mount.store().string());
    CHECK(ran.status == 5);
    CHECK(ran.err.find("install a newer artfs") != std::string::npos);
    CHECK(art("ls --store " + mount.store().string()).status == 5);
    std::ofstream(mount.store() / "format") << "artfs 1\n";
    mount.mount();
}

TEST_CASE("a bad configuration says where it is bad", "[trouble]") {
    TestMount mount;
    mount.umount();
    std::ofstream(mount.store() / "config.toml", std::ios::app) << "\nnonsense = 3\n";
    auto ran = art("mount " + mount.path().string() + " --store " + mount.store().string());
    CHECK(ran.status == 2);
    CHECK(ran.err.find("config.toml") != std::string::npos);
    CHECK(ran.err.find("nonsense") != std::string::npos);
    fs::remove(mount.store() / "config.toml");
    mount.mount();
}

TEST_CASE("a mount in use is not taken away", "[trouble]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 1");
    auto ran = mount.sh("art umount");  // the shell's own working directory is on it
    CHECK(ran.status == 4);
    CHECK(ran.err.find("(pid") != std::string::npos);
    CHECK(mount.ok("cat a/latest/x") == "1");
}

TEST_CASE("a shell that worked on a mount and left it does not keep it busy", "[trouble]") {
    TestMount mount;
    auto ran = mount.sh(
        "mkdir a && art run -- sh -c 'echo 1 > a/latest/x' && (sh -c 'echo 2 > a/latest/y; cat "
        "a/latest/x') && cp /usr/bin/true a/latest/program && cat a/latest/y; cd / && "
        "(umount \"$ART_MOUNT\" || fusermount3 -u \"$ART_MOUNT\")");
    INFO(ran.out << ran.err);
    CHECK(ran.status == 0);
    mount.mount();
    CHECK(mount.ok("cat a/latest/y") == "2\n");
}

TEST_CASE("a killed daemon is told from a dead mount, and everything sealed is there again",
          "[trouble]") {
    TestMount mount;
    mount.ok("mkdir a && for i in 1 2 3; do actor write a/latest/x $i; done");
    mount.kill_daemon();
    struct stat status {};
    CHECK((stat(mount.path().c_str(), &status) != 0 && errno == ENOTCONN));
    // Reading commands need no daemon.
    CHECK(mount.json("ls a").size() == 3);
    CHECK(mount.art("cat a:v1/x").out == "2");
    mount.mount();
    CHECK(mount.ok("cat a/v0/x a/v1/x a/latest/x") == "123");
    CHECK(mount.art("fsck").status == 0);
}

TEST_CASE("wrong words get one line and the right exit status", "[trouble]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 1");
    struct {
        const char* arguments;
        int status;
    } cases[] = {{"", 2},
                 {"nonsense", 2},
                 {"ls nothing", 3},
                 {"ls a:v9", 3},
                 {"show a:best", 3},
                 {"show @nobody", 3},
                 {"cat a:v0", 2},
                 {"cat a:v0/nope", 3},
                 {"show 'a b'", 2},
                 {"ls --limit x", 2},
                 {"graph --format png", 2},
                 {"runs --state odd", 2},
                 {"commit nobody", 3},
                 {"commit", 1},
                 {"run", 2},
                 {"show a@sha256:12", 2},
                 {"lineage a --depth x", 2},
                 {"run --config x -- true", 3},
                 {"run --pin a -- true", 2},
                 {"ls @nobody", 2},
                 {"ls a --limit 0", 2},
                 {"ls a --limit -1", 2},
                 {"log a --limit 99999999999999999999", 2},
                 {"cat @nobody/output.log", 3},
                 {"cat a:v0/../../x", 3},
                 {"runs --since -5d", 2},
                 {"runs --artifact nothing", 3},
                 {"lineage a --upstream --downstream", 2},
                 {"alias a:v0 latest", 4},
                 {"alias a:v0 v7", 4},
                 {"alias a:v0 'b c'", 2},
                 {"alias --delete a nothing", 3},
                 {"tag a:v0 ''", 2},
                 {"ttl a:v0 soon", 2},
                 {"metadata a:v0 /dev/null", 2},
                 {"metadata a:v0 =v", 2},
                 {"put /nothing a", 3},
                 {"put /dev/null 'a b'", 2},
                 {"rm a", 2},
                 {"gc --older-than soon", 2},
                 {"rerun", 2},
                 {"rerun @nobody", 3},
                 {"rerun --stale -j 0", 2},
                 {"verify nothing", 3},
                 {"verify a --attestation /nothing", 2},
                 {"metrics a", 3},
                 {"export a", 2},
                 {"export a --format pdf", 2},
                 {"bundle a", 2},
                 {"bundle nothing -o /tmp/x.tar", 3},
                 {"unbundle /nothing", 3},
                 {"unbundle /dev/null", 2},
                 {"config no.such.key", 2},
                 {"why 99999999", 3},
                 {"why /nothing", 3},
                 {"begin --name 'a b'", 2},
                 {"discard nobody", 3},
                 {"revert a", 2},
                 {"ui --port 99999", 2}};
    for (const auto& one : cases) {
        auto ran = mount.art(one.arguments);
        INFO("art " << one.arguments << ": " << ran.err);
        CHECK(ran.status == one.status);
        if (std::string(one.arguments).empty()) continue;
        CHECK(ran.err.rfind("art: ", 0) == 0);
        CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    }
    for (const char* command : {"mount", "umount", "status", "run", "commit", "discard", "ls",
                                "log", "show", "cat", "runs", "lineage", "graph"})
        CHECK(mount.art(std::string(command) + " --help").status == 0);
    auto digest = mount.json("show a:v0").at("digest").get<std::string>();
    CHECK(mount.art("show a@" + digest.substr(0, 19)).status == 0);
}
