// Pictures and texts that programs gave a SummaryWriter: shown as media of the run, read from the
// event files they are in.
#pragma once

#include <string>
#include <vector>

#include "lineage/event_files.h"
#include "lineage/written_files.h"

namespace artfs {

struct RunMedia {
    // "net/tb/train/samples": the event file's directory and the tag.
    std::string group;
    std::string name;  // "100.png", "100-2.png" for a step's second; unique in its group
    double step = 0;
    EventMedia::Kind kind = EventMedia::Kind::image;
    WrittenFile file;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;

    // What it is called beside the files of media/.
    std::string path() const { return "events/" + group + "/" + name; }
};

// By group, then in the order they were written. At most the first 256 MiB of each event file.
std::vector<RunMedia> event_media(const Reading& at, const RunRecord& run,
                                  const std::vector<WrittenFile>& unsealed);

// [{"path":…,"size":…}]: files below media/ of the run's data, then those of event files, which
// have a "step" and, if they are texts, how the "text" begins.
nlohmann::json media_json(const Reading& at, const RunRecord& run,
                          const std::vector<WrittenFile>& unsealed);

}  // namespace artfs
