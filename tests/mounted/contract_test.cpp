// interface.md, clause by clause: keys of the JSON documents, and refusals that no other test has.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "mounted/harness.h"
#include "support/catch.h"

using Json = nlohmann::json;

namespace {

void has_keys(const Json& object, const std::string& keys) {
    std::istringstream names(keys);
    for (std::string name; names >> name;) {
        INFO("key " << name << " in " << object.dump());
        CHECK(object.contains(name));
    }
}

constexpr const char* version_in_lists =
    "artifact version type description sealed_metadata aliases tags digest size created parent "
    "merged_with diverged carried_over logged_by used_by";
constexpr const char* run_in_lists =
    "name id project job_type state exit_code signal command commands cwd user host started ended "
    "parent tags summary exit_known segments logs confirmed drafts";

void pipeline(const TestMount& mount) {
    mount.ok("mkdir raw model");
    mount.ok("actor write raw/latest/x 1 : write raw/latest/.art/metadata.json '{\"k\":1}'");
    mount.ok(
        "art run --name fit --job-type train --config lr=1 --tag t -- sh -c 'cat raw/latest/x > "
        "model/latest/y; echo \"{\\\"acc\\\":0.5}\" > .art/run/summary.json'");
    mount.sh("art run --name bad -- sh -c 'cat raw/latest/x > model/latest/z; exit 3'");
}

// One line `art: what is wrong: what to do` and the exit status.
void refuses(const Ran& ran, int status) {
    INFO(ran.out << ran.err);
    CHECK(ran.status == status);
    CHECK(ran.out.empty());
    CHECK(ran.err.rfind("art: ", 0) == 0);
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
}

}  // namespace

TEST_CASE("every key that interface.md names is in its document", "[commands]") {
    TestMount mount;
    pipeline(mount);
    auto version = mount.json("show raw:v0");
    has_keys(version, std::string(version_in_lists) + " metadata files");
    has_keys(version.at("files")[0], "path type size mode sha256");
    auto run = mount.json("show @fit");
    has_keys(run, std::string(run_in_lists) + " config uses");
    has_keys(run.at("uses")[0], "artifact version segment files");
    has_keys(run.at("logs")[0], "artifact version segment");
    has_keys(mount.json("show @bad").at("drafts").at(0), "artifact base size age_seconds");
    for (const char* list : {"ls raw", "log raw", "log"}) {
        auto rows = mount.json(list);
        has_keys(rows.at(0), version_in_lists);
        CHECK(!rows[0].contains("files"));
        CHECK(!rows[0].contains("metadata"));
        auto all = mount.json(std::string(list) + " --long");
        has_keys(all.at(0), std::string(version_in_lists) + " metadata files");
    }
    CHECK(mount.json("ls raw")[0].at("used_by") == Json({"fit", "bad"}));
    CHECK(mount.json("ls raw")[0].at("sealed_metadata") == Json{{"k", 1}});
    auto runs = mount.json("runs");
    has_keys(runs.at(0), run_in_lists);
    CHECK(!runs[0].contains("uses"));
    CHECK(!runs[0].contains("config"));
    CHECK(mount.json("runs --state finished").at(0).at("summary") == Json{{"acc", 0.5}});
    CHECK(mount.json("runs --state failed").at(0).at("drafts").size() == 1);
    has_keys(mount.json("runs --long").at(0), std::string(run_in_lists) + " config uses");
    auto status = mount.json("status");
    has_keys(status, "mounts daemon runs drafts stale warnings");
    has_keys(status.at("mounts").at(0), "path project passthrough passthrough_why");
    has_keys(status.at("daemon"), "pid version started restarts");
    has_keys(status.at("drafts").at(0), "run artifact base size age_seconds state waits_for");
    auto live = Json::parse(
        mount.ok("art run --name live -- sh -c 'cat raw/latest/x; art status --json'").substr(1));
    for (const auto& row : live.at("runs")) has_keys(row, "name state command processes");
    // How many processes a run has: of one that was begun by name, and of one that was not.
    auto counted = [&](const std::string& command) {
        auto document = Json::parse(mount.ok(command));
        REQUIRE(document.at("runs").size() == 1);
        return document.at("runs")[0].at("processes").get<int>();
    };
    CHECK(counted("art run -- sh -c 'cat raw/latest/x > /dev/null; sleep 60 & a=$!; sleep 60 & "
                  "b=$!; art status --json; kill $a $b'") == 4);
    CHECK(counted("python3 -c 'import subprocess as s\nopen(\"raw/latest/x\").read()\n"
                  "more = [s.Popen([\"sleep\", \"60\"]) for _ in range(3)]\n"
                  "s.run([\"art\", \"status\", \"--json\"])\n[one.kill() for one in more]'") == 5);
    auto graph = mount.json("graph");
    for (const auto& node : graph.at("nodes")) has_keys(node, "id kind count");
    for (const auto& edge : graph.at("edges")) has_keys(edge, "from to kind count");
    // A run by its id, with and without the @.
    auto id = run.at("id").get<std::string>();
    CHECK(mount.json("show @" + id).at("name") == "fit");
    CHECK(mount.json("show " + id).at("name") == "fit");
    CHECK(mount.ok("art graph --explode --json").find("\"train:fit\"") != std::string::npos);
}

TEST_CASE("lists take --json, also of tags, of what is deleted, of a version's time",
          "[commands]") {
    TestMount mount;
    pipeline(mount);
    mount.ok("art tag raw:v0 one two");
    CHECK(mount.json("tag raw:v0") == Json({"one", "two"}));
    CHECK(mount.json("ttl raw:v0") == Json{{"ttl_seconds", nullptr}});
    mount.ok("art ttl raw:v0 1d");
    CHECK(mount.json("ttl raw:v0") == Json{{"ttl_seconds", 86400}});
    CHECK(mount.json("rm --dry-run raw:v0") == Json({{{"version", "raw:v0"}, {"size", 1}}}));
    CHECK(mount.json("discard bad") == Json({"model"}));
    refuses(mount.art("discard bad"), 1);
    // Of a live run too.
    CHECK(mount.ok("art run --name live -- sh -c 'echo 1 > model/latest/z; art discard live; art "
                   "discard live || echo $?' 2> /dev/null") == "dropped the draft of model\n1\n");
}

TEST_CASE("what cannot be done is refused before anything is made", "[commands]") {
    TestMount mount;
    pipeline(mount);
    auto absent = (mount.directory() / "absent").string();
    for (const char* command : {"gc", "gc --dry-run", "fsck", "commit x", "discard x", "ls", "runs",
                                "rm a:v0", "alias a b", "revert a:v0"})
        refuses(mount.art(std::string(command) + " --store " + absent), 3);
    CHECK(!std::filesystem::exists(absent));
    refuses(mount.art("ls --project a/b"), 2);
    auto directory = mount.directory().string();
    refuses(mount.art("bundle raw -o " + directory + " --force"), 2);
    refuses(mount.art("bundle raw -o " + absent + "/x.tar"), 3);
    refuses(mount.art("export raw --format slsa -o " + directory), 2);
    refuses(mount.art("export raw --format slsa -o " + absent + "/x"), 3);
    refuses(mount.art("put /etc/hostname p --metadata " + directory), 2);
    refuses(mount.art("put /etc/hostname p --metadata " + absent), 3);
    refuses(mount.art("metadata raw:v0 " + directory), 2);
    refuses(mount.art("run --config " + directory + "/ -- true"), 2);
    refuses(mount.art("run --ok-exit 400 -- true"), 2);
    refuses(mount.art("mount " + absent + " --store " + absent + "2 -o nonsense"), 2);
    // Another artifact of that name.
    mount.ok("art bundle raw -o " + directory + "/raw.tar");
    auto other = " --store " + directory + "/other";
    CHECK(mount.art("put /etc/hostname raw" + other).status == 0);
    refuses(mount.art("unbundle " + directory + "/raw.tar" + other), 4);
    CHECK(mount.art("unbundle " + directory + "/raw.tar --project second" + other).status == 0);
    mount.umount();
    refuses(mount.art("verify model:v0"), 4);
    refuses(mount.art("rerun fit"), 4);
    mount.mount();
}
