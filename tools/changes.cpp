// art describe, art metadata, art tag, art alias, art ttl: what is said of versions and runs after
// they were sealed. Every change is one order (catalog/changes.h), applied by the daemon that
// serves the store or, with the store's lock, by art itself.
#include "catalog/changes.h"

#include <unistd.h>

#include "base/json.h"
#include "base/users.h"
#include "command.h"
#include "files.h"
#include "lineage/text.h"
#include "output.h"
#include "ref.h"
#include "runs/config.h"

namespace artfs {

using Json = nlohmann::json;

void send_change(const Site& site, Json change) {
    change["op"] = "change";
    if (ask_daemon(site, change)) return;
    auto store = store_to_change(site);
    Result<Changed> changed;
    value_of(store->catalog().write(
        [&](WriteTxn& txn) { changed = apply_change(txn, change, user_name(getuid())); }));
    value_of(std::move(changed));
}

namespace {

struct Subject {
    Site site;
    Json order;     // with the subject's id
    Json document;  // as art show has it
};

// Nothing of the store stays open: whoever applies the change must be able to.
Subject find_subject(const Arguments& arguments, const std::string& text, Detail detail) {
    Reader reader(arguments);
    Ref ref = parse_ref(text);
    Subject subject{reader.site(), Json::object(), Json()};
    if (names_run(reader.txn(), reader.project(), ref)) {
        auto run = find_run(reader.txn(), reader.project(), ref.name);
        subject.order["run"] = run.id.text();
        subject.document = describe_run(reader.reading(), run, detail);
        return subject;
    }
    if (!ref.path.empty()) throw Failure(exit_usage, "'" + text + "' is a file: name its version");
    auto version = find_version(reader.txn(), reader.project(), ref);
    subject.order["artifact"] = version.artifact.text();
    subject.order["version"] = version.number;
    subject.document = describe_version(reader.reading(), version, detail);
    return subject;
}

void must_be_version(const Subject& subject, const std::string& text) {
    if (subject.order.contains("run"))
        throw Failure(exit_usage, "'" + text + "' is a run: name a version, like mnist-raw:v0");
}

std::vector<std::string> rest(const Arguments& arguments) {
    return {arguments.positional.begin() + 1, arguments.positional.end()};
}

// K=V, where V is JSON if it reads as that; a value of nothing drops the key.
void merge_assignment(const std::string& word, Json& merge) {
    auto equals = word.find('=');
    if (equals == 0 || equals == std::string::npos)
        throw Failure(exit_usage, "'" + word + "' is no file FILE.json and no KEY=VALUE");
    std::string text = word.substr(equals + 1);
    if (!is_utf8(word)) throw Failure(exit_usage, "metadata is JSON: its text must be UTF-8");
    auto value = parse_json(text);
    if (text.empty()) value = nullptr;
    merge[word.substr(0, equals)] = value.is_discarded() ? Json(text) : value;
}

}  // namespace

Json json_file(const std::string& path) { return Json::parse(object_text_of_file(path)); }

int run_describe(const Arguments& arguments) {
    auto subject = find_subject(arguments, arguments.positional[0], Detail::brief);
    subject.order["change"] = "describe";
    subject.order["text"] = lossy_utf8(arguments.positional[1]);
    send_change(subject.site, subject.order);
    return exit_done;
}

void metadata_options(po::options_description& options) {
    options.add_options()("json", po::bool_switch(), "one JSON document")(
        "sealed", po::bool_switch(), "what was sealed, without annotations")(
        "reset", po::bool_switch(), "drop the annotation: as it was sealed again");
}

int run_metadata(const Arguments& arguments) {
    const auto& text = arguments.positional[0];
    auto subject = find_subject(arguments, text, Detail::full);
    must_be_version(subject, text);
    auto words = rest(arguments);
    if (words.empty() && !arguments.flag("reset")) {
        show_json(subject.document[arguments.flag("sealed") ? "sealed_metadata" : "metadata"]);
        return exit_done;
    }
    if (arguments.flag("sealed") || (arguments.flag("reset") && !words.empty()))
        throw Failure(exit_usage, "--sealed and --reset take no values: see art metadata --help");
    subject.order["change"] = "metadata";
    subject.order["sealed"] = subject.document["sealed_metadata"];
    if (words.size() == 1 && words[0].find('=') == std::string::npos) {
        subject.order["value"] = json_file(words[0]);
    } else if (!words.empty()) {
        subject.order["merge"] = Json::object();
        for (const auto& word : words) merge_assignment(word, subject.order["merge"]);
    }
    send_change(subject.site, subject.order);
    return exit_done;
}

void tag_options(po::options_description& options) {
    options.add_options()("json", po::bool_switch(), "one JSON document")(
        "delete,d", po::bool_switch(), "take the tags away");
}

int run_tag(const Arguments& arguments) {
    auto subject = find_subject(arguments, arguments.positional[0], Detail::brief);
    if (arguments.positional.size() == 1) {
        if (arguments.flag("json")) {
            show_json(subject.document["tags"]);
            return exit_done;
        }
        std::string lines;
        for (const auto& tag : subject.document["tags"]) lines += tag.get<std::string>() + "\n";
        show_text(lines);
        return exit_done;
    }
    subject.order["change"] = "tag";
    subject.order[arguments.flag("delete") ? "remove" : "add"] = rest(arguments);
    send_change(subject.site, subject.order);
    return exit_done;
}

void alias_options(po::options_description& options) {
    options.add_options()("delete,d", po::bool_switch(),
                          "drop aliases: art alias -d ARTIFACT NAME…")(
        "force", po::bool_switch(), "also aliases that are protected")(
        "protect", po::bool_switch(),
        "let only --force move them: art alias --protect ARTIFACT NAME…")(
        "unprotect", po::bool_switch(), "let anybody move them again");
}

int run_alias(const Arguments& arguments) {
    bool whole = false;
    Json order = Json::object();
    for (const char* option : {"delete", "protect", "unprotect"}) {
        if (!arguments.flag(option)) continue;
        if (whole)
            throw Failure(exit_usage, "--delete, --protect and --unprotect exclude each other");
        whole = true;
        order["change"] = std::string(option) == "delete" ? "unalias" : "protect";
        order["on"] = std::string(option) == "protect";
    }
    Site site;
    if (whole) {
        Reader reader(arguments);
        Ref ref = parse_ref(arguments.positional[0]);
        if (ref.run || ref.versioned || !ref.path.empty())
            throw Failure(exit_usage, "name the artifact alone: an alias is of the artifact");
        order["artifact"] = find_artifact(reader.txn(), reader.project(), ref).id.text();
        site = reader.site();
    } else {
        auto subject = find_subject(arguments, arguments.positional[0], Detail::brief);
        must_be_version(subject, arguments.positional[0]);
        order.update(subject.order);
        order["change"] = "alias";
        site = subject.site;
    }
    order["names"] = rest(arguments);
    order["force"] = arguments.flag("force");
    send_change(site, order);
    return exit_done;
}

int run_ttl(const Arguments& arguments) {
    auto subject = find_subject(arguments, arguments.positional[0], Detail::full);
    must_be_version(subject, arguments.positional[0]);
    const auto& known = subject.document["ttl_seconds"];
    if (arguments.positional.size() == 1) {
        if (arguments.flag("json")) {
            show_json({{"ttl_seconds", known}});
            return exit_done;
        }
        show_text(known.is_null() ? "inherited\n"
                  : known == 0    ? "never\n"
                                  : human_age(known.get<std::int64_t>()) + "\n");
        return exit_done;
    }
    const auto& text = arguments.positional[1];
    auto duration = parse_duration(text);
    if (text != "never" && text != "inherit" && !duration)
        throw Failure(exit_usage, "'" + text + "' is no time: write 30d, 12h, never or inherit");
    subject.order["change"] = "ttl";
    subject.order["seconds"] = nullptr;
    if (text == "never") subject.order["seconds"] = 0;
    if (duration)
        subject.order["seconds"] = std::chrono::ceil<std::chrono::seconds>(*duration).count();
    send_change(subject.site, subject.order);
    return exit_done;
}

}  // namespace artfs
