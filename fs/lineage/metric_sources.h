// Metrics that unmodified programs write: where they are, and how they become series of the run.
//
// A file that a run wrote, into its run data, a version it logged or a draft, is a source of
// metrics if it is
//
//   - an event file: its name contains "tfevents";
//   - a table, *.csv or *.tsv with a header, or JSON lines, *.jsonl or *.ndjson, whose name says so
//     ("metrics", "history" or "progress" is part of it, or it is "log" or "results") or which has
//     a column for steps: step, _step, global_step, iteration, iter or epoch.
//
// The first of these columns there is gives the step, else the number of the row, from 0. What is
// no number is passed over. A key that two sources have is told apart by where it came from.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lineage/describe.h"
#include "lineage/metrics.h"
#include "lineage/written_files.h"

namespace artfs {

using AllSeries = std::map<std::string, Series>;

enum class MetricSource : std::uint8_t { none, events, table, lines };
// By the name of a file and how its text begins.
MetricSource metric_source(std::string_view path, std::string_view beginning);

// A table with a header, cells parted by comma, semicolon or tab; quotes as RFC 4180 has them.
AllSeries parse_table(std::string_view text);

// metrics.jsonl, whose keys stay as they are, and what else there is. At most the first 256 MiB of
// each file. Of a run that lives, and of one that failed, its drafts have a part (`unsealed`).
using Unsealed = std::vector<WrittenFile>;
AllSeries all_metrics(const Reading& at, const RunRecord& run, const Unsealed& unsealed);
// Without metrics.jsonl.
AllSeries found_metrics(const Reading& at, const RunRecord& run, const Unsealed& unsealed);

// The directory of an event file, by which what is in it is told apart from another's.
std::string event_label(const WrittenFile& file);

}  // namespace artfs
