#include "lineage/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "lineage/resources.h"
#include "lineage/run_facts.h"
#include "lineage/text.h"
#include "lineage/written_files.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

Json number(const std::optional<std::uint32_t>& version) {
    return version ? Json("v" + std::to_string(*version)) : Json(nullptr);
}

Json file_list(const Reading& at, const Snapshot& snapshot) {
    auto files = Json::array();
    walk(at.nodes, snapshot.root, [&](const std::string& path, const Entry& entry, std::uint32_t) {
        Json file;
        put_name(file, "path", path);
        file["mode"] = fmt::format("{:04o}", entry.attributes.mode & 07777U);
        switch (entry.kind) {
            case Kind::file:
                file["type"] = "file";
                file["size"] = entry.size;
                file["sha256"] = entry.digest.hex();
                break;
            case Kind::directory:
                file["type"] = "dir";
                file["size"] = entry.dir.size;
                break;
            case Kind::symlink:
                file["type"] = "symlink";
                file["size"] = entry.target.size();
                put_name(file, "target", entry.target);
                break;
        }
        files.push_back(std::move(file));
    });
    return files;
}

std::vector<std::string> run_names(const ReadTxn& txn, const std::set<RunId>& ids) {
    std::vector<std::string> names;
    for (const auto& id : ids)
        if (auto run = txn.run(id)) names.push_back(run->name);
    return names;
}

// Of a file of a run's sealed data.
std::optional<std::string> data_text(const Reading& at, const RunRecord& run, const char* path) {
    auto file = data_file(at, run, {}, path);
    return file ? object_text(at.store, *file->object) : std::nullopt;
}

Json text_lists(const std::vector<std::vector<std::string>>& commands) {
    auto lists = Json::array();
    for (const auto& command : commands) {
        auto list = Json::array();
        for (const auto& argument : command) list.push_back(lossy_utf8(argument));
        lists.push_back(std::move(list));
    }
    return lists;
}

Json uses_of(const Reading& at, const RunRecord& run) {
    auto uses = Json::array();
    for (const auto& use : at.txn.uses_of(run.id)) {
        auto version = at.txn.version(use.version);
        auto artifact = version ? at.txn.artifact(version->artifact) : std::nullopt;
        if (!artifact) continue;
        Json one{{"artifact", artifact->name},
                 {"version", number(version->number)},
                 {"segment", use.segment}};
        put_names(one, "files", files_of_use(at, use));
        uses.push_back(std::move(one));
    }
    return uses;
}

Json logs_of(const Reading& at, const RunRecord& run, LogKind kind) {
    auto logs = Json::array();
    for (const auto& log : at.txn.logs_of(run.id)) {
        auto version = at.txn.version(log.version);
        auto artifact = version ? at.txn.artifact(version->artifact) : std::nullopt;
        if (!artifact || log.kind != kind) continue;
        logs.push_back({{"artifact", artifact->name},
                        {"version", number(version->number)},
                        {"segment", log.segment}});
    }
    return logs;
}

Json drafts_of(const Reading& at, const RunRecord& run) {
    auto drafts = Json::array();
    for (const auto& draft : at.txn.drafts()) {
        auto artifact = draft.artifact ? at.txn.artifact(*draft.artifact) : std::nullopt;
        if (draft.run != run.id || !artifact) continue;
        auto base = draft.base.version ? at.txn.version(*draft.base.version) : std::nullopt;
        auto age = std::chrono::duration_cast<std::chrono::seconds>(now() - draft.created);
        drafts.push_back({{"artifact", artifact->name},
                          {"base", base ? number(base->number) : Json(nullptr)},
                          {"size", draft.size},
                          {"age_seconds", age.count()}});
    }
    return drafts;
}

Json history_json(const HistoryEntry& entry) {
    return {{"when", rfc3339(entry.when)},
            {"who", entry.who},
            {"what", entry.what},
            {"detail", entry.detail}};
}

Json peeks_of(const Reading& at, const RunRecord& run) {
    auto peeks = Json::array();
    for (const auto& peek : run.peeks) {
        auto artifact = at.txn.artifact(peek.artifact);
        Json one{{"artifact", artifact ? artifact->name : "?"}, {"run", peek.run}};
        put_name(one, "path", peek.path);
        peeks.push_back(std::move(one));
    }
    return peeks;
}

Json run_in_brief(const Reading& at, const RunRecord& run) {
    Json document{{"name", run.name},
                  {"id", run.id.text()},
                  {"project", run.project},
                  {"job_type", lossy_utf8(run.job_type)},
                  {"state", to_string(run.state)},
                  {"exit_code", run.exit_code ? Json(*run.exit_code) : Json(nullptr)},
                  {"signal", run.signal ? Json(*run.signal) : Json(nullptr)},
                  {"exit_known", run.exit_known},
                  {"cwd", lossy_utf8(run.cwd)},
                  {"user", run.user},
                  {"host", run.host},
                  {"started", rfc3339(run.started)},
                  {"ended", run.ended ? Json(rfc3339(*run.ended)) : Json(nullptr)},
                  {"tags", run.tags},
                  {"description", lossy_utf8(run.description)},
                  {"segments", run.segments},
                  {"commands", text_lists(run.commands)},
                  {"parent", nullptr}};
    document["command"] = run.commands.empty() ? Json::array() : Json(document["commands"].front());
    if (run.parent)
        if (auto parent = at.txn.run(*run.parent)) document["parent"] = parent->name;
    document["resumes"] = nullptr;
    if (auto before = run.resumes ? at.txn.run(*run.resumes) : std::nullopt)
        document["resumes"] = before->name;
    document["logs"] = logs_of(at, run, LogKind::logged);
    return document;
}

}  // namespace

std::optional<std::string> object_text(const Store& store, const Digest& digest) {
    auto text = read_file(store.objects().path(digest));
    if (!text) return std::nullopt;
    return *text;
}

Json history_of(const ReadTxn& txn, const ArtifactId& artifact,
                std::optional<std::uint32_t> version) {
    auto list = Json::array();
    for (const auto& entry : txn.history(artifact)) {
        Json one = history_json(entry);
        auto concerns = [&](const char* key) {
            return entry.detail.is_object() && entry.detail.value(key, Json()) == number(version);
        };
        bool moved_away = entry.what == "alias" && concerns("before");
        if (!version || concerns("version") || moved_away) list.push_back(std::move(one));
    }
    return list;
}

std::vector<std::string> files_of_use(const Reading& at, const UseEdge& use) {
    return some_files_of_use(at, use, std::numeric_limits<std::size_t>::max()).paths;
}

SomeFiles some_files_of_use(const Reading& at, const UseEdge& use, std::size_t most) {
    SomeFiles files;
    files.count = use.ranks.cardinality() + (use.metadata ? 1 : 0);
    if (use.metadata) files.paths.emplace_back(".art/metadata.json");
    if (auto version = at.txn.version(use.version); version && !version->gone) {
        auto snapshot = at.txn.snapshot(version->tree);
        for (std::uint32_t rank : use.ranks) {
            if (files.paths.size() >= most) break;
            if (auto located = at_rank(at.nodes, snapshot.root, rank))
                files.paths.push_back(located->path);
        }
    }
    std::sort(files.paths.begin(), files.paths.end());
    return files;
}

namespace {

Json version_in_brief(const Reading& at, const VersionRecord& version, const Snapshot& snapshot) {
    auto artifact = at.txn.artifact(version.artifact);
    auto aliases = Json::array();
    if (artifact && artifact->head == version.number) aliases.push_back("latest");
    for (const auto& [alias, to] : at.txn.aliases(version.artifact))
        if (to == version.number) aliases.push_back(alias);
    std::set<RunId> loggers;
    for (const auto& log : at.txn.loggers_of(version.id))
        if (log.kind == LogKind::logged) loggers.insert(log.run);
    auto description = version.description ? version.description : snapshot.description;
    Json document{{"artifact", artifact ? artifact->name : "?"},
                  {"version", number(version.number)},
                  {"type", artifact ? artifact->type : ""},
                  {"description", lossy_utf8(description.value_or(""))},
                  {"aliases", aliases},
                  {"tags", version.tags},
                  {"digest", "sha256:" + version.digest.hex()},
                  {"size", version.size},
                  {"created", rfc3339(version.created)},
                  {"parent", number(version.parent)},
                  {"merged_with", number(version.merged_with)},
                  {"changed", version.changed},
                  {"carried_over", version.carried_over},
                  {"logged_by", run_names(at.txn, loggers)}};
    put_names(document, "diverged", version.diverged);
    return document;
}

void add_users_and_metadata(const Reading& at, const VersionRecord& version,
                            const Snapshot& snapshot, Json& document) {
    std::set<RunId> users;
    for (const auto& use : at.txn.users_of(version.id)) users.insert(use.run);
    document["used_by"] = run_names(at.txn, users);
    document["sealed_metadata"] = Json::object();
    if (snapshot.metadata)
        if (auto text = object_text(at.store, snapshot.metadata->digest))
            document["sealed_metadata"] = parse_metadata(*text);
}

void add_version_facts(const Reading& at, const VersionRecord& version, const Snapshot& snapshot,
                       Json& document) {
    add_users_and_metadata(at, version, snapshot, document);
    document["metadata"] =
        version.metadata.is_null() ? document["sealed_metadata"] : version.metadata;
    document["ttl_seconds"] = version.ttl ? Json(version.ttl->count()) : Json(nullptr);
    document["history"] = history_of(at.txn, version.artifact, version.number);
}

}  // namespace

Json version_facts(const Reading& at, const VersionRecord& version) {
    auto snapshot = at.txn.snapshot(version.tree);
    auto document = version_in_brief(at, version, snapshot);
    add_version_facts(at, version, snapshot, document);
    return document;
}

Json version_listed(const Reading& at, const VersionRecord& version) {
    auto snapshot = at.txn.snapshot(version.tree);
    auto document = version_in_brief(at, version, snapshot);
    add_users_and_metadata(at, version, snapshot, document);
    return document;
}

Json describe_version(const Reading& at, const VersionRecord& version, Detail detail) {
    auto snapshot = at.txn.snapshot(version.tree);
    auto document = version_in_brief(at, version, snapshot);
    if (detail == Detail::brief) return document;
    add_version_facts(at, version, snapshot, document);
    document["files"] = file_list(at, snapshot);
    return document;
}

namespace {

void add_results(const Reading& at, const RunRecord& run, const Json& live_summary,
                 Json& document) {
    document["summary"] = Json::object();
    if (auto text = data_text(at, run, "summary.json")) document["summary"] = parse_metadata(*text);
    if (live_summary.is_object()) document["summary"] = live_summary;
    document["confirmed"] = logs_of(at, run, LogKind::confirmed);
    document["drafts"] = drafts_of(at, run);
}

}  // namespace

Json run_listed(const Reading& at, const RunRecord& run, const Json& live_summary) {
    auto document = run_in_brief(at, run);
    add_results(at, run, live_summary, document);
    return document;
}

Json run_facts(const Reading& at, const RunRecord& run, const Json& live_config,
               const Json& live_summary) {
    auto document = run_in_brief(at, run);
    document["executable"] = lossy_utf8(run.executable);
    document["executable_sha256"] =
        run.executable_digest ? Json(run.executable_digest->hex()) : Json(nullptr);
    document["git"] = run.git_commit.empty()
                          ? Json(nullptr)
                          : Json{{"commit", run.git_commit}, {"dirty", run.git_dirty}};
    document["resources"] = resources_json(run.resources);
    document["history"] = Json::array();
    for (const auto& entry : run.history) document["history"].push_back(history_json(entry));
    document["environment"] = Json::object();
    for (const auto& [name, value] : run.environment)
        document["environment"][name] = lossy_utf8(value);
    document["config"] = run.config.is_object() ? run.config : Json::object();
    if (auto text = data_text(at, run, "config.json"))
        document["config"].update(parse_metadata(*text));
    if (live_config.is_object()) document["config"].update(live_config);
    add_results(at, run, live_summary, document);
    document["peeks"] = peeks_of(at, run);
    return document;
}

Json describe_run(const Reading& at, const RunRecord& run, Detail detail, const Json& live_config,
                  const Json& live_summary) {
    if (detail == Detail::brief) return run_in_brief(at, run);
    auto document = run_facts(at, run, live_config, live_summary);
    document["uses"] = uses_of(at, run);
    return document;
}

std::vector<VersionRecord> stale_versions(const ReadTxn& txn, const std::string& project) {
    std::vector<VersionRecord> stale;
    for (const auto& artifact : txn.artifacts(project)) {
        auto version = artifact.head ? txn.version(artifact.id, *artifact.head) : std::nullopt;
        if (!version) continue;
        // Any run that made it from inputs that are still heads speaks for it.
        bool old_inputs = false;
        bool fresh_maker = false;
        for (const auto& log : txn.loggers_of(version->id)) {
            bool fresh = true;
            for (const auto& use : txn.uses_of(log.run)) {
                auto input = txn.version(use.version);
                auto of = input ? txn.artifact(input->artifact) : std::nullopt;
                if (of && of->id != artifact.id && of->head && *of->head != input->number)
                    fresh = false;
            }
            (fresh ? fresh_maker : old_inputs) = true;
        }
        if (old_inputs && !fresh_maker) stale.push_back(*version);
    }
    return stale;
}

}  // namespace artfs
