// What is where. Identifiers are 16 bytes, numbers in keys are big-endian, texts are bytes.
//
//   artifacts       id                              CBOR ArtifactRecord
//   artifact_names  project 0 name                  artifact
//   versions        artifact number                 CBOR VersionRecord
//   version_ids     version                         artifact number
//   aliases         artifact alias                  number
//   history         artifact sequence(8)            CBOR HistoryEntry
//   runs            id project                      CBOR RunRecord: one for each project it touched
//   run_names       project 0 name                  run
//   run_list        project 0 run                   -             (ids are in order of time)
//   uses            run segment version             u8(metadata) roaring(ranks, portable form)
//   used_by         version run segment             -
//   logs            run segment version             u8(LogKind)
//   logged_by       version run segment             u8(LogKind)
//   drafts          id                              CBOR DraftRecord
//   draft_rows      draft key                       drafts/ knows the form
//   records         digest                          nodes and snapshots of trees (tree_format.cpp)
//   settings        key                             value; "counter/NAME": u64(next), "became/ID":
//   version
#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "catalog/codec.h"
#include "catalog/lmdb.h"

namespace artfs {

namespace {

std::string in_project(std::string_view run, std::string_view project) {
    return Encoder().raw(run).raw(project).take();
}

std::string numbered(std::string_view id, std::uint32_t number) {
    return Encoder().raw(id).u32be(number).take();
}

std::string edge(std::string_view first, std::uint32_t segment, std::string_view last) {
    return Encoder().raw(first).u32be(segment).raw(last).take();
}

std::string back_edge(const VersionId& version, const RunId& run, std::uint32_t segment) {
    return Encoder().raw(version.view()).raw(run.view()).u32be(segment).take();
}

std::string encode_use(const UseEdge& use) {
    std::string bytes(1 + use.ranks.getSizeInBytes(), '\0');
    bytes[0] = use.metadata ? 1 : 0;
    use.ranks.write(bytes.data() + 1);
    return bytes;
}

UseEdge decode_use(std::string_view key, std::string_view value) {
    Decoder in(key);
    UseEdge use;
    use.run = *RunId::from_bytes(in.raw(16));
    use.segment = in.u32be();
    use.version = *VersionId::from_bytes(in.raw(16));
    if (value.empty()) throw FormatError("an empty use edge");
    use.metadata = value[0] != 0;
    use.ranks = RankSet::readSafe(value.data() + 1, value.size() - 1);
    return use;
}

LogEdge decode_log(std::string_view key, std::string_view value) {
    Decoder in(key);
    LogEdge log;
    log.run = *RunId::from_bytes(in.raw(16));
    log.segment = in.u32be();
    log.version = *VersionId::from_bytes(in.raw(16));
    log.kind = value.empty() ? LogKind::logged : static_cast<LogKind>(value[0]);
    return log;
}

template <class Decode>
auto decoded(const std::optional<std::string_view>& value, Decode decode)
    -> std::optional<decltype(decode(*value))> {
    if (!value) return std::nullopt;
    return decode(*value);
}

}  // namespace

ReadTxn::ReadTxn(std::unique_ptr<State> state) : state_(std::move(state)) {}
ReadTxn::~ReadTxn() = default;

std::vector<std::string> ReadTxn::projects() const {
    std::vector<std::string> found;
    for (Table table : {artifact_names_table, run_names_table}) {
        state_->scan(table, "", [&](std::string_view key, std::string_view) {
            std::string project(key.substr(0, key.find('\0')));
            bool known = false;
            for (const auto& name : found) known = known || name == project;
            if (!known) found.push_back(std::move(project));
            return true;
        });
    }
    return found;
}

std::optional<ArtifactRecord> ReadTxn::artifact(const ArtifactId& id) const {
    return decoded(state_->get(artifacts_table, id.view()), decode_artifact);
}

std::optional<ArtifactRecord> ReadTxn::artifact(std::string_view project,
                                                std::string_view name) const {
    auto id = state_->get(artifact_names_table, named_key(project, name));
    if (!id) return std::nullopt;
    return decoded(state_->get(artifacts_table, *id), decode_artifact);
}

std::vector<ArtifactRecord> ReadTxn::artifacts(std::string_view project) const {
    std::vector<ArtifactRecord> found;
    state_->scan(artifact_names_table, named_key(project, ""),
                 [&](std::string_view, std::string_view id) {
                     if (auto record = state_->get(artifacts_table, id))
                         found.push_back(decode_artifact(*record));
                     return true;
                 });
    return found;
}

std::optional<VersionRecord> ReadTxn::version(const VersionId& id) const {
    auto key = state_->get(version_ids_table, id.view());
    if (!key) return std::nullopt;
    return decoded(state_->get(versions_table, *key), decode_version);
}

std::optional<VersionRecord> ReadTxn::version(const ArtifactId& id, std::uint32_t number) const {
    return decoded(state_->get(versions_table, numbered(id.view(), number)), decode_version);
}

std::vector<VersionRecord> ReadTxn::versions(const ArtifactId& id) const {
    std::vector<VersionRecord> found;
    state_->scan(versions_table, id.view(), [&](std::string_view, std::string_view value) {
        auto version = decode_version(value);
        if (!version.deleted) found.push_back(std::move(version));
        return true;
    });
    return found;
}

std::vector<VersionRecord> ReadTxn::all_versions(const ArtifactId& id) const {
    std::vector<VersionRecord> found;
    state_->scan(versions_table, id.view(), [&](std::string_view, std::string_view value) {
        found.push_back(decode_version(value));
        return true;
    });
    return found;
}

std::map<std::string, std::uint32_t> ReadTxn::aliases(const ArtifactId& id) const {
    std::map<std::string, std::uint32_t> found;
    state_->scan(aliases_table, id.view(), [&](std::string_view key, std::string_view value) {
        found.emplace(key.substr(16), Decoder(value).u32be());
        return true;
    });
    return found;
}

std::vector<HistoryEntry> ReadTxn::history(const ArtifactId& id) const {
    std::vector<HistoryEntry> found;
    state_->scan(history_table, id.view(), [&](std::string_view, std::string_view value) {
        found.push_back(decode_history(value));
        return true;
    });
    return found;
}

std::optional<RunRecord> ReadTxn::run(const RunId& id) const {
    std::optional<RunRecord> found;
    state_->scan(runs_table, id.view(), [&](std::string_view, std::string_view value) {
        found = decode_run(value);
        return false;
    });
    return found;
}

std::uint32_t ReadTxn::segments_of(const RunId& id) const {
    std::uint32_t most = 0;
    state_->scan(runs_table, id.view(), [&](std::string_view, std::string_view value) {
        most = std::max(most, decode_run(value).segments);
        return true;
    });
    return most;
}

std::optional<RunRecord> ReadTxn::run(std::string_view project, const RunId& id) const {
    return decoded(state_->get(runs_table, in_project(id.view(), project)), decode_run);
}

std::optional<RunRecord> ReadTxn::run(std::string_view project, std::string_view name) const {
    auto id = state_->get(run_names_table, named_key(project, name));
    if (!id) return std::nullopt;
    return decoded(state_->get(runs_table, in_project(*id, project)), decode_run);
}

void ReadTxn::runs(std::string_view project,
                   const std::function<bool(const RunRecord&)>& visit) const {
    std::string prefix = named_key(project, "");
    state_->scan(
        run_list_table, prefix,
        [&](std::string_view key, std::string_view) {
            auto record = state_->get(runs_table, in_project(key.substr(prefix.size()), project));
            return !record || visit(decode_run(*record));
        },
        true);
}

std::vector<UseEdge> ReadTxn::uses_of(const RunId& run) const {
    std::vector<UseEdge> found;
    state_->scan(uses_table, run.view(), [&](std::string_view key, std::string_view value) {
        found.push_back(decode_use(key, value));
        return true;
    });
    return found;
}

std::vector<UseEdge> ReadTxn::users_of(const VersionId& version) const {
    std::vector<UseEdge> found;
    state_->scan(used_by_table, version.view(), [&](std::string_view key, std::string_view) {
        std::string forward =
            Encoder().raw(key.substr(16)).raw(version.view()).take();  // run segment version
        if (auto value = state_->get(uses_table, forward))
            found.push_back(decode_use(forward, *value));
        return true;
    });
    return found;
}

std::vector<LogEdge> ReadTxn::logs_of(const RunId& run) const {
    std::vector<LogEdge> found;
    state_->scan(logs_table, run.view(), [&](std::string_view key, std::string_view value) {
        found.push_back(decode_log(key, value));
        return true;
    });
    return found;
}

std::vector<LogEdge> ReadTxn::loggers_of(const VersionId& version) const {
    std::vector<LogEdge> found;
    state_->scan(logged_by_table, version.view(),
                 [&](std::string_view key, std::string_view value) {
                     std::string forward = Encoder().raw(key.substr(16)).raw(version.view()).take();
                     found.push_back(decode_log(forward, value));
                     return true;
                 });
    return found;
}

std::vector<DraftRecord> ReadTxn::drafts() const {
    std::vector<DraftRecord> found;
    state_->scan(drafts_table, "", [&](std::string_view, std::string_view value) {
        found.push_back(decode_draft(value));
        return true;
    });
    return found;
}

std::optional<DraftRecord> ReadTxn::draft(const DraftId& id) const {
    return decoded(state_->get(drafts_table, id.view()), decode_draft);
}

std::map<std::string, std::string> ReadTxn::draft_rows(const DraftId& id) const {
    std::map<std::string, std::string> rows;
    state_->scan(draft_rows_table, id.view(), [&](std::string_view key, std::string_view value) {
        rows.emplace(key.substr(16), value);
        return true;
    });
    return rows;
}

std::optional<std::string> ReadTxn::record(const Digest& stored) const {
    auto value = state_->get(records_table, stored.view());
    if (!value) return std::nullopt;
    return std::string(*value);
}

std::shared_ptr<const Node> ReadTxn::node(const Digest& stored) const {
    auto value = state_->get(records_table, stored.view());
    if (!value) throw FormatError("a tree node is missing: " + stored.hex());
    return std::make_shared<const Node>(decode_node(*value));
}

Snapshot ReadTxn::snapshot(const TreeId& tree) const {
    auto value = state_->get(records_table, tree.digest.view());
    if (!value) throw FormatError("a tree is missing: " + tree.digest.hex());
    return decode_snapshot(*value);
}

void ReadTxn::records(const std::function<bool(const Digest&)>& visit) const {
    state_->scan(records_table, "", [&](std::string_view key, std::string_view) {
        auto digest = Digest::from_bytes(key);
        return !digest || visit(*digest);
    });
}

std::optional<std::string> ReadTxn::setting(std::string_view key) const {
    auto value = state_->get(settings_table, key);
    if (!value) return std::nullopt;
    return std::string(*value);
}

void WriteTxn::put(const ArtifactRecord& record) {
    state_->put(artifacts_table, record.id.view(), encode(record));
    state_->put(artifact_names_table, named_key(record.project, record.name), record.id.view());
}

void WriteTxn::erase_artifact(const ArtifactRecord& record) {
    state_->erase(artifacts_table, record.id.view());
    state_->erase(artifact_names_table, named_key(record.project, record.name));
}

void WriteTxn::put(const VersionRecord& record) {
    std::string key = numbered(record.artifact.view(), record.number);
    state_->put(versions_table, key, encode(record));
    state_->put(version_ids_table, record.id.view(), key);
}

void WriteTxn::put_alias(const ArtifactId& id, std::string_view alias, std::uint32_t number) {
    state_->put(aliases_table, std::string(id.view()) + std::string(alias),
                Encoder().u32be(number).bytes());
}

void WriteTxn::erase_alias(const ArtifactId& id, std::string_view alias) {
    state_->erase(aliases_table, std::string(id.view()) + std::string(alias));
}

void WriteTxn::add_history(const ArtifactId& id, const HistoryEntry& entry) {
    std::uint64_t sequence = reserve("history", 1);
    state_->put(history_table, Encoder().raw(id.view()).u64be(sequence).bytes(), encode(entry));
}

void WriteTxn::put(const RunRecord& record) {
    state_->put(runs_table, in_project(record.id.view(), record.project), encode(record));
    state_->put(run_names_table, named_key(record.project, record.name), record.id.view());
    state_->put(run_list_table, named_key(record.project, record.id.view()), "");
}

namespace {
constexpr std::string_view promises = "became/";

std::string promise_key(const VersionId& promised) {
    return std::string(promises).append(promised.view());
}
}  // namespace

void WriteTxn::put(const UseEdge& use) {
    UseEdge all = use;
    if (!state_->get(version_ids_table, use.version.view()))
        if (auto version = state_->get(settings_table, promise_key(use.version)))
            all.version = VersionId::from_bytes(*version).value_or(use.version);
    std::string key = edge(all.run.view(), all.segment, all.version.view());
    if (auto known = state_->get(uses_table, key)) {
        auto before = decode_use(key, *known);
        all.ranks |= before.ranks;
        all.metadata = all.metadata || before.metadata;
    }
    state_->put(uses_table, key, encode_use(all));
    state_->put(used_by_table, back_edge(all.version, all.run, all.segment), "");
}

void WriteTxn::erase(const UseEdge& use) {
    state_->erase(uses_table, edge(use.run.view(), use.segment, use.version.view()));
    state_->erase(used_by_table, back_edge(use.version, use.run, use.segment));
}

void WriteTxn::became(const VersionId& promised, const VersionId& version) {
    if (version == promised) return;
    state_->put(settings_table, promise_key(promised), version.view());
    for (const auto& use : users_of(promised)) {
        erase(use);
        put(use);
    }
}

void WriteTxn::forget_promises() {
    std::vector<std::string> keys;
    state_->scan(settings_table, promises, [&](std::string_view key, std::string_view) {
        keys.emplace_back(key);
        return true;
    });
    for (const auto& key : keys) state_->erase(settings_table, key);
}

void WriteTxn::put(const LogEdge& log) {
    std::string kind(1, static_cast<char>(log.kind));
    state_->put(logs_table, edge(log.run.view(), log.segment, log.version.view()), kind);
    state_->put(logged_by_table, back_edge(log.version, log.run, log.segment), kind);
}

void WriteTxn::put(const DraftRecord& record) {
    state_->put(drafts_table, record.id.view(), encode(record));
}

void WriteTxn::put_draft_row(const DraftId& id, std::string_view key, std::string_view value) {
    state_->put(draft_rows_table, std::string(id.view()) + std::string(key), value);
}

void WriteTxn::erase_draft_row(const DraftId& id, std::string_view key) {
    state_->erase(draft_rows_table, std::string(id.view()) + std::string(key));
}

void WriteTxn::erase_draft(const DraftId& id) {
    for (const auto& [key, value] : draft_rows(id)) erase_draft_row(id, key);
    state_->erase(drafts_table, id.view());
}

void WriteTxn::put_record(const Digest& stored, std::string_view bytes) {
    if (!state_->get(records_table, stored.view()))
        state_->put(records_table, stored.view(), bytes);
}

void WriteTxn::erase_record(const Digest& stored) { state_->erase(records_table, stored.view()); }

void WriteTxn::put_setting(std::string_view key, std::string_view value) {
    state_->put(settings_table, key, value);
}

std::uint64_t WriteTxn::reserve(std::string_view counter, std::uint64_t count) {
    std::string key = "counter/" + std::string(counter);
    auto known = state_->get(settings_table, key);
    std::uint64_t first = known ? Decoder(*known).u64() : 0;
    state_->put(settings_table, key, Encoder().u64(first + count).bytes());
    return first;
}

}  // namespace artfs
