// STORE/config.toml, as tables of good and bad ones.
#include "runs/config.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "runs/event_target.h"
#include "runs/patterns.h"
#include "support/catch.h"

using namespace artfs;
using namespace std::chrono_literals;

namespace {

bool contains(const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

Config good(const std::string& text) {
    auto config = parse_config(text, "config.toml");
    if (!config) FAIL(config.error().message);
    return *config;
}

}  // namespace

TEST_CASE("A missing or empty file is the defaults") {
    auto config = load_config("/nonexistent/config.toml");
    REQUIRE(config);
    CHECK(contains(config->programs.launchers, "bash"));
    CHECK(contains(config->never_keep, "lock.mdb"));
    CHECK(contains(config->record_environment, "LANG"));
    CHECK(contains(config->group_by_environment, "SLURM_JOB_ID+SLURM_STEP_ID"));
    CHECK(config->pm_qos == PmQos::automatic);
    CHECK(config->policy("any", "checkpoint").commit->quiet == 5s);
    CHECK_FALSE(config->policy("any", "dataset").commit);
    CHECK(good("").programs.observers == config->programs.observers);
}

TEST_CASE("A file is read where it is") {
    char path[] = "/tmp/artfs-config-XXXXXX";
    Fd fd(mkstemp(path));
    REQUIRE(write_all(fd.get(), "pm_qos = \"off\"\n"));
    auto config = load_config(path);
    unlink(path);
    REQUIRE(config);
    CHECK(config->pm_qos == PmQos::off);
    auto directory = load_config("/tmp");
    CHECK_FALSE(directory);
}

TEST_CASE("Lists replace, or add after a plus") {
    CHECK(good("launchers = ['only']").programs.launchers == std::vector<std::string>{"only"});
    CHECK(good("never_keep = []").never_keep.empty());
    auto added = good("launchers = ['+', 'mine']\nrecord_environment = ['+', 'MY_*']");
    CHECK(contains(added.programs.launchers, "mine"));
    CHECK(contains(added.programs.launchers, "bash"));
    CHECK_FALSE(contains(added.programs.launchers, "+"));
    CHECK(contains(added.record_environment, "MY_*"));
}

TEST_CASE("A program put into one list leaves the others") {
    auto config = good("observers = ['+', 'make', 'sed']");
    CHECK(contains(config.programs.observers, "make"));
    CHECK_FALSE(contains(config.programs.launchers, "make"));
    CHECK_FALSE(contains(config.programs.file_tools, "sed"));
}

TEST_CASE("Tables of artifacts and types") {
    auto config = good(R"(
        [artifact."mnist-raw"]
        type = "checkpoint"
        description = "d"
        base = "empty"
        keep_last = 3
        seal = "ok:0,1"
        [type.checkpoint]
        base = "latest"
        ttl = "30d"
        [type.model]
        commit = "quiet:250ms"
        seal = "always"
    )");
    auto policy = config.policy("mnist-raw", "checkpoint");
    CHECK(policy.type == "checkpoint");
    CHECK(policy.description == "d");
    CHECK(policy.base == BasePolicy::empty);
    CHECK(policy.keep_last == 3U);
    CHECK(policy.ttl == std::chrono::hours(30 * 24));
    CHECK(policy.seal == SealPolicy{SealPolicy::Which::exits, {0, 1}});
    CHECK(policy.commit == CommitPolicy{CommitPolicy::When::quiet, 5s});
    CHECK(config.policy("other", "checkpoint").base == BasePolicy::latest);
    CHECK(config.policy("other", "model").commit == CommitPolicy{CommitPolicy::When::quiet, 250ms});
    CHECK(config.policy("other", "model").seal == SealPolicy{SealPolicy::Which::always, {}});
    CHECK_FALSE(config.policy("other", "").type);
}

TEST_CASE("Where events are sent is a URL or a file") {
    char path[] = "/tmp/artfs-config-XXXXXX";
    Fd fd(mkstemp(path));
    CHECK(load_event_target("/nonexistent/config.toml") == std::string());
    CHECK(load_event_target(path) == std::string());
    REQUIRE(write_all(fd.get(), "openlineage = \"https://here.example/api/v1/lineage\"\n"));
    CHECK(load_event_target(path) == std::string("https://here.example/api/v1/lineage"));
    REQUIRE(write_all(fd.get(), "pm_qos = 7\n"));
    CHECK_FALSE(load_event_target(path));
    unlink(path);
}

TEST_CASE("Limits") {
    auto limits = good(
                      "[limits]\ndrafts = 5\nbytes = '10GiB'\nviews = 7\ndraft_age = '2w'\n"
                      "output_log = 4096")
                      .limits;
    CHECK(limits.drafts == 5U);
    CHECK(limits.bytes == 10ULL << 30);
    CHECK(limits.views == 7U);
    CHECK(limits.draft_age == std::chrono::hours(14 * 24));
    CHECK(limits.output_log == 4096);
    CHECK_FALSE(good("").limits.drafts);
}

TEST_CASE("Bad files are one line that names the line") {
    struct Row {
        const char* text;
        int line;
        const char* says;
    };
    for (const auto& row : std::vector<Row>{
             {"\nlaunchers = 'bash'", 2, "launchers must be a list"},
             {"launchers = [\n'a',\n1]", 3, "launchers must be text"},
             {"observers = ['']", 1, "empty entry"},
             {"\nrecord_environment = ['+', '**']", 2, "must not record everything"},
             {"lunchers = []", 1, "unknown key \"lunchers\""},
             {"\n\nx = = 1", 3, ""},
             {"a = 1\na = 2", 2, ""},
             {"pm_qos = 'on'", 1, "pm_qos must be"},
             {"pm_qos = 1", 1, "pm_qos must be text"},
             {"openlineage = 'ftp://x'", 1, "openlineage must be"},
             {"artifact = 1", 1, "artifact must be tables"},
             {"[artifact]\nx = 1", 2, "artifact.x must be a table"},
             {"[artifact.'.hidden']\n", 1, "no name"},
             {"[artifact.x]\ntype = 'a b'", 2, "cannot be a type"},
             {"[type.x]\ntype = 'y'", 2, "unknown key \"type\""},
             {"[type.x]\ncommit = 'sometimes'", 2, "commit must be"},
             {"[type.x]\ncommit = 'quiet:'", 2, "commit must be"},
             {"[type.x]\nseal = 'ok:'", 2, "seal must be"},
             {"[type.x]\nseal = 'ok:0,'", 2, "seal must be"},
             {"[type.x]\nseal = 'ok:256'", 2, "seal must be"},
             {"[type.x]\nseal = 'ok:-1'", 2, "seal must be"},
             {"[type.x]\nbase = 'full'", 2, "base must be"},
             {"[type.x]\nkeep_last = 0", 2, "keep_last must be"},
             {"[type.x]\nkeep_last = 5000000000", 2, "keep_last must be"},
             {"[type.x]\nttl = 30", 2, "ttl must be a duration"},
             {"[type.x]\nttl = '30 days'", 2, "ttl must be a duration"},
             {"[limits]\ndrafts = -1", 2, "drafts must be a whole number"},
             {"[limits]\ndrafts = 1.5", 2, "drafts must be a whole number"},
             {"[limits]\nbytes = 'lots'", 2, "bytes must be"},
             {"[limits]\nspeed = 1", 2, "unknown key \"speed\""},
             {"limits = 3", 1, "limits must be a table"},
             {"x = '\xff'", 1, ""},
         }) {
        CAPTURE(row.text);
        auto config = parse_config(row.text, "F");
        REQUIRE_FALSE(config);
        CHECK(config.error().code == EINVAL);
        const auto& message = config.error().message;
        CHECK(message.starts_with("F, line " + std::to_string(row.line) + ": "));
        CHECK(message.find(row.says) != std::string::npos);
        CHECK(message.find('\n') == std::string::npos);
    }
}

TEST_CASE("Durations and sizes") {
    CHECK(parse_duration("250ms") == 250ms);
    CHECK(parse_duration("10m") == 10min);
    CHECK(parse_duration("0s") == 0ms);
    for (const char* text :
         {"", "s", "5", "5 s", "-5s", "5y", "1.5h", "99999999999999999999s", "9000000000000w"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_duration(text));
    }
    CHECK(parse_bytes("4096") == 4096U);
    CHECK(parse_bytes("2G") == 2ULL << 30);
    CHECK(parse_bytes("2GB") == 2'000'000'000U);
    for (const char* text : {"", "G", "1.5G", "-1", "1X", "99999999T"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_bytes(text));
    }
}

TEST_CASE("Names that are never kept") {
    auto never = Config::built_in().never_keep;
    for (const char* name : {"lock.mdb", "a.lock", "__pycache__", ".ipynb_checkpoints", ".x.swp",
                             "x~", ".nfs0001", "labels.cache", "a.db-shm"}) {
        CAPTURE(name);
        CHECK(matches_any(never, name));
    }
    for (const char* name :
         {"data.mdb", "train.py", "a.db-wal", "a.db", "lock", "cache", "x.swap"}) {
        CAPTURE(name);
        CHECK_FALSE(matches_any(never, name));
    }
}
