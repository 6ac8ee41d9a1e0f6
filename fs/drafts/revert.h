// Making an older version the head of its artifact again.
#pragma once

#include <optional>
#include <string>

#include "catalog/catalog.h"

namespace artfs {

// The artifact after it, or none if it has no such version. `who` is for its history. Nothing is
// copied or lost.
std::optional<ArtifactRecord> revert_head(WriteTxn& txn, const ArtifactId& artifact,
                                          std::uint32_t version, const std::string& who);

}  // namespace artfs
