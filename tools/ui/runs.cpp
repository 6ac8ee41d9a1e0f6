// Runs: the table, one run, its metrics, media and output.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "drafts/draft_files.h"
#include "lineage/event_media.h"
#include "lineage/run_facts.h"
#include "lineage/text.h"
#include "ref.h"
#include "ui/api.h"
#include "ui/metrics.h"
#include "ui/preview.h"
#include "ui/run_files.h"

namespace artfs::ui {

namespace {

RunRecord run_of(View& view, const Request& request) {
    return find_run(view.txn(), request.parts[0], request.parts[1]);
}

std::optional<std::string> text_of(View& view, const std::map<std::string, RunFile>& files,
                                   const RunRecord& run, const std::string& path,
                                   std::uint64_t most = std::uint64_t{16} << 20U) {
    if (files.count(path) == 0) return std::nullopt;
    return read_bytes(open_run_file(view, run, path), 0, most);
}

// What config.json and summary.json say; null where the run has not written them.
struct Written {
    Json config;
    Json summary;
};

Written written_by(View& view, const RunRecord& run) {
    Written written;
    auto each = [&](auto&& text_at) {
        if (auto text = text_at("config.json")) written.config = parse_metadata(*text);
        if (auto text = text_at("summary.json")) written.summary = parse_metadata(*text);
    };
    if (run.data) {
        // Beside them there may be thousands of images: they are looked up, not listed.
        auto root = view.txn().snapshot(*run.data).root;
        each([&](const char* path) -> std::optional<std::string> {
            auto found = find_path(view.reading().nodes, root, path);
            if (!found || found->entry.kind != Kind::file) return std::nullopt;
            return object_text(view.reading().store, found->entry.digest);
        });
    } else if (run.state == RunState::running) {
        auto files = run_files(view, run);
        each([&](const char* path) { return text_of(view, files, run, path); });
    }
    return written;
}

// A row of the table: without the files of its uses, of which there may be a million.
Json row_of(View& view, const RunRecord& run) {
    auto row = describe_run(view.reading(), run, Detail::brief);
    auto written = written_by(view, run);
    row["config"] = run.config.is_object() ? run.config : Json::object();
    if (written.config.is_object()) row["config"].update(written.config);
    row["summary"] = written.summary.is_object() ? written.summary : Json::object();
    return row;
}

Json some_uses(View& view, const RunRecord& run) {
    constexpr std::size_t most = 200;
    auto uses = Json::array();
    for (const auto& use : view.txn().uses_of(run.id)) {
        auto version = view.txn().version(use.version);
        auto artifact = version ? view.txn().artifact(version->artifact) : std::nullopt;
        if (!artifact) continue;
        auto files = some_files_of_use(view.reading(), use, most);
        Json one{{"artifact", artifact->name},
                 {"version", "v" + std::to_string(version->number)},
                 {"segment", use.segment},
                 {"count", files.count}};
        put_names(one, "files", files.paths);
        uses.push_back(std::move(one));
    }
    return uses;
}

// The leaf of a row that a column's name leads to, "summary.test.accuracy"; null if it has none.
Json leaf_of(const Json& row, const std::string& column) {
    const Json* at = &row;
    std::string name = column;
    while (at->is_object()) {
        if (auto found = at->find(name); found != at->end()) return *found;
        // A key may have dots itself.
        const Json* next = nullptr;
        for (auto dot = name.find('.'); dot != std::string::npos && next == nullptr;
             dot = name.find('.', dot + 1))
            if (auto found = at->find(name.substr(0, dot)); found != at->end()) {
                next = &*found;
                name.erase(0, dot + 1);
                break;
            }
        if (next == nullptr) return nullptr;
        at = next;
    }
    return nullptr;
}

bool is_any(const std::vector<std::string>& wanted, const std::string& value) {
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

std::vector<const IndexedRun*> chosen(const ProjectIndex& index, const Request& request) {
    auto job_types = request.list("job_type");
    auto states = request.list("state");
    auto text = request.text("q");
    auto artifact = request.text("artifact");
    std::vector<const IndexedRun*> runs;
    for (const auto& run : index.runs) {
        if (!run.listed && !request.flag("all")) continue;
        if (!is_any(job_types, lossy_utf8(run.job_type)) || !is_any(states, to_string(run.state)))
            continue;
        if (!text.empty() && run.name.find(text) == std::string::npos &&
            run.job_type.find(text) == std::string::npos &&
            std::find(run.tags.begin(), run.tags.end(), text) == run.tags.end())
            continue;
        if (!artifact.empty() &&
            std::none_of(run.edges.begin(), run.edges.end(), [&](const IndexedEdge& edge) {
                return index.artifacts[index.versions[edge.version].artifact].name == artifact;
            }))
            continue;
        runs.push_back(&run);
    }
    return runs;
}

std::int64_t duration_of(const IndexedRun& run) {
    return to_ns(run.ended.value_or(now())) - to_ns(run.started);
}

// By what the index has.
void sort_runs(std::vector<const IndexedRun*>& runs, const std::string& key, bool descending) {
    auto by = [&](auto value) {
        std::stable_sort(runs.begin(), runs.end(), [&](const auto* a, const auto* b) {
            return descending ? value(*b) < value(*a) : value(*a) < value(*b);
        });
    };
    if (key == "started") by([](const IndexedRun& run) { return to_ns(run.started); });
    if (key == "name") by([](const IndexedRun& run) { return run.name; });
    if (key == "job_type") by([](const IndexedRun& run) { return run.job_type; });
    if (key == "state") by([](const IndexedRun& run) { return std::string(to_string(run.state)); });
    if (key == "duration") by([](const IndexedRun& run) { return duration_of(run); });
}

// More runs than this are not read for the sake of a sort.
constexpr std::size_t most_read = 5000;

bool is_column(const std::string& key) {
    return key.starts_with("config.") || key.starts_with("summary.");
}

const std::string& job_type_of(const Json& row) {
    return row.at("job_type").get_ref<const std::string&>();
}

bool groups_by_job_type(const Request& request) {
    auto group = request.text("group");
    if (!group.empty() && group != "job_type")
        throw Failure(exit_usage, "runs are grouped by job_type only");
    return !group.empty();
}

// How many runs that fit each job type has, on whichever page they are.
Json job_type_counts(const std::vector<const IndexedRun*>& runs) {
    std::map<std::string, std::size_t> counts;
    for (const auto* run : runs) ++counts[lossy_utf8(run->job_type)];
    return counts;
}

// Numbers before texts; what has no such value comes last, whichever way. Groups stay together.
void sort_rows(std::vector<Json>& rows, const std::string& column, bool descending, bool grouped) {
    std::vector<std::pair<Json, std::size_t>> keys;
    for (std::size_t i = 0; i < rows.size(); ++i) keys.emplace_back(leaf_of(rows[i], column), i);
    std::stable_sort(keys.begin(), keys.end(), [&](const auto& a, const auto& b) {
        if (grouped)
            if (auto order = job_type_of(rows[a.second]).compare(job_type_of(rows[b.second])))
                return order < 0;
        if (a.first.is_null() || b.first.is_null()) return !a.first.is_null() && b.first.is_null();
        return descending ? b.first < a.first : a.first < b.first;
    });
    std::vector<Json> sorted;
    for (const auto& [key, at] : keys) sorted.push_back(std::move(rows[at]));
    rows = std::move(sorted);
}

// captions.json beside images: [{"file": "00.png", "caption": "7,2"}].
std::map<std::string, std::string> captions_in(const std::string& text) {
    std::map<std::string, std::string> captions;
    auto list = Json::parse(text, nullptr, false);
    if (!list.is_array()) return captions;
    for (const auto& one : list)
        if (one.is_object() && one.contains("file") && one["file"].is_string() &&
            one.contains("caption"))
            captions[one["file"]] = one["caption"].is_string() ? one["caption"].get<std::string>()
                                                               : one["caption"].dump();
    return captions;
}

// Of an event file's picture: the step is its caption. A text is its own.
Json event_row(View& view, const RunMedia& media) {
    constexpr std::uint64_t most_text = 4000;
    Json row{{"size", media.length},
             {"image", media.kind == EventMedia::Kind::image},
             {"group", lossy_utf8(media.group)},
             {"caption", fmt::format("step {:.0f}", media.step)}};
    put_name(row, "path", media.path());
    if (media.kind == EventMedia::Kind::text)
        row["text"] = lossy_utf8(read_written(view.reading().store, media.file, media.offset,
                                              std::min(media.length, most_text)));
    return row;
}

}  // namespace

Json list_runs(const Place& place, const Request& request) {
    View view(place);
    auto index = place.index->of(request.parts[0]);
    auto runs = chosen(*index, request);
    auto key = request.text("sort");
    bool descending = request.text("order") == "desc";
    sort_runs(runs, key, descending);
    bool grouped = groups_by_job_type(request);
    if (grouped) sort_runs(runs, "job_type", false);
    auto offset = std::min<std::size_t>(request.number("offset", 0), runs.size());
    auto limit = std::min<std::size_t>(request.number("limit", 100), 1000);
    bool reads_all = is_column(key) && runs.size() <= most_read;
    std::vector<Json> rows;
    for (std::size_t i = reads_all ? 0 : offset;
         i < runs.size() && (reads_all || rows.size() < limit); ++i)
        if (auto record = view.txn().run(runs[i]->id)) rows.push_back(row_of(view, *record));
    if (is_column(key)) sort_rows(rows, key, descending, grouped);
    auto list = Json::array();
    for (auto i = reads_all ? offset : 0; i < rows.size() && list.size() < limit; ++i)
        list.push_back(std::move(rows[i]));
    std::set<std::string> job_types;
    for (const auto& [type, count] : index->counts.job_types) job_types.insert(lossy_utf8(type));
    return {{"total", runs.size()},
            {"offset", offset},
            {"sorted", reads_all || !is_column(key)},
            {"job_types", job_types},
            {"groups", grouped ? job_type_counts(runs) : Json::object()},
            {"runs", list}};
}

Json show_run(const Place& place, const Request& request) {
    View view(place);
    auto run = run_of(view, request);
    Written live;
    if (!run.data) live = written_by(view, run);
    auto document = run_facts(view.reading(), run, live.config, live.summary);
    document["uses"] = some_uses(view, run);
    auto files = Json::array();
    for (const auto& [path, file] : run_files(view, run)) {
        Json row{{"size", file.size}};
        put_name(row, "path", path);
        files.push_back(std::move(row));
    }
    document["data_files"] = files;
    return document;
}

Json run_metrics(const Place& place, const Request& request) {
    View view(place);
    auto run = run_of(view, request);
    constexpr std::uint64_t most_bytes = std::uint64_t{256} << 20U;
    auto text = text_of(view, run_files(view, run), run, "metrics.jsonl", most_bytes).value_or("");
    auto most = request.number("most", 20000);
    auto document = metric_columns(text, arrivals_of(place.site.store, run.id), most);
    auto unsealed = draft_files(view.reading(), run);
    add_series(document, found_metrics(view.reading(), run, unsealed), most);
    document["run"] = run.name;
    document["started"] = rfc3339(run.started);
    document["state"] = to_string(run.state);
    return document;
}

Json run_media(const Place& place, const Request& request) {
    View view(place);
    auto run = run_of(view, request);
    auto files = run_files(view, run);
    std::map<std::string, std::map<std::string, std::string>> captions;
    for (const auto& [path, file] : files)
        if (path.starts_with("media/") && path.ends_with("/captions.json"))
            captions[path.substr(0, path.rfind('/'))] =
                captions_in(text_of(view, files, run, path).value_or(""));
    auto list = Json::array();
    for (const auto& [path, file] : files) {
        if (!path.starts_with("media/") || path.ends_with("/captions.json")) continue;
        auto directory = path.substr(0, path.rfind('/'));
        auto name = path.substr(path.rfind('/') + 1);
        Json row{{"size", file.size},
                 {"image", !image_type(path).empty()},
                 {"group", directory == "media" ? "" : lossy_utf8(directory.substr(6))},
                 {"caption", nullptr}};
        put_name(row, "path", path);
        auto& known = captions[directory];
        if (auto found = known.find(name); found != known.end())
            row["caption"] = lossy_utf8(found->second);
        list.push_back(std::move(row));
    }
    for (const auto& media : event_media(view.reading(), run, draft_files(view.reading(), run)))
        list.push_back(event_row(view, media));
    return list;
}

// The end of what the run printed, or what came after a place in it.
Json run_log(const Place& place, const Request& request) {
    View view(place);
    auto run = run_of(view, request);
    constexpr std::uint64_t most = std::uint64_t{256} << 10U;
    auto files = run_files(view, run);
    if (files.count("output.log") == 0) return {{"text", nullptr}, {"from", 0}, {"size", 0}};
    auto bytes = open_run_file(view, run, "output.log");
    auto from = request.number("from", bytes.length > most ? bytes.length - most : 0);
    return {{"text", lossy_utf8(read_bytes(bytes, from, most))},
            {"from", from},
            {"size", bytes.length}};
}

Bytes run_data_file(const Place& place, const Request& request) {
    View view(place);
    auto run = run_of(view, request);
    auto path = request.text("path");
    if (path.starts_with("events/") && run_files(view, run).count(path) == 0)
        return open_event_media(view, run, path);
    return open_run_file(view, run, path);
}

}  // namespace artfs::ui
