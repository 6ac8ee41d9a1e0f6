#include "remount.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <set>

#include "base/bytes.h"
#include "control.h"
#include "mountpoint.h"
#include "mounts.h"

namespace artfs {

namespace {
constexpr const char* options_note = "options";
constexpr const char* places_note = "places";
}  // namespace

void keep_options(Journal& journal, const MountOptions& options) {
    nlohmann::json kept{
        {"project", options.project},         {"mountpoint", options.mountpoint.string()},
        {"source", options.source},           {"read_only", options.read_only},
        {"allow_other", options.allow_other}, {"passthrough", options.passthrough}};
    journal.note(options_note, kept.dump());
}

MountOptions kept_options(const Journal& journal) {
    auto kept = nlohmann::json::parse(journal.noted(options_note), nullptr, false);
    if (!kept.is_object()) throw FormatError("the session does not say what is mounted");
    MountOptions options;
    options.project = kept.at("project");
    options.mountpoint = kept.at("mountpoint").get<std::string>();
    options.source = kept.at("source");
    options.read_only = kept.at("read_only");
    options.allow_other = kept.at("allow_other");
    options.passthrough = kept.at("passthrough");
    options.passthrough_why = options.writes_why = "the kernel has not answered yet";
    return options;
}

std::vector<std::filesystem::path> kept_places(const Journal& journal) {
    auto kept = nlohmann::json::parse(journal.noted(places_note), nullptr, false);
    std::vector<std::filesystem::path> places;
    for (const auto& place : kept)
        if (place.is_string()) places.emplace_back(place.get<std::string>());
    return places;
}

void MountedProject::keep_places(const std::vector<std::filesystem::path>& places) {
    auto kept = nlohmann::json::array();
    for (const auto& place : places) kept.push_back(place.string());
    journal->note(places_note, kept.dump());
    journal->commit(mount.session);
}

Result<std::shared_ptr<MountedProject>> MountedProject::go_on(const Served& served,
                                                              const std::string& project) {
    Fd device = served.guardian.take(held_device + project);
    auto journal = Journal::open(served.guardian.take(held_journal + project));
    if (!journal) return tl::unexpected(journal.error());
    Parts parts;
    parts.again = true;
    parts.journal = std::move(*journal);
    if (served.guardian.crashed()) parts.journal->blame();
    parts.session = parts.journal->restore();
    parts.options = kept_options(*parts.journal);
    parts.executor = std::make_unique<Executor>(pool_threads);
    auto kernel =
        FuseAdapter::resume(parts.options, *parts.executor, *parts.journal, std::move(device));
    if (!kernel) return tl::unexpected(kernel.error());
    parts.adapter = std::move(*kernel);
    return std::shared_ptr<MountedProject>(new MountedProject(served, std::move(parts)));
}

Result<> Mounts::go_on() {
    const std::string prefix = held_device;
    std::vector<std::shared_ptr<MountedProject>> again;
    for (const auto& name : served_.guardian.names(prefix)) {
        auto project = MountedProject::go_on(served_, name.substr(prefix.size()));
        if (!project) return tl::unexpected(project.error());
        again.push_back(std::move(*project));
    }
    remove_unneeded_staging(again);
    for (const auto& project : again)
        if (auto served = serve(project); !served) return served;
    return {};
}

// Files of requests that no worker finished.
void Mounts::remove_unneeded_staging(const std::vector<std::shared_ptr<MountedProject>>& projects) {
    std::set<std::uint64_t> needed;
    auto need = [&](const Overlay& overlay) {
        for (auto number : overlay.staging_files()) needed.insert(number);
    };
    for (const auto& project : projects) {
        const auto& session = project->mount.session;
        for (const auto& [serial, view] : session.views()) need(view.overlay);
        for (const auto& [number, seal] : session.pending_seals())
            for (const auto& draft : seal.order.drafts) need(*draft.overlay);
        for (const auto& [digest, number] : session.stand_ins()) needed.insert(number);
    }
    auto txn = served_.store.catalog().read();
    for (const auto& draft : txn->drafts())
        need(Overlay::from_rows(Snapshot{}, txn->draft_rows(draft.id)));
    auto present = served_.store.staging_files();
    if (!present) return spdlog::error("{}", present.error().message);
    // Above it are those that the mounts just now put into their stock.
    for (auto number : *present)
        if (number < first_number_ && !needed.contains(number))
            unlink(served_.store.staging_path(number).c_str());
}

void Mounts::places_changed(const std::shared_ptr<MountedProject>& project) {
    project->executor->post(
        [project, places = project->mountpoints_] { project->keep_places(places); });
}

namespace {
// A mount keeps its options for as long as it lives. Empty: what was asked for, it has.
std::string other_than_asked(const MountOptions& has, const DaemonOptions& asked) {
    const bool read_only = is_mounted_read_only(asked.mountpoint);
    if (asked.read_only && !read_only) return "and writable";
    if (asked.read_write && read_only) return "and read-only";
    if (asked.allow_other && !has.allow_other) return "for you alone";
    if (!asked.passthrough && has.passthrough) return "with passthrough";
    return "";
}
}  // namespace

// The mount is there: the program that asked goes on with it in our place.
nlohmann::json ControlServer::replace(const Json& request, const Project& project,
                                      const DaemonOptions& options) {
    if (auto other = other_than_asked(project->mount.options, options); !other.empty())
        return refusal(4, options.mountpoint.string() + " is mounted already, " + other +
                              ": art umount it first, and mount it anew");
    if (request.value("again", false)) return {{"ok", true}};
    std::filesystem::path program = request.value("program", "");
    if (!program.is_absolute() || access(program.c_str(), X_OK) != 0)
        return refusal(4, "it is mounted there already");
    if (!project->adapter->can_resume())
        return refusal(4,
                       "it is mounted there already, and this kernel cannot go on with another "
                       "program: art umount first");
    served_.guardian.tell("replace " + program.string());
    return {{"ok", true}, {replaced_key, true}};
}

}  // namespace artfs
