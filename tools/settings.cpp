// art config.
#include "runs/config_edit.h"

#include <filesystem>

#include "command.h"
#include "output.h"

namespace artfs {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

std::string text_of(const fs::path& file) {
    std::error_code error;
    if (!fs::exists(file, error)) return "";
    return value_of(read_file(file));
}

int list_settings(const fs::path& file, bool json) {
    auto text = text_of(file);
    auto document = Json::array();
    std::vector<std::vector<std::string>> rows{{"KEY", "VALUE", "WHAT IT IS"}};
    for (const auto& key : config_keys()) {
        std::string name = key.name;
        bool by_name = name.find("NAME") != std::string::npos;
        auto value = by_name ? std::string() : value_of(config_value(text, name));
        document.push_back({{"key", name},
                            {"value", value.empty() ? Json(nullptr) : Json(value)},
                            {"example", key.form},
                            {"explanation", key.explanation}});
        rows.push_back({name, value.empty() ? "-" : value, key.explanation});
    }
    if (json)
        show_json(document);
    else
        show_text(table(rows) + "\nfrom " + file.string() +
                  "; lists replace the built-in ones, or add to them after \"+\"\n");
    return exit_done;
}

}  // namespace

int run_config(const Arguments& arguments) {
    Site site = find_site(arguments);
    auto file = site.store / "config.toml";
    std::error_code error;
    if (!fs::exists(site.store / "format", error))
        throw Failure(exit_not_found,
                      "no store in " + site.store.string() + ": art mount makes one");
    if (arguments.positional.empty()) return list_settings(file, arguments.flag("json"));
    const auto& name = arguments.positional[0];
    const auto* key = find_config_key(name);
    if (key == nullptr || name.find("NAME") != std::string::npos)
        throw Failure(exit_usage, "no setting is called '" + name + "': art config lists them");
    auto text = text_of(file);
    if (arguments.positional.size() == 2) {
        auto changed = value_of(with_config_value(text, name, arguments.positional[1]));
        value_of(replace_file(file, changed));
        if (ask_daemon(site.store, {{"op", "status"}}))
            show_text("set: the mount follows it after art umount and art mount\n");
        return exit_done;
    }
    auto value = value_of(config_value(text, name));
    if (arguments.flag("json"))
        show_json({{"key", name},
                   {"value", value.empty() ? Json(nullptr) : Json(value)},
                   {"example", key->form},
                   {"explanation", key->explanation}});
    else
        show_text(name + " = " + (value.empty() ? "(built in)" : value) + "\n  " +
                  key->explanation + "\n  example: " + key->form + "\n");
    return exit_done;
}

}  // namespace artfs
