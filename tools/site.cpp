// Finding the store, the project and the mount (interface.md, "Finding the store").
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/exit_status.h"
#include "base/names.h"
#include "command.h"
#include "lineage/describe.h"

namespace artfs {

namespace fs = std::filesystem;

namespace {

// \040 and the like in mountinfo, proc_pid_mountinfo(5).
std::string unescaped(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size()) {
            out.push_back(static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8)));
            i += 3;
        } else {
            out.push_back(text[i]);
        }
    }
    return out;
}

std::vector<MountRow> artfs_mounts() {
    std::vector<MountRow> rows;
    std::ifstream info("/proc/self/mountinfo");
    for (std::string line; std::getline(info, line);) {
        auto separator = line.find(" - fuse.artfs ");
        if (separator == std::string::npos) continue;
        std::istringstream left(line.substr(0, separator));
        std::string id, parent, device, root, where;
        left >> id >> parent >> device >> root >> where;
        std::istringstream right(line.substr(separator + 3));
        std::string type, source;
        right >> type >> source;
        rows.push_back({unescaped(where), unescaped(source)});
    }
    return rows;
}

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::string working_directory() {
    char path[4096] = {};
    return readlink("/proc/self/cwd", path, sizeof path - 1) > 0 ? path : "";
}

bool under(const fs::path& path, const fs::path& root) {
    return path == root || path.string().starts_with(root.string() + "/");
}

fs::path default_store() {
    std::string data = environment("XDG_DATA_HOME");
    if (data.empty()) data = environment("HOME") + "/.local/share";
    return fs::path(data) / "art";
}

}  // namespace

std::optional<nlohmann::json> ask_daemon(
    const Site& site, nlohmann::json request,
    const std::function<void(const nlohmann::json&)>& progress) {
    request["project"] = site.project;
    return ask_daemon(site.store, request, progress);
}

namespace {
nlohmann::json live_answer(std::optional<nlohmann::json> reply,
                           const std::filesystem::path& store) {
    if (!reply)
        throw Failure(exit_refused,
                      "nothing of " + store.string() + " is mounted: art mount first");
    return std::move(*reply);
}
}  // namespace

nlohmann::json ask_live_daemon(const std::filesystem::path& store, const nlohmann::json& request) {
    return live_answer(ask_daemon(store, request), store);
}

nlohmann::json ask_live_daemon(const Site& site, const nlohmann::json& request) {
    return live_answer(ask_daemon(site, request), site.store);
}

std::optional<MountRow> mount_at(const fs::path& path) {
    std::optional<MountRow> found;
    for (auto& mount : artfs_mounts())
        if (under(path, mount.where)) found = std::move(mount);
    return found;
}

std::string project_of(const MountRow& mount) {
    auto reply = ask_daemon(mount.store, {{"op", "status"}});
    if (!reply) return "default";
    for (const auto& row : (*reply)["status"]["mounts"])
        if (row.value("path", "") == mount.where.string()) return row.value("project", "default");
    return "default";
}

Site find_site(const Arguments& arguments) {
    auto here = mount_at(working_directory());
    Site site;
    std::string given = arguments.text("store");
    if (given.empty()) given = environment("ART_STORE");
    if (!given.empty())
        site.store = fs::absolute(given).lexically_normal();
    else
        site.store = here.has_value() ? here->store : default_store();
    if (!site.store.has_filename()) site.store = site.store.parent_path();

    std::string mountpoint = arguments.text("mount");
    if (mountpoint.empty()) mountpoint = environment("ART_MOUNT");
    if (!mountpoint.empty()) site.mountpoint = fs::absolute(mountpoint).lexically_normal();
    std::string project = arguments.text("project");
    if (project.empty()) project = environment("ART_PROJECT");
    // The mount that is meant: the one asked for, else the one we stand in.
    fs::path meant = site.mountpoint;
    if (meant.empty() && here.has_value() && here->store == site.store) meant = here->where;
    auto reply = ask_daemon(site.store, {{"op", "status"}});
    auto rows = reply ? (*reply)["status"]["mounts"] : nlohmann::json::array();
    auto project_at = [&](const fs::path& where) -> std::string {
        for (const auto& row : rows)
            if (row.value("path", "") == where.string()) return row.value("project", "");
        return "";
    };
    if (project.empty()) project = project_at(meant);
    if (project.empty() && rows.size() == 1) project = rows[0].value("project", "");
    site.project = project.empty() ? "default" : project;
    if (!is_plain_name(site.project))
        throw Failure(exit_usage,
                      "'" + site.project + "' is no project: use letters, digits, '_', '.', '-'");
    if (!site.mountpoint.empty()) return site;
    if (!meant.empty() && project_at(meant) == site.project) site.mountpoint = meant;
    for (const auto& row : rows)
        if (site.mountpoint.empty() && row.value("project", "") == site.project)
            site.mountpoint = row.value("path", "");
    return site;
}

Reader::Reader(const Arguments& arguments, Look look) : site_(find_site(arguments)) {
    if (look == Look::settled) ask_daemon(site_, {{"op", "settle"}});
    store_ = value_of(Store::create_or_open(site_.store, Store::Access::read_only));
    txn_ = store_->catalog().read();
    nodes_ = std::make_unique<CatalogNodes>(store_->catalog());
}

nlohmann::json Reader::live_data(const RunRecord& run) const {
    if (run.state != RunState::running) return nlohmann::json::object();
    try {
        auto reply = ask_daemon(site_, {{"op", "run-data"}, {"run", run.id.text()}});
        if (reply) return *reply;
    } catch (const Failure&) {
        // Another user's, or of a project that is not mounted: what is durable is shown.
    }
    return nlohmann::json::object();
}

void fail_with(const Error& error) { throw Failure(exit_status_of(error), error.message); }

}  // namespace artfs
