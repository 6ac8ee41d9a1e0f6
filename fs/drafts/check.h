// `art fsck`: every object, tree, edge and alias, verified; and what of it can be made right.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "drafts/seal.h"

namespace artfs {

struct Checked {
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;
    std::uint64_t trees = 0;
    std::vector<std::string> damage;  // one line each
    std::vector<Digest> bad_objects;  // whose bytes are not what their name says
    bool indexes_wrong = false;
};

// `progress` is called with what was read so far and all there is.
Result<Checked> check_store(
    const Store& store,
    const std::function<void(std::uint64_t bytes, std::uint64_t all_bytes)>& progress);

// Indexes are made again from their rows; objects of wrong bytes are moved to STORE/damaged, so
// that the right ones can take their place when they are sealed again. One line for each repair.
Result<std::vector<std::string>> repair_store(const SealContext& context,
                                              const std::vector<Digest>& bad_objects);

}  // namespace artfs
