// Versions and runs in the words of other tools. The fields are those that each standard asks for:
// OpenLineage 2-0-2, W3C PROV-JSON, in-toto Statement v1 with SLSA provenance v1, RO-Crate 1.1 with
// Process Run Crate 0.5, Croissant 1.1.
//
// Pure reading of one catalog state; may block.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lineage/describe.h"

namespace artfs {

// What is exported: a version with the runs that logged it, or a run with what it logged.
struct ExportSubject {
    std::optional<VersionRecord> version;
    std::vector<RunRecord> runs;
};

// A START and, when it is over, a COMPLETE, FAIL or ABORT event of each run.
nlohmann::json export_openlineage(const Reading& at, const ExportSubject& subject);
// All that the subject came from.
nlohmann::json export_prov(const Reading& at, const ExportSubject& subject);
// Of a version's files; the first run that logged it is what made them.
nlohmann::json export_in_toto(const Reading& at, const ExportSubject& subject);
nlohmann::json export_ro_crate(const Reading& at, const ExportSubject& subject);
nlohmann::json export_croissant(const Reading& at, const ExportSubject& subject);

struct ExportFormat {
    const char* name;
    bool needs_version;
    nlohmann::json (*make)(const Reading&, const ExportSubject&);
};
const std::vector<ExportFormat>& export_formats();

}  // namespace artfs
