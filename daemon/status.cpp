#include "status.h"

#include <unistd.h>

#include "runs/pidfd.h"

namespace artfs {

namespace {

constexpr const char* program_version = "0.1.0";
constexpr std::size_t suspicious_kinds = 5;  // of different commands in one run

std::uint64_t staged_bytes(const View& view) {
    std::uint64_t bytes = 0;
    for (const auto& [number, node] : view.overlay.nodes())
        if (node.staging != 0) bytes += node.size;
    return bytes;
}

nlohmann::json base_number(const Mount& mount, const ArtifactId& artifact, const Base& base) {
    const auto* state = mount.loader.artifact(artifact);
    if (state != nullptr && state->versions && base.version)
        for (const auto& [number, version] : *state->versions)
            if (version.id == *base.version) return "v" + std::to_string(number);
    return nullptr;
}

std::int64_t age_in_seconds(Time since) {
    return std::chrono::duration_cast<std::chrono::seconds>(now() - since).count();
}

const char* stage_of(const View& view) {
    if (!view.abandoned.empty()) return "abandoned";
    switch (view.stage) {
        case DraftStage::frozen:
            return "frozen";
        case DraftStage::sealing:
            return "sealing";
        case DraftStage::open:
            break;
    }
    return "open";
}

nlohmann::json draft_row(const Mount& mount, const std::string& run, const ArtifactId& artifact,
                         const Base& base, std::uint64_t size, Time since, const char* state) {
    const auto* known = mount.loader.artifact(artifact);
    return {{"run", run},
            {"artifact", known == nullptr ? "" : known->record.name},
            {"base", base_number(mount, artifact, base)},
            {"size", size},
            {"age_seconds", age_in_seconds(since)},
            {"state", state},
            {"waits_for", nullptr}};
}

}  // namespace

nlohmann::json status_document(const Mount& mount, const RunKeeper& runs, Time started,
                               const ProcessCounts& processes) {
    const auto& session = mount.session;
    nlohmann::json status;
    const auto& reads_why = mount.options.passthrough_why;
    const auto& writes_why = mount.options.writes_why;
    std::string why = reads_why;
    if (reads_why.empty() && writes_why.empty())
        why = "files are read and written straight in the store";
    else if (reads_why.empty())
        why =
            "sealed files are read straight from the store; drafts are written through the "
            "daemon: " +
            writes_why;
    status["mounts"] = {{{"path", mount.options.mountpoint.string()},
                         {"project", mount.options.project},
                         {"passthrough", reads_why.empty()},
                         {"passthrough_writes", writes_why.empty()},
                         {"passthrough_why", why}}};
    // The process that stays is the guardian.
    status["daemon"] = {{"pid", getppid()},
                        {"worker", getpid()},
                        {"version", program_version},
                        {"started", rfc3339(started)},
                        {"restarts", mount.options.restarts}};
    status["runs"] = nlohmann::json::array();
    for (const auto& [id, run] : session.runs()) {
        if (!run.recorded) continue;
        status["runs"].push_back(
            {{"name", run.record.name},
             {"state", run.exited ? "lingering" : "running"},
             {"command", run.record.commands.empty() ? nlohmann::json::array()
                                                     : nlohmann::json(run.record.commands.front())},
             {"processes", processes.of(run)}});
    }
    status["drafts"] = nlohmann::json::array();
    std::set<DraftId> shown;
    for (const auto& [serial, view] : session.views()) {
        if (!view.draft || !view.artifact) continue;
        shown.insert(*view.draft);
        status["drafts"].push_back(draft_row(mount, runs.name_of(view), *view.artifact,
                                             session.view_base(view.base_serial)->base,
                                             staged_bytes(view), view.draft_since, stage_of(view)));
        if (auto run = runs.seals().waits_for(*view.draft); !run.empty())
            status["drafts"].back()["waits_for"] = run;
    }
    auto warnings = nlohmann::json::array();
    for (const auto& kept : mount.loader.kept_drafts()) {
        if (!kept.record.artifact) continue;
        if (!shown.contains(kept.record.id))
            status["drafts"].push_back(draft_row(mount, kept.run_name, *kept.record.artifact,
                                                 kept.record.base, kept.record.size,
                                                 kept.record.created, "abandoned"));
        const auto* artifact = mount.loader.artifact(*kept.record.artifact);
        warnings.push_back("run " + kept.run_name + " left a draft of " +
                           (artifact == nullptr ? "?" : artifact->record.name) + " (" +
                           kept.record.why + "): art commit " + kept.run_name +
                           " keeps it, art discard " + kept.run_name + " drops it");
    }
    for (const auto& [id, run] : session.runs())
        if (runs.lingering(id))
            warnings.push_back("run " + run.record.name +
                               " has ended, but a process of it still has a file open for writing");
    for (const auto& [id, run] : session.runs())
        if (runs.kinds_of_work(id) >= suspicious_kinds && run.record.segments == 1)
            warnings.push_back(
                "run " + run.record.name + " (" + run.record.job_type + ", process " +
                std::to_string(run.root.pid) +
                ") spans many commands and has sealed nothing: if it is a supervisor, "
                "add it to supervisors in config.toml");
    status["stale"] = nlohmann::json::array();
    status["warnings"] = warnings;
    return status;
}

}  // namespace artfs
