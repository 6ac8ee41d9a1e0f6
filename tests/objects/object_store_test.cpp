#include "objects/object_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "support/catch.h"
#include "support/lossy_os.h"
#include "support/scratch.h"

using namespace artfs;
namespace fs = std::filesystem;

namespace {

fs::path write_synced(Os& os, const fs::path& path, const std::string& text) {
    auto fd = os.create_exclusive(path, 0600);
    REQUIRE(fd);
    REQUIRE(write_all(fd->get(), text));
    REQUIRE(os.sync_data(fd->get()));
    return path;
}

std::string bytes_of(const ObjectBytes& object) {
    std::string text(object.length, '\0');
    REQUIRE(pread(object.fd.get(), text.data(), text.size(), static_cast<off_t>(object.offset)) ==
            static_cast<ssize_t>(text.size()));
    return text;
}

}  // namespace

TEST_CASE("an object is linked once and read under its digest") {
    Scratch scratch;
    fs::create_directory(scratch.path() / "objects");
    ObjectStore objects(scratch.path() / "objects", system_os());
    REQUIRE(objects.create());
    auto digest = sha256("hello");
    CHECK(!objects.contains(digest));
    CHECK(objects.open(digest).error().code == ENOENT);
    auto one = write_synced(system_os(), scratch.path() / "1", "hello");
    auto two = write_synced(system_os(), scratch.path() / "2", "hello");
    REQUIRE(objects.link(one, digest));
    REQUIRE(objects.link(two, digest));
    REQUIRE(objects.sync_directories({digest, digest}));
    CHECK(bytes_of(*objects.open(digest)) == "hello");
    struct stat first {};
    struct stat object {};
    REQUIRE(stat(one.c_str(), &first) == 0);
    REQUIRE(stat(objects.path(digest).c_str(), &object) == 0);
    CHECK(first.st_ino == object.st_ino);
    CHECK((object.st_mode & 07777U) == 0400);
    std::map<Digest, std::uint64_t> seen;
    REQUIRE(objects.each([&](const Digest& each, std::uint64_t size) { seen[each] = size; }));
    CHECK(seen == std::map<Digest, std::uint64_t>{{digest, 5}});
    CHECK(*objects.verify(digest));
    REQUIRE(chmod(objects.path(digest).c_str(), 0600) == 0);
    std::ofstream(objects.path(digest)) << "hallo";
    CHECK(!*objects.verify(digest));
    REQUIRE(objects.remove(digest));
    CHECK(!objects.contains(digest));
}

TEST_CASE("hashing a file reads all of it") {
    Scratch scratch;
    std::string text(3'000'001, 'x');
    auto path = write_synced(system_os(), scratch.path() / "big", text);
    auto fd = open_file(path, O_RDONLY);
    REQUIRE(fd);
    auto hashed = hash_file(fd->get());
    REQUIRE(hashed);
    CHECK(hashed->size == text.size());
    CHECK(hashed->digest == sha256(text));
}

// Power fails after each durable step in turn: an object is there whole, or not at all, and once
// sync_directories has returned it is there.
TEST_CASE("an object survives a power failure from its sync on, and is never half there") {
    bool completed = false;
    for (int steps = 0; !completed; ++steps) {
        Scratch scratch;
        LossyOs os(scratch.path());
        fs::create_directory(scratch.path() / "objects");
        ObjectStore objects(scratch.path() / "objects", os);
        REQUIRE(objects.create());
        fs::create_directory(scratch.path() / "staging");
        os.settle();
        os.fail_after(steps);
        std::string text(10'000, 'y');
        auto stored = objects.put(text, scratch.path() / "staging" / "1");
        completed = stored.has_value();
        os.power_failure();
        auto digest = sha256(text);
        INFO("after " << steps << " steps");
        if (completed) REQUIRE(objects.contains(digest));
        if (objects.contains(digest)) CHECK(*objects.verify(digest));
        REQUIRE(steps < 50);
    }
}
