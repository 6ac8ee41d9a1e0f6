// art why: which run a process belongs to, or what a path is, and by which rule.
#include <algorithm>
#include <charconv>

#include "command.h"
#include "output.h"

namespace artfs {

namespace fs = std::filesystem;

int run_why(const Arguments& arguments) {
    const std::string& what = arguments.positional[0];
    nlohmann::json request{{"op", "why"}};
    Site site = find_site(arguments);
    bool number =
        std::all_of(what.begin(), what.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (number) {
        int pid = 0;
        auto [end, bad] = std::from_chars(what.data(), what.data() + what.size(), pid);
        if (bad != std::errc()) throw Failure(exit_usage, what + " is no process number");
        request["pid"] = pid;
    } else {
        // As it is written: links on the mount are what is asked about.
        fs::path path = fs::absolute(what).lexically_normal();
        auto mount = mount_at(path);
        if (!mount)
            throw Failure(exit_not_found, path.string() + " is on no mount: name a file of one");
        site.store = mount->store;
        site.project = project_of(*mount);
        request["path"] = path.lexically_relative(mount->where).string();
    }
    const auto reply = ask_live_daemon(site, request);
    const auto& why = reply.at("why");
    if (arguments.flag("json")) {
        show_json(why);
        return exit_done;
    }
    std::string text;
    for (const auto& line : why["text"]) text += line.get<std::string>() + "\n";
    for (const auto& step : why.value("walk", nlohmann::json::array())) {
        text += "  " + step["pid"].dump() + " " + step["class"].get<std::string>() + " [" +
                step["part"].get<std::string>() + "]";
        for (const auto& word : step["command"]) text += " " + word.get<std::string>();
        text += "\n";
    }
    show_text(text);
    return exit_done;
}

}  // namespace artfs
