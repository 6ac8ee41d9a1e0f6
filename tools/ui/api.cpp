#include "ui/api.h"

#include <charconv>

#include "ref.h"

namespace artfs::ui {

std::string Request::text(const std::string& key, const std::string& otherwise) const {
    auto found = query.find(key);
    return found == query.end() || found->second.empty() ? otherwise : found->second;
}

std::uint64_t Request::number(const std::string& key, std::uint64_t otherwise) const {
    auto given = text(key);
    if (given.empty()) return otherwise;
    std::uint64_t value = 0;
    auto [end, bad] = std::from_chars(given.data(), given.data() + given.size(), value);
    if (bad != std::errc() || end != given.data() + given.size())
        throw Failure(exit_usage, key + " takes a number");
    return value;
}

std::vector<std::string> Request::list(const std::string& key) const {
    std::vector<std::string> values;
    auto given = text(key);
    for (std::size_t at = 0; at < given.size();) {
        auto end = std::min(given.find(',', at), given.size());
        if (end > at) values.push_back(given.substr(at, end - at));
        at = end + 1;
    }
    return values;
}

VersionRecord version_named(View& view, const std::string& project, const std::string& artifact,
                            const std::string& version) {
    Ref ref;
    ref.name = artifact;
    ref.version = version;
    ref.versioned = true;
    return find_version(view.txn(), project, ref);
}

const std::vector<Route>& routes() {
    static const std::vector<Route> all{
        {"GET", "/api/projects", list_projects},
        {"GET", "/api/projects/{project}", show_project},
        {"GET", "/api/projects/{project}/search", search_names},
        {"GET", "/api/projects/{project}/graph", show_graph},
        {"GET", "/api/projects/{project}/edge", show_edge},
        {"GET", "/api/projects/{project}/lineage", show_lineage},
        {"GET", "/api/projects/{project}/artifacts", list_artifacts},
        {"GET", "/api/projects/{project}/artifacts/{artifact}", show_artifact},
        {"GET", "/api/projects/{project}/artifacts/{artifact}/compare", compare_versions},
        {"GET", "/api/projects/{project}/artifacts/{artifact}/versions/{version}", show_version},
        {"GET", "/api/projects/{project}/artifacts/{artifact}/versions/{version}/files",
         list_files},
        {"GET", "/api/projects/{project}/artifacts/{artifact}/versions/{version}/preview",
         preview_file},
        {"GET", "/api/projects/{project}/runs", list_runs},
        {"GET", "/api/projects/{project}/runs/{run}", show_run},
        {"GET", "/api/projects/{project}/runs/{run}/metrics", run_metrics},
        {"GET", "/api/projects/{project}/runs/{run}/media", run_media},
        {"GET", "/api/projects/{project}/runs/{run}/log", run_log},
        {"POST", "/api/projects/{project}/changes", change},
    };
    return all;
}

const std::vector<BytesRoute>& bytes_routes() {
    static const std::vector<BytesRoute> all{
        {"/api/projects/{project}/artifacts/{artifact}/versions/{version}/file", version_file},
        {"/api/projects/{project}/runs/{run}/file", run_data_file},
    };
    return all;
}

}  // namespace artfs::ui
