// Staged bytes on their way to objects: hashed on all cores, made durable with few syncs, linked.
#pragma once

#include <vector>

#include "drafts/seal.h"

namespace artfs {

// Hashes, syncs and links the files of frozen trees; what was hashed, by what stood for it. Every
// file is as it was when it was hashed, and durable before it is an object.
Result<HashedFiles> hash_files(const SealContext& context, const std::vector<StagedFile>& files);

}  // namespace artfs
