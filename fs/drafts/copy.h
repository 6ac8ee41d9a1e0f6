// The bytes of a file in another file, by whatever the file system has for it.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace artfs {

// How bytes got there: the best way is tried first.
enum class CopiedBy : std::uint8_t {
    reflink,  // they share blocks (FICLONE)
    kernel,   // copy_file_range
    hand,     // read and write
};

// Makes the empty file `to` the first `bytes` bytes of `from`, and tells how. `best`: no better way
// than this is tried.
Result<CopiedBy> copy_file(int from, int to, std::uint64_t bytes,
                           CopiedBy best = CopiedBy::reflink);

}  // namespace artfs
