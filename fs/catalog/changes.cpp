#include "catalog/changes.h"

#include <algorithm>
#include <set>

namespace artfs {

namespace {

using Json = nlohmann::json;

// What one change works on, found and checked.
struct Subject {
    WriteTxn& txn;
    const Json& change;
    Changed found;
    HistoryEntry entry;

    ArtifactRecord& artifact() { return *found.artifact; }
    VersionRecord& version() { return *found.version; }
    std::string label() const {
        std::string text = found.artifact->name;
        if (found.version) text += ":v" + std::to_string(found.version->number);
        return text;
    }
};

std::vector<std::string> names_in(const Json& change, const char* key) {
    std::vector<std::string> names;
    if (auto found = change.find(key); found != change.end() && found->is_array())
        for (const auto& name : *found)
            if (name.is_string()) names.push_back(name);
    return names;
}

bool contains(const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

Result<> check_protection(Subject& on, const std::string& alias) {
    if (!contains(on.artifact().protected_aliases, alias) || on.change.value("force", false))
        return {};
    return fail(EPERM, "alias '" + alias + "' of " + on.artifact().name +
                           " is protected: --force moves it all the same");
}

Result<> describe(Subject& on) {
    auto text = on.change.value("text", "");
    if (on.found.run) {
        on.entry.detail = {{"before", on.found.run->description}, {"after", text}};
        on.found.run->description = text;
        return {};
    }
    const auto& before = on.version().description;
    on.entry.detail["before"] = before ? Json(*before) : Json(nullptr);
    on.entry.detail["after"] = text;
    on.version().description = text;
    return {};
}

Result<> annotate(Subject& on) {
    if (on.found.run) return fail(EINVAL, "a run's facts are its config: metadata is a version's");
    Json value = on.change.value("value", Json());
    if (on.change.contains("merge")) {
        value = on.version().metadata.is_null() ? on.change.value("sealed", Json::object())
                                                : on.version().metadata;
        value.merge_patch(on.change.at("merge"));
    }
    if (!value.is_null() && !value.is_object())
        return fail(EINVAL, "metadata is a JSON object: write {\"key\": value}");
    on.entry.detail["before"] = on.version().metadata;
    on.entry.detail["after"] = value;
    on.version().metadata = value;
    return {};
}

Result<> tag(Subject& on) {
    auto& tags = on.found.run ? on.found.run->tags : on.version().tags;
    auto add = names_in(on.change, "add");
    auto remove = names_in(on.change, "remove");
    for (const auto& name : add)
        if (!is_plain_name(name))
            return fail(EINVAL, "'" + name + "' is no tag: use letters, digits, '_', '.' and '-'");
    for (const auto& name : remove)
        if (!contains(tags, name)) return fail(ENOENT, "it has no tag '" + name + "'");
    for (const auto& name : remove) std::erase(tags, name);
    for (const auto& name : add)
        if (!contains(tags, name)) tags.push_back(name);
    on.entry.detail["add"] = add;
    on.entry.detail["remove"] = remove;
    return {};
}

Result<> set_aliases(Subject& on) {
    auto names = names_in(on.change, "names");
    for (const auto& name : names) {
        if (!AliasName::parse(name))
            return fail(is_plain_name(name) ? EPERM : EINVAL,
                        "'" + name +
                            "' is no name for an alias: latest and vN move by themselves, "
                            "others are letters, digits, '_', '.' and '-'");
        if (auto allowed = check_protection(on, name); !allowed) return allowed;
    }
    auto before = on.txn.aliases(on.artifact().id);
    for (const auto& name : names) {
        on.txn.put_alias(on.artifact().id, name, on.version().number);
        HistoryEntry entry = on.entry;
        entry.detail["alias"] = name;
        if (auto old = before.find(name); old != before.end())
            entry.detail["before"] = "v" + std::to_string(old->second);
        on.txn.add_history(on.artifact().id, entry);
    }
    on.entry.what.clear();
    return {};
}

Result<> drop_aliases(Subject& on) {
    auto names = names_in(on.change, "names");
    auto known = on.txn.aliases(on.artifact().id);
    for (const auto& name : names) {
        if (!AliasName::parse(name)) return fail(EPERM, "'" + name + "' is no alias to drop");
        if (!known.contains(name))
            return fail(ENOENT, on.artifact().name + " has no alias '" + name + "': art ls " +
                                    on.artifact().name + " lists them");
        if (auto allowed = check_protection(on, name); !allowed) return allowed;
    }
    for (const auto& name : names) {
        on.txn.erase_alias(on.artifact().id, name);
        HistoryEntry entry = on.entry;
        entry.what = "alias";
        entry.detail = {{"alias", name},
                        {"version", nullptr},
                        {"before", "v" + std::to_string(known.at(name))}};
        on.txn.add_history(on.artifact().id, entry);
    }
    on.entry.what.clear();
    return {};
}

Result<> protect(Subject& on) {
    auto names = names_in(on.change, "names");
    bool wanted = on.change.value("on", true);
    auto& all = on.artifact().protected_aliases;
    for (const auto& name : names) {
        if (!AliasName::parse(name)) return fail(EPERM, "'" + name + "' is no alias to protect");
        if (!wanted && !contains(all, name))
            return fail(ENOENT, "alias '" + name + "' is not protected");
    }
    for (const auto& name : names) {
        std::erase(all, name);
        if (wanted) all.push_back(name);
    }
    on.entry.detail = {{"aliases", names}, {"on", wanted}};
    return {};
}

Result<> set_ttl(Subject& on) {
    auto seconds = on.change.value("seconds", Json());
    if (!seconds.is_null() && (!seconds.is_number_integer() || seconds.get<std::int64_t>() < 0))
        return fail(EINVAL, "a time to live is a number of seconds");
    on.version().ttl.reset();
    if (!seconds.is_null()) on.version().ttl = std::chrono::seconds(seconds.get<std::int64_t>());
    on.entry.detail["seconds"] = seconds;
    return {};
}

// `latest` goes to the newest version that is left.
void choose_head(Subject& on) {
    on.artifact().head.reset();
    for (const auto& version : on.txn.versions(on.artifact().id))
        if (version.number != on.version().number) on.artifact().head = version.number;
}

Result<> remove(Subject& on) {
    if (auto why = why_needed(on.txn, on.artifact(), on.version()); !why.empty())
        return fail(EBUSY, on.label() + " " + why);
    on.version().deleted = true;
    on.version().deleted_at = on.entry.when;
    if (on.artifact().head == on.version().number) choose_head(on);
    return {};
}

Result<> restore(Subject& on) {
    if (!on.version().deleted) return fail(EINVAL, on.label() + " is not deleted");
    if (on.version().gone) return fail(ENOENT, on.label() + " was collected: its files are gone");
    on.version().deleted = false;
    on.version().deleted_at.reset();
    if (!on.artifact().head) on.artifact().head = on.version().number;
    return {};
}

struct ChangeKind {
    const char* name;
    Result<> (*apply)(Subject&);
    bool of_version;  // else of the artifact
    bool of_run;      // also of a run
};
constexpr ChangeKind kinds[] = {
    {"describe", describe, true, true},
    {"metadata", annotate, true, false},
    {"tag", tag, true, true},
    {"alias", set_aliases, true, false},
    {"unalias", drop_aliases, false, false},
    {"protect", protect, false, false},
    {"ttl", set_ttl, true, false},
    {"delete", remove, true, false},
    {"restore", restore, true, false},
};

Result<> find_subject(Subject& on, const ChangeKind& kind) {
    if (auto id = RunId::parse(on.change.value("run", "")); id && kind.of_run) {
        on.found.run = on.txn.run(*id);
        if (!on.found.run) return fail(ENOENT, "no such run: art runs --all lists them");
        return {};
    }
    auto id = ArtifactId::parse(on.change.value("artifact", ""));
    if (id) on.found.artifact = on.txn.artifact(*id);
    if (!on.found.artifact) return fail(ENOENT, "no such artifact: art ls lists them");
    if (!kind.of_version) return {};
    on.found.version = on.txn.version(*id, on.change.value("version", 0U));
    bool hidden = on.found.version && on.found.version->deleted;
    if (!on.found.version || (hidden && on.entry.what != "restore"))
        return fail(ENOENT, "no such version: art ls " + on.artifact().name + " lists them");
    on.entry.detail["version"] = "v" + std::to_string(on.version().number);
    return {};
}

}  // namespace

Result<Changed> apply_change(WriteTxn& txn, const Json& change, const std::string& who) {
    const std::string name = change.value("change", "");
    const auto* kind = std::find_if(std::begin(kinds), std::end(kinds),
                                    [&](const ChangeKind& one) { return name == one.name; });
    if (kind == std::end(kinds)) return fail(EINVAL, "unknown change '" + name + "'");
    Subject on{txn, change, {}, {now(), who, name, Json::object()}};
    if (auto found = find_subject(on, *kind); !found) return tl::unexpected(found.error());
    if (auto applied = kind->apply(on); !applied) return tl::unexpected(applied.error());
    if (on.found.run) {
        on.found.run->history.push_back(on.entry);
        txn.put(*on.found.run);
        return on.found;
    }
    txn.put(*on.found.artifact);
    if (on.found.version) txn.put(*on.found.version);
    if (!on.entry.what.empty()) txn.add_history(on.found.artifact->id, on.entry);
    return on.found;
}

std::string why_needed(const ReadTxn& txn, const ArtifactRecord& artifact,
                       const VersionRecord& version) {
    for (const auto& [alias, number] : txn.aliases(artifact.id))
        if (number == version.number)
            return "has the alias '" + alias + "': art alias --delete " + artifact.name + " " +
                   alias + " first";
    auto needs = [&](const RunRecord& run) {
        auto pin = run.pins.find(artifact.id);
        if (pin != run.pins.end() && pin->second.version == version.id) return true;
        auto uses = txn.uses_of(run.id);
        return std::any_of(uses.begin(), uses.end(),
                           [&](const UseEdge& use) { return use.version == version.id; });
    };
    std::string live;
    // Live runs are young, but for the longest of them: all of the project's are asked.
    txn.runs(artifact.project, [&](const RunRecord& run) {
        if (run.state == RunState::running && needs(run)) live = run.name;
        return live.empty();
    });
    if (!live.empty()) return "is used by the live run " + live + ": wait for it or end it";
    for (const auto& draft : txn.drafts())
        if (draft.base.version == version.id)
            return "is the base of an unsealed draft: art status names it";
    return "";
}

}  // namespace artfs
