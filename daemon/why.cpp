// `art why`: which run a process belongs to and what a path is, with the rule that decides
// (design.md, sections 2 to 4).
#include <sstream>

#include "control.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

std::string shown(const ProcessFacts& process) {
    std::string text = std::to_string(process.pid) + " (";
    if (process.arguments.empty()) return text + process.comm + ")";
    for (std::size_t i = 0; i < process.arguments.size() && text.size() < 100; ++i)
        text += (i == 0 ? "" : " ") + process.arguments[i];
    return text + ")";
}

const char* line_text(Line line) {
    switch (line) {
        case Line::terminal_launcher:
            return "a launcher that leads a session with a terminal";
        case Line::supervisor:
            return "a supervisor";
        case Line::supervised_launcher:
            return "a launcher that a supervisor started";
        case Line::namespace_edge:
            return "the edge of the pid namespace";
        case Line::init:
            return "pid 1 or a subreaper";
        case Line::kernel_thread:
            return "a kernel thread";
        case Line::own:
            return "the process itself: a supervisor's own opens are a run of their own";
    }
    return "";
}

const char* line_name(Line line) {
    static constexpr const char* names[] = {
        "terminal-launcher", "supervisor", "supervised-launcher", "namespace-edge", "init",
        "kernel-thread",     "own"};
    return names[static_cast<std::size_t>(line)];
}

// What is said of a run that is live on the mount.
Json live_run(const MountedProject& project, const RunId& id) {
    const auto* live = project.mount.session.run(id);
    if (live == nullptr) return nullptr;
    return {{"name", live->record.name},
            {"id", id.text()},
            {"state", live->exited ? "lingering" : "running"},
            {"recorded", live->recorded}};
}

std::vector<std::string> split_path(const std::string& path) {
    std::vector<std::string> parts;
    std::istringstream words(path);
    for (std::string word; std::getline(words, word, '/');)
        if (!word.empty() && word != ".") parts.push_back(word);
    return parts;
}

// The rule a decision rests on, and the lines a person reads.
struct Decision {
    std::string rule;
    std::vector<std::string> text;
};

Decision decide(const Identifier::Explained& found) {
    const auto& self = found.chain.front();
    const auto& inferred = found.inferred;
    auto at = [&](pid_t pid) -> std::string {
        for (const auto& process : found.chain)
            if (process.pid == pid) return shown(process);
        return std::to_string(pid);
    };
    Decision decision;
    auto say = [&](std::string line) { decision.text.push_back(std::move(line)); };
    say("process " + shown(self) + " is classed as " + to_string(found.classes.front()));
    if (found.explicit_run) {
        decision.rule = found.begun_at ? "begun" : "environment";
        say(found.begun_at
                ? "a run was begun by name at " + at(found.begun_at.pid) +
                      ": what is started below belongs to it (rule 1)"
                : "its environment names a run (ART_RUN) of the same user, begun before it "
                  "started (rule 1)");
        return decision;
    }
    say("no run was begun by name around it (rule 1), so its parents are asked (rule 2)");
    say(std::string("the line, above which nobody looks: ") + line_text(inferred.line) +
        (inferred.line_process != 0 ? ", " + at(inferred.line_process) : ""));
    bool alone = inferred.root == self.pid;
    if (!found.by_group.empty() && !alone) {
        decision.rule = "group";
        say("it agrees in " + found.by_group + " with " + at(inferred.root) +
            ", the first of its group");
    } else if (!found.by_walk) {
        decision.rule = "remembered";
        say("it was seen as part of the run of " + at(inferred.root) +
            " before an ancestor died: it stays in that");
    } else if (alone && found.classes.front() == ProgramClass::observer) {
        decision.rule = "observer";
        say("it would be the root itself and only looks: no run while it only reads (rule 3)");
    } else if (found.inferred.root_class == ProgramClass::file_tool) {
        decision.rule = "file-tool";
        say("it is a file tool and would be the root: it acts for the launcher above it (rule 4)");
    } else if (found.inferred.root_class == ProgramClass::launcher) {
        decision.rule = "launcher";
        say("there are only launchers up to the line: it acts as " + at(inferred.root));
    } else {
        decision.rule = inferred.line == Line::own ? "own" : "walk";
        say("the topmost process below the line that is no launcher is " + at(inferred.root) +
            ": the root of the run");
    }
    return decision;
}

Json as_json(const Identifier::Explained& found) {
    const auto& inferred = found.inferred;
    Json walk = Json::array();
    bool below = true;
    for (std::size_t i = 0; i < found.chain.size(); ++i) {
        const auto& process = found.chain[i];
        if (process.pid == inferred.line_process) below = false;
        std::string part = below ? "below" : "above";
        if (process.pid == inferred.line_process) part = "line";
        if (process.pid == inferred.root) part = "root";
        walk.push_back({{"pid", process.pid},
                        {"command", process.arguments},
                        {"class", to_string(found.classes[i])},
                        {"part", part}});
    }
    auto decision = decide(found);
    return {{"pid", found.chain.front().pid},
            {"class", to_string(found.classes.front())},
            {"rule", decision.rule},
            {"root", inferred.root},
            {"line", {{"kind", line_name(inferred.line)}, {"pid", inferred.line_process}}},
            {"walk", walk},
            {"run", nullptr},
            {"text", decision.text}};
}

// A draft is told by its run, a version by its number.
struct PathText {
    Json found;
    void say(const std::string& line) { found["text"].push_back(line); }
};

}  // namespace

nlohmann::json ControlServer::why(const Json& request, const Peer& peer, const Project& project) {
    if (request.contains("pid")) return why_process(request.value("pid", 0), project);
    return why_path(request.value("path", ""), peer, project);
}

nlohmann::json ControlServer::why_process(pid_t pid, const Project& project) {
    auto found = served_.runs.identifier.explain(pid);
    if (!found)
        return refusal(3, "there is no process " + std::to_string(pid) + " that could use a mount");
    Json why = as_json(*found);
    auto run = on_dispatch<Json>(project, [&](std::function<void(Result<Json>)> done) {
        if (found->explicit_run) return done(live_run(*project, *found->explicit_run));
        const auto* live = project->mount.session.find_run(found->inferred.key());
        done(live == nullptr ? Json(nullptr) : live_run(*project, live->record.id));
    });
    if (!run) return refusal(run.error());
    why["run"] = *run;
    why["text"].push_back(
        run->is_null() ? "nothing of that run has touched the mount yet"
                       : "run " + (*run)["name"].get<std::string>() + " (" +
                             (*run)["state"].get<std::string>() + ")" +
                             ((*run)["recorded"] == true ? "" : ": it has used nothing so far"));
    return {{"ok", true}, {"why", why}};
}

nlohmann::json ControlServer::why_path(const std::string& path, const Peer& peer,
                                       const Project& project) {
    auto parts = split_path(path);
    auto txn = served_.store.catalog().read();
    PathText out;
    out.found = {{"path", path}, {"kind", "mount"}, {"text", Json::array()}};
    auto& found = out.found;
    auto done = [&] { return Json{{"ok", true}, {"why", found}}; };
    if (parts.empty()) {
        out.say("the mount of project " + project->name() +
                ": each directory in it is an artifact");
        return done();
    }
    if (parts[0] == ".art") {
        found["kind"] = "mount-data";
        out.say("what the mount says of itself and of runs; reading it is no use of anything");
        return done();
    }
    auto artifact = txn->artifact(project->name(), parts[0]);
    if (!artifact) return refusal(3, "no artifact is called '" + parts[0] + "': art ls lists them");
    found["artifact"] = artifact->name;
    found["kind"] = "artifact";
    if (parts.size() == 1) {
        out.say("artifact " + artifact->name + " of type " + artifact->type);
        return done();
    }
    std::string name = parts[1];
    std::string head = artifact->head ? "v" + std::to_string(*artifact->head) : "none";
    auto aliases = txn->aliases(artifact->id);
    if (auto alias = aliases.find(name); alias != aliases.end()) {
        found["kind"] = "alias";
        found["version"] = "v" + std::to_string(alias->second);
        out.say("alias " + name + " names v" + std::to_string(alias->second));
        return done();
    }
    if (auto number = VersionNumber::parse(name)) {
        auto version = txn->version(artifact->id, number->value);
        if (!version || version->deleted)
            return refusal(3, "'" + artifact->name + "' has no version " + name);
        found["kind"] = "version";
        found["version"] = name;
        out.say("version " + name + " of " + artifact->name + ": it never changes");
        for (const auto& log : txn->loggers_of(version->id))
            if (auto run = txn->run(log.run)) {
                found["logged_by"].push_back(run->name);
                out.say("made by run " + run->name);
            }
        return done();
    }
    if (name == "latest") {
        found["kind"] = "latest";
        found["head"] = artifact->head ? Json(head) : Json(nullptr);
        out.say(
            "latest is answered to each caller by itself: a run gets its own view @RUN (its "
            "pinned version, and over it what it wrote); who is no run gets the head, " +
            head);
        if (auto asking = served_.runs.identifier.explain(peer.pid)) {
            auto run = on_dispatch<Json>(project, [&](std::function<void(Result<Json>)> reply) {
                if (asking->explicit_run) return reply(live_run(*project, *asking->explicit_run));
                reply(nullptr);
            });
            if (run && !run->is_null()) {
                found["run"] = *run;
                out.say("here it is @" + (*run)["name"].get<std::string>() +
                        ", of the run that was begun around you");
            }
        }
        return done();
    }
    if (!name.starts_with('@')) return refusal(3, "nothing is called '" + name + "' there");
    found["kind"] = "view";
    std::string run_name = name.substr(1);
    auto live = on_dispatch<Json>(project, [&](std::function<void(Result<Json>)> reply) {
        const auto* run = project->mount.session.find_run(run_name);
        Json row = run == nullptr ? Json(nullptr) : live_run(*project, run->record.id);
        const auto* view = project->mount.session.find_view(artifact->id, run_name);
        if (view != nullptr) {
            if (row.is_null()) row = Json::object();
            row["draft"] = view->draft.has_value();
            row["writable"] = view->writable;
            row["abandoned"] = view->abandoned;
        }
        if (const auto* kept = project->mount.loader.kept_draft(artifact->id, run_name)) {
            if (row.is_null()) row = Json::object();
            row["draft"] = true;
            row["abandoned"] = kept->record.why;
        }
        reply(row);
    });
    if (!live) return refusal(live.error());
    auto run = txn->run(project->name(), run_name);
    if (live->is_null() && !run) return refusal(3, "no run is called '" + run_name + "'");
    bool draft = live->is_object() && live->value("draft", false);
    std::string abandoned = live->is_object() ? live->value("abandoned", "") : "";
    found["run"] = run_name;
    found["draft"] = draft;
    if (!abandoned.empty())
        out.say("the draft that run " + run_name + " left (" + abandoned + "): art commit " +
                run_name + " keeps it, art discard " + run_name + " drops it");
    else if (draft)
        out.say("the view of run " + run_name +
                ", which has written to it: an unsealed draft, the "
                "run's to write and for others read-only");
    else if (live->is_object() && live->contains("name"))
        out.say("the view of run " + run_name + ": the version it is pinned to, unchanged so far");
    else
        out.say("what run " + run_name + " saw or sealed last; it is over, and this never changes");
    return done();
}

}  // namespace artfs
