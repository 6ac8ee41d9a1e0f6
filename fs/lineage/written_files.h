// The files that a run wrote: its run data, what it changed in the versions it logged, and its
// drafts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lineage/describe.h"

namespace artfs {

struct WrittenFile {
    std::string artifact;  // empty: of the run's data
    std::string path;
    std::uint64_t size = 0;
    std::optional<Digest> object;   // else, of a draft, a file that may still grow:
    std::filesystem::path staging;  // its size is asked when it is read

    // "metrics.csv" of the run's data, "model/logs/metrics.csv" of an artifact.
    std::string label() const { return artifact.empty() ? path : artifact + "/" + path; }
};

// `unsealed` is what drafts have (drafts/draft_files.h), which this room cannot look into.
void each_written(const Reading& at, const RunRecord& run, const std::vector<WrittenFile>& unsealed,
                  const std::function<void(const WrittenFile&)>& visit);

// One of the run's data: looked up, however many files the run wrote.
std::optional<WrittenFile> data_file(const Reading& at, const RunRecord& run,
                                     const std::vector<WrittenFile>& unsealed,
                                     const std::string& path);

// At most `most` bytes from `from`; less where the file ends, nothing where it is gone.
std::string read_written(const Store& store, const WrittenFile& file, std::uint64_t from,
                         std::uint64_t most);

}  // namespace artfs
