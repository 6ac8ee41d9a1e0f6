// Formats that name every file with its SHA-256.
#include <fmt/format.h>

#include <functional>
#include <map>
#include <set>

#include "lineage/exports.h"
#include "lineage/text.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

std::string label(const ReadTxn& txn, const VersionRecord& version) {
    auto artifact = txn.artifact(version.artifact);
    return (artifact ? artifact->name : "?") + ":v" + std::to_string(version.number);
}

std::string command_of(const RunRecord& run) {
    std::string text;
    if (!run.commands.empty())
        for (const auto& word : run.commands.front())
            text += (text.empty() ? "" : " ") + lossy_utf8(word);
    return text;
}

// Every file of a version that is still there.
void each_file(const Reading& at, const VersionRecord& version,
               const std::function<void(const std::string& path, const Entry&)>& visit) {
    if (version.gone) return;
    walk(at.nodes, at.txn.snapshot(version.tree).root,
         [&](const std::string& path, const Entry& entry, std::uint32_t) {
             if (entry.kind == Kind::file) visit(path, entry);
         });
}

// As a relative reference (RFC 3986): what is no letter of one is escaped, so that any bytes come
// through.
std::string reference(const std::string& path) {
    std::string text;
    for (unsigned char c : path) {
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     c == '/' || c == '-' || c == '_' || c == '.' || c == '~';
        text += plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
    }
    return text;
}

Json dependencies_of(const Reading& at, const RunRecord& run) {
    auto list = Json::array();
    for (const auto& use : at.txn.uses_of(run.id)) {
        auto version = at.txn.version(use.version);
        if (!version) continue;
        if (version->gone) {
            list.push_back(
                {{"name", label(at.txn, *version)}, {"digest", {{"art1", version->digest.hex()}}}});
            continue;
        }
        auto root = at.txn.snapshot(version->tree).root;
        for (std::uint32_t rank : use.ranks)
            if (auto file = at_rank(at.nodes, root, rank); file && file->entry.kind == Kind::file)
                list.push_back({{"name", label(at.txn, *version) + "/" + lossy_utf8(file->path)},
                                {"digest", {{"sha256", file->entry.digest.hex()}}}});
    }
    return list;
}

// Collects a crate's @graph.
class Crate {
public:
    explicit Crate(const Reading& at) : at_(at) {
        root_ = {{"@id", "./"},
                 {"@type", "Dataset"},
                 {"conformsTo", {{"@id", "https://w3id.org/ro/wfrun/process/0.5"}}},
                 {"license", "unknown"},
                 {"hasPart", Json::array()},
                 {"mentions", Json::array()}};
    }

    void name(const std::string& name, const std::string& description, Time when) {
        root_["name"] = name;
        root_["description"] = description;
        root_["datePublished"] = rfc3339(when);
    }
    std::string version(const VersionRecord& version) {
        // As on a mount: "raw:v0/" would be an address of the scheme "raw".
        auto artifact = at_.txn.artifact(version.artifact);
        const std::string id =
            (artifact ? artifact->name : "?") + "/v" + std::to_string(version.number) + "/";
        if (!seen_.insert(id).second) return id;
        Json parts = Json::array();
        each_file(at_, version, [&](const std::string& path, const Entry& entry) {
            parts.push_back({{"@id", id + reference(path)}});
            graph_.push_back({{"@id", id + reference(path)},
                              {"@type", "File"},
                              {"name", lossy_utf8(path)},
                              {"contentSize", std::to_string(entry.size)},
                              {"sha256", entry.digest.hex()}});
        });
        graph_.push_back({{"@id", id},
                          {"@type", "Dataset"},
                          {"name", label(at_.txn, version)},
                          {"dateCreated", rfc3339(version.created)},
                          {"hasPart", parts}});
        root_["hasPart"].push_back({{"@id", id}});
        return id;
    }
    void run(const RunRecord& run) {
        const std::string program = "#program/" + reference(run.job_type);
        if (seen_.insert(program).second)
            graph_.push_back({{"@id", program},
                              {"@type", "SoftwareApplication"},
                              {"name", lossy_utf8(run.job_type)}});
        Json action{{"@id", "#" + run.id.text()},
                    {"@type", "CreateAction"},
                    {"name", run.name},
                    {"description", command_of(run)},
                    {"instrument", {{"@id", program}}},
                    {"startTime", rfc3339(run.started)},
                    {"object", Json::array()},
                    {"result", Json::array()}};
        if (run.ended) {
            bool good = run.state == RunState::finished;
            action["endTime"] = rfc3339(*run.ended);
            action["actionStatus"] = {{"@id", good ? "http://schema.org/CompletedActionStatus"
                                                   : "http://schema.org/FailedActionStatus"}};
        }
        if (!run.user.empty()) {
            const std::string user = "#user/" + reference(run.user);
            if (seen_.insert(user).second)
                graph_.push_back({{"@id", user}, {"@type", "Person"}, {"name", run.user}});
            action["agent"] = {{"@id", user}};
        }
        for (const auto& use : at_.txn.uses_of(run.id))
            if (auto used = at_.txn.version(use.version))
                action["object"].push_back({{"@id", version(*used)}});
        for (const auto& log : at_.txn.logs_of(run.id))
            if (auto logged = at_.txn.version(log.version))
                action["result"].push_back({{"@id", version(*logged)}});
        root_["mentions"].push_back({{"@id", action["@id"]}});
        graph_.push_back(std::move(action));
    }
    Json take() {
        Json graph = Json::array();
        graph.push_back({{"@id", "ro-crate-metadata.json"},
                         {"@type", "CreativeWork"},
                         {"conformsTo", {{"@id", "https://w3id.org/ro/crate/1.1"}}},
                         {"about", {{"@id", "./"}}}});
        graph.push_back(std::move(root_));
        for (auto& one : graph_) graph.push_back(std::move(one));
        return {{"@context", "https://w3id.org/ro/crate/1.1/context"}, {"@graph", graph}};
    }

private:
    const Reading& at_;
    Json root_;
    std::vector<Json> graph_;
    std::set<std::string> seen_;
};

std::string media_type(const std::string& path) {
    static const std::map<std::string, std::string> known{
        {".csv", "text/csv"},
        {".json", "application/json"},
        {".jsonl", "application/jsonlines"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".txt", "text/plain"},
        {".tar", "application/x-tar"},
        {".gz", "application/gzip"},
        {".zip", "application/zip"},
        {".parquet", "application/vnd.apache.parquet"}};
    auto dot = path.rfind('.');
    auto found = dot == std::string::npos ? known.end() : known.find(path.substr(dot));
    return found == known.end() ? "application/octet-stream" : found->second;
}

}  // namespace

Json export_in_toto(const Reading& at, const ExportSubject& subject) {
    auto subjects = Json::array();
    each_file(at, *subject.version, [&](const std::string& path, const Entry& entry) {
        subjects.push_back({{"name", label(at.txn, *subject.version) + "/" + lossy_utf8(path)},
                            {"digest", {{"sha256", entry.digest.hex()}}}});
    });
    Json definition{{"buildType", "https://artfs.dev/run/v1"},
                    {"externalParameters", Json::object()},
                    {"internalParameters", Json::object()},
                    {"resolvedDependencies", Json::array()}};
    Json details{{"builder", {{"id", "https://artfs.dev/artfs"}}}, {"metadata", Json::object()}};
    if (!subject.runs.empty()) {
        const auto& run = subject.runs.front();
        auto described = describe_run(at, run, Detail::full);
        definition["externalParameters"] = {{"command", described.at("command")},
                                            {"config", described.at("config")}};
        definition["internalParameters"] = {{"cwd", described.at("cwd")},
                                            {"environment", described.at("environment")}};
        definition["resolvedDependencies"] = dependencies_of(at, run);
        if (!run.git_commit.empty())
            definition["resolvedDependencies"].push_back(
                {{"name", "source"}, {"digest", {{"gitCommit", run.git_commit}}}});
        if (run.executable_digest)
            definition["resolvedDependencies"].push_back(
                {{"name", lossy_utf8(run.executable)},
                 {"digest", {{"sha256", run.executable_digest->hex()}}}});
        details["builder"]["id"] = "https://artfs.dev/artfs@" + run.host;
        details["metadata"] = {{"invocationId", run.id.text()},
                               {"startedOn", rfc3339(run.started)}};
        if (run.ended) details["metadata"]["finishedOn"] = rfc3339(*run.ended);
    }
    return {{"_type", "https://in-toto.io/Statement/v1"},
            {"subject", subjects},
            {"predicateType", "https://slsa.dev/provenance/v1"},
            {"predicate", {{"buildDefinition", definition}, {"runDetails", details}}}};
}

Json export_ro_crate(const Reading& at, const ExportSubject& subject) {
    Crate crate(at);
    if (subject.version) {
        auto described = describe_version(at, *subject.version, Detail::brief);
        std::string description = described.at("description");
        auto name = label(at.txn, *subject.version);
        crate.name(name, description.empty() ? name : description, subject.version->created);
        crate.version(*subject.version);
    } else {
        const auto& run = subject.runs.front();
        crate.name(run.name, "a run of " + lossy_utf8(run.job_type), run.started);
    }
    for (const auto& run : subject.runs) crate.run(run);
    return crate.take();
}

Json export_croissant(const Reading& at, const ExportSubject& subject) {
    const auto& version = *subject.version;
    auto described = describe_version(at, version, Detail::brief);
    std::string description = described.at("description");
    std::string name = label(at.txn, version);
    Json out{{"@context",
              {{"@vocab", "https://schema.org/"},
               {"sc", "https://schema.org/"},
               {"cr", "http://mlcommons.org/croissant/"},
               {"dct", "http://purl.org/dc/terms/"},
               {"prov", "http://www.w3.org/ns/prov#"},
               {"conformsTo", "dct:conformsTo"},
               {"sha256", "cr:sha256"}}},
             {"@type", "sc:Dataset"},
             {"conformsTo", "http://mlcommons.org/croissant/1.1"},
             {"name", described.at("artifact")},
             {"version", described.at("version")},
             {"description", description.empty() ? name : description},
             {"license", "unknown"},
             {"url", "urn:art:" + name},
             {"datePublished", described.at("created")},
             {"distribution", Json::array()}};
    if (!subject.runs.empty() && !subject.runs.front().user.empty())
        out["creator"] = {{"@type", "sc:Person"}, {"name", subject.runs.front().user}};
    each_file(at, version, [&](const std::string& path, const Entry& entry) {
        out["distribution"].push_back({{"@type", "cr:FileObject"},
                                       {"@id", reference(path)},
                                       {"name", lossy_utf8(path)},
                                       {"contentUrl", reference(path)},
                                       {"contentSize", std::to_string(entry.size) + " B"},
                                       {"encodingFormat", media_type(path)},
                                       {"sha256", entry.digest.hex()}});
    });
    auto derived = Json::array();
    for (const auto& run : subject.runs)
        for (const auto& use : at.txn.uses_of(run.id))
            if (auto used = at.txn.version(use.version))
                derived.push_back({{"@id", "urn:art:" + label(at.txn, *used)}});
    if (!derived.empty()) out["prov:wasDerivedFrom"] = derived;
    return out;
}

}  // namespace artfs
