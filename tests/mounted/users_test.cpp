// Several users on one mount, and a mount of an ordinary user. Root becomes them with setpriv.
#include <unistd.h>

#include <fstream>

#include "mounted/harness.h"
#include "support/catch.h"

namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

const char* const nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups ";
const char* const another = "setpriv --reuid 65533 --regid 65533 --clear-groups ";

// A mount that lets others in, in a directory they can get to.
class Shared : public TestMount {
public:
    Shared() : TestMount({"--allow-other"}) { fs::permissions(directory(), fs::perms{0755}); }
};

// As udev leaves /dev/fuse; where no udev is, it is root's alone.
class OpenDevice {
public:
    OpenDevice() : before_(fs::status("/dev/fuse").permissions()) {
        fs::permissions("/dev/fuse", fs::perms{0666});
    }
    ~OpenDevice() { fs::permissions("/dev/fuse", before_); }
    OpenDevice(const OpenDevice&) = delete;
    OpenDevice& operator=(const OpenDevice&) = delete;

private:
    fs::perms before_;
};

}  // namespace

TEST_CASE("G11: an artifact is entered and written to as its mode says", "[users][G11]") {
    Shared mount;
    mount.ok("umask 0; mkdir -m 700 mine; mkdir -m 755 shown; mkdir -m 777 common");
    mount.ok("for a in mine shown common; do actor write $a/latest/x 1; done");
    CHECK(mount.sh(std::string(nobody) + "artfs_actor read mine/v0/x").status != 0);
    CHECK(mount.ok(std::string(nobody) + "artfs_actor read shown/latest/x") == "1");
    CHECK(mount.sh(std::string(nobody) + "artfs_actor write shown/latest/y 2").status != 0);
    CHECK(mount.sh(std::string(nobody) + "mkdir theirs").status != 0);
    CHECK(mount.json("ls shown").size() == 1);
    mount.ok(std::string(nobody) + "artfs_actor write common/latest/y 2");
    REQUIRE(mount.json("ls common").size() == 2);
    auto run = mount.json("ls common").at(0).at("logged_by").at(0).get<std::string>();
    CHECK(mount.json("show @" + run).at("user") == "nobody");
    CHECK(mount.ok("stat -c %u common/v1/y common/v1/x") == "65534\n0\n");
    // Files obey, too: another's may be replaced in a directory one may write to, not changed.
    CHECK(mount.sh(std::string(nobody) + "artfs_actor append common/latest/x 2").status != 0);
    mount.ok(std::string(nobody) + "artfs_actor unlink common/latest/x : write common/latest/x 3");
    CHECK(mount.art("cat common:v2/x").out == "3");
}

TEST_CASE("G11: modes and owners of artifacts and of the mount are changed and kept",
          "[users][G11]") {
    Shared mount;
    mount.ok("mkdir a; actor write a/latest/x 1; chmod 700 a");
    CHECK(mount.ok("stat -c %a a") == "700\n");
    CHECK(mount.sh(std::string(nobody) + "ls a").status != 0);
    CHECK(mount.sh(std::string(nobody) + "chmod 777 a").status != 0);
    mount.ok("chmod 1777 .; chown 65534:65534 a");
    mount.ok(std::string(nobody) + "mkdir theirs");
    mount.umount();
    mount.mount();
    CHECK(mount.ok("stat -c '%a %u' . a theirs").substr(0, 7) == "1777 0\n");
    CHECK(mount.ok("stat -c '%a %u' a") == "700 65534\n");
    CHECK(mount.ok("stat -c '%u %g' theirs") == "65534 65534\n");
    mount.ok(std::string(nobody) + "artfs_actor write theirs/latest/x 1 : write a/latest/y 2");
    CHECK(mount.sh(std::string(another) + "artfs_actor write theirs/latest/x 2").status != 0);
    bool noted = false;
    for (const auto& entry : mount.json("log a --changes"))
        noted = noted || entry.at("what") == "permissions";
    CHECK(noted);
}

TEST_CASE("G11: another user's live draft is not written to or read beyond its modes",
          "[users][G11]") {
    Shared mount;
    mount.ok("umask 0; mkdir -m 777 a");
    auto go = (mount.directory() / "go").string();
    auto there = (mount.directory() / "there").string();
    fs::permissions(mount.directory(), fs::perms{0777});
    auto out = mount.ok(std::string(nobody) +
                        "env umask=077 sh -c 'umask 077; artfs_actor write a/latest/secret s "
                        ": touch " +
                        there + " : await " + go + "' & until [ -e " + there +
                        " ]; do sleep 0.02; done; view=$(ls -d a/@*); ls $view > /dev/null; " +
                        another + "artfs_actor read $view/secret 2>&1; " + another +
                        "artfs_actor write $view/other 1 2>&1; touch " + go + "; wait");
    CHECK(out.find("EACCES") != std::string::npos);
    CHECK(out.find("$view/other") == std::string::npos);
    auto files = mount.json("show a:v0").at("files");
    REQUIRE(files.size() == 1);
    CHECK(files.at(0).at("path") == "secret");
}

TEST_CASE("G11: the daemon does for other users what concerns their own runs", "[users][G11]") {
    Shared mount;
    mount.ok("umask 0; mkdir -m 777 a b");
    mount.sh("art run --name roots -- artfs_actor write a/latest/x 1 : exit 1");
    mount.sh(std::string(nobody) +
             "art run --name theirs -- artfs_actor write b/latest/x 1 : exit 1");
    CHECK(mount.json("show @theirs").at("user") == "nobody");
    auto refused = mount.sh(std::string(nobody) + "art commit roots");
    CHECK(refused.status == 4);
    CHECK(refused.err.find("another user") != std::string::npos);
    CHECK(mount.sh(std::string(nobody) + "art discard roots").status == 4);
    CHECK(mount.sh(std::string(another) + "art discard theirs").status == 4);
    CHECK(mount.sh(std::string(nobody) + "art commit theirs").status == 0);
    CHECK(mount.json("ls b").size() == 1);
    CHECK(mount.sh("art commit roots").status == 0);
    CHECK(mount.sh(std::string(nobody) + "art umount " + mount.path().string()).status == 4);
    // A shell of theirs, and nobody begins a run in another's.
    mount.ok(
        std::string(nobody) +
        "bash -c 'eval \"$(art begin --name shell)\"; artfs_actor write b/latest/y 2; art end'");
    CHECK(mount.logs("shell") == Names{"b:v1"});
}

TEST_CASE("An ordinary user mounts, and all but passthrough is there", "[users]") {
    if (access("/usr/bin/fusermount3", X_OK) != 0) {
        WARN("no fusermount3 here");
        return;
    }
    OpenDevice device;
    TestMount outer;  // for its directory, and to clean up
    auto home = outer.directory() / "home";
    fs::permissions(outer.directory(), fs::perms{0755});
    fs::create_directory(home);
    REQUIRE(chown(home.c_str(), 65534, 65534) == 0);
    std::string set = std::string(nobody) + "env HOME=" + home.string() +
                      " ART_STORE=" + (home / "s").string() +
                      " PATH=" + program("art").parent_path().string() + ":$PATH bash -c '";
    auto mnt = (home / "m").string();
    auto as_user = [&](const std::string& command) { return shell(set + command + "'"); };
    auto mounted = as_user("art mount " + mnt);
    INFO(mounted.err);
    REQUIRE(mounted.status == 0);
    REQUIRE(as_user("art umount " + mnt).status == 0);
    std::ofstream(home / "s" / "config.toml") << "supervisors = [\"+\", \"artfs_mounted_tests\"]\n";
    REQUIRE(as_user("art mount " + mnt).status == 0);
    auto ran = as_user("cd " + mnt +
                       "; mkdir a; artfs_actor write a/latest/x 1; "
                       "artfs_actor read a/latest/x; artfs_actor write a/latest/x 2 : exit 3; "
                       "art run -- artfs_actor write a/latest/y 3; cat a/latest/y a/latest/x");
    CHECK(ran.out == "131");
    auto status = nlohmann::json::parse(as_user("art status --json").out);
    CHECK(status.at("mounts").at(0).at("passthrough") == false);
    CHECK(as_user("art runs --json --all").status == 0);
    auto runs = nlohmann::json::parse(as_user("art runs --json --all --long").out);
    bool failed = false;
    for (const auto& run : runs)
        failed = failed || (run.at("state") == "failed" && run.at("exit_code") == 3);
    CHECK(failed);  // pidfds tell the status without any privilege
    CHECK(as_user("art mount " + mnt + "2").status == 4);  // a second place needs root
    auto gone = as_user("art umount " + mnt);
    INFO(gone.err);
    CHECK(gone.status == 0);
    CHECK_FALSE(fs::exists(mnt + "/a"));
}
