// The files of a run's data: from the catalog once it is over, from the daemon while it lives.
#pragma once

#include <map>
#include <string>

#include "ui/api.h"

namespace artfs::ui {

struct RunFile {
    std::uint64_t size = 0;
    std::optional<Digest> object;  // else a file that may still grow:
    std::filesystem::path staging;
};

// By path: "metrics.jsonl", "media/high-loss-examples/00.png".
std::map<std::string, RunFile> run_files(View& view, const RunRecord& run);

// Opened for reading; Failure where it is not there.
Bytes open_run_file(View& view, const RunRecord& run, const std::string& path);
// A picture or text in an event file, by the path that event_media gives it.
Bytes open_event_media(View& view, const RunRecord& run, const std::string& path);
std::string read_bytes(const Bytes& bytes, std::uint64_t from, std::uint64_t most);

}  // namespace artfs::ui
