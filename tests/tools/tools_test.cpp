#include "failure.h"
#include "output.h"
#include "ref.h"
#include "support/catch.h"
#include "support/sample_records.h"
#include "support/scratch.h"
#include "terminal.h"

using namespace artfs;

namespace {

template <class F>
int status_of(F call) {
    try {
        call();
    } catch (const Failure& failure) {
        CHECK(std::string(failure.what()).find('\n') == std::string::npos);
        return failure.status;
    }
    return 0;
}

}  // namespace

TEST_CASE("references: artifact, version, digest, file, run") {
    auto plain = parse_ref("mnist-raw");
    CHECK(plain.name == "mnist-raw");
    CHECK(!plain.versioned);
    CHECK(!plain.run);
    auto file = parse_ref("mnist-raw:best/dir/training.pt");
    CHECK(file.name == "mnist-raw");
    CHECK(file.version == "best");
    CHECK(file.path == "dir/training.pt");
    auto digest = parse_ref("a@sha256:0123456789abcdef");
    CHECK(digest.name == "a");
    CHECK(digest.digest == "0123456789abcdef");
    CHECK(parse_ref("@calm-lake-1").run);
    CHECK(parse_ref("@calm-lake-1").name == "calm-lake-1");
    for (const char* bad :
         {"", "@", ":v0", "a b", "a@sha256:12", "a@sha256:zzzzzzzz", "a:", "/x"}) {
        INFO(bad);
        CHECK(status_of([&] { parse_ref(bad); }) == exit_usage);
    }
}

TEST_CASE("references lead to versions by number, alias, latest and digest") {
    Scratch scratch;
    auto catalog = std::move(*Catalog::open(scratch.path(), Catalog::Access::read_write));
    auto artifact = an_artifact("a");
    artifact.head = 1;
    auto v0 = a_version(artifact, 0);
    auto v1 = a_version(artifact, 1);
    auto fresh = an_artifact("fresh");
    auto run = a_run("calm-lake-1", "train");
    REQUIRE(catalog->write([&](WriteTxn& txn) {
        txn.put(artifact);
        txn.put(fresh);
        txn.put(v0);
        txn.put(v1);
        txn.put(run);
        txn.put_alias(artifact.id, "best", 0);
    }));
    auto txn = catalog->read();
    auto number = [&](const std::string& ref) {
        return find_version(*txn, "default", parse_ref(ref)).number;
    };
    CHECK(number("a") == 1);
    CHECK(number("a:latest") == 1);
    CHECK(number("a:v0") == 0);
    CHECK(number("a:best") == 0);
    CHECK(number("a@sha256:" + v0.digest.hex().substr(0, 12)) == 0);
    for (const char* missing : {"b", "a:v9", "a:worst", "fresh", "a@sha256:0123456789abcdef"}) {
        INFO(missing);
        CHECK(status_of([&] { number(missing); }) == exit_not_found);
    }
    CHECK(find_run(*txn, "default", "calm-lake-1").id == run.id);
    CHECK(status_of([&] { find_run(*txn, "default", "x"); }) == exit_not_found);
    CHECK(names_run(*txn, "default", parse_ref("calm-lake-1")));
    CHECK(!names_run(*txn, "default", parse_ref("a")));
}

TEST_CASE("nothing that a name says does anything to a terminal") {
    CHECK(for_terminal("a\tb\n\xc3\xbc \xff") == "a\tb\n\xc3\xbc \xff");
    CHECK(for_terminal("\033[1;31mred\033[0m") == "\033[1;31mred\033[0m");
    CHECK(for_terminal("\033]0;title\a") == "?]0;title?");
    CHECK(for_terminal("\033[2J\033[\033c\r\x7f\b") == "?[2J?[?c???");
    CHECK(for_terminal("\xc2\x9b"
                       "2J\xc2\xa0") == "?2J\xc2\xa0");
    CHECK(for_terminal("end\033") == "end?");
    CHECK(for_terminal("end\033[1") == "end?[1");
}

TEST_CASE("sizes, ages and tables are for people") {
    CHECK(human_size(0) == "0 B");
    CHECK(human_size(1023) == "1023 B");
    CHECK(human_size(1024) == "1.0 KiB");
    CHECK(human_size(54945382) == "52.4 MiB");
    CHECK(human_age(3) == "3 s");
    CHECK(human_age(3 * 3600 + 5) == "3 h");
    auto text = table({{"name", "size"}, {"a-long-name", "1"}});
    CHECK(text.find("name         size\n") == 0);
    CHECK(text.find(" \n") == std::string::npos);
}
