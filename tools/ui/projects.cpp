// The store's projects, and one project at a glance.
#include <algorithm>
#include <array>
#include <set>

#include "lineage/text.h"
#include "ui/api.h"

namespace artfs::ui {

namespace {

void need_project(View& view, const std::string& project) {
    for (const auto& known : view.txn().projects())
        if (known == project) return;
    // A fresh mount's project has nothing in it yet.
    if (view.place().site.project != project)
        throw Failure(exit_not_found, "the store has no project '" + project + "'");
}

// What the daemon knows of drafts and live runs; null without one.
Json daemon_status(const Place& place) {
    try {
        auto reply = ask_daemon(place.site.store, {{"op", "status"}});
        return reply ? (*reply)["status"] : Json(nullptr);
    } catch (const Failure&) {
        return nullptr;
    }
}

// One daemon may have several projects mounted.
Json of_project(const Json& status, const char* list, const std::string& project) {
    auto rows = Json::array();
    if (status.is_object())
        for (const auto& row : status[list])
            if (row.value("project", "") == project) rows.push_back(row);
    return rows;
}

Json kept_drafts(View& view, const std::string& project) {
    auto list = Json::array();
    for (const auto& draft : view.txn().drafts()) {
        auto artifact = draft.artifact ? view.txn().artifact(*draft.artifact) : std::nullopt;
        auto run = view.txn().run(draft.run);
        if (!artifact || artifact->project != project) continue;
        auto base = draft.base.version ? view.txn().version(*draft.base.version) : std::nullopt;
        auto age = std::chrono::duration_cast<std::chrono::seconds>(now() - draft.created);
        list.push_back({{"run", run ? run->name : ""},
                        {"artifact", artifact->name},
                        {"base", base ? Json("v" + std::to_string(base->number)) : Json(nullptr)},
                        {"size", draft.size},
                        {"age_seconds", age.count()},
                        {"state", draft.state == DraftState::abandoned ? "abandoned" : "open"},
                        {"waits_for", nullptr}});
    }
    return list;
}

// Of each artifact's newest: what was sealed long before other versions of it is not news.
Json newest_versions(View& view, const std::vector<ArtifactRecord>& artifacts, std::size_t limit) {
    std::vector<VersionRecord> newest;
    for (const auto& artifact : artifacts) {
        std::uint32_t least =
            artifact.next_version - std::min<std::uint32_t>(artifact.next_version, limit);
        for (auto number = artifact.next_version; number > least; --number)
            if (auto version = view.txn().version(artifact.id, number - 1);
                version && !version->deleted)
                newest.push_back(std::move(*version));
    }
    auto some = newest.begin() + static_cast<std::ptrdiff_t>(std::min(limit, newest.size()));
    std::partial_sort(newest.begin(), some, newest.end(),
                      [](const auto& a, const auto& b) { return a.created > b.created; });
    auto list = Json::array();
    for (auto one = newest.begin(); one != some; ++one)
        list.push_back(describe_version(view.reading(), *one, Detail::brief));
    return list;
}

Json newest_runs(View& view, const std::string& project, std::size_t limit) {
    auto list = Json::array();
    view.txn().runs(project, [&](const RunRecord& run) {
        if (run.wrote || run.explicitly_started)
            list.push_back(describe_run(view.reading(), run, Detail::brief));
        return list.size() < limit;
    });
    return list;
}

// Of a large store that nobody has read lately these are thousands of places on the disk.
Json stale_of(View& view, const std::string& project) {
    auto list = Json::array();
    for (const auto& version : stale_versions(view.txn(), project))
        list.push_back(describe_version(view.reading(), version, Detail::brief));
    return list;
}

// Null while they are being counted for the first time.
Json counts_of(const ProjectIndex* index) {
    if (index == nullptr) return nullptr;
    const auto& counts = index->counts;
    auto states = Json::object();
    for (const auto& [state, count] : counts.states) states[to_string(state)] = count;
    auto job_types = Json::object();
    for (const auto& [type, count] : counts.job_types) job_types[lossy_utf8(type)] = count;
    return {{"artifacts", index->artifacts.size()},
            {"versions", index->versions.size()},
            {"runs", counts.listed},
            {"edges", counts.edges},
            {"states", states},
            {"job_types", job_types},
            {"types", counts.types}};
}

// First what is called so, then what begins so, has it in its name, and is of a type that has it.
template <class Item>
std::vector<const Item*> best_named(const std::vector<Item>& items, const std::string& wanted,
                                    std::string Item::*type) {
    constexpr std::size_t most = 20;
    std::array<std::vector<const Item*>, 4> found;
    for (const auto& item : items) {
        auto at = item.name.find(wanted);
        bool typed = at == std::string::npos && (item.*type).find(wanted) != std::string::npos;
        if (at == std::string::npos && !typed) continue;
        auto rank = typed ? 3U : at != 0 ? 2U : item.name.size() != wanted.size() ? 1U : 0U;
        if (found[rank].size() < most) found[rank].push_back(&item);
    }
    std::vector<const Item*> best;
    for (const auto& group : found)
        for (const auto* item : group)
            if (best.size() < most) best.push_back(item);
    return best;
}

}  // namespace

Json list_projects(const Place& place, const Request&) {
    View view(place);
    auto names = view.txn().projects();
    if (std::find(names.begin(), names.end(), place.site.project) == names.end())
        names.push_back(place.site.project);
    std::sort(names.begin(), names.end());
    // Of several mountpoints of a project, the one that art ui was started for.
    auto mounts = Json::object();
    auto status = daemon_status(place);
    if (status.is_object())
        for (const auto& row : status["mounts"]) {
            auto name = row["project"].get<std::string>();
            if (!mounts.contains(name) || row["path"] == place.site.mountpoint.string())
                mounts[name] = row["path"];
        }
    return {{"store", place.site.store.string()},
            {"project", place.site.project},
            {"mounts", mounts},
            {"projects", names}};
}

Json show_project(const Place& place, const Request& request) {
    View view(place);
    const auto& project = request.parts[0];
    need_project(view, project);
    // Only a large store's first index takes time: a page that is there sooner is worth more, and
    // is asked for again when the rest is known.
    auto index = place.index->if_built(project);
    if (index || project != place.site.project) index = place.index->of(project);
    auto artifacts = view.txn().artifacts(project);
    auto status = daemon_status(place);
    auto mounts = of_project(status, "mounts", project);
    bool mounted_here = !mounts.empty();
    return {{"project", project},
            {"counts", counts_of(index.get())},
            {"runs", newest_runs(view, project, 8)},
            {"versions", newest_versions(view, artifacts, 8)},
            {"stale", index ? stale_of(view, project) : Json(nullptr)},
            {"drafts",
             mounted_here ? of_project(status, "drafts", project) : kept_drafts(view, project)},
            {"live", of_project(status, "runs", project)},
            {"warnings", mounted_here ? status["warnings"] : Json::array()},
            {"daemon", status.is_object() ? status["daemon"] : Json(nullptr)},
            {"mounts", mounts}};
}

// Artifacts, and runs newest first, whose name or type has the text in it.
Json search_names(const Place& place, const Request& request) {
    auto index = place.index->of(request.parts[0]);
    auto wanted = request.text("q");
    auto found = Json::array();
    for (const auto* artifact : best_named(index->artifacts, wanted, &ArtifactRecord::type))
        found.push_back({{"kind", "artifact"}, {"name", artifact->name}, {"type", artifact->type}});
    for (const auto* run : best_named(index->runs, wanted, &IndexedRun::job_type))
        found.push_back({{"kind", "run"},
                         {"name", run->name},
                         {"job_type", lossy_utf8(run->job_type)},
                         {"state", to_string(run->state)}});
    return found;
}

}  // namespace artfs::ui
