#include "drafts/ingest.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "drafts/early_hashes.h"
#include "drafts/kept.h"
#include "support/catch.h"
#include "support/scratch.h"

using namespace artfs;

namespace {

struct Staged {
    Scratch scratch;
    std::unique_ptr<Store> store =
        std::move(*Store::create_or_open(scratch.path() / "store", Store::Access::read_write));
    std::vector<StagedFile> files;
    std::vector<std::string> texts;

    void add(const std::string& text) {
        std::uint64_t number = files.size() + 1;
        auto fd = open_file(store->staging_path(number), O_RDWR | O_CREAT | O_EXCL, 0600);
        REQUIRE(fd);
        REQUIRE(write_all(fd->get(), text));
        files.push_back({static_cast<NodeNumber>(number), number,
                         sha256("stand-in " + std::to_string(number)), text.size()});
        texts.push_back(text);
    }
    struct stat status(std::uint64_t number) const {
        struct stat status {};
        REQUIRE(stat(store->staging_path(number).c_str(), &status) == 0);
        return status;
    }
};

}  // namespace

TEST_CASE("staged files become objects, few or many") {
    for (int count : {0, 1, 3, 100}) {
        Staged staged;
        // Some of the same content: one object each.
        for (int i = 0; i < count; ++i) staged.add("text " + std::to_string(i / 2));
        auto known = hash_files(offline_context(*staged.store), staged.files);
        REQUIRE(known);
        CHECK(known->size() == staged.files.size());
        for (std::size_t i = 0; i < staged.files.size(); ++i) {
            auto digest = known->at(staged.files[i].stand_in).digest;
            CHECK(digest == sha256(staged.texts[i]));
            CHECK(*staged.store->objects().verify(digest));
        }
    }
}

TEST_CASE("a file that is not what was frozen is refused, among few and among many") {
    for (int count : {2, 60}) {
        Staged staged;
        for (int i = 0; i < count; ++i) staged.add("text " + std::to_string(i));
        staged.files.back().size += 1;
        auto known = hash_files(offline_context(*staged.store), staged.files);
        REQUIRE(!known);
        CHECK(known.error().code == EBUSY);
        CHECK(!staged.store->objects().contains(sha256(staged.texts.back())));
    }
}

TEST_CASE("a digest made early is used once, for the state that it is of") {
    Staged staged;
    staged.add("one");
    EarlyHashes early;
    CHECK(!early.take(1, staged.status(1)));
    early.hash(*staged.store, 1);  // nobody said that it stays as it is
    CHECK(!early.take(1, staged.status(1)));

    early.expect(1);
    early.hash(*staged.store, 1);
    auto hashed = early.take(1, staged.status(1));
    REQUIRE(hashed);
    CHECK(hashed->digest == sha256("one"));
    CHECK(!early.take(1, staged.status(1)));

    // Opened for writing since: a mapping may have written without a trace.
    early.expect(1);
    early.hash(*staged.store, 1);
    early.drop(1);
    CHECK(!early.take(1, staged.status(1)));

    early.expect(1);
    early.hash(*staged.store, 1);
    auto fd = open_file(staged.store->staging_path(1), O_WRONLY | O_APPEND);
    REQUIRE(write_all(fd->get(), " more"));
    CHECK(!early.take(1, staged.status(1)));
}

TEST_CASE("a seal takes what was hashed early") {
    Staged staged;
    staged.add("one");
    EarlyHashes early;
    early.expect(1);
    early.hash(*staged.store, 1);
    // Other bytes in the same state show that the file was not read again.
    auto before = staged.status(1);
    auto fd = open_file(staged.store->staging_path(1), O_RDWR);
    REQUIRE(pwrite(fd->get(), "two", 3, 0) == 3);
    timespec times[2] = {before.st_atim, before.st_mtim};
    REQUIRE(futimens(fd->get(), times) == 0);
    auto context = offline_context(*staged.store);
    context.early = &early;
    auto known = hash_files(context, staged.files);
    REQUIRE(known);
    CHECK(known->at(staged.files[0].stand_in).digest == sha256("one"));
}
