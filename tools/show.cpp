// art show.
#include <fmt/format.h>

#include "command.h"
#include "drafts/draft_files.h"
#include "lineage/event_media.h"
#include "metrics.h"
#include "output.h"
#include "ref.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

std::string field(const std::string& name, const std::string& value) {
    std::string label = name;
    label.resize(14, ' ');
    return "  " + dim(label) + value + "\n";
}

std::string version_text(const Json& version) {
    std::string text =
        bold(version["artifact"].get<std::string>() + ":" + version["version"].get<std::string>()) +
        "\n";
    text += field("type", version["type"]);
    if (!version["description"].get<std::string>().empty())
        text += field("description", version["description"]);
    text += field("aliases", joined(version["aliases"]));
    if (!version["tags"].empty()) text += field("tags", joined(version["tags"]));
    if (!version["ttl_seconds"].is_null())
        text += field("kept for", version["ttl_seconds"] == 0
                                      ? "ever"
                                      : human_age(version["ttl_seconds"].get<std::int64_t>()));
    text += field("digest", version["digest"]);
    text += field("size", human_size(version["size"]));
    text += field("created",
                  version["created"].get<std::string>() + " (" + age_of(version["created"]) + ")");
    text += field("parent", version["parent"].is_null() ? "-" : short_text(version["parent"]));
    text += field("logged by", joined(version["logged_by"]));
    text += field("used by", joined(version["used_by"]));
    if (!version["metadata"].empty()) text += field("metadata", version["metadata"].dump());
    text += "\n";
    for (const auto& file : version["files"]) {
        std::string size = human_size(file["size"]);
        size.insert(0, size.size() < 12 ? 12 - size.size() : 0, ' ');
        text += size + "  " + file["path"].get<std::string>() + (file["type"] == "dir" ? "/" : "") +
                "\n";
    }
    return text;
}

// "1.25 s of processors (0.20 s in the system), at most 31.4 MiB, 1.2 MiB read, 3 KiB written"
std::string resources_text(const Json& took) {
    std::string text;
    auto say = [&](const std::string& words) { text += (text.empty() ? "" : ", ") + words; };
    if (took.contains("cpu_user_seconds") && took.contains("cpu_system_seconds"))
        say(fmt::format(
            "{:.2f} s of processors ({:.2f} s in the system)",
            took["cpu_user_seconds"].get<double>() + took["cpu_system_seconds"].get<double>(),
            took["cpu_system_seconds"].get<double>()));
    if (took.contains("peak_memory")) say("at most " + human_size(took["peak_memory"]));
    if (took.contains("bytes_read")) say(human_size(took["bytes_read"]) + " read");
    if (took.contains("bytes_written")) say(human_size(took["bytes_written"]) + " written");
    return text;
}

std::string run_text(const Json& run) {
    std::string text = bold(run["name"].get<std::string>()) + "\n";
    text += field("job type", run["job_type"]);
    if (!run["description"].get<std::string>().empty())
        text += field("description", run["description"]);
    if (!run["tags"].empty()) text += field("tags", joined(run["tags"]));
    std::string state = state_colour(run["state"]);
    if (!run["exit_code"].is_null()) state += ", exit status " + run["exit_code"].dump();
    if (!run["signal"].is_null()) state += " by signal " + run["signal"].dump();
    text += field("state", state);
    text += field("command", [&] {
        std::string words;
        for (const auto& word : run["command"])
            words += (words.empty() ? "" : " ") + short_text(word);
        return words;
    }());
    text += field("in", run["cwd"]);
    text += field("by", run["user"].get<std::string>() + " on " + run["host"].get<std::string>());
    text +=
        field("started", run["started"].get<std::string>() + " (" + age_of(run["started"]) + ")");
    if (!run["ended"].is_null()) text += field("ended", run["ended"]);
    if (!run["git"].is_null())
        text += field("git", run["git"]["commit"].get<std::string>() +
                                 (run["git"]["dirty"] == true ? " (changed)" : ""));
    if (auto took = resources_text(run["resources"]); !took.empty()) text += field("took", took);
    for (const char* key : {"config", "summary"})
        for (const auto& [name, value] : run[key].items())
            text +=
                field(name == run[key].begin().key() ? key : "", name + " = " + short_text(value));
    for (const auto& change : run["history"])
        text +=
            field("changed", change["when"].get<std::string>() + " by " +
                                 change["who"].get<std::string>() + ": " +
                                 change["what"].get<std::string>() + " " + change["detail"].dump());
    for (const char* key : {"uses", "logs", "confirmed", "drafts"}) {
        if (run[key].empty()) continue;
        text += "\n" + dim(key) + "\n";
        for (const auto& edge : run[key]) {
            text += "  " + edge["artifact"].get<std::string>();
            if (edge.contains("version")) text += ":" + edge["version"].get<std::string>();
            if (edge.contains("files")) text += "  " + joined(edge["files"]);
            text += "\n";
        }
    }
    return text;
}

std::string media_text(const Json& media) {
    constexpr std::size_t most = 20;
    if (media.empty()) return "";
    std::string text = "\n" + dim("media") + "\n";
    for (std::size_t i = 0; i < std::min(most, media.size()); ++i) {
        text += "  " + media[i]["path"].get<std::string>() + "  " + human_size(media[i]["size"]);
        if (media[i].contains("text")) {
            auto words = media[i]["text"].get<std::string>();
            text += "  " + words.substr(0, words.find('\n'));
        }
        text += "\n";
    }
    if (media.size() > most) text += fmt::format("  and {} more\n", media.size() - most);
    return text;
}

}  // namespace

int run_show(const Arguments& arguments) {
    Reader reader(arguments);
    Ref ref = parse_ref(arguments.positional[0]);
    Json document;
    std::string data;
    bool run = names_run(reader.txn(), reader.project(), ref);
    if (run) {
        auto record = find_run(reader.txn(), reader.project(), ref.name);
        auto live = reader.live_data(record);
        document = describe_run(reader.reading(), record, Detail::full,
                                live.value("config", Json()), live.value("summary", Json()));
        document["media"] =
            media_json(reader.reading(), record, draft_files(reader.reading(), record));
        if (!arguments.flag("json"))
            data = media_text(document["media"]) + metrics_of_run(reader, record);
    } else {
        document = describe_version(
            reader.reading(), find_version(reader.txn(), reader.project(), ref), Detail::full);
    }
    if (arguments.flag("json"))
        show_json(document);
    else
        show_text(run ? run_text(document) + data : version_text(document));
    return exit_done;
}

}  // namespace artfs
