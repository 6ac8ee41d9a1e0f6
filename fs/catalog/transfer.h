// Rows of the catalog on their way to another store: versions with their artifacts, the runs that
// made and used them, and what people said of them. One CBOR map (RFC 8949) of lists of records as
// the tables hold them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catalog/catalog.h"

namespace artfs {

struct Rows {
    std::string project;
    std::vector<ArtifactRecord> artifacts;
    std::vector<VersionRecord> versions;
    std::vector<std::pair<VersionId, std::string>> aliases;
    std::vector<std::pair<ArtifactId, HistoryEntry>> history;
    std::vector<RunRecord> runs;
    std::vector<UseEdge> uses;
    std::vector<LogEdge> logs;
};

// Versions that the runs used or logged, and that are not among those asked for, come as records
// without files (`gone`), so that lineage keeps their names.
Rows collect_rows(const ReadTxn& txn, const std::string& project,
                  const std::vector<VersionRecord>& versions);

std::string encode_rows(const Rows& rows);
Rows decode_rows(std::string_view bytes);  // throws FormatError

// Why the rows do not fit into what is there: a name or number that is something else; "" if they
// do. Then `merge_rows` adds what is missing; what is there already stays as it is.
std::string conflict_of(const ReadTxn& txn, const std::string& project, const Rows& rows);
// Whether their edges and those that are there already would lead from something back to itself.
bool closes_circle(const ReadTxn& txn, const Rows& rows);
struct Merged {
    std::vector<ArtifactRecord> artifacts;
    std::vector<VersionRecord> versions;  // that were not there
    std::vector<RunId> runs;              // likewise
};
Merged merge_rows(WriteTxn& txn, const std::string& project, const Rows& rows);

}  // namespace artfs
