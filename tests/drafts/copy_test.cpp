#include "drafts/copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cstdlib>

#include "base/fd.h"
#include "support/catch.h"
#include "support/scratch.h"

using namespace artfs;

namespace {

std::string some_bytes(std::size_t size) {
    std::string bytes;
    for (std::size_t i = 0; bytes.size() < size; ++i) bytes += std::to_string(i * 2654435761U);
    bytes.resize(size);
    return bytes;
}

// What of `text` arrives in a new file, and how.
struct Copy {
    std::string text;
    CopiedBy how;
};
Copy copy_in(const std::filesystem::path& directory, const std::string& text, std::uint64_t bytes,
             CopiedBy best = CopiedBy::reflink) {
    auto from = open_file(directory / "from", O_RDWR | O_CREAT | O_TRUNC);
    REQUIRE(from);
    REQUIRE(write_all(from->get(), text));
    auto to = open_file(directory / "to", O_RDWR | O_CREAT | O_TRUNC);
    REQUIRE(to);
    auto copied = copy_file(from->get(), to->get(), bytes, best);
    REQUIRE(copied);
    return {*read_file(directory / "to"), *copied};
}

}  // namespace

TEST_CASE("a file is copied whole or in part, whichever way there is") {
    Scratch scratch;
    const std::string text = some_bytes(3'000'001);
    for (auto best : {CopiedBy::reflink, CopiedBy::kernel, CopiedBy::hand}) {
        for (std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4096},
                                    std::uint64_t{1'048'577}, std::uint64_t{3'000'001}}) {
            auto copy = copy_in(scratch.path(), text, bytes, best);
            CHECK(copy.text == text.substr(0, bytes));
            CHECK(copy.how >= best);
        }
    }
}

TEST_CASE("a copy of more than there is fails, and says so") {
    Scratch scratch;
    for (auto best : {CopiedBy::reflink, CopiedBy::kernel, CopiedBy::hand}) {
        auto from = open_file(scratch.path() / "from", O_RDWR | O_CREAT | O_TRUNC);
        REQUIRE(write_all(from->get(), "short"));
        auto to = open_file(scratch.path() / "to", O_RDWR | O_CREAT | O_TRUNC);
        auto copied = copy_file(from->get(), to->get(), 6, best);
        REQUIRE(!copied);
        CHECK(copied.error().code == EIO);
    }
}

// Between two file systems the kernel of some versions refuses to copy, and none shares blocks.
TEST_CASE("a copy between two file systems arrives") {
    Scratch scratch;
    auto memory = open_file("/dev/shm", O_TMPFILE | O_RDWR, 0600);
    if (!memory) return;  // no /dev/shm here
    const std::string text = some_bytes(2'500'000);
    REQUIRE(write_all(memory->get(), text));
    auto to = open_file(scratch.path() / "to", O_RDWR | O_CREAT | O_TRUNC);
    auto copied = copy_file(memory->get(), to->get(), text.size());
    REQUIRE(copied);
    CHECK(*copied != CopiedBy::reflink);
    CHECK(*read_file(scratch.path() / "to") == text);
}
