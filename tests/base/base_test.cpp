#include <poll.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/executor.h"
#include "base/fd.h"
#include "base/names.h"
#include "base/uid.h"
#include "support/catch.h"
#include "support/scratch.h"

using namespace artfs;

TEST_CASE("SHA-256 gives the digests of FIPS 180-4's examples") {
    CHECK(sha256("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256("abc").hex() ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    Hasher hasher;
    hasher.add("a").add("b").add("c");
    CHECK(hasher.finish() == sha256("abc"));
    CHECK(Digest::from_hex(sha256("abc").hex()) == sha256("abc"));
    for (const char* bad :
         {"", "ba78", "zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"})
        CHECK(!Digest::from_hex(bad));
    CHECK(!Digest::from_bytes("short"));
}

TEST_CASE("identifiers are unique, ordered by creation, and survive their text") {
    std::set<RunId> all;
    RunId last{};
    for (int i = 0; i < 10000; ++i) {
        auto id = RunId::make();
        REQUIRE(last < id);
        last = id;
        all.insert(id);
    }
    CHECK(all.size() == 10000);
    auto text = last.text();
    CHECK(text.size() == 36);
    CHECK(text[14] == '7');                                          // the version
    CHECK(std::string("89ab").find(text[19]) != std::string::npos);  // the variant
    CHECK(RunId::parse(text) == last);
    CHECK(!RunId::parse("nonsense"));
    CHECK(!RunId::parse(text + "0"));
}

TEST_CASE("names: what an artifact, a version and an alias may be called") {
    for (const char* good : {"a", "mnist-raw", "A.b_c-9", "latest"}) CHECK(is_plain_name(good));
    for (const char* bad : {"", ".art", "a/b", "a b", "@run", "a:b", "\xc3\xa4"})
        CHECK(!is_plain_name(bad));
    CHECK(is_plain_name(std::string(128, 'x')));
    CHECK(!is_plain_name(std::string(129, 'x')));
    CHECK(VersionNumber::parse("v0")->value == 0);
    CHECK(VersionNumber::parse("v4294967295")->value == 4294967295U);
    for (const char* bad : {"v", "v01", "v-1", "V1", "v4294967296", "v1x", "1"})
        CHECK(!VersionNumber::parse(bad));
    CHECK(AliasName::parse("best"));
    CHECK(AliasName::parse("v1beta"));
    for (const char* bad : {"latest", "new", "v0", "v12", ".hidden", "a/b"})
        CHECK(!AliasName::parse(bad));
}

TEST_CASE("encoded fields come back, and an early end is noticed at every length") {
    auto bytes = Encoder().u8(7).u32(70000).u64(1ULL << 40).u32be(5).u64be(6).str("text").take();
    Decoder in(bytes);
    CHECK(in.u8() == 7);
    CHECK(in.u32() == 70000);
    CHECK(in.u64() == 1ULL << 40);
    CHECK(in.u32be() == 5);
    CHECK(in.u64be() == 6);
    CHECK(in.str() == "text");
    CHECK(in.at_end());
    CHECK(Encoder().u32be(5).bytes() < Encoder().u32be(256).bytes());
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        Decoder cut(std::string_view(bytes).substr(0, length));
        CHECK_THROWS_AS((cut.u8(), cut.u32(), cut.u64(), cut.u32be(), cut.u64be(), cut.str()),
                        FormatError);
    }
}

TEST_CASE("times are RFC 3339 in UTC") {
    CHECK(rfc3339(from_ns(0)) == "1970-01-01T00:00:00.000Z");
    CHECK(rfc3339(from_ns(1767323045678000000)) == "2026-01-02T03:04:05.678Z");
    auto time = from_ns(-1);  // before the epoch
    CHECK(from_timespec(to_timespec(time)) == time);
}

TEST_CASE("files are replaced whole") {
    Scratch scratch;
    auto path = scratch.path() / "file";
    CHECK(read_file(path).error().code == ENOENT);
    REQUIRE(replace_file(path, "one"));
    REQUIRE(replace_file(path, "two"));
    CHECK(read_file(path) == "two");
    CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()), {}) == 1);
    CHECK(replace_file(scratch.path() / "no" / "file", "x").error().code == ENOENT);
}

TEST_CASE("results of the pool come back to the dispatch thread, each once") {
    std::atomic<int> worked{0};
    int received = 0;
    auto dispatch = std::this_thread::get_id();
    Executor executor(3);
    for (int i = 0; i < 200; ++i)
        executor.offload([&worked, i] { return ++worked, i; },
                         [&](int) {
                             CHECK(std::this_thread::get_id() == dispatch);
                             ++received;
                         });
    while (received < 200) {
        pollfd wait{executor.event_fd(), POLLIN, 0};
        REQUIRE(poll(&wait, 1, 10'000) == 1);
        executor.run_posted();
    }
    CHECK(worked == 200);
}

TEST_CASE("what is done aside leaves threads of the pool to the rest, and is done in the end") {
    std::atomic<int> at_once{0};
    std::atomic<int> most{0};
    std::atomic<int> finished{0};
    std::atomic<bool> answered{false};
    {
        Executor executor(4);
        for (int i = 0; i < 20; ++i)
            executor.pool_aside([&] {
                int now_at_once = ++at_once;
                for (int known = most; now_at_once > known;)
                    if (most.compare_exchange_weak(known, now_at_once)) break;
                while (!answered) std::this_thread::yield();
                --at_once;
                ++finished;
            });
        // Were all threads at work aside, this would never be done.
        executor.pool([&] { answered = true; });
        executor.finish();
    }
    CHECK(answered);
    CHECK(finished == 20);
    CHECK(most <= 2);
}
