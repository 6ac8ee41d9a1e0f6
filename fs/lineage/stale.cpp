#include "lineage/stale.h"

#include <algorithm>
#include <map>
#include <set>

#include "lineage/describe.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

struct Stale {
    Json document;
    ArtifactId artifact;
    std::set<ArtifactId> before;  // what it was made from, at whatever distance
};

std::string number(std::uint32_t version) { return "v" + std::to_string(version); }

// The run that made a version last.
std::optional<RunRecord> maker_of(const ReadTxn& txn, const VersionRecord& version) {
    std::optional<RunRecord> maker;
    for (const auto& log : txn.loggers_of(version.id))
        if (auto run = txn.run(log.run); run && (!maker || run->started > maker->started))
            maker = run;
    return maker;
}

// What heads are made from, through the heads of those.
class Upstream {
public:
    explicit Upstream(const ReadTxn& txn) : txn_(txn) {}

    std::set<ArtifactId> of(const ArtifactId& artifact) {
        std::set<ArtifactId> all;
        std::vector<ArtifactId> next{artifact};
        while (!next.empty()) {
            auto at = next.back();
            next.pop_back();
            for (const auto& input : inputs(at))
                if (all.insert(input).second) next.push_back(input);
        }
        all.erase(artifact);
        return all;
    }

private:
    const std::set<ArtifactId>& inputs(const ArtifactId& id) {
        auto [known, fresh] = inputs_.try_emplace(id);
        if (!fresh) return known->second;
        auto artifact = txn_.artifact(id);
        auto head = artifact && artifact->head ? txn_.version(id, *artifact->head) : std::nullopt;
        auto maker = head ? maker_of(txn_, *head) : std::nullopt;
        if (!maker) return known->second;
        for (const auto& use : txn_.uses_of(maker->id))
            if (auto input = txn_.version(use.version)) known->second.insert(input->artifact);
        return known->second;
    }

    const ReadTxn& txn_;
    std::map<ArtifactId, std::set<ArtifactId>> inputs_;
};

Stale describe(const ReadTxn& txn, const VersionRecord& version) {
    Stale stale;
    stale.artifact = version.artifact;
    auto artifact = txn.artifact(version.artifact);
    stale.document = {{"artifact", artifact ? artifact->name : "?"},
                      {"version", number(version.number)},
                      {"run", nullptr},
                      {"inputs", Json::array()}};
    auto maker = maker_of(txn, version);
    if (!maker) return stale;
    stale.document["run"] = maker->name;
    for (const auto& use : txn.uses_of(maker->id)) {
        auto input = txn.version(use.version);
        auto of = input ? txn.artifact(input->artifact) : std::nullopt;
        if (!of || of->id == version.artifact) continue;
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
    Upstream upstream(txn);
    for (const auto& version : stale_versions(txn, project)) {
        left.push_back(describe(txn, version));
        left.back().before = upstream.of(version.artifact);
    }
    for (auto& one : left) {
        auto& waits_for = one.document["waits_for"] = Json::array();
        for (const auto& other : left)
            if (other.artifact != one.artifact && one.before.contains(other.artifact))
                waits_for.push_back(other.document["artifact"]);
    }
    auto list = Json::array();
    while (!left.empty()) {
        auto waits = [&](const Stale& one) {
            return std::any_of(left.begin(), left.end(), [&](const Stale& other) {
                return other.artifact != one.artifact && one.before.contains(other.artifact);
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
