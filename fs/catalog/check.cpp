// Indexes of the catalog against the rows they are made from (tables.cpp lists both).
#include <map>
#include <set>

#include "base/bytes.h"
#include "catalog/codec.h"
#include "catalog/lmdb.h"

namespace artfs {

namespace {

using TableRows = std::map<std::string, std::string>;

TableRows rows_of(const ReadTxn::State& state, Table table) {
    TableRows rows;
    state.scan(table, "", [&](std::string_view key, std::string_view value) {
        rows.emplace(key, value);
        return true;
    });
    return rows;
}

// run segment version -> version run segment
std::string turned(const std::string& edge) { return edge.substr(20) + edge.substr(0, 20); }

struct Index {
    Table table;
    const char* what;
    TableRows right;
};

// What every index must hold, made from the tables of records.
std::vector<Index> indexes(const ReadTxn::State& state) {
    std::vector<Index> all{{artifact_names_table, "names of artifacts", {}},
                           {version_ids_table, "versions by id", {}},
                           {run_names_table, "names of runs", {}},
                           {run_list_table, "runs of a project", {}},
                           {used_by_table, "users of versions", {}},
                           {logged_by_table, "makers of versions", {}}};
    for (const auto& [key, value] : rows_of(state, artifacts_table)) {
        auto artifact = decode_artifact(value);
        all[0].right[named_key(artifact.project, artifact.name)] = key;
    }
    for (const auto& [key, value] : rows_of(state, versions_table))
        all[1].right[std::string(decode_version(value).id.view())] = key;
    for (const auto& [key, value] : rows_of(state, runs_table)) {
        auto run = decode_run(value);
        all[2].right[named_key(run.project, run.name)] = run.id.view();
        all[3].right[named_key(run.project, run.id.view())] = "";
    }
    for (const auto& [key, value] : rows_of(state, uses_table)) all[4].right[turned(key)] = "";
    for (const auto& [key, value] : rows_of(state, logs_table)) all[5].right[turned(key)] = value;
    return all;
}

// Aliases and heads that lead to no version that is shown.
struct Dangling {
    std::vector<std::string> alias_keys;
    std::vector<ArtifactRecord> heads;
};

Dangling dangling(const ReadTxn& txn, const ReadTxn::State& state) {
    Dangling found;
    auto shown = [&](const ArtifactId& id, std::uint32_t number) {
        auto version = txn.version(id, number);
        return version && !version->deleted;
    };
    for (const auto& [key, value] : rows_of(state, aliases_table)) {
        auto id = ArtifactId::from_bytes(std::string_view(key).substr(0, 16));
        if (!id || !shown(*id, Decoder(value).u32be())) found.alias_keys.push_back(key);
    }
    for (const auto& [key, value] : rows_of(state, artifacts_table)) {
        auto artifact = decode_artifact(value);
        if (artifact.head && !shown(artifact.id, *artifact.head))
            found.heads.push_back(std::move(artifact));
    }
    return found;
}

}  // namespace

std::vector<std::string> ReadTxn::index_faults() const {
    std::vector<std::string> faults;
    for (const auto& index : indexes(*state_))
        if (rows_of(*state_, index.table) != index.right)
            faults.push_back(std::string("the index of ") + index.what + " is wrong");
    auto wrong = dangling(*this, *state_);
    for (const auto& key : wrong.alias_keys)
        faults.push_back("the alias '" + key.substr(16) + "' leads to no version");
    for (const auto& artifact : wrong.heads)
        faults.push_back("latest of " + artifact.name + " leads to no version");
    for (Table table : {uses_table, logs_table})
        for (const auto& [key, value] : rows_of(*state_, table)) {
            auto id = RunId::from_bytes(std::string_view(key).substr(0, 16));
            bool run = id && this->run(*id).has_value();
            bool version =
                state_->get(version_ids_table, std::string_view(key).substr(20)).has_value();
            if (!run || !version)
                faults.push_back(std::string("an edge of a ") + (run ? "version" : "run") +
                                 " that does not exist");
        }
    return faults;
}

void WriteTxn::rebuild_indexes() {
    for (const auto& index : indexes(*state_)) {
        auto present = rows_of(*state_, index.table);
        if (present == index.right) continue;
        for (const auto& [key, value] : present)
            if (!index.right.contains(key)) state_->erase(index.table, key);
        for (const auto& [key, value] : index.right) state_->put(index.table, key, value);
    }
    auto wrong = dangling(*this, *state_);
    for (const auto& key : wrong.alias_keys) state_->erase(aliases_table, key);
    for (auto& artifact : wrong.heads) {
        artifact.head.reset();
        for (const auto& version : versions(artifact.id)) artifact.head = version.number;
        put(artifact);
    }
}

}  // namespace artfs
