// Every command with what it cannot understand: one line, the right status, and nothing is changed.
#include <algorithm>
#include <fstream>
#include <sstream>

#include "mounted/harness.h"
#include "support/catch.h"

namespace {

using Json = nlohmann::json;

// What a command line ended with: bash runs them all, for one shell is quicker than hundreds.
struct Outcome {
    std::string command;
    int status = 0;
    int lines = 0;  // on standard error
    std::string complaint;
};

std::vector<Outcome> outcomes(const TestMount& mount, const std::vector<std::string>& commands) {
    auto list = (mount.directory() / "commands").string();
    std::ofstream out(list, std::ios::trunc);
    for (const auto& command : commands) out << command << "\n";
    out.close();
    auto ran = mount.sh("while IFS= read -r c; do eval \"art $c\" > /dev/null 2> " + list +
                        ".err < /dev/null; echo $? $(wc -l < " + list + ".err) \"$(head -n 1 " +
                        list + ".err)\"; done < " + list);
    INFO(ran.err);
    REQUIRE(ran.status == 0);
    std::vector<Outcome> all;
    std::istringstream rows(ran.out);
    for (std::string row; std::getline(rows, row);) {
        REQUIRE(all.size() < commands.size());
        Outcome one{commands[all.size()]};
        std::istringstream cells(row);
        cells >> one.status >> one.lines;
        std::getline(cells >> std::ws, one.complaint);
        all.push_back(std::move(one));
    }
    REQUIRE(all.size() == commands.size());
    return all;
}

void all_refused(const TestMount& mount, const std::vector<std::string>& commands,
                 const std::vector<int>& statuses) {
    for (const auto& one : outcomes(mount, commands)) {
        INFO("art " << one.command << "\n" << one.complaint);
        CHECK(std::count(statuses.begin(), statuses.end(), one.status) == 1);
        CHECK(one.lines == 1);
        CHECK(one.complaint.starts_with("art: "));
    }
}

std::vector<std::string> listed_commands(const TestMount& mount) {
    std::istringstream names(mount.ok("art --help | sed -n 's/^  \\([a-z]*\\)  *[a-z].*/\\1/p'"));
    std::vector<std::string> all;
    for (std::string name; names >> name;) all.push_back(name);
    REQUIRE(all.size() > 35);
    return all;
}

}  // namespace

TEST_CASE("options, numbers of words and commands that there are not are wrong usage", "[usage]") {
    TestMount mount;
    std::vector<std::string> wrong{"nonsense", "shwo a", "$'bad\\nname'"};
    for (const auto& name : listed_commands(mount)) {
        wrong.push_back(name + " --nonsense");
        wrong.push_back(name + " --project 'a b' x y");
        // Words that few take, and commands that need some without any.
        static const std::vector<std::string> any_number{"run", "put",   "metadata", "tag",
                                                         "rm",  "alias", "bundle",   "metrics"};
        if (std::count(any_number.begin(), any_number.end(), name) == 0)
            wrong.push_back(name + " a b c d e");
        static const std::vector<std::string> need_none{
            "mount", "umount", "status", "begin", "end",    "next",   "commit", "discard", "ls",
            "log",   "gc",     "fsck",   "stale", "config", "doctor", "runs",   "graph",   "ui"};
        if (std::count(need_none.begin(), need_none.end(), name) == 0) wrong.push_back(name);
    }
    all_refused(mount, wrong, {2});
}

TEST_CASE("references that are none, or lead nowhere, are refused by every command that takes one",
          "[usage]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 1");
    auto before = mount.ok("art log a --changes --json; art ls --json; art runs --all --json");
    auto out = (mount.directory() / "out").string();
    const std::vector<std::string> refs{"''",
                                        "':v0'",
                                        "a:",
                                        "a:v0:v0",
                                        "a:v99",
                                        "a:v-1",
                                        "a:v4294967296",
                                        "a:absent",
                                        "absent",
                                        "absent:v0",
                                        "'a b:v0'",
                                        "../a:v0",
                                        "a@sha256:12",
                                        "a@sha256:zzzzzzzz",
                                        "a@sha256:00000000",
                                        "@",
                                        "@absent",
                                        "$'a:v0\\n'",
                                        "'\xff:v0'",
                                        "/etc/passwd"};
    std::vector<std::string> wrong;
    for (const auto& ref : refs) {
        for (const char* command : {"show", "ls", "revert", "rm", "verify", "lineage", "get"})
            wrong.push_back(std::string(command) + " " + ref);
        wrong.push_back("cat " + ref + "/x");
        wrong.push_back("diff " + ref + " a:v0");
        wrong.push_back("diff a:v0 " + ref);
        wrong.push_back("describe " + ref + " text");
        wrong.push_back("metadata " + ref + " k=1");
        wrong.push_back("tag " + ref + " label");
        wrong.push_back("alias " + ref + " name");
        wrong.push_back("ttl " + ref + " 1d");
        wrong.push_back("export " + ref + " --format slsa");
        wrong.push_back("bundle " + ref + " -o " + out);
        if (ref != "a:v99" && ref != "$'a:v0\\n'") wrong.push_back("rerun " + ref);
        wrong.push_back("run --pin a=" + ref + " -- true");
    }
    all_refused(mount, wrong, {2, 3});
    CHECK(mount.ok("art log a --changes --json; art ls --json; art runs --all --json") == before);
    CHECK(!std::filesystem::exists(out));
}

TEST_CASE("numbers, ages, words and JSON that are none are wrong usage", "[usage]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 1");
    auto file = (mount.directory() / "bad.json").string();
    auto deep = (mount.directory() / "deep.json").string();
    std::ofstream(file) << "{\"a\": ";
    std::ofstream(deep) << "{\"a\":" << std::string(500'000, '[') << std::string(500'000, ']')
                        << "}";
    std::vector<std::string> wrong;
    for (const char* number : {"0", "-1", "x", "1.5", "99999999999999999999999", "''"}) {
        const std::string given = number;
        wrong.push_back("runs --limit " + given);
        wrong.push_back("ls --limit " + given);
        if (given != "0") wrong.push_back("lineage a --depth=" + given);
        wrong.push_back("rerun --stale -j " + given);
    }
    for (const char* age : {"soon", "-1d", "1y", "''", "1e9d", "99999999999999999999d"}) {
        const std::string given = age;
        wrong.push_back("ttl a:v0 -- " + given);
        wrong.push_back("gc --older-than=" + given);
        wrong.push_back("runs --since=" + given);
        wrong.push_back("config artifact.a.ttl -- " + given);
    }
    for (const auto& json : {file, deep}) {
        wrong.push_back("metadata a:v0 " + json);
        wrong.push_back("put /etc/hostname p --metadata " + json);
        wrong.push_back("run --config " + json + " -- true");
    }
    wrong.insert(
        wrong.end(),
        {"runs --state over", "graph --format word", "export a --format word", "ui --port 99999",
         "ui --port x", "run --ok-exit x -- true", "run --config =1 -- true", "run --pin a -- true",
         "run --type a= -- true", "run --name 'a b' -- true", "put /etc/hostname p --type ''",
         "put /etc/hostname p --alias v1x/", "mount --options nonsense", "config no.such.key",
         "config limits.drafts many", "tag a:v0 'a b'", "alias a:v0 'a b'", "why nothing/there/is",
         "metadata a:v0 =1"});
    for (const char* command :
         {"put '' p", "put /etc/hostname ''", "get a:v0 ''", "unbundle ''", "bundle a -o ''"})
        wrong.push_back(command);
    all_refused(mount, wrong, {2, 3, 4});
    CHECK(mount.json("ls").size() == 1);
    CHECK(mount.json("show a:v0").at("metadata").empty());
    CHECK(mount.json("status").at("daemon").at("restarts") == 0);
}

TEST_CASE("every change after sealing is in the history, with who and when", "[usage]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 1 && actor write a/latest/x 2");
    mount.ok(
        "art describe a:v0 first; art metadata a:v0 k=1; art tag a:v0 t; art tag a:v0 --delete t");
    mount.ok("art alias a:v0 best; art alias --protect a best; art alias --force a:v1 best");
    mount.ok("art alias --unprotect a best; art alias --delete a best; art ttl a:v0 1d");
    mount.ok("art revert a:v0; art revert a:v1; art rm a:v0; art rm --restore a:v0");
    std::vector<std::string> what;
    std::string last;
    auto changes = mount.json("log a --changes");
    std::reverse(changes.begin(), changes.end());
    for (const auto& change : changes) {
        what.push_back(change.at("what"));
        CHECK(!change.at("who").get<std::string>().empty());
        CHECK(change.at("when").get<std::string>() >= last);
        last = change.at("when");
    }
    std::string all;
    for (const auto& one : what) all += one + " ";
    INFO(all);
    for (const char* one : {"create", "describe", "metadata", "tag", "alias", "protect", "ttl",
                            "revert", "delete", "restore"})
        CHECK(all.find(one) != std::string::npos);
    CHECK(std::count(what.begin(), what.end(), "revert") == 2);
    CHECK(std::count(what.begin(), what.end(), "alias") == 3);
    CHECK(std::count(what.begin(), what.end(), "protect") == 2);
}

TEST_CASE("a rerun has the command, the directory and the recorded environment of the run",
          "[usage]") {
    TestMount mount;
    mount.ok("mkdir a b && actor write a/latest/x 1");
    auto directory = mount.directory() / "some where";
    std::filesystem::create_directories(directory);
    mount.ok(
        "cd '" + directory.string() +
        "' && CUDA_VISIBLE_DEVICES=3 OTHER=secret art run "
        "--name first --job-type fit --ok-exit 0,7 -- sh -c '(pwd; echo \"$CUDA_VISIBLE_DEVICES"
        " $OTHER $0 $1\"; cat " +
        mount.path().string() + "/a/latest/x) > " + mount.path().string() +
        "/b/latest/y; exit 7' 'a  b' \"c'd\" || true");
    mount.ok("actor write a/latest/x 2");
    auto first = mount.json("show @first");
    CHECK(mount.ok("cat b/v0/y") == directory.string() + "\n3 secret a  b c'd\n1");
    CHECK(
        mount.sh("cd / && CUDA_VISIBLE_DEVICES=1 OTHER=now art rerun first --name second").status ==
        7);
    CHECK(mount.ok("cat b/latest/y") == directory.string() + "\n3 now a  b c'd\n1");
    auto second = mount.json("show @second");
    for (const char* key : {"command", "cwd", "job_type", "state", "exit_code"})
        CHECK(second.at(key) == first.at(key));
    CHECK(mount.uses("second") == std::vector<std::string>{"a:v0/x"});
    CHECK(first.dump().find("secret") == std::string::npos);
}
