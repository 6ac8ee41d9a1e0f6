// What is done on the command line to what is on a mount: each command's use, and its refusals.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "mounted/harness.h"
#include "support/catch.h"

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

// A refusal has its exit status and one line that begins with `art: ` and names a remedy.
void refused(const TestMount& mount, int status, const std::string& command) {
    auto ran = mount.sh("art " + command);
    INFO("art " << command << "\n" << ran.out << ran.err);
    CHECK(ran.status == status);
    CHECK(ran.err.rfind("art: ", 0) == 0);
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
}

void two_versions(const TestMount& mount) {
    mount.ok("mkdir a");
    mount.ok(
        "actor write a/latest/keep same : write a/latest/old moved : write a/latest/text "
        "'one\n' : write a/latest/.art/metadata.json '{\"lr\":1,\"k\":2}'");
    mount.ok(
        "actor rename a/latest/old a/latest/new : write a/latest/text 'two\n' : write "
        "a/latest/more x : write a/latest/.art/metadata.json '{\"lr\":3}'");
}

}  // namespace

TEST_CASE("diff: files, renames, metadata, contents and runs", "[commands]") {
    TestMount mount;
    two_versions(mount);
    auto ran = mount.art("diff a:v0 a:v1 --json");
    CHECK(ran.status == 1);
    auto document = Json::parse(ran.out);
    std::map<std::string, std::string> changes;
    for (const auto& file : document.at("files")) changes[file.at("path")] = file.at("change");
    CHECK(changes == std::map<std::string, std::string>{
                         {"more", "added"}, {"new", "renamed"}, {"text", "changed"}});
    CHECK(document.at("metadata").at("changed").at("lr") == Json({1, 3}));
    CHECK(document.at("metadata").at("removed").at("k") == 2);
    CHECK(mount.art("diff a:v0 a:v0").status == 0);
    CHECK(mount.art("diff a:v0/keep a:v1/keep").status == 0);
    CHECK(mount.art("diff a:v0/text a:v1/text").status == 1);
    auto stat = mount.art("diff --stat a:v0 a:v1").out;
    CHECK(stat.find("> old -> new") != std::string::npos);
    CHECK(stat.find("1 added, 0 removed, 1 changed, 1 renamed") != std::string::npos);
    auto content = mount.art("diff --content a:v0 a:v1").out;
    CHECK(content.find("--- a/text\n+++ b/text\n") != std::string::npos);
    CHECK(content.find("-one\n+two\n") != std::string::npos);

    mount.ok("art run --name r1 --config lr=1 -- artfs_actor read a/v0/text");
    mount.ok("art run --name r2 --config lr=2 -- artfs_actor read a/v1/text");
    auto runs = Json::parse(mount.art("diff @r1 @r2 --json").out);
    CHECK(runs.at("config").at("changed").at("lr") == Json({1, 2}));
    CHECK(runs.at("inputs").at("changed").at("a") == Json({"v0", "v1"}));
    CHECK(mount.art("diff @r1 @r1").status == 0);
    for (const char* loss : {"2", "1"})
        mount.ok(std::string("art run --name m") + loss + " -- sh -c 'echo \"{\\\"loss\\\":9}\n{" +
                 "\\\"loss\\\":" + loss + "}\" > .art/run/metrics.jsonl; echo " + loss +
                 " > a/latest/text'");
    CHECK(Json::parse(mount.art("diff @m2 @m1 --json").out).at("metrics").at("changed") ==
          Json{{"loss", {2.0, 1.0}}});
    auto made = mount.art("diff a:v2 a:v3").out;
    CHECK(made.find("metrics of the run\n  ~ loss = 2.0 -> 1.0\n") != std::string::npos);
    refused(mount, 2, "diff a:v0 @r1");
    refused(mount, 3, "diff a:v0 a:v9");
    refused(mount, 2, "diff a:v0");
}

TEST_CASE("annotations: description, metadata, tags, each in the history", "[commands]") {
    TestMount mount;
    two_versions(mount);
    mount.ok("art describe a:v0 'the first'");
    mount.ok("art metadata a:v0 lr=0.5 note='as told' k=");
    auto version = mount.json("show a:v0");
    CHECK(version.at("description") == "the first");
    CHECK(version.at("metadata") == Json{{"lr", 0.5}, {"note", "as told"}});
    CHECK(version.at("sealed_metadata") == Json{{"lr", 1}, {"k", 2}});
    CHECK(mount.ok("cat a/v0/.art/metadata.json") == "{\"lr\":1,\"k\":2}");
    REQUIRE(version.at("history").size() == 2);
    CHECK(version.at("history")[1].at("what") == "metadata");
    CHECK(version.at("history")[1].at("detail").at("before").is_null());
    CHECK(!version.at("history")[1].at("who").get<std::string>().empty());
    auto file = (mount.directory() / "m.json").string();
    std::ofstream(file) << "{\"all\":true}";
    mount.ok("art metadata a:v0 " + file);
    CHECK(mount.json("metadata a:v0") == Json{{"all", true}});
    CHECK(mount.json("metadata a:v0 --sealed") == Json{{"lr", 1}, {"k", 2}});
    mount.ok("art metadata a:v0 --reset");
    CHECK(mount.json("metadata a:v0") == Json{{"lr", 1}, {"k", 2}});

    mount.ok("art tag a:v0 good old && art tag a:v0 --delete old");
    CHECK(mount.ok("art tag a:v0") == "good\n");
    CHECK(mount.ok("cat a/v0/.art/tags") == "good\n");
    auto run = mount.newest_run();
    mount.ok("art tag @" + run + " baseline && art describe @" + run + " 'made it'");
    CHECK(mount.json("show @" + run).at("tags") == Json({"baseline"}));
    CHECK(mount.json("show @" + run).at("description") == "made it");
    // Also of a run that lives, whose record the mount still holds.
    mount.ok(
        "art run --name live -- sh -c 'artfs_actor write a/latest/q 1; art tag @live now; "
        "artfs_actor write a/latest/q 2'");
    CHECK(mount.json("show @live").at("tags") == Json({"now"}));

    refused(mount, 2, "tag a:v0 'no good'");
    refused(mount, 3, "tag a:v0 --delete absent");
    refused(mount, 2, "metadata a:v0 nothing=here " + file);
    refused(mount, 3, "metadata a:v0 /absent.json");
    refused(mount, 2, "metadata @" + run + " a=1");
    refused(mount, 3, "describe a:v9 x");
    refused(mount, 2, "describe a:v0/text x");
    mount.umount();
    CHECK(mount.art("describe a:v0 'with no mount'").status == 0);
    CHECK(mount.json("show a:v0").at("description") == "with no mount");
    mount.mount();
}

TEST_CASE("aliases move on the mount too, and protected ones by force only", "[commands]") {
    TestMount mount;
    two_versions(mount);
    mount.ok("art alias a:v0 best prod");
    CHECK(mount.ok("readlink a/best a/prod") == "v0\nv0\n");
    mount.ok("art alias a best && art alias --protect a prod");
    CHECK(mount.ok("readlink a/best") == "v1\n");
    refused(mount, 4, "alias a:v1 prod");
    CHECK(mount.sh("ln -sfn v1 a/prod").status != 0);
    CHECK(mount.sh("rm a/prod").status != 0);
    mount.ok("art alias --force a:v1 prod");
    CHECK(mount.ok("readlink a/prod") == "v1\n");
    mount.ok("art alias --delete a best");
    CHECK(mount.sh("readlink a/best").status != 0);
    CHECK(mount.ok("ls a") == "latest\nprod\nv0\nv1\n");
    refused(mount, 4, "alias a:v0 latest");
    refused(mount, 4, "alias a:v0 v7");
    refused(mount, 3, "alias --delete a best");
    refused(mount, 2, "alias --delete a:v0 prod");
    refused(mount, 2, "alias --delete --protect a prod");
    refused(mount, 3, "alias a:v9 x");
    auto history = mount.json("show a:v1").at("history");
    CHECK(history.back().at("detail").at("alias") == "best");
    auto changes = mount.json("log a --changes");
    CHECK(changes[0].at("detail").at("before") == "v1");
    CHECK(changes.back().at("what") == "create");
    CHECK(mount.ok("art log a --changes").find("alias best -> (dropped)") != std::string::npos);
    CHECK(mount.json("log a").size() == 2);
}

TEST_CASE("put and get: with a mount, and without", "[commands]") {
    TestMount mount;
    auto in = mount.directory() / "in";
    fs::create_directories(in / "dir");
    std::ofstream(in / "dir/x") << "one";
    std::ofstream(in / "y") << "two";
    mount.ok("cd " + in.string() + " && art put . fresh --type model --alias best");
    CHECK(mount.ok("cat fresh/v0/dir/x fresh/best/y; ls fresh") == "onetwobest\nlatest\nv0\n");
    auto run = mount.newest_run();
    CHECK(mount.json("show @" + run).at("job_type") == "put");
    CHECK(mount.logs(run) == std::vector<std::string>{"fresh:v0"});
    auto again = Json::parse(mount.ok("art put " + in.string() + " fresh --json"));
    CHECK(again.at("new") == false);
    std::ofstream(in / "z") << "three";
    mount.ok("art put --add " + (in / "z").string() + " fresh");
    CHECK(mount.ok("cat fresh/latest/y fresh/latest/z; art put " + (in / "z").string() +
                   " fresh; ls fresh/latest/") == "twothreefresh:v2\nz\n");
    mount.umount();
    CHECK(mount.art("put " + in.string() + " other").out == "other:v0\n");
    auto out = (mount.directory() / "out").string();
    CHECK(mount.art("get other " + out).status == 0);
    CHECK(shell("diff -r " + in.string() + " " + out).status == 0);
    CHECK(mount.art("get fresh:v0/dir/x " + out + "/got").status == 0);
    CHECK(shell("cat " + out + "/got").out == "one");
    refused(mount, 4, "get other:v0/y " + out + "/y");
    refused(mount, 3, "get other:v0/y " + out + "/absent/y");
    refused(mount, 3, "get other:v0/absent " + out);
    CHECK(shell("ls -A " + out).out == "dir\ngot\ny\nz\n");
    mount.mount();
    CHECK(mount.ok("cat other/latest/z") == "three");
    refused(mount, 3, "put /absent fresh");
    refused(mount, 2, "put " + in.string() + " 'bad name'");
    refused(mount, 4, "put " + in.string() + " fresh --type dataset");
    refused(mount, 4, "put fresh/v0/y fresh");
    refused(mount, 2, "put " + in.string());
    CHECK(shell("ls " + (mount.store() / "staging").string() + " | wc -l").status == 0);
}

TEST_CASE("rm and gc, while programs read", "[commands]") {
    TestMount mount;
    mount.ok("mkdir a");
    mount.ok("actor write a/latest/x first");
    mount.ok("actor write a/latest/x second");
    mount.ok("actor write a/latest/x third");
    CHECK(mount.ok("art alias a:v0 best && art rm --dry-run a:v1").find("a:v1") == 0);
    refused(mount, 4, "rm a:v0");
    refused(mount, 4, "rm a:v1 a:v0");
    refused(mount, 2, "rm a");
    CHECK(mount.ok("ls a") == "best\nlatest\nv0\nv1\nv2\n");
    // A live run's version stays.
    refused(mount, 4, "run -- sh -c 'artfs_actor read a/v1/x; art rm a:v1'");
    mount.ok("art rm a:v1 a:v2");
    CHECK(mount.ok("ls a; cat a/latest/x") == "best\nlatest\nv0\nfirst");
    CHECK(mount.sh("cat a/v1/x").status != 0);
    refused(mount, 3, "show a:v1");
    mount.ok("art rm --restore a:v2");
    CHECK(mount.ok("cat a/v2/x") == "third");
    auto plan = mount.json("gc --dry-run");
    CHECK(plan.at("versions") == Json({"a:v1"}));
    CHECK(plan.at("bytes") == 6);
    CHECK(mount.ok("art gc").find("giving back 6 B: 1 files") != std::string::npos);
    CHECK(mount.ok("art gc") == "nothing to give back\n");
    refused(mount, 2, "gc --older-than soon");
    CHECK(mount.art("fsck").status == 0);
    CHECK(mount.ok("cat a/v0/x a/v2/x") == "firstthird");
    // The runs that made what is gone are still told.
    CHECK(mount.json("runs --all").size() >= 3);
    mount.ok("art lineage a:v0 && art graph --explode");
    for (const auto& run : mount.json("runs --all"))
        mount.json("show @" + run.at("name").get<std::string>());
    // An open file of a deleted version is read to its end.
    mount.ok("art rm a:v2");
    CHECK(mount.ok("exec 5< a/v0/x; art alias --delete a best; art ttl a:v0 never; art gc >&2; "
                   "cat <&5") == "first");
}

TEST_CASE("fsck, stale, config and doctor", "[commands]") {
    TestMount mount;
    mount.ok("mkdir a b");
    mount.ok("actor write a/latest/x 1");
    mount.ok("actor read a/latest/x : write b/latest/y 2");
    auto maker = mount.newest_run();
    CHECK(mount.ok("art stale") == "nothing is stale\n");
    mount.ok("actor write a/latest/x 3");
    auto stale = mount.json("stale");
    REQUIRE(stale.size() == 1);
    CHECK(stale[0].at("artifact") == "b");
    CHECK(stale[0].at("run") == maker);
    CHECK(stale[0].at("inputs")[0] == Json{{"artifact", "a"}, {"used", "v0"}, {"newest", "v1"}});

    CHECK(mount.json("fsck").at("objects") == 3);
    auto digest = mount.json("show a:v0").at("files")[0].at("sha256").get<std::string>();
    auto object = mount.store() / "objects" / digest.substr(0, 2) / digest.substr(2);
    mount.ok("chmod 600 " + object.string() + "; printf X > " + object.string());
    auto ran = mount.art("fsck");
    CHECK(ran.status == 1);
    CHECK(ran.out.find("a:v0/x") != std::string::npos);
    CHECK(mount.art("fsck --repair").out.find("was moved") != std::string::npos);
    CHECK(mount.art("fsck").out.find("missing") != std::string::npos);
    std::ofstream(mount.directory() / "x") << "1";
    mount.ok("art put " + (mount.directory() / "x").string() + " c && art fsck");

    CHECK(mount.ok("art config limits.drafts").find("limits.drafts = (built in)\n") == 0);
    mount.ok("art config limits.drafts 7 && art config artifact.a.ttl 30d");
    CHECK(mount.json("config limits.drafts").at("value") == "7");
    CHECK(shell("cat " + (mount.store() / "config.toml").string())
              .out.find("[artifact.\"a\"]\nttl = ") != std::string::npos);
    CHECK(mount.json("config").size() > 20);
    refused(mount, 2, "config nothing");
    refused(mount, 2, "config limits.drafts many");
    auto findings = mount.json("doctor");
    CHECK(findings.size() >= 9);
    CHECK(findings.back().at("here") == mount.path().string());
}

TEST_CASE("bundle, unbundle, rerun and export", "[commands]") {
    TestMount mount;
    mount.ok("mkdir a b");
    mount.ok("actor write a/latest/x 1");
    mount.ok("art run --name maker --config lr=1 -- sh -c 'cat a/latest/x > b/latest/y'");
    auto file = (mount.directory() / "b.tar").string();
    mount.ok("art bundle b -o " + file);
    refused(mount, 4, "bundle b -o " + file);
    refused(mount, 2, "bundle b");
    refused(mount, 3, "bundle c -o " + file + "2");
    auto other = "--store " + (mount.directory() / "other").string();
    CHECK(mount.art("unbundle " + file + " " + other).status == 0);
    CHECK(mount.art("unbundle " + file + " " + other).out == "all of it is here already\n");
    CHECK(mount.art("cat b:v0/y " + other).out == "1");
    CHECK(mount.art("lineage b " + other).out.find("a:v0") != std::string::npos);
    CHECK(mount.art("fsck " + other).status == 0);
    // Into a store that is served, the mount shows it at once.
    CHECK(mount.art("put " + file + " fresh " + other).status == 0);
    CHECK(mount.art("bundle fresh -o " + file + "3 " + other).status == 0);
    mount.ok("art unbundle " + file + "3");
    CHECK(mount.ok("ls fresh") == "latest\nv0\n");
    refused(mount, 3, "unbundle /absent");
    mount.ok("head -c 2000 " + file + " > " + file + "4");
    refused(mount, 2, "unbundle " + file + "4 --project second");

    mount.ok("actor write a/latest/x 2");
    mount.ok("art rerun maker --name again");
    CHECK(mount.uses("again") == std::vector<std::string>{"a:v0/x"});
    CHECK(mount.json("ls b").size() == 1);
    mount.ok("art rerun maker --with a=v1 --name newer");
    CHECK(mount.ok("cat b/latest/y") == "2");
    CHECK(mount.json("show @newer").at("tags") == Json({"rerun-of-maker"}));
    CHECK(mount.ok("art rerun maker --dry-run").find("--pin a=v0 --tag") != std::string::npos);
    refused(mount, 2, "rerun maker --with a");
    refused(mount, 3, "rerun maker --with a=v9");
    refused(mount, 3, "rerun nobody");
    refused(mount, 4, "rerun " + mount.newest_run("put"));

    for (const char* format :
         {"openlineage", "prov-json", "in-toto", "slsa", "ro-crate", "croissant"})
        CHECK(Json::parse(mount.ok(std::string("art export b:v1 --format ") + format)).size() > 1);
    refused(mount, 2, "export b --format word");
    auto key = (mount.directory() / "key.pem").string();
    mount.ok("openssl genpkey -algorithm ed25519 -out " + key +
             " 2> /dev/null && openssl pkey -in " + key + " -pubout -out " + key + ".pub");
    mount.ok("art export b:v1 --format slsa --sign " + key + " -o " + file + ".dsse");
    CHECK(mount.ok("art verify b:v1 --attestation " + file + ".dsse --key " + key + ".pub") ==
          "every file is as it was signed\n");
    auto other_version =
        mount.sh("art verify b:v0 --attestation " + file + ".dsse --key " + key + ".pub");
    CHECK(other_version.status == 1);
    CHECK(other_version.out.find("b:v0/y is not named") != std::string::npos);
    mount.ok("openssl genpkey -algorithm ed25519 -out " + key + "2 2> /dev/null");
    refused(mount, 1, "verify b:v1 --attestation " + file + ".dsse --key " + key + "2");
    refused(mount, 2, "verify b:v1 --attestation " + file + ".dsse");
    refused(mount, 2, "verify b:v1 --attestation " + key + " --key " + key + ".pub");
    refused(mount, 2, "export b --format slsa --sign " + key + ".pub");
    refused(mount, 2, "export b --format croissant --sign " + key);
    refused(mount, 2, "export @maker --format croissant");
    CHECK(Json::parse(mount.ok("art export @maker --format openlineage")).size() == 2);
}

TEST_CASE("verify makes a version again and compares", "[commands]") {
    TestMount mount;
    mount.ok("mkdir a b");
    mount.ok("actor write a/latest/x 1");
    mount.ok("art run --name steady -- sh -c 'cat a/latest/x > b/latest/y; echo 2 > b/latest/z'");
    mount.ok("actor write a/latest/x other");
    auto ran = mount.sh("art verify b:v0");
    CHECK(ran.status == 0);
    CHECK(ran.out == "b:v0 is the same, made again\n");
    mount.ok("art run --name clock -- sh -c 'date +%N > b/latest/now; echo 1 > b/latest/y'");
    ran = mount.sh("art verify b:v1 --json");
    CHECK(ran.status == 1);
    CHECK(Json::parse(ran.out).at("different") == Json({"now"}));
    // Nothing of it stays: no version, no alias moved, no draft.
    CHECK(mount.json("ls b").size() == 2);
    CHECK(mount.json("status").at("drafts").empty());
    // And it looks like what it was: commands that ended well. No policy makes versions of it.
    mount.ok("art config artifact.b.seal always");
    mount.umount();
    mount.mount();
    CHECK(mount.sh("art verify b:v1").status == 1);
    CHECK(mount.json("ls b").size() == 2);
    int tried = 0;
    for (const auto& run : mount.json("runs")) {
        if (run.at("tags").empty()) continue;
        CHECK(run.at("tags")[0].get<std::string>().starts_with("verify-of-"));
        CHECK(run.at("state") == "finished");
        ++tried;
    }
    CHECK(tried == 3);
    mount.ok("art run --name once -- sh -c 'test ! -e " + (mount.directory() / "done").string() +
             " && touch " + (mount.directory() / "done").string() + " && echo > b/latest/o'");
    refused(mount, 1, "verify b:v2");
    refused(mount, 2, "verify @once");
    refused(mount, 3, "verify b:v9");
}

TEST_CASE("metrics of a run, live and over", "[commands]") {
    TestMount mount;
    mount.ok(
        "art run --name fit -- sh -c 'for i in 1 2 3; do echo \"{\\\"step\\\":$i,"
        "\\\"loss\\\":$((9-i))}\" >> .art/run/metrics.jsonl; done; art metrics @fit --csv'");
    CHECK(mount.ok("cat .art/runs/fit/output.log").find("step,loss\n1,8\n2,7\n3,6\n") !=
          std::string::npos);
    CHECK(mount.json("metrics fit loss") ==
          Json{{"loss", {{"steps", {1, 2, 3}}, {"values", {8, 7, 6}}}}});
    CHECK(mount.ok("art show @fit").find("█▅▁") != std::string::npos);
    refused(mount, 3, "metrics fit accuracy");
    refused(mount, 3, "metrics nobody");
}

TEST_CASE("completion, and what a terminal shows", "[commands]") {
    TestMount mount;
    two_versions(mount);
    mount.ok("art alias a:v0 best");
    auto complete = [&](const std::string& words) { return mount.ok("art complete -- " + words); };
    CHECK(complete("al") == "alias\n");
    CHECK(complete("show a") == "a\na:\n");
    CHECK(complete("show a:") == "a:latest\na:best\na:v0\na:v1\n");
    CHECK(complete("cat a:v0/k") == "a:v0/keep\n");
    CHECK(complete("diff --sta") == "--stat\n");
    CHECK(complete("runs --state f") == "finished\nfailed\n");
    CHECK(complete("config limits.d") == "limits.drafts\nlimits.draft_age\n");
    CHECK(complete("show @").find("@" + mount.newest_run() + "\n") != std::string::npos);
    CHECK(complete("nonsense x").empty());
    CHECK(
        shell("ART_STORE=/absent " + program("art").string() + " complete -- show a").out.empty());
    // bash's own completion, as it asks.
    auto script = std::string(ARTFS_SOURCE) + "/tools/completions/art.bash";
    auto bash = [&](const std::string& line) {
        return mount.ok("source " + script + "; compopt() { :; }; COMP_LINE='" + line +
                        "'; COMP_POINT=${#COMP_LINE}; _art; echo \"${COMPREPLY[*]}\"");
    };
    CHECK(bash("art show a:v") == "v0 v1\n");
    CHECK(bash("art cat a:v0/ke") == "v0/keep\n");
    CHECK(bash("art fs") == "fsck\n");

    // Every command that is listed has its page, made from what --help prints.
    auto pages = mount.directory() / "man";
    mount.ok("art manual " + pages.string());
    auto listed = mount.ok("art --help | sed -n 's/^  \\([a-z]*\\)  *[a-z].*/\\1/p'");
    std::istringstream names(listed);
    std::size_t count = 0;
    for (std::string name; names >> name; ++count) {
        INFO(name);
        std::ifstream page(pages / ("art-" + name + ".1"));
        std::string text{std::istreambuf_iterator<char>(page), {}};
        CHECK(text.find(".SH SYNOPSIS\n.B art " + name + "\n") != std::string::npos);
        CHECK(text.find("\\fB\\-\\-store\\fR") != std::string::npos);
    }
    CHECK(count > 25);
    CHECK(fs::exists(pages / "art.1"));
    CHECK(!fs::exists(pages / "art-complete.1"));

    // Colour and a pager on a terminal only, and never with NO_COLOR.
    auto on_terminal = [&](const std::string& command) {
        return mount.ok("stty rows 5 cols 80 2> /dev/null; script -qec \"stty rows 5; " + command +
                        "\" /dev/null");
    };
    CHECK(on_terminal("art ls").find("\033[2m") != std::string::npos);
    CHECK(on_terminal("NO_COLOR=1 art ls").find("\033[") == std::string::npos);
    CHECK(mount.ok("art ls").find("\033[") == std::string::npos);
    CHECK(on_terminal("PAGER='sed s/^/paged:/' art config").find("paged:") != std::string::npos);
    CHECK(on_terminal("PAGER='sed s/^/paged:/' art ls").find("paged:") == std::string::npos);
}
