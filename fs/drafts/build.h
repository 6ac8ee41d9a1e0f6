// A frozen draft's bytes and names as objects and a tree.
#pragma once

#include <map>
#include <string>
#include <unordered_map>

#include "drafts/seal.h"

namespace artfs {

struct BuiltDraft {
    SealedDraft sealed;  // without outcome and version
    Digest digest;       // of the version it would be
    std::optional<std::string> type;
    bool worth_a_version = false;
    std::uint32_t changed = 0;  // files put or removed
    std::uint32_t put = 0;      // entries the draft itself put into the tree
};

// New records, by digest, not written yet.
using NewRecords = std::unordered_map<Digest, std::string>;

// Hashes, syncs and links every staged file that the frozen drafts name, and builds their trees.
Result<std::vector<BuiltDraft>> build_drafts(const SealContext& context,
                                             const std::vector<FrozenDraft>& drafts,
                                             NewRecords& records);

}  // namespace artfs
