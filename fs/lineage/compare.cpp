#include "lineage/compare.h"

#include <algorithm>
#include <map>

#include "lineage/run_facts.h"
#include "lineage/text.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

Json file_json(const FileDifference& file) {
    Json out{{"change", to_string(file.change)}};
    put_name(out, "path", file.path);
    if (file.change == FileChange::renamed) put_name(out, "from", file.from);
    auto side = [&](const char* name, const std::optional<Entry>& entry) {
        if (!entry) return;
        Json one{{"size", entry->size}};
        if (entry->kind == Kind::file) one["sha256"] = entry->digest.hex();
        if (entry->kind == Kind::symlink) put_name(one, "target", entry->target);
        out[name] = one;
    };
    side("before", file.before);
    side("after", file.after);
    return out;
}

// Files that vanished, by content, each taken by one that appeared with it.
void pair_renamed(std::vector<FileDifference>& files) {
    std::multimap<Digest, std::size_t> gone;
    for (std::size_t i = 0; i < files.size(); ++i)
        if (files[i].change == FileChange::removed && files[i].before->kind == Kind::file &&
            files[i].before->size > 0)
            gone.emplace(files[i].before->digest, i);
    std::vector<std::size_t> taken;
    for (auto& file : files) {
        if (file.change != FileChange::added || file.after->kind != Kind::file) continue;
        auto old = gone.find(file.after->digest);
        if (old == gone.end()) continue;
        file.change = FileChange::renamed;
        file.from = files[old->second].path;
        file.before = files[old->second].before;
        taken.push_back(old->second);
        gone.erase(old);
    }
    std::sort(taken.rbegin(), taken.rend());
    for (auto at : taken) files.erase(files.begin() + static_cast<std::ptrdiff_t>(at));
}

Json config_of(const Reading& at, const VersionRecord& version) {
    auto run = first_maker_of(at.txn, version);
    return run ? run_facts(at, *run).at("config") : Json::object();
}

Json inputs_of(const Json& run) {
    Json inputs = Json::object();
    for (const auto& use : run.at("uses"))
        inputs[use.at("artifact").get<std::string>()] = use.at("version");
    return inputs;
}

}  // namespace

const char* to_string(FileChange change) {
    switch (change) {
        case FileChange::added:
            return "added";
        case FileChange::removed:
            return "removed";
        case FileChange::changed:
            return "changed";
        case FileChange::renamed:
            return "renamed";
    }
    return "changed";
}

std::optional<RunRecord> first_maker_of(const ReadTxn& txn, const VersionRecord& version) {
    for (const auto& log : txn.loggers_of(version.id)) {
        auto run = txn.run(log.run);
        if (run && log.kind == LogKind::logged) return run;
    }
    return std::nullopt;
}

std::vector<FileDifference> compare_files(const Reading& at, const VersionRecord& before,
                                          const VersionRecord& after) {
    std::vector<FileDifference> files;
    diff(at.nodes, at.txn.snapshot(before.tree).root, at.txn.snapshot(after.tree).root, false,
         [&](const Difference& one) {
             FileDifference file;
             file.path = one.path;
             if (one.before != nullptr) file.before = *one.before;
             if (one.after != nullptr) file.after = *one.after;
             file.change = !file.before  ? FileChange::added
                           : !file.after ? FileChange::removed
                                         : FileChange::changed;
             files.push_back(std::move(file));
         });
    pair_renamed(files);
    return files;
}

Json compare_objects(const Json& before, const Json& after) {
    Json out{{"added", Json::object()}, {"removed", Json::object()}, {"changed", Json::object()}};
    for (const auto& [key, value] : before.items()) {
        if (!after.contains(key))
            out["removed"][key] = value;
        else if (after.at(key) != value)
            out["changed"][key] = {value, after.at(key)};
    }
    for (const auto& [key, value] : after.items())
        if (!before.contains(key)) out["added"][key] = value;
    return out;
}

bool nothing_in(const Json& compared) {
    return compared.at("added").empty() && compared.at("removed").empty() &&
           compared.at("changed").empty();
}

Json compare_versions(const Reading& at, const VersionRecord& before, const VersionRecord& after,
                      const std::vector<FileDifference>& files) {
    auto from = version_facts(at, before);
    auto to = version_facts(at, after);
    auto name = [](const Json& version) {
        return version.at("artifact").get<std::string>() + ":" +
               version.at("version").get<std::string>();
    };
    Json out{{"from", name(from)},
             {"to", name(to)},
             {"files", Json::array()},
             {"metadata", compare_objects(from.at("metadata"), to.at("metadata"))},
             {"config", compare_objects(config_of(at, before), config_of(at, after))}};
    for (const auto& file : files) out["files"].push_back(file_json(file));
    return out;
}

Json compare_runs(const Json& before, const Json& after) {
    Json out{{"from", "@" + before.at("name").get<std::string>()},
             {"to", "@" + after.at("name").get<std::string>()},
             {"config", compare_objects(before.at("config"), after.at("config"))},
             {"summary", compare_objects(before.at("summary"), after.at("summary"))},
             {"inputs", compare_objects(inputs_of(before), inputs_of(after))},
             {"command", nullptr}};
    if (before.at("command") != after.at("command"))
        out["command"] = {before.at("command"), after.at("command")};
    return out;
}

}  // namespace artfs
