// Formats of events and documents about runs; those about files are in exports_files.cpp.
#include "lineage/exports.h"

#include <deque>
#include <set>

#include "lineage/text.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

constexpr const char* producer = "https://artfs.dev/artfs/0.1.0";
constexpr const char* event_schema =
    "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

Json facet(const char* name, const char* version, const char* type, Json fields) {
    fields["_producer"] = producer;
    fields["_schemaURL"] = std::string("https://openlineage.io/spec/facets/") + version + "/" +
                           name + ".json#/$defs/" + type;
    return fields;
}

std::string number(const VersionRecord& version) { return "v" + std::to_string(version.number); }

std::string job_namespace(const RunRecord& run) {
    return "artfs://" + run.host + "/" + run.project;
}

Json job_of(const RunRecord& run) {
    return {{"namespace", job_namespace(run)}, {"name", lossy_utf8(run.job_type)}};
}

Json dataset(const ReadTxn& txn, const RunRecord& run, const VersionRecord& version, bool output) {
    auto artifact = txn.artifact(version.artifact);
    Json out{
        {"namespace", job_namespace(run)},
        {"name", artifact ? artifact->name : "?"},
        {"facets",
         {{"version", facet("DatasetVersionDatasetFacet", "1-0-1", "DatasetVersionDatasetFacet",
                            {{"datasetVersion", number(version)}})}}}};
    if (output)
        out["outputFacets"] = {
            {"outputStatistics",
             facet("OutputStatisticsOutputDatasetFacet", "1-0-2",
                   "OutputStatisticsOutputDatasetFacet", {{"size", version.size}})}};
    return out;
}

Json run_facets(const Reading& at, const RunRecord& run) {
    Json facets = Json::object();
    if (run.parent)
        if (auto parent = at.txn.run(*run.parent))
            facets["parent"] =
                facet("ParentRunFacet", "1-1-0", "ParentRunFacet",
                      {{"run", {{"runId", parent->id.text()}}}, {"job", job_of(*parent)}});
    if (!run.environment.empty()) {
        auto list = Json::array();
        for (const auto& [name, value] : run.environment)
            list.push_back({{"name", name}, {"value", lossy_utf8(value)}});
        facets["environmentVariables"] =
            facet("EnvironmentVariablesRunFacet", "1-0-0", "EnvironmentVariablesRunFacet",
                  {{"environmentVariables", list}});
    }
    if (run.state == RunState::failed || run.state == RunState::killed) {
        std::string message = run.exit_code ? "exit status " + std::to_string(*run.exit_code)
                              : run.signal  ? "killed by signal " + std::to_string(*run.signal)
                                            : "failed";
        facets["errorMessage"] = facet("ErrorMessageRunFacet", "1-0-0", "ErrorMessageRunFacet",
                                       {{"message", message}, {"programmingLanguage", "unknown"}});
    }
    return facets;
}

Json event_of(const Reading& at, const RunRecord& run, const char* type, Time when) {
    Json event{{"eventType", type},
               {"eventTime", rfc3339(when)},
               {"producer", producer},
               {"schemaURL", event_schema},
               {"run", {{"runId", run.id.text()}, {"facets", run_facets(at, run)}}},
               {"job", job_of(run)},
               {"inputs", Json::array()},
               {"outputs", Json::array()}};
    event["job"]["facets"]["jobType"] =
        facet("JobTypeJobFacet", "2-0-3", "JobTypeJobFacet",
              {{"processingType", "BATCH"}, {"integration", "ARTFS"}, {"jobType", "PROCESS"}});
    std::set<VersionId> seen;
    for (const auto& use : at.txn.uses_of(run.id))
        if (auto version = at.txn.version(use.version); version && seen.insert(version->id).second)
            event["inputs"].push_back(dataset(at.txn, run, *version, false));
    if (std::string(type) == "START") return event;
    for (const auto& log : at.txn.logs_of(run.id))
        if (auto version = at.txn.version(log.version);
            version && log.kind == LogKind::logged && seen.insert(version->id).second)
            event["outputs"].push_back(dataset(at.txn, run, *version, true));
    return event;
}

const char* last_event(RunState state) {
    if (state == RunState::finished) return "COMPLETE";
    return state == RunState::failed ? "FAIL" : "ABORT";
}

// Fills a PROV document, each thing once.
class Provenance {
public:
    explicit Provenance(const Reading& at) : at_(at) {
        document_ = {{"prefix", {{"art", "urn:art:"}}}};
    }

    void run(const RunRecord& record) {
        if (!seen_runs_.insert(record.id).second) return;
        const std::string name = run_name(record);
        auto& activity = document_["activity"][name];
        activity = {{"prov:startTime", rfc3339(record.started)},
                    {"prov:type", lossy_utf8(record.job_type)},
                    {"art:state", to_string(record.state)}};
        if (record.ended) activity["prov:endTime"] = rfc3339(*record.ended);
        if (!record.commands.empty()) {
            std::string words;
            for (const auto& word : record.commands.front())
                words += (words.empty() ? "" : " ") + lossy_utf8(word);
            activity["art:command"] = words;
        }
        if (!record.user.empty()) {
            std::string user = "art:user/" + record.user;
            document_["agent"][user] = {
                {"prov:type", {{"$", "prov:Person"}, {"type", "prov:QUALIFIED_NAME"}}}};
            relate("wasAssociatedWith", {{"prov:activity", name}, {"prov:agent", user}});
        }
        for (const auto& use : at_.txn.uses_of(record.id))
            if (auto used = at_.txn.version(use.version)) {
                std::string entity = version(*used);
                if (used_.emplace(name, entity).second)
                    relate("used", {{"prov:activity", name}, {"prov:entity", entity}});
            }
    }

    std::string version(const VersionRecord& record) {
        auto artifact = at_.txn.artifact(record.artifact);
        std::string general = "art:" + (artifact ? artifact->name : "unknown");
        std::string name = general + "/" + number(record);
        if (!seen_versions_.insert(record.id).second) return name;
        document_["entity"][general] = {{"prov:type", artifact ? artifact->type : ""}};
        document_["entity"][name] = {{"art:digest", "sha256:" + record.digest.hex()}};
        relate("specializationOf",
               {{"prov:specificEntity", name}, {"prov:generalEntity", general}});
        bool first = true;
        for (const auto& log : at_.txn.loggers_of(record.id)) {
            auto maker = at_.txn.run(log.run);
            if (!maker || log.kind != LogKind::logged) continue;
            waiting_.push_back(*maker);
            Json generated{{"prov:entity", name}, {"prov:activity", run_name(*maker)}};
            // Others found that what they made was there already.
            if (first) generated["prov:time"] = rfc3339(record.created);
            first = false;
            relate("wasGeneratedBy", std::move(generated));
        }
        return name;
    }

    // Makers of what was named are told too, and what they used.
    Json take() {
        while (!waiting_.empty()) {
            auto next = waiting_.front();
            waiting_.pop_front();
            run(next);
        }
        return std::move(document_);
    }

private:
    static std::string run_name(const RunRecord& run) { return "art:run/" + run.name; }
    void relate(const char* relation, Json fields) {
        document_[relation]["_:r" + std::to_string(++relations_)] = std::move(fields);
    }

    const Reading& at_;
    Json document_;
    std::set<RunId> seen_runs_;
    std::set<VersionId> seen_versions_;
    std::set<std::pair<std::string, std::string>> used_;
    std::deque<RunRecord> waiting_;
    std::size_t relations_ = 0;
};

}  // namespace

Json export_openlineage(const Reading& at, const ExportSubject& subject) {
    auto events = Json::array();
    for (const auto& run : subject.runs) {
        events.push_back(event_of(at, run, "START", run.started));
        if (run.ended) events.push_back(event_of(at, run, last_event(run.state), *run.ended));
    }
    return events;
}

Json export_prov(const Reading& at, const ExportSubject& subject) {
    Provenance provenance(at);
    if (subject.version) provenance.version(*subject.version);
    for (const auto& run : subject.runs) {
        provenance.run(run);
        for (const auto& log : at.txn.logs_of(run.id))
            if (auto version = at.txn.version(log.version); version && !subject.version)
                provenance.version(*version);
    }
    return provenance.take();
}

const std::vector<ExportFormat>& export_formats() {
    static const std::vector<ExportFormat> formats{
        {"openlineage", false, export_openlineage}, {"prov-json", false, export_prov},
        {"in-toto", true, export_in_toto},          {"slsa", true, export_in_toto},
        {"ro-crate", false, export_ro_crate},       {"croissant", true, export_croissant}};
    return formats;
}

}  // namespace artfs
