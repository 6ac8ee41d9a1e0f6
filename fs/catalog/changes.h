// What people change about versions that are sealed and runs: annotations, tags, aliases, and
// whether a version is kept. Each change of a version is an entry of its artifact's history.
//
// A change is a JSON object, as `art` sends it to the daemon:
//
//   change    what else it has
//   describe  "text"
//   metadata  "value" (null: as it was sealed again), or "merge" (keys; null drops one) with
//             "sealed", what the version says while nobody has annotated it
//   tag       "add", "remove": lists
//   alias     "names", "force" (also protected ones)
//   unalias   "names", "force"
//   protect   "names", "on"
//   ttl       "seconds" (0: for ever; null: what is configured for the artifact)
//   delete    hides the version until it is collected
//   restore   shows it again
//
// and names an "artifact" with a "version" number (but unalias and protect), or a "run" (describe
// and tag), by id.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "catalog/catalog.h"

namespace artfs {

struct Changed {
    std::optional<ArtifactRecord> artifact;
    std::optional<VersionRecord> version;
    std::optional<RunRecord> run;
};

// Refusals (EINVAL, ENOENT, EPERM, EBUSY) change nothing.
Result<Changed> apply_change(WriteTxn& txn, const nlohmann::json& change, const std::string& who);

// Why the version cannot be deleted: an alias, or a run that lives; "" if nothing speaks against
// it.
std::string why_needed(const ReadTxn& txn, const ArtifactRecord& artifact,
                       const VersionRecord& version);

}  // namespace artfs
