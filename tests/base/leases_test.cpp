#include "base/leases.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "support/catch.h"
#include "support/scratch.h"

using namespace artfs;

TEST_CASE("a file is written by who has it open for writing, or mapped") {
    Scratch scratch;
    auto path = scratch.path() / "file";
    CHECK(!is_written(path));  // it is not there
    auto writer = open_file(path, O_RDWR | O_CREAT);
    REQUIRE(write_all(writer->get(), std::string(4096, 'x')));
    CHECK(is_written(path));
    auto reader = open_file(path, O_RDONLY);
    void* mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writer->get(), 0);
    REQUIRE(mapped != MAP_FAILED);
    writer->reset();
    CHECK(is_written(path));
    munmap(mapped, 4096);
    CHECK(!is_written(path));
}

TEST_CASE("the file system of the tests tells of mappings") {
    Scratch scratch;
    auto told = check_leases(scratch.path());
    INFO((told ? "" : told.error().message));
    CHECK(told.has_value());
    CHECK(std::filesystem::is_empty(scratch.path()));
    CHECK(!check_leases(scratch.path() / "missing"));
}
