// art diff.
#include "lineage/compare.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "command.h"
#include "lineage/text.h"
#include "metrics.h"
#include "output.h"
#include "ref.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

std::string objects_text(const char* title, const Json& compared) {
    if (nothing_in(compared)) return "";
    std::string text = dim(title) + "\n";
    for (const auto& [key, value] : compared["removed"].items())
        text += "  - " + key + " = " + short_text(value) + "\n";
    for (const auto& [key, value] : compared["added"].items())
        text += "  + " + key + " = " + short_text(value) + "\n";
    for (const auto& [key, value] : compared["changed"].items())
        text += "  ~ " + key + " = " + short_text(value[0]) + " -> " + short_text(value[1]) + "\n";
    return text;
}

std::string shown_path(const FileDifference& file) {
    const auto& entry = file.after ? file.after : file.before;
    std::string path = lossy_utf8(file.path) + (entry->kind == Kind::directory ? "/" : "");
    return file.from.empty() ? path : lossy_utf8(file.from) + " -> " + path;
}

std::string files_text(const std::vector<FileDifference>& files, bool sizes) {
    static constexpr char marks[] = {'+', '-', '~', '>'};
    std::string text;
    std::size_t counts[4] = {};
    for (const auto& file : files) {
        auto kind = static_cast<std::size_t>(file.change);
        ++counts[kind];
        text += std::string("  ") + marks[kind] + " " + shown_path(file);
        if (sizes) {
            text += "  " + (file.before ? human_size(file.before->size) : std::string("-")) +
                    " -> " + (file.after ? human_size(file.after->size) : std::string("-"));
        }
        text += "\n";
    }
    if (sizes)
        text += std::to_string(counts[0]) + " added, " + std::to_string(counts[1]) + " removed, " +
                std::to_string(counts[2]) + " changed, " + std::to_string(counts[3]) + " renamed\n";
    return text;
}

std::string output_of(const std::vector<std::string>& command) {
    int ends[2];
    if (pipe(ends) != 0) fail_with({errno, "no pipe for diff: close something"});
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    std::vector<char*> words;
    for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    pid_t pid = 0;
    int failed = posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    std::string text;
    char chunk[65536];
    for (ssize_t got = 0; failed == 0 && (got = read(ends[0], chunk, sizeof chunk)) > 0;)
        text.append(chunk, static_cast<std::size_t>(got));
    close(ends[0]);
    if (failed == 0) waitpid(pid, nullptr, 0);
    if (failed != 0) throw Failure(exit_failed, "diff cannot be started: install diffutils");
    return text;
}

std::string content_text(const Store& store, const std::vector<FileDifference>& files) {
    std::string text;
    for (const auto& file : files) {
        auto side = [&](const std::optional<Entry>& entry) {
            return entry && entry->kind == Kind::file ? store.objects().path(entry->digest).string()
                                                      : std::string("/dev/null");
        };
        if (side(file.before) == side(file.after)) continue;
        const auto& from = file.from.empty() ? file.path : file.from;
        text += output_of({"diff", "-u", "--label", "a/" + from, "--label", "b/" + file.path, "--",
                           side(file.before), side(file.after)});
    }
    return text;
}

int diff_runs(Reader& reader, const Ref refs[2], bool json) {
    Json documents[2];
    Json metrics[2];
    for (int i = 0; i < 2; ++i) {
        auto run = find_run(reader.txn(), reader.project(), refs[i].name);
        auto live = reader.live_data(run);
        documents[i] = describe_run(reader.reading(), run, Detail::full,
                                    live.value("config", Json()), live.value("summary", Json()));
        metrics[i] = last_metrics(reader, run);
    }
    auto compared = compare_runs(documents[0], documents[1]);
    compared["metrics"] = compare_objects(metrics[0], metrics[1]);
    bool same = compared["command"].is_null();
    std::string text;
    if (!same)
        text = dim("command") + "\n  - " + compared["command"][0].dump() + "\n  + " +
               compared["command"][1].dump() + "\n";
    for (const char* part : {"config", "summary", "metrics", "inputs"}) {
        same = same && nothing_in(compared[part]);
        text += objects_text(part, compared[part]);
    }
    if (json)
        show_json(compared);
    else
        show_text(text);
    return same ? exit_done : exit_no;
}

// Of the run that made it.
Json metrics_behind(Reader& reader, const VersionRecord& version) {
    auto run = first_maker_of(reader.txn(), version);
    return run ? last_metrics(reader, *run) : Json::object();
}

// Of two references to files: only those.
void keep_under(std::vector<FileDifference>& files, const std::string& path) {
    if (path.empty()) return;
    std::erase_if(files, [&](const FileDifference& file) {
        return file.path != path && !file.path.starts_with(path + "/");
    });
}

}  // namespace

void diff_options(po::options_description& options) {
    options.add_options()("json", po::bool_switch(), "one JSON document")(
        "stat", po::bool_switch(), "sizes, and how many files")("content", po::bool_switch(),
                                                                "also the lines of text files");
}

int run_diff(const Arguments& arguments) {
    Reader reader(arguments);
    Ref refs[2] = {parse_ref(arguments.positional[0]), parse_ref(arguments.positional[1])};
    bool runs[2];
    for (int i = 0; i < 2; ++i) runs[i] = names_run(reader.txn(), reader.project(), refs[i]);
    if (runs[0] != runs[1])
        throw Failure(exit_usage, "a version and a run cannot be compared: name two of a kind");
    if (runs[0]) return diff_runs(reader, refs, arguments.flag("json"));
    if (refs[0].path != refs[1].path)
        throw Failure(exit_usage, "compare the same path of two versions, or whole versions");
    auto before = find_version(reader.txn(), reader.project(), refs[0]);
    auto after = find_version(reader.txn(), reader.project(), refs[1]);
    auto files = compare_files(reader.reading(), before, after);
    keep_under(files, refs[0].path);
    auto document = compare_versions(reader.reading(), before, after, files);
    document["metrics"] =
        compare_objects(metrics_behind(reader, before), metrics_behind(reader, after));
    bool same = files.empty() && (!refs[0].path.empty() || nothing_in(document["metadata"]));
    if (arguments.flag("json")) {
        show_json(document);
        return same ? exit_done : exit_no;
    }
    std::string text = files_text(files, arguments.flag("stat"));
    if (refs[0].path.empty())
        text += objects_text("metadata", document["metadata"]) +
                objects_text("config of the run", document["config"]) +
                objects_text("metrics of the run", document["metrics"]);
    if (arguments.flag("content")) text += content_text(reader.store(), files);
    show_text(text);
    return same ? exit_done : exit_no;
}

}  // namespace artfs
