// art mount, art umount, art status, art commit, art discard.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>

#include "command.h"
#include "drafts/kept.h"
#include "files.h"
#include "lineage/describe.h"
#include "output.h"
#include "ref.h"

namespace artfs {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::json;

fs::path daemon_program() {
    std::error_code error;
    auto beside = fs::read_symlink("/proc/self/exe", error).parent_path() / "artd";
    return fs::exists(beside, error) ? beside : fs::path("artd");
}

std::string read_line(int fd) {
    std::string text;
    char chunk[4096];
    for (ssize_t got = 0; (got = read(fd, chunk, sizeof chunk)) > 0;) {
        text.append(chunk, static_cast<std::size_t>(got));
        if (text.find('\n') != std::string::npos) break;
    }
    if (auto end = text.find('\n'); end != std::string::npos) text.resize(end);
    return text;
}

// Runs artd and waits for its word. In the foreground artd takes our place.
int start_daemon(const std::vector<std::string>& words, bool foreground, const fs::path& store) {
    int ready[2];
    if (pipe(ready) != 0) throw Failure(exit_failed, "no pipe could be made");
    auto all = words;
    if (!foreground) {
        all.insert(all.end(), {"--ready-fd", std::to_string(ready[1])});
    }
    std::vector<char*> argv;
    for (auto& word : all) argv.push_back(word.data());
    argv.push_back(nullptr);
    if (foreground) {
        execvp(argv[0], argv.data());
        throw Failure(exit_failed, "artd is not installed beside art or on PATH");
    }
    pid_t child = fork();
    if (child == 0) {
        close(ready[0]);
        execvp(argv[0], argv.data());
        std::string line = "error 5 artd is not installed beside art or on PATH\n";
        [[maybe_unused]] auto told = write_all(ready[1], line);
        _exit(5);
    }
    close(ready[1]);
    std::string line = read_line(ready[0]);
    close(ready[0]);
    waitpid(child, nullptr, 0);
    if (line == "ok") return exit_done;
    if (line.starts_with("error ")) {
        int status = exit_failed;
        auto space = line.find(' ', 6);
        std::from_chars(line.data() + 6, line.data() + space, status);
        throw Failure(status, line.substr(space + 1));
    }
    throw Failure(exit_failed,
                  "artd ended before the mount answered: see " + (store / "artd.log").string());
}

constexpr int looks_for_end = 1000;
constexpr unsigned look_for_end_us = 10'000;

// Nothing where no daemon serves the store. One whose last mount was taken away (by umount(8), say)
// answers no more, and has the store for some moments yet.
std::optional<Json> ask_or_see_end(const fs::path& store, const Json& question) {
    for (int i = 0; i < looks_for_end; ++i) {
        if (auto reply = ask_daemon(store, question)) return reply;
        if (!Store::is_served(store)) break;
        usleep(look_for_end_us);
    }
    return std::nullopt;
}

bool ends_like_json(const Arguments& arguments, const Json& reply) {
    if (!arguments.flag("json")) return false;
    show_json(reply);
    return true;
}

Json offline_status(const Arguments& arguments) {
    Reader reader(arguments);
    Json status{{"mounts", Json::array()},
                {"daemon", nullptr},
                {"runs", Json::array()},
                {"drafts", Json::array()},
                {"warnings", Json::array()}};
    for (const auto& draft : reader.txn().drafts()) {
        auto run = reader.txn().run(draft.run);
        auto artifact = draft.artifact ? reader.txn().artifact(*draft.artifact) : std::nullopt;
        if (!run || !artifact) continue;
        auto base = draft.base.version ? reader.txn().version(*draft.base.version) : std::nullopt;
        auto age = std::chrono::duration_cast<std::chrono::seconds>(now() - draft.created);
        status["drafts"].push_back(
            {{"run", run->name},
             {"artifact", artifact->name},
             {"base", base ? Json("v" + std::to_string(base->number)) : Json(nullptr)},
             {"size", draft.size},
             {"age_seconds", age.count()},
             {"state", "abandoned"},
             {"waits_for", nullptr}});
    }
    return status;
}

std::string status_text(const Json& status, const Site& site) {
    std::string text = bold("store") + " " + site.store.string() + "\n";
    if (status["mounts"].empty()) text += "not mounted: art mount\n";
    for (const auto& mount : status["mounts"])
        text += bold("mount") + " " + mount["path"].get<std::string>() + " (project " +
                mount["project"].get<std::string>() + "); passthrough " +
                (mount["passthrough"] == true ? "on: " : "off: ") +
                mount["passthrough_why"].get<std::string>() + "\n";
    for (const auto& run : status["runs"]) {
        std::string command;
        for (const auto& word : run["command"]) command += " " + word.get<std::string>();
        text += bold("run") + " " + run["name"].get<std::string>() + " " +
                run["state"].get<std::string>() + ", " + run["processes"].dump() +
                (run["processes"] == 1 ? " process:" : " processes:") + command + "\n";
    }
    for (const auto& draft : status["drafts"])
        text += bold("draft") + " of " + draft["artifact"].get<std::string>() + " by " +
                draft["run"].get<std::string>() + ", " + human_size(draft["size"]) + ", " +
                human_age(draft["age_seconds"]) + " old, " + draft["state"].get<std::string>() +
                "\n";
    for (const auto& stale : status["stale"])
        text += bold("stale") + " " + stale["artifact"].get<std::string>() + ":" +
                stale["version"].get<std::string>() + "\n";
    for (const auto& warning : status["warnings"])
        text += bold("warning") + " " + warning.get<std::string>() + "\n";
    return text;
}

// Seals or drops what a run left, through the daemon or with the store's lock.
Json settle_drafts(const Arguments& arguments, const char* op) {
    Site site = find_site(arguments);
    std::string name = arguments.positional.empty() ? "" : arguments.positional[0];
    if (auto reply = ask_daemon(site, {{"op", op}, {"run", name}})) return *reply;
    auto store = store_to_change(site);
    if (name.empty()) throw Failure(exit_usage, "name the run: art status lists drafts");
    RunId run = find_run(*store->catalog().read(), site.project,
                         parse_ref(name.starts_with('@') ? name : "@" + name).name)
                    .id;
    Json reply{{"versions", Json::array()}, {"discarded", Json::array()}};
    if (std::string(op) == "commit")
        reply["versions"] = value_of(commit_kept(*store, run));
    else
        reply["discarded"] = value_of(discard_kept(*store, run));
    if (reply["versions"].empty() && reply["discarded"].empty())
        throw Failure(exit_no, "the run left no draft: art status lists those that wait");
    return reply;
}

}  // namespace

int run_mount(const Arguments& arguments) {
    Site site = find_site(arguments);
    fs::path where = arguments.text("mount");
    if (!arguments.positional.empty()) where = arguments.positional[0];
    if (where.empty())
        where = fs::path(std::getenv("HOME") != nullptr ? std::getenv("HOME") : "/root") / "art";
    where = fs::absolute(where).lexically_normal();
    if (!where.has_filename()) where = where.parent_path();
    std::string project = arguments.text(
        "project", std::getenv("ART_PROJECT") != nullptr ? std::getenv("ART_PROJECT") : "default");
    std::string options;
    for (const auto& list : arguments.list("options"))
        options += (options.empty() ? "" : ",") + list;
    auto mounted = [&] {
        show_text("mounted " + site.store.string() + " (project " + project + ") on " +
                  where.string() + "\n");
        return exit_done;
    };
    // A daemon that serves the store takes another mount.
    auto added = ask_or_see_end(site.store, {{"op", "mount"},
                                             {"path", where.string()},
                                             {"project", project},
                                             {"program", daemon_program().string()},
                                             {"options", options},
                                             {"allow_other", arguments.flag("allow-other")},
                                             {"read_only", arguments.flag("read-only")}});
    if (added) {
        // Our program has taken the place of one that served the mount: it answers this.
        if (added->contains("replaced")) ask_daemon(site.store, {{"op", "status"}});
        return mounted();
    }
    std::vector<std::string> words{daemon_program(), "--store", site.store.string(), "--project",
                                   project,          "--mount", where.string()};
    bool foreground = arguments.flag("foreground");
    if (foreground) words.emplace_back("--foreground");
    if (arguments.flag("allow-other")) words.emplace_back("--allow-other");
    if (arguments.flag("read-only")) words.emplace_back("--read-only");
    if (!options.empty()) words.insert(words.end(), {"-o", options});
    start_daemon(words, foreground, site.store);
    return mounted();
}

int run_umount(const Arguments& arguments) {
    Site site = find_site(arguments);
    bool named = !arguments.positional.empty() || arguments.has("mount") ||
                 std::getenv("ART_MOUNT") != nullptr;
    fs::path where = arguments.positional.empty()
                         ? site.mountpoint
                         : fs::absolute(arguments.positional[0]).lexically_normal();
    if (!where.has_filename()) where = where.parent_path();
    // Without a name it is the only one, or the daemon says which there are.
    auto reply = ask_daemon(site.store, {{"op", "umount"},
                                         {"path", named ? where.string() : ""},
                                         {"lazy", arguments.flag("lazy")}});
    if (!reply) {
        // What a daemon that died left behind.
        if (where.empty() || umount2(where.c_str(), MNT_DETACH) != 0)
            throw Failure(exit_not_found, "nothing of " + site.store.string() + " is mounted");
        return exit_done;
    }
    if (!reply->value("last", true)) return exit_done;
    // The daemon ends by itself.
    for (int i = 0; i < looks_for_end && Store::is_served(site.store); ++i) usleep(look_for_end_us);
    return exit_done;
}

int run_status(const Arguments& arguments) {
    Site site = find_site(arguments);
    Json status;
    if (auto reply = ask_daemon(site.store, {{"op", "status"}, {"processes", true}}))
        status = (*reply)["status"];
    else
        status = offline_status(arguments);
    Reader reader(arguments);
    status["stale"] = Json::array();
    for (const auto& version : stale_versions(reader.txn(), reader.project())) {
        auto artifact = reader.txn().artifact(version.artifact);
        status["stale"].push_back({{"artifact", artifact ? artifact->name : ""},
                                   {"version", "v" + std::to_string(version.number)}});
    }
    if (!ends_like_json(arguments, status)) show_text(status_text(status, site));
    return exit_done;
}

int run_commit(const Arguments& arguments) {
    auto reply = settle_drafts(arguments, "commit");
    if (ends_like_json(arguments, reply["versions"])) return exit_done;
    for (const auto& version : reply["versions"])
        show_text(version["artifact"].get<std::string>() + ":" +
                  version["version"].get<std::string>() +
                  (version["new"] == true ? "\n" : " (equal content: no new version)\n"));
    return exit_done;
}

int run_discard(const Arguments& arguments) {
    auto reply = settle_drafts(arguments, "discard");
    if (ends_like_json(arguments, reply["discarded"])) return exit_done;
    for (const auto& artifact : reply["discarded"])
        show_text("dropped the draft of " + artifact.get<std::string>() + "\n");
    return exit_done;
}

}  // namespace artfs
