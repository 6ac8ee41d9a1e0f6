// art rm, art gc, art fsck, art stale: what becomes of versions, and whether they are whole.
#include <csignal>
#include <set>

#include "command.h"
#include "drafts/check.h"
#include "drafts/collect.h"
#include "drafts/kept.h"
#include "files.h"
#include "lineage/stale.h"
#include "output.h"
#include "progress.h"
#include "ref.h"

namespace artfs {

using Json = nlohmann::json;

namespace {

std::string label(const ReadTxn& txn, const VersionRecord& version) {
    auto artifact = txn.artifact(version.artifact);
    return (artifact ? artifact->name : "?") + ":v" + std::to_string(version.number);
}

struct Doomed {
    std::string label;
    Json order;
    std::uint64_t size = 0;
    std::string why_not;
};

// Deleted versions have no place among what references find.
VersionRecord hidden_version(const ReadTxn& txn, const std::string& project, const Ref& ref) {
    auto artifact = find_artifact(txn, project, ref);
    auto number = VersionNumber::parse(ref.version);
    auto version = number ? txn.version(artifact.id, number->value) : std::nullopt;
    if (!version)
        throw Failure(exit_not_found,
                      "name a deleted version by its number, like " + ref.name + ":v0");
    return *version;
}

std::vector<Doomed> doomed_versions(const Arguments& arguments, Site& site) {
    Reader reader(arguments);
    site = reader.site();
    std::vector<Doomed> all;
    std::set<VersionId> named;
    for (const auto& word : arguments.positional) {
        Ref ref = parse_ref(word);
        if (ref.run || !ref.versioned || !ref.path.empty())
            throw Failure(exit_usage,
                          "'" + word + "': name each version that shall go, like mnist-raw:v0");
        bool back = arguments.flag("restore");
        auto version = back ? hidden_version(reader.txn(), reader.project(), ref)
                            : find_version(reader.txn(), reader.project(), ref);
        if (!named.insert(version.id).second) continue;
        auto artifact = reader.txn().artifact(version.artifact);
        all.push_back({label(reader.txn(), version),
                       {{"change", back ? "restore" : "delete"},
                        {"artifact", version.artifact.text()},
                        {"version", version.number}},
                       version.size,
                       back ? "" : why_needed(reader.txn(), *artifact, version)});
    }
    return all;
}

Json collect_alone(const Site& site, const Json& request) {
    auto store = store_to_change(site);
    auto context = offline_context(*store);
    value_of(recover(context));
    auto config = value_of(load_config(store->config_path()));
    CollectOptions options{request.at("dry_run"),
                           std::chrono::seconds(request.at("older_than").get<std::int64_t>())};
    return collected_json(value_of(collect(context, config, {}, options)));
}

Json collect_now(const Site& site, Json request, bool dry_run) {
    request["dry_run"] = dry_run;
    auto reply = ask_daemon(site, request);
    Json collected = reply ? *reply : collect_alone(site, request);
    collected.erase("ok");
    return collected;
}

std::string collected_text(const Json& collected, const char* verb) {
    std::string text;
    auto arrivals = collected.at("arrivals").get<std::uint64_t>();
    for (const auto& version : collected.at("versions"))
        text += "  " + version.get<std::string>() + "\n";
    return text + verb + " " + human_size(collected.at("bytes").get<std::uint64_t>()) + ": " +
           std::to_string(collected.at("objects").get<std::uint64_t>()) + " files and " +
           std::to_string(collected.at("records").get<std::uint64_t>()) +
           " records of trees that nothing needs, " +
           std::to_string(collected.at("versions").size()) + " versions" +
           (arrivals == 0 ? ""
                          : ", the times of " + std::to_string(arrivals) + " runs that are gone") +
           "\n";
}

}  // namespace

void rm_options(po::options_description& options) {
    options.add_options()("json", po::bool_switch(), "one JSON document")(
        "dry-run,n", po::bool_switch(), "say what would go")(
        "restore", po::bool_switch(), "show deleted versions again (until art gc)");
}

int run_rm(const Arguments& arguments) {
    Site site;
    auto doomed = doomed_versions(arguments, site);
    // All or none: what is refused is said before anything is done.
    for (const auto& one : doomed)
        if (!one.why_not.empty()) throw Failure(exit_refused, one.label + " " + one.why_not);
    auto list = Json::array();
    for (const auto& one : doomed) {
        if (!arguments.flag("dry-run")) send_change(site, one.order);
        list.push_back({{"version", one.label}, {"size", one.size}});
        if (!arguments.flag("json")) show_text(one.label + "  " + human_size(one.size) + "\n");
    }
    if (arguments.flag("json")) show_json(list);
    return exit_done;
}

void gc_options(po::options_description& options) {
    options.add_options()("json", po::bool_switch(), "one JSON document")(
        "dry-run,n", po::bool_switch(), "say what would go")(
        "older-than", po::value<std::string>()->value_name("AGE"),
        "only what was deleted longer ago, like 30d");
}

int run_gc(const Arguments& arguments) {
    Site site = find_site(arguments);
    Json request{{"op", "collect"}, {"older_than", 0}};
    if (arguments.has("older-than")) {
        auto age = parse_duration(arguments.text("older-than"));
        if (!age) throw Failure(exit_usage, "--older-than takes a time, like 12h or 30d");
        request["older_than"] = std::chrono::ceil<std::chrono::seconds>(*age).count();
    }
    bool json = arguments.flag("json");
    auto found = collect_now(site, request, true);
    bool nothing = found.at("versions").empty() && found.at("objects") == 0 &&
                   found.at("records") == 0 && found.at("arrivals") == 0;
    if (arguments.flag("dry-run") || nothing) {
        if (json)
            show_json(found);
        else
            show_text(nothing ? "nothing to give back\n"
                              : collected_text(found, "would give back"));
        return exit_done;
    }
    if (!json) show_text(collected_text(found, "giving back"));
    auto collected = collect_now(site, request, false);
    if (json)
        show_json(collected);
    else
        show_text("done\n");
    return exit_done;
}

void fsck_options(po::options_description& options) {
    options.add_options()("json", po::bool_switch(), "one JSON document")(
        "repair", po::bool_switch(), "make right what can be made right");
}

int run_fsck(const Arguments& arguments) {
    Site site = find_site(arguments);
    Checked checked;
    {
        auto store = value_of(Store::create_or_open(site.store, Store::Access::read_only));
        Progress bar("verifying");
        checked = value_of(check_store(
            *store, [&](std::uint64_t bytes, std::uint64_t all) { bar.show(bytes, all); }));
    }
    Json document{{"objects", checked.objects},
                  {"bytes", checked.bytes},
                  {"trees", checked.trees},
                  {"damage", checked.damage},
                  {"repairs", Json::array()}};
    if (arguments.flag("repair") && (checked.indexes_wrong || !checked.bad_objects.empty())) {
        Json request{{"op", "repair"}, {"objects", Json::array()}};
        for (const auto& digest : checked.bad_objects) request["objects"].push_back(digest.hex());
        if (auto reply = ask_daemon(site, request)) {
            document["repairs"] = reply->at("repairs");
        } else {
            auto store = store_to_change(site);
            document["repairs"] =
                value_of(repair_store(offline_context(*store), checked.bad_objects));
        }
    }
    if (arguments.flag("json")) {
        show_json(document);
        return checked.damage.empty() ? exit_done : exit_no;
    }
    std::string text;
    for (const auto& line : checked.damage) text += line + "\n";
    for (const auto& line : document["repairs"]) text += line.get<std::string>() + "\n";
    text +=
        std::to_string(checked.objects) + " files (" + human_size(checked.bytes) + ") and " +
        std::to_string(checked.trees) + " trees verified, " +
        (checked.damage.empty() ? "all whole" : std::to_string(checked.damage.size()) + " faults") +
        "\n";
    show_text(text);
    return checked.damage.empty() ? exit_done : exit_no;
}

int run_stale(const Arguments& arguments) {
    Reader reader(arguments);
    auto list = stale_json(reader.txn(), reader.project());
    if (arguments.flag("json")) {
        show_json(list);
        return exit_done;
    }
    std::vector<std::vector<std::string>> rows{{"VERSION", "MADE BY", "FROM", "NEWEST"}};
    for (const auto& one : list)
        for (const auto& input : one["inputs"])
            rows.push_back(
                {one["artifact"].get<std::string>() + ":" + one["version"].get<std::string>(),
                 one["run"].get<std::string>(),
                 input["artifact"].get<std::string>() + ":" + input["used"].get<std::string>(),
                 input["newest"].get<std::string>()});
    show_text(rows.size() == 1 ? "nothing is stale\n" : table(rows));
    return exit_done;
}

}  // namespace artfs
