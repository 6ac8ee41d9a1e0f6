// art ls, art log, art runs.
#include <algorithm>
#include <charconv>
#include <set>

#include "command.h"
#include "lineage/run_facts.h"
#include "output.h"
#include "ref.h"
#include "runs/config.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

std::size_t limit_of(const Arguments& arguments, std::size_t otherwise) {
    if (!arguments.has("limit")) return otherwise;
    std::string text = arguments.text("limit");
    std::size_t limit = 0;
    auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (bad != std::errc() || end != text.data() + text.size() || limit == 0)
        throw Failure(exit_usage, "--limit takes a number greater than 0");
    return limit;
}

Json versions_of(Reader& reader, const ArtifactRecord& artifact, const Arguments& arguments) {
    auto list = Json::array();
    auto shown = [&](const VersionRecord& version) {
        if (arguments.flag("long"))
            return describe_version(reader.reading(), version, Detail::full);
        if (arguments.flag("json")) return version_listed(reader.reading(), version);
        return describe_version(reader.reading(), version, Detail::brief);
    };
    auto versions = reader.txn().versions(artifact.id);
    std::reverse(versions.begin(), versions.end());
    std::size_t limit = limit_of(arguments, SIZE_MAX);
    for (const auto& version : versions) {
        if (list.size() == limit) break;
        list.push_back(shown(version));
    }
    return list;
}

void show_versions(const Json& versions) {
    std::vector<std::vector<std::string>> rows{
        {"VERSION", "ALIASES", "SIZE", "CHANGED", "CARRIED", "MADE BY", "WHEN"}};
    for (const auto& version : versions)
        rows.push_back(
            {version["artifact"].get<std::string>() + ":" + version["version"].get<std::string>(),
             joined(version["aliases"]), human_size(version["size"]),
             std::to_string(version["changed"].get<int>()),
             std::to_string(version["carried_over"].get<int>()), joined(version["logged_by"]),
             age_of(version["created"])});
    show_text(table(rows));
}

int list_files(Reader& reader, const VersionRecord& version, const Ref& ref,
               const Arguments& arguments) {
    auto document = describe_version(reader.reading(), version, Detail::full);
    auto files = Json::array();
    for (const auto& file : document["files"]) {
        std::string path = file["path"];
        if (ref.path.empty() || path == ref.path || path.starts_with(ref.path + "/"))
            files.push_back(file);
    }
    if (files.empty() && !ref.path.empty())
        throw Failure(exit_not_found,
                      "no file '" + ref.path + "' in that version: art ls lists them");
    if (arguments.flag("json")) {
        show_json(files);
        return exit_done;
    }
    std::vector<std::vector<std::string>> rows{{"MODE", "SIZE", "PATH"}};
    for (const auto& file : files) {
        std::string path = file["path"];
        if (file["type"] == "dir") path += "/";
        if (file["type"] == "symlink") path += " -> " + file["target"].get<std::string>();
        rows.push_back({file["mode"], human_size(file["size"]), path});
    }
    show_text(table(rows));
    return exit_done;
}

}  // namespace

int run_ls(const Arguments& arguments) {
    Reader reader(arguments);
    if (!arguments.positional.empty()) {
        Ref ref = parse_ref(arguments.positional[0]);
        if (ref.versioned || !ref.path.empty())
            return list_files(reader, find_version(reader.txn(), reader.project(), ref), ref,
                              arguments);
        auto versions =
            versions_of(reader, find_artifact(reader.txn(), reader.project(), ref), arguments);
        if (arguments.flag("json"))
            show_json(versions);
        else
            show_versions(versions);
        return exit_done;
    }
    std::size_t limit = limit_of(arguments, SIZE_MAX);
    auto list = Json::array();
    std::vector<std::vector<std::string>> rows{{"ARTIFACT", "TYPE", "LATEST", "SIZE", "VERSIONS"}};
    for (const auto& artifact : reader.txn().artifacts(reader.project())) {
        if (list.size() == limit) break;
        auto versions = reader.txn().versions(artifact.id);
        auto head =
            artifact.head ? reader.txn().version(artifact.id, *artifact.head) : std::nullopt;
        list.push_back({{"artifact", artifact.name},
                        {"type", artifact.type},
                        {"latest", head ? Json("v" + std::to_string(head->number)) : Json(nullptr)},
                        {"size", head ? head->size : 0},
                        {"versions", versions.size()},
                        {"created", rfc3339(artifact.created)}});
        rows.push_back({artifact.name, artifact.type,
                        head ? "v" + std::to_string(head->number) : "-",
                        head ? human_size(head->size) : "-", std::to_string(versions.size())});
    }
    if (arguments.flag("json"))
        show_json(list);
    else if (list.empty())
        show_text("no artifacts yet: mkdir one on the mount\n");
    else
        show_text(table(rows));
    return exit_done;
}

namespace {

std::string change_text(const Json& entry) {
    const auto& detail = entry["detail"];
    std::string text = entry["what"];
    if (detail.contains("alias"))
        text += " " + detail["alias"].get<std::string>() + " -> " +
                (detail["version"].is_null() ? "(dropped)" : detail["version"].get<std::string>());
    else if (detail.contains("version"))
        text += " " + detail["version"].get<std::string>();
    for (const auto& [key, value] : detail.items())
        if (key != "alias" && key != "version" && !value.is_null())
            text += "  " + key + "=" + value.dump();
    return text;
}

// What is no version and no run: who changed what, newest first.
int show_changes(const Reader& reader, const Arguments& arguments) {
    auto list = Json::array();
    for (const auto& artifact : reader.txn().artifacts(reader.project())) {
        if (!arguments.positional.empty() &&
            artifact.name != parse_ref(arguments.positional[0]).name)
            continue;
        for (auto& entry : history_of(reader.txn(), artifact.id, std::nullopt)) {
            entry["artifact"] = artifact.name;
            list.push_back(std::move(entry));
        }
    }
    std::stable_sort(list.begin(), list.end(), [](const Json& a, const Json& b) {
        return a["when"].get<std::string>() > b["when"].get<std::string>();
    });
    std::size_t limit = limit_of(arguments, SIZE_MAX);
    while (list.size() > limit) list.erase(list.size() - 1);
    if (arguments.flag("json")) {
        show_json(list);
        return exit_done;
    }
    std::vector<std::vector<std::string>> rows{{"WHEN", "WHO", "ARTIFACT", "CHANGE"}};
    for (const auto& entry : list)
        rows.push_back(
            {age_of(entry["when"]), entry["who"], entry["artifact"], change_text(entry)});
    show_text(table(rows));
    return exit_done;
}

}  // namespace

void log_options(po::options_description& options) {
    options.add_options()("json", po::bool_switch(), "one JSON document")(
        "limit", po::value<std::string>()->value_name("N"), "at most N")("long", po::bool_switch(),
                                                                         "everything about each")(
        "changes", po::bool_switch(), "aliases, annotations, deletions: who changed what");
}

int run_log(const Arguments& arguments) {
    Reader reader(arguments);
    if (!arguments.positional.empty())
        find_artifact(reader.txn(), reader.project(), parse_ref(arguments.positional[0]));
    if (arguments.flag("changes")) return show_changes(reader, arguments);
    auto list = Json::array();
    if (!arguments.positional.empty()) {
        Ref ref = parse_ref(arguments.positional[0]);
        list = versions_of(reader, find_artifact(reader.txn(), reader.project(), ref), arguments);
    } else {
        for (const auto& artifact : reader.txn().artifacts(reader.project()))
            for (auto& version : versions_of(reader, artifact, arguments))
                list.push_back(std::move(version));
        std::stable_sort(list.begin(), list.end(), [](const Json& a, const Json& b) {
            return a["created"].get<std::string>() > b["created"].get<std::string>();
        });
        std::size_t limit = limit_of(arguments, SIZE_MAX);
        while (list.size() > limit) list.erase(list.size() - 1);
    }
    if (arguments.flag("json"))
        show_json(list);
    else
        show_versions(list);
    return exit_done;
}

int run_runs(const Arguments& arguments) {
    Reader reader(arguments);
    const auto& txn = reader.txn();
    auto oldest = Time::min();
    if (arguments.has("since")) {
        auto age = parse_duration(arguments.text("since"));
        if (!age) throw Failure(exit_usage, "--since takes a time, like 30min, 12h or 7d");
        oldest = now() - *age;
    }
    static const std::set<std::string> states{"running", "finished", "failed", "killed", "lost"};
    std::string state = arguments.text("state");
    if (!state.empty() && states.count(state) == 0)
        throw Failure(exit_usage, "--state is running, finished, failed, killed or lost");
    std::optional<ArtifactRecord> artifact;
    if (arguments.has("artifact"))
        artifact = find_artifact(txn, reader.project(), parse_ref(arguments.text("artifact")));
    auto touches = [&](const RunRecord& run) {
        for (const auto& use : txn.uses_of(run.id))
            if (auto version = txn.version(use.version);
                version && version->artifact == artifact->id)
                return true;
        for (const auto& log : txn.logs_of(run.id))
            if (auto version = txn.version(log.version);
                version && version->artifact == artifact->id)
                return true;
        return false;
    };
    bool json = arguments.flag("json");
    auto listed = [&](const RunRecord& run) {
        if (!json) return describe_run(reader.reading(), run, Detail::brief);
        auto live = reader.live_data(run);
        auto summary = live.value("summary", Json());
        if (!arguments.flag("long")) return run_listed(reader.reading(), run, summary);
        return describe_run(reader.reading(), run, Detail::full, live.value("config", Json()),
                            summary);
    };
    std::size_t limit = limit_of(arguments, json ? SIZE_MAX : 50);
    auto list = Json::array();
    txn.runs(reader.project(), [&](const RunRecord& run) {
        if (run.started < oldest || list.size() >= limit) return false;
        if (!run.wrote && !run.explicitly_started && !arguments.flag("all")) return true;
        if (arguments.has("job-type") && run.job_type != arguments.text("job-type")) return true;
        if (!state.empty() && state != to_string(run.state)) return true;
        if (artifact && !touches(run)) return true;
        list.push_back(listed(run));
        return true;
    });
    if (json) {
        show_json(list);
        return exit_done;
    }
    std::vector<std::vector<std::string>> rows{
        {"RUN", "JOB TYPE", "STATE", "EXIT", "LOGGED", "STARTED"}};
    for (const auto& run : list) {
        std::string exit = run["exit_code"].is_null()
                               ? (run["signal"].is_null() ? "-" : "signal " + run["signal"].dump())
                               : run["exit_code"].dump();
        std::string logged;
        for (const auto& log : run["logs"])
            logged += (logged.empty() ? "" : ", ") + log["artifact"].get<std::string>() + ":" +
                      log["version"].get<std::string>();
        rows.push_back({run["name"], run["job_type"], state_colour(run["state"]), exit, logged,
                        age_of(run["started"])});
    }
    show_text(table(rows));
    return exit_done;
}

}  // namespace artfs
