// What a frozen tree turned into when it was sealed.
//
// A frozen tree is a tree before its bytes are hashed: digests of another kind stand for theirs.
// Names, and so ranks, are those of the version, whose id is promised from the start. What others
// built on it meanwhile - bases, directories, copied entries, use edges - is translated by this.
#pragma once

#include <unordered_map>

#include "catalog/records.h"
#include "objects/object_store.h"

namespace artfs {

// Bytes by the digest that stood for theirs.
using HashedFiles = std::unordered_map<Digest, Hashed>;

struct Promotion {
    VersionId promised;
    Base base;  // of the version it became: the promised one, or an older one that it equals
    Snapshot snapshot;
    std::unordered_map<Digest, DirRef> directories;  // by the stored digest in the frozen tree
    HashedFiles files;
};

}  // namespace artfs
