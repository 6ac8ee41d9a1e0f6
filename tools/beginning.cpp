// What art run and art begin say of the run they begin; art begin, art end, art next.
#include <unistd.h>

#include <charconv>
#include <sstream>

#include "base/fd.h"
#include "base/json.h"
#include "base/uid.h"
#include "command.h"
#include "files.h"
#include "output.h"
#include "runs/trial.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

std::pair<std::string, std::string> key_value(const std::string& text, const char* option) {
    auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
        throw Failure(exit_usage,
                      std::string("--") + option + " takes NAME=VALUE, not '" + text + "'");
    return {text.substr(0, equals), text.substr(equals + 1)};
}

Json map_of(const Arguments& arguments, const char* option) {
    auto map = Json::object();
    for (const auto& item : arguments.list(option)) {
        auto [key, value] = key_value(item, option);
        map[key] = value;
    }
    return map;
}

Json config_of_options(const Arguments& arguments) {
    auto config = Json::object();
    for (const auto& item : arguments.list("config")) {
        if (item.find('=') == std::string::npos) {
            auto text = text_of_file(item, "a JSON object, or write KEY=VALUE");
            auto object = parse_json(text);
            if (!object.is_object())
                throw Failure(exit_usage, item + " is no JSON object: correct it");
            config.update(object);
            continue;
        }
        auto [key, value] = key_value(item, "config");
        auto parsed = parse_json(value);
        config[key] = parsed.is_discarded() ? Json(value) : parsed;
    }
    return config;
}

Json ok_exits(const Arguments& arguments) {
    auto list = Json::array();
    std::istringstream codes(arguments.text("ok-exit", "0"));
    for (std::string code; std::getline(codes, code, ',');) {
        int value = 0;
        auto [end, bad] = std::from_chars(code.data(), code.data() + code.size(), value);
        if (bad != std::errc() || end != code.data() + code.size() || value < 0 ||
            value > trial_mark)
            throw Failure(exit_usage, "--ok-exit takes exit statuses, like 0,1");
        list.push_back(value);
    }
    return list;
}

// For a shell's eval, whatever is in the value.
std::string quoted(const std::string& value) {
    std::string text = "'";
    for (char c : value) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

}  // namespace

Json beginning(const Arguments& arguments) {
    Json request{{"op", "run-start"},
                 {"id", RunId::make().text()},
                 {"config", config_of_options(arguments)},
                 {"tags", arguments.list("tag")},
                 {"pins", map_of(arguments, "pin")},
                 {"types", map_of(arguments, "type")},
                 {"aliases", map_of(arguments, "alias")},
                 {"ok_exit", ok_exits(arguments)}};
    request["name"] = arguments.has("name") ? Json(arguments.text("name")) : Json(nullptr);
    request["job_type"] =
        arguments.has("job-type") ? Json(arguments.text("job-type")) : Json(nullptr);
    if (arguments.has("resume")) request["resume"] = arguments.text("resume");
    return request;
}

// The shell that evaluates what this prints is our parent.
int run_begin(const Arguments& arguments) {
    if (isatty(STDOUT_FILENO) == 1)
        throw Failure(exit_usage, "what art begin prints is for the shell: eval \"$(art begin)\"");
    Site site = find_site(arguments);
    Json request = beginning(arguments);
    request["pid"] = getppid();
    Json reply = ask_live_daemon(site, request);
    std::string text;
    for (const auto& [name, value] :
         std::map<std::string, std::string>{{"ART_RUN", reply["id"]},
                                            {"ART_MOUNT", reply["mount"]},
                                            {"ART_STORE", site.store.string()}})
        text += "export " + name + "=" + quoted(value) + "; ";
    text.back() = '\n';
    show_text(text);
    return exit_done;
}

int run_end(const Arguments& arguments) {
    Json reply = ask_live_daemon(find_site(arguments), {{"op", "run-end"}});
    if (arguments.flag("json"))
        show_json({{"ended", reply["name"]}, {"id", reply["id"]}});
    else
        show_text("ended " + reply["name"].get<std::string>() + "\n");
    return exit_done;
}

int run_next(const Arguments& arguments) {
    Json reply = ask_live_daemon(find_site(arguments), {{"op", "run-next"}});
    if (arguments.flag("json"))
        show_json({{"name", reply["name"]}, {"id", reply["id"]}});
    else
        show_text("now in " + reply["name"].get<std::string>() + "\n");
    return exit_done;
}

}  // namespace artfs
