// Inside catalog/: records to CBOR and back.
#pragma once

#include <string>
#include <string_view>

#include "catalog/records.h"

namespace artfs {

std::string encode(const ArtifactRecord& record);
std::string encode(const VersionRecord& record);
std::string encode(const RunRecord& record);
std::string encode(const DraftRecord& record);
std::string encode(const HistoryEntry& entry);

// All throw FormatError.
ArtifactRecord decode_artifact(std::string_view bytes);
VersionRecord decode_version(std::string_view bytes);
RunRecord decode_run(std::string_view bytes);
DraftRecord decode_draft(std::string_view bytes);
HistoryEntry decode_history(std::string_view bytes);

// The key of a project's row that is found by name.
std::string named_key(std::string_view project, std::string_view name);

}  // namespace artfs
