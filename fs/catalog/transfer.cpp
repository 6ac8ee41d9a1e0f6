#include "catalog/transfer.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/bytes.h"
#include "base/json.h"
#include "catalog/binary_json.h"
#include "catalog/codec.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

constexpr int rows_format = 1;
constexpr std::uint32_t highest_number = 1U << 31U;

template <class Record>
Json list_of(const std::vector<Record>& records) {
    auto list = Json::array();
    for (const auto& record : records) list.push_back(binary(encode(record)));
    return list;
}

class Collector {
public:
    Collector(const ReadTxn& txn, std::string project) : txn_(txn) {
        rows_.project = std::move(project);
    }

    void version(const VersionRecord& record) {
        if (!known_.insert(record.id).second) return;
        rows_.versions.push_back(record);
        if (auto artifact = txn_.artifact(record.artifact);
            artifact && artifacts_.insert(artifact->id).second)
            rows_.artifacts.push_back(*artifact);
        for (const auto& [alias, number] : txn_.aliases(record.artifact))
            if (number == record.number) rows_.aliases.emplace_back(record.id, alias);
        for (const auto& entry : txn_.history(record.artifact))
            if (entry.detail.is_object() &&
                entry.detail.value("version", Json()) == "v" + std::to_string(record.number))
                rows_.history.emplace_back(record.artifact, entry);
    }
    void runs_of(const VersionRecord& record) {
        for (const auto& log : txn_.loggers_of(record.id)) run(log.run);
    }
    Rows take() { return std::move(rows_); }

private:
    void run(const RunId& id) {
        auto record = txn_.run(id);
        if (!record || !runs_.insert(id).second) return;
        // Elsewhere nothing waits for it any more.
        if (record->state == RunState::running) record->state = RunState::lost;
        record->pins.clear();
        rows_.runs.push_back(*record);
        for (const auto& use : txn_.uses_of(id)) {
            name_only(use.version);
            rows_.uses.push_back(use);
        }
        for (const auto& log : txn_.logs_of(id)) {
            name_only(log.version);
            rows_.logs.push_back(log);
        }
    }
    void name_only(const VersionId& id) {
        auto record = txn_.version(id);
        if (!record || known_.contains(id)) return;
        record->deleted = record->gone = true;
        record->metadata = nullptr;
        known_.insert(id);
        rows_.versions.push_back(*record);
        if (auto artifact = txn_.artifact(record->artifact);
            artifact && artifacts_.insert(artifact->id).second)
            rows_.artifacts.push_back(*artifact);
    }

    const ReadTxn& txn_;
    Rows rows_;
    std::set<ArtifactId> artifacts_;
    std::set<VersionId> known_;
    std::set<RunId> runs_;
};

std::string free_run_name(const ReadTxn& txn, const std::string& project, const std::string& name) {
    std::string free = name;
    for (int n = 2; txn.run(project, free); ++n) free = name + "-" + std::to_string(n);
    return free;
}

}  // namespace

Rows collect_rows(const ReadTxn& txn, const std::string& project,
                  const std::vector<VersionRecord>& versions) {
    Collector collector(txn, project);
    for (const auto& version : versions) collector.version(version);
    for (const auto& version : versions) collector.runs_of(version);
    return collector.take();
}

std::string encode_rows(const Rows& rows) {
    Json out{{"format", rows_format},
             {"project", rows.project},
             {"artifacts", list_of(rows.artifacts)},
             {"versions", list_of(rows.versions)},
             {"runs", list_of(rows.runs)},
             {"aliases", Json::array()},
             {"history", Json::array()},
             {"uses", Json::array()},
             {"logs", Json::array()}};
    for (const auto& [version, alias] : rows.aliases)
        out["aliases"].push_back({binary(version.view()), alias});
    for (const auto& [artifact, entry] : rows.history)
        out["history"].push_back({binary(artifact.view()), binary(encode(entry))});
    for (const auto& use : rows.uses) {
        std::string ranks(use.ranks.getSizeInBytes(), '\0');
        use.ranks.write(ranks.data());
        out["uses"].push_back({binary(use.run.view()), use.segment, binary(use.version.view()),
                               binary(ranks), use.metadata});
    }
    for (const auto& log : rows.logs)
        out["logs"].push_back({binary(log.run.view()), log.segment, binary(log.version.view()),
                               static_cast<int>(log.kind)});
    std::string bytes;
    Json::to_cbor(out, bytes);
    return bytes;
}

Rows decode_rows(std::string_view bytes) {
    try {
        auto in = parse_cbor(bytes);
        if (in.at("format") != rows_format) throw FormatError("it is of a newer artfs");
        Rows rows;
        rows.project = in.at("project");
        for (const auto& one : in.at("artifacts"))
            rows.artifacts.push_back(decode_artifact(bytes_of(one)));
        for (const auto& one : in.at("versions"))
            rows.versions.push_back(decode_version(bytes_of(one)));
        for (const auto& one : in.at("runs")) rows.runs.push_back(decode_run(bytes_of(one)));
        for (const auto& one : in.at("aliases"))
            rows.aliases.emplace_back(id_of<VersionId>(one.at(0)), one.at(1));
        for (const auto& one : in.at("history"))
            rows.history.emplace_back(id_of<ArtifactId>(one.at(0)),
                                      decode_history(bytes_of(one.at(1))));
        for (const auto& one : in.at("uses")) {
            auto ranks = bytes_of(one.at(3));
            rows.uses.push_back({id_of<RunId>(one.at(0)), one.at(1), id_of<VersionId>(one.at(2)),
                                 RankSet::readSafe(ranks.data(), ranks.size()), one.at(4)});
        }
        for (const auto& one : in.at("logs"))
            rows.logs.push_back({id_of<RunId>(one.at(0)), one.at(1), id_of<VersionId>(one.at(2)),
                                 one.at(3).get<int>() == 0 ? LogKind::logged : LogKind::confirmed});
        auto numbered = [](const auto& edge) { return edge.segment > 0; };
        if (!std::all_of(rows.uses.begin(), rows.uses.end(), numbered) ||
            !std::all_of(rows.logs.begin(), rows.logs.end(), numbered))
            throw FormatError("an edge of it is of no segment");
        return rows;
    } catch (const Json::exception& damage) {
        throw FormatError(std::string("its records are damaged: ") + damage.what());
    } catch (const std::runtime_error& damage) {
        throw FormatError(damage.what());
    }
}

std::string conflict_of(const ReadTxn& txn, const std::string& project, const Rows& rows) {
    std::map<ArtifactId, std::string> names;
    for (const auto& artifact : rows.artifacts) {
        if (!ArtifactName::parse(artifact.name) || !is_plain_name(artifact.type))
            return "'" + artifact.name + "' is no name for an artifact";
        names[artifact.id] = artifact.name;
        auto known = txn.artifact(project, artifact.name);
        if (known && known->id != artifact.id)
            return "another artifact is called '" + artifact.name + "' here";
    }
    std::set<VersionId> versions;
    for (const auto& version : rows.versions) {
        versions.insert(version.id);
        if (!names.contains(version.artifact)) return "a version of it is of no artifact";
        auto known = txn.version(version.artifact, version.number);
        if (known && known->id != version.id)
            return names[version.artifact] + ":v" + std::to_string(version.number) +
                   " is another version here";
        if (version.number > highest_number) return "a version of it has no number";
        auto same = txn.version(version.id);
        if (same && same->digest != version.digest) return "a version of it has other files here";
        if (same && (same->artifact != version.artifact || same->number != version.number))
            return "a version of it has another name here";
    }
    std::set<RunId> runs;
    for (const auto& run : rows.runs) {
        if (!RunName::parse(run.name)) return "'" + run.name + "' is no name for a run";
        runs.insert(run.id);
    }
    auto edge = [&](const RunId& run, const VersionId& version) {
        return runs.contains(run) && versions.contains(version);
    };
    for (const auto& use : rows.uses)
        if (!edge(use.run, use.version)) return "an edge of it leads nowhere";
    for (const auto& log : rows.logs)
        if (!edge(log.run, log.version)) return "an edge of it leads nowhere";
    for (const auto& [version, alias] : rows.aliases)
        if (!versions.contains(version) || !AliasName::parse(alias))
            return "'" + alias + "' is no alias";
    return "";
}

Merged merge_rows(WriteTxn& txn, const std::string& project, const Rows& rows) {
    Merged merged;
    std::map<ArtifactId, ArtifactRecord> artifacts;
    for (const auto& artifact : rows.artifacts) {
        auto record = txn.artifact(artifact.id).value_or(artifact);
        if (!txn.artifact(artifact.id)) {
            record.project = project;
            record.head.reset();
            record.next_version = 0;
            record.protected_aliases.clear();
        }
        artifacts[artifact.id] = record;
    }
    std::set<ArtifactId> with_history;
    for (const auto& version : rows.versions) {
        auto known = txn.version(version.id);
        auto& artifact = artifacts.at(version.artifact);
        artifact.next_version = std::max(artifact.next_version, version.number + 1);
        artifact.type_fixed = true;
        if (known && (!known->gone || version.gone)) continue;
        txn.put(version);
        merged.versions.push_back(version);
        with_history.insert(version.artifact);
        if (!version.deleted && (!artifact.head || *artifact.head < version.number))
            if (!txn.artifact(artifact.id) || !artifact.head) artifact.head = version.number;
    }
    for (const auto& [id, artifact] : artifacts) {
        txn.put(artifact);
        merged.artifacts.push_back(artifact);
    }
    for (const auto& [version, alias] : rows.aliases) {
        auto record = txn.version(version);
        if (record && !record->deleted && !txn.aliases(record->artifact).contains(alias))
            txn.put_alias(record->artifact, alias, record->number);
    }
    for (const auto& [artifact, entry] : rows.history)
        if (with_history.contains(artifact)) txn.add_history(artifact, entry);
    std::set<RunId> fresh_runs;
    for (const auto& run : rows.runs) {
        if (txn.run(run.id)) continue;
        fresh_runs.insert(run.id);
        RunRecord record = run;
        if (record.state == RunState::running) record.state = RunState::lost;
        record.project = project;
        record.name = free_run_name(txn, project, run.name);
        txn.put(record);
        merged.runs.push_back(run.id);
    }
    // What is told of runs and versions that are here already is not taken for more than was seen.
    std::set<VersionId> fresh_versions;
    for (const auto& version : merged.versions) fresh_versions.insert(version.id);
    auto news = [&](const auto& edge) {
        return fresh_runs.contains(edge.run) || fresh_versions.contains(edge.version);
    };
    for (const auto& use : rows.uses)
        if (news(use)) txn.put(use);
    for (const auto& log : rows.logs)
        if (news(log)) txn.put(log);
    return merged;
}

}  // namespace artfs
