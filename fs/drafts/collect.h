// `art gc`: gives back the space of versions that were deleted, that have lived their time, and of
// contents that nothing leads to.
//
// A version's record stays, marked as gone, so that lineage keeps its names. Collecting and sealing
// exclude each other (Store::own_contents).
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "catalog/changes.h"
#include "drafts/seal.h"
#include "runs/config.h"

namespace artfs {

// What a live mount needs beyond what the catalog says.
struct Needed {
    std::set<RunId> runs;          // that live
    std::set<VersionId> versions;  // used by them
    std::set<TreeId> trees;
    std::set<Digest> objects;
    std::vector<DirRef> directories;
};

struct CollectOptions {
    bool dry_run = false;
    std::chrono::seconds older_than{0};  // of the deletion
};

struct Collected {
    std::vector<std::string> expired;   // "a:v3": hidden now, by ttl or keep_last
    std::vector<std::string> versions;  // whose files go
    std::vector<Changed> changed;       // versions that became hidden
    std::uint64_t objects = 0;
    std::uint64_t records = 0;
    std::uint64_t arrivals = 0;  // of runs that there are no more
    std::uint64_t bytes = 0;
};

// `needed` is asked when nothing is sealed any more, and again when what has expired is hidden and
// `hidden` has shown that: whoever came to it meanwhile keeps it.
struct Beside {
    std::function<Result<Needed>()> needed;
    std::function<Result<>(const std::vector<Changed>&)> hidden;
};
Result<Collected> collect_beside(const SealContext& context, const Config& config,
                                 const Beside& beside, const CollectOptions& options);

// As `art gc --json` and the daemon tell it.
nlohmann::json collected_json(const Collected& collected);

// Where nothing but `needed` is beside.
Result<Collected> collect(const SealContext& context, const Config& config, const Needed& needed,
                          const CollectOptions& options);

}  // namespace artfs
