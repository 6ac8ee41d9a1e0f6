// What may be edited, handed to the daemon as `art describe`, `art tag` and `art alias` do.
#include <algorithm>

#include "ref.h"
#include "ui/api.h"

namespace artfs::ui {

namespace {

// The subject's ids, for the daemon.
Json subject_of(View& view, const std::string& project, const std::string& text, bool whole) {
    Ref ref = parse_ref(text);
    if (names_run(view.txn(), project, ref))
        return {{"run", find_run(view.txn(), project, ref.name).id.text()}};
    if (whole) return {{"artifact", find_artifact(view.txn(), project, ref).id.text()}};
    auto version = find_version(view.txn(), project, ref);
    return {{"artifact", version.artifact.text()}, {"version", version.number}};
}

}  // namespace

Json change(const Place& place, const Request& request) {
    static const std::vector<std::string> known{"describe", "tag", "alias", "unalias"};
    const auto& body = request.body;
    auto text = [&](const char* key) {
        auto found = body.is_object() ? body.find(key) : body.end();
        return body.is_object() && found != body.end() && found->is_string()
                   ? found->get<std::string>()
                   : std::string();
    };
    auto what = text("change");
    if (std::find(known.begin(), known.end(), what) == known.end())
        throw Failure(exit_usage, "a change is one of describe, tag, alias and unalias");
    Json order;
    {
        View view(place);
        order = subject_of(view, request.parts[0], text("ref"), what == "unalias");
    }
    order["op"] = "change";
    order["change"] = what;
    for (const char* key : {"text", "add", "remove", "names"})
        if (body.contains(key)) order[key] = body[key];
    if (!ask_daemon({place.site.store, request.parts[0], {}}, order))
        throw Failure(exit_refused, "no daemon serves the store: art mount starts one");
    place.index->forget();
    return {{"ok", true}};
}

}  // namespace artfs::ui
