// G10: content is stored once. G12: a full disk loses nothing, and what gives space back works.
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "mounted/harness.h"
#include "support/catch.h"

namespace fs = std::filesystem;

namespace {

// A store on a small file system of its own, mounted.
class SmallDisk {
public:
    explicit SmallDisk(const std::string& size) : small_(holder_.directory() / "small") {
        fs::create_directory(small_);
        REQUIRE(::mount("none", small_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0);
        mount();
    }
    ~SmallDisk() {
        shell(set() + "cd /; art umount --lazy " + mountpoint().string());
        umount2(mountpoint().c_str(), MNT_DETACH);
        umount2(small_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    void mount() {
        auto ran = shell(set() + "cd /; art mount " + mountpoint().string());
        INFO(ran.err);
        REQUIRE(ran.status == 0);
    }
    void umount() {
        auto ran = shell(set() + "cd /; art umount " + mountpoint().string());
        INFO(ran.err);
        REQUIRE(ran.status == 0);
    }
    fs::path mountpoint() const { return holder_.directory() / "m"; }
    fs::path filler() const { return small_ / "filler"; }
    // Until nothing is left for anybody.
    void fill() const {
        std::string path = filler().string();
        shell("for b in 1M 4k; do dd if=/dev/zero bs=$b >> " + path + " 2>/dev/null; done; true");
    }
    void empty() const { fs::remove(filler()); }
    Ran sh(const std::string& command) const {
        return shell(set() + "cd " + mountpoint().string() + " && { " + command + "; }");
    }
    std::string ok(const std::string& command) const {
        auto ran = sh(command);
        INFO(command << "\n" << ran.out << ran.err);
        REQUIRE(ran.status == 0);
        return ran.out;
    }

private:
    std::string set() const {
        return "export ART_STORE=" + (small_ / "s").string() +
               " PATH=" + program("art").parent_path().string() + ":$PATH; ";
    }
    TestMount holder_;  // keeps the directory, and takes it away
    fs::path small_;
};

// Leaves no room, and makes more names than the catalog then has room for. (It may have had the
// first of them before, where the machine is slow.)
std::string many_links(const SmallDisk& disk, const std::string& run) {
    return "art run --name " + run +
           " -- python3 -c '\n"
           "import os\n"
           "os.mkdir(\"a/latest/links\")\n"
           "fd = os.open(\"a/latest/links\", os.O_RDONLY)\n"
           "def link(*names):\n"
           "    for i in range(*names): os.symlink(\"t\" * 150, f\"{i}\", dir_fd=fd)\n"
           "link(10000)\n"
           "fill = open(\"" +
           disk.filler().string() +
           "\", \"ab\", 0)\n"
           "for block in (1 << 20, 4096):\n"
           "    try:\n"
           "        while fill.write(bytes(block)) == block: pass\n"
           "    except OSError: pass\n"
           "link(10000, 20000)\n'";
}

}  // namespace

TEST_CASE("G10: content is stored once, whoever writes it under whatever name", "[G10]") {
    TestMount mount;
    mount.ok("mkdir a b");
    auto objects = [&] {
        return shell("find " + (mount.store() / "objects").string() + " -type f | wc -l").out;
    };
    mount.ok("head -c 8000000 /dev/urandom > " + (mount.directory() / "data").string());
    auto data = (mount.directory() / "data").string();
    mount.ok("python3 -c 'import shutil; [shutil.copy(\"" + data +
             "\", f\"a/latest/{n}\") for n in range(4)]'");
    mount.ok("ls a >/dev/null");
    CHECK(objects() == "1\n");
    // Another artifact, a copy within the mount, a rewrite with the same bytes, a new version.
    mount.ok("python3 -c 'import shutil; shutil.copy(\"" + data + "\", \"b/latest/x\")'");
    mount.ok("python3 -c 'import shutil; shutil.copy(\"a/latest/1\", \"b/latest/y\")'");
    mount.ok(
        "python3 -c 'd=open(\"a/latest/2\",\"rb\").read(); open(\"a/latest/2\",\"wb\").write(d); "
        "open(\"a/latest/small\",\"w\").write(\"small\")'");
    mount.ok("ls a b >/dev/null");
    CHECK(mount.json("ls a").size() == 2);
    CHECK(objects() == "2\n");
    // Staging keeps no second copy, and every object is what its name says.
    for (int i = 0; i < 200; ++i) {
        if (shell("find " + (mount.store() / "staging").string() + " -size +1k | wc -l").out ==
            "0\n")
            break;
        usleep(20'000);
    }
    CHECK(shell("du -sm " + mount.store().string() + "/objects " + mount.store().string() +
                "/staging | awk '{s+=$1} END {print s<=11}'")
              .out == "1\n");
    CHECK(shell("cd " + (mount.store() / "objects").string() +
                "; find . -type f -printf '%P\\n' | while read f; do "
                "[ $(sha256sum < $f | cut -d' ' -f1) = $(echo $f | tr -d /) ] || echo $f; done")
              .out.empty());
    CHECK(shell("find " + (mount.store() / "objects").string() + " -type f -perm /0222").out == "");
}

TEST_CASE("G12: a disk that fills up while a file is written", "[G12]") {
    SmallDisk disk("80m");
    disk.ok("mkdir a && art run -- artfs_actor write a/latest/x good");
    auto ran = disk.sh("art run --name big -- dd if=/dev/zero of=a/latest/big bs=1M count=200");
    CHECK(ran.status != 0);
    CHECK(ran.err.find("No space left") != std::string::npos);
    CHECK(disk.ok("art cat a:v0/x") == "good");
    CHECK(disk.ok("art status").find("big") != std::string::npos);
    // What the failed run wrote is all there, also after the daemon was away.
    auto size = disk.ok("stat -c %s a/@big/big");
    CHECK(std::stol(size) > 10'000'000);
    disk.umount();
    disk.mount();
    CHECK(disk.ok("stat -c %s a/@big/big") == size);
    disk.ok("art discard big");
    disk.ok("art run -- artfs_actor write a/latest/y again");
    CHECK(disk.ok("ls a > /dev/null; cat a/v1/x a/v1/y") == "goodagain");
}

TEST_CASE("G12: discarding works on a disk without a free byte", "[G12]") {
    SmallDisk disk("80m");
    disk.ok("mkdir a && art run -- artfs_actor write a/latest/x good");
    disk.sh("art run --name one -- bash -c 'head -c 8000000 /dev/zero > a/latest/big; exit 3'");
    disk.sh("art run --name two -- bash -c 'head -c 8000000 /dev/zero > a/latest/big; exit 3'");
    disk.fill();
    disk.ok("art discard one");
    CHECK(disk.ok("art status").find("two") != std::string::npos);
    disk.fill();
    disk.ok("art discard two && art cat a:v0/x");
    disk.empty();
    CHECK(disk.ok(
              "art run -- artfs_actor write a/latest/y more; ls a >/dev/null; cat a/v1/x a/v1/y") ==
          "goodmore");
}

TEST_CASE("G12: a disk that is full when a run ends keeps its draft whole", "[G12]") {
    SmallDisk disk("56m");
    disk.ok("rm $ART_STORE/ballast");
    disk.ok("mkdir a && art run -- artfs_actor write a/latest/x good");
    disk.ok(many_links(disk, "many"));
    auto looked = disk.sh("ls a/latest/");
    INFO(looked.out << looked.err);
    CHECK(disk.ok("art cat a:v0/x") == "good");
    CHECK(disk.ok("ls a | grep -v latest").find("v1") == std::string::npos);
    CHECK(disk.ok("ls a/@many/links | wc -l") == "20000\n");
    SECTION("and seals it when there is room") {}
    SECTION("also if the daemon went away meanwhile") {
        // Not while names are in memory only: on a slow machine they were kept before the end.
        auto ran = disk.sh("cd / && art umount " + disk.mountpoint().string());
        if (ran.status != 0) {
            CHECK(ran.status == 5);
            CHECK(ran.err.find("make room") != std::string::npos);
        }
        disk.empty();
        if (ran.status != 0) disk.umount();
        disk.mount();
    }
    disk.empty();
    // A seal that had not failed yet succeeds now.
    auto committed = disk.sh("art commit many");
    INFO(committed.err);
    CHECK((committed.status == 0 || committed.err.find("nothing to commit") != std::string::npos));
    CHECK(disk.ok("ls a/v1/links | wc -l; cat a/v1/x; readlink a/v1/links/7 | wc -c") ==
          "20000\ngood151\n");
    CHECK(disk.ok("art show a:v1 --json | grep -c path_b64 || true") == "0\n");
}

TEST_CASE("G12: making and changing artifacts on a full disk fails cleanly or works", "[G12]") {
    SmallDisk disk("56m");
    disk.ok("mkdir a && art run -- artfs_actor write a/latest/x good");
    disk.fill();
    int made = 0;
    for (int i = 0; i < 50; ++i) {
        auto ran = disk.sh("mkdir n" + std::to_string(i));
        if (ran.status == 0) {
            ++made;
        } else {
            INFO(ran.err);
            CHECK(ran.err.find("No space left") != std::string::npos);
        }
    }
    disk.empty();
    CHECK(disk.ok("ls | grep -c ^n || true") == std::to_string(made) + "\n");
    disk.ok("mkdir -p after && art run -- artfs_actor write after/latest/x fine");
    disk.umount();
    disk.mount();
    CHECK(disk.ok("ls | grep -c ^n || true") == std::to_string(made) + "\n");
    CHECK(disk.ok("cat a/v0/x after/v0/x") == "goodfine");
}

TEST_CASE("G12: gc gives the space back of what was read until a moment ago", "[G12]") {
    SmallDisk disk("64M");
    disk.ok("mkdir a");
    auto run = [&](const std::string& python) {
        disk.ok("art run -- python3 -c '" + python + "'; ls a >/dev/null");
    };
    run("open(\"a/latest/big\", \"wb\").write(bytes(range(256)) * 65536)");
    run("open(\"a/latest/big\", \"w\").write(\"small\")");
    run("assert len(open(\"a/v0/big\", \"rb\").read()) == 1 << 24");
    auto available = [&] {
        return std::stoll(disk.ok("cd / && stat -f -c %a " + disk.filler().parent_path().string()));
    };
    const auto before = available();
    disk.ok("art rm a:v0 && art gc >/dev/null");
    // Files are closed beside the answer.
    for (int i = 0; i < 500 && available() < before + 4000; ++i) usleep(10000);
    CHECK(available() >= before + 4000);
    CHECK(disk.ok("cat a/latest/big") == "small");
}

TEST_CASE(
    "G12: put, get, bundle and unbundle that fill the disk leave nothing half done, and gc works",
    "[G12]") {
    SmallDisk disk("80m");
    disk.ok("mkdir a && art run -- artfs_actor write a/latest/x good");
    disk.ok(
        "head -c 20M /dev/urandom > /dev/shm/artfs-space.$$; art put /dev/shm/artfs-space.$$ b; "
        "rm /dev/shm/artfs-space.$$");
    auto beside = disk.mountpoint().parent_path().string();
    disk.ok("cd / && export ART_STORE=" + beside +
            "/other && art put /usr/bin/bash taken && art bundle taken -o " + beside +
            "/taken.tar");
    disk.fill();
    auto directory = disk.filler().parent_path().string();
    auto fails = [&](const std::string& command) {
        auto ran = disk.sh(command);
        INFO(command << "\n" << ran.err);
        CHECK(ran.status == 5);
        CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
        CHECK(ran.err.starts_with("art: "));
    };
    auto before = disk.ok("ls -A " + directory);
    fails("art put /usr/bin/bash c");
    fails("art get b " + directory + "/out");
    fails("art bundle b -o " + directory + "/b.tar");
    fails("art unbundle " + beside + "/taken.tar");
    CHECK(disk.ok("ls -A " + directory) == before);
    CHECK(disk.sh("art show c").status == 3);
    CHECK(disk.sh("art show taken").status == 3);
    disk.ok("art rm b:v0 && art gc > /dev/null");
    disk.ok("art unbundle " + beside + "/taken.tar");
    disk.ok("art put /usr/bin/bash c && art fsck && art cat a:v0/x > /dev/null");
}

TEST_CASE("G12: rm and gc on a small disk that is full work, or say in a line why not", "[G12]") {
    SmallDisk disk("24m");
    disk.ok("mkdir a b && art run -- artfs_actor write a/latest/x good");
    disk.ok(
        "art run -- python3 -c 'for i in range(1200): open(f\"b/latest/{i}\", "
        "\"w\").write(f\"{i}\")'");
    disk.ok("art run -- bash -c 'find b/latest/ -mindepth 1 -delete; echo > b/latest/other'");
    REQUIRE(disk.ok("ls b > /dev/null; ls b/v0 | wc -l; ls b/v1") == "1200\nother\n");
    auto in_a_line = [&](const std::string& command) {
        auto ran = disk.sh(command);
        INFO(command << "\n" << ran.out << ran.err);
        if (ran.status == 0) return;
        CHECK(ran.status == 5);
        CHECK(ran.err.starts_with("art: "));
        CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    };
    SECTION("with its ballast, which is small, too") {
        disk.fill();
        disk.ok("art rm b:v0");
        CHECK(disk.ok("art gc").find("done") != std::string::npos);
    }
    SECTION("without one") {
        disk.ok("rm $ART_STORE/ballast");
        disk.fill();
        in_a_line("art rm b:v0");
        in_a_line("art gc --dry-run");
        in_a_line("art gc");
        disk.empty();
        if (disk.sh("ls b/v0").status == 0) disk.ok("art rm b:v0");
        disk.ok("art gc");
    }
    CHECK(disk.ok("art gc") == "nothing to give back\n");
    CHECK(disk.ok("art fsck; cat a/v0/x; ls b/v1").find("all whole\ngoodother\n") !=
          std::string::npos);
    CHECK(std::stoi(disk.ok("find $ART_STORE/objects -type f | wc -l")) < 10);
}
