// `art bundle` and `art unbundle`: versions with their files, runs and history as one tar archive.
//
//   artfs-bundle      the catalog's rows (catalog/transfer.h), first
//   records/HEX       tree nodes and snapshots, by SHA-256
//   objects/HEX       contents, by SHA-256
//   arrivals/RUN-ID   when the lines of the run's metrics came (drafts/arrivals.h)
//
// Names and sizes in an archive are not believed: every record and object is hashed and must be
// what it is called, every tree must be whole and have its version's digest, nothing else may be in
// it, no edge of it may close a circle with those that are here, and until all of that is so
// nothing of it can be seen. Nothing is compressed and nothing sparse: what it takes is what it
// has.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "catalog/transfer.h"
#include "drafts/seal.h"

namespace artfs {

// May say false: then the work ends with EINTR.
using BundleProgress = std::function<bool(std::uint64_t bytes, std::uint64_t all_bytes)>;

// The file appears when it is whole.
Result<> write_bundle(const Store& store, const std::string& project,
                      const std::vector<VersionRecord>& versions, const std::filesystem::path& file,
                      const BundleProgress& progress);

// `staging` is a free staging number.
Result<Merged> read_bundle(const SealContext& context, const std::string& project,
                           const std::filesystem::path& file, std::uint64_t staging,
                           const BundleProgress& progress);

// {"versions":["a:v0"]}
nlohmann::json merged_json(const Merged& merged);

}  // namespace artfs
