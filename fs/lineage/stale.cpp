#include "lineage/stale.h"

#include <algorithm>
#include <set>

#include "lineage/describe.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

struct Stale {
    Json document;
    ArtifactId artifact;
    std::set<ArtifactId> inputs;  // all of them: what must be remade first
};

std::string number(std::uint32_t version) { return "v" + std::to_string(version); }

Stale describe(const ReadTxn& txn, const VersionRecord& version) {
    Stale stale;
    stale.artifact = version.artifact;
    auto artifact = txn.artifact(version.artifact);
    stale.document = {{"artifact", artifact ? artifact->name : "?"},
                      {"version", number(version.number)},
                      {"run", nullptr},
                      {"inputs", Json::array()}};
    std::optional<RunRecord> maker;
    for (const auto& log : txn.loggers_of(version.id))
        if (auto run = txn.run(log.run); run && (!maker || run->started > maker->started))
            maker = run;
    if (!maker) return stale;
    stale.document["run"] = maker->name;
    for (const auto& use : txn.uses_of(maker->id)) {
        auto input = txn.version(use.version);
        auto of = input ? txn.artifact(input->artifact) : std::nullopt;
        if (!of || of->id == version.artifact) continue;
        stale.inputs.insert(of->id);
        if (of->head && *of->head != input->number)
            stale.document["inputs"].push_back({{"artifact", of->name},
                                                {"used", number(input->number)},
                                                {"newest", number(*of->head)}});
    }
    return stale;
}

}  // namespace

Json stale_json(const ReadTxn& txn, const std::string& project) {
    std::vector<Stale> left;
    for (const auto& version : stale_versions(txn, project)) left.push_back(describe(txn, version));
    auto list = Json::array();
    while (!left.empty()) {
        auto waits = [&](const Stale& one) {
            return std::any_of(left.begin(), left.end(), [&](const Stale& other) {
                return other.artifact != one.artifact && one.inputs.contains(other.artifact);
            });
        };
        // Artifacts may use each other in turns: then any may be the first.
        auto next = std::find_if_not(left.begin(), left.end(), waits);
        if (next == left.end()) next = left.begin();
        list.push_back(std::move(next->document));
        left.erase(next);
    }
    return list;
}

}  // namespace artfs
