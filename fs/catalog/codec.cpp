#include "catalog/codec.h"

#include "base/bytes.h"
#include "base/json.h"
#include "catalog/binary_json.h"

namespace artfs {

const char* to_string(RunState state) {
    switch (state) {
        case RunState::running:
            return "running";
        case RunState::finished:
            return "finished";
        case RunState::failed:
            return "failed";
        case RunState::killed:
            return "killed";
        case RunState::lost:
            return "lost";
    }
    return "lost";
}

namespace {

using Json = nlohmann::json;

// Text that may be any bytes: arguments, paths.
Json binary_list(const std::vector<std::string>& list) {
    Json out = Json::array();
    for (const auto& item : list) out.push_back(binary(item));
    return out;
}

std::vector<std::string> text_list(const Json& value) {
    std::vector<std::string> list;
    for (const auto& item : value) list.emplace_back(bytes_of(item));
    return list;
}

Digest digest_of(const Json& value) {
    auto digest = Digest::from_bytes(bytes_of(value));
    if (!digest) throw FormatError("a digest of the wrong length");
    return *digest;
}

Json base_json(const Base& base) {
    Json out{{"tree", binary(base.tree.digest.view())}};
    if (base.version) out["version"] = binary(base.version->view());
    return out;
}

Base base_of(const Json& value) {
    Base base;
    base.tree.digest = digest_of(value.at("tree"));
    if (value.contains("version")) base.version = id_of<VersionId>(value.at("version"));
    return base;
}

Json time_json(Time time) { return to_ns(time); }
Time time_of(const Json& value) { return from_ns(value.get<std::int64_t>()); }

std::string pack(const Json& value) {
    std::string out;
    Json::to_cbor(value, out);
    return out;
}

// Whatever nlohmann throws of stored bytes is damage.
template <class Read>
auto unpack(std::string_view bytes, Read read) {
    try {
        return read(parse_cbor(bytes));
    } catch (const Json::exception& damage) {
        throw FormatError(std::string("a catalog record is damaged: ") + damage.what());
    }
}

template <class T>
void set(Json& out, const char* key, const std::optional<T>& value) {
    if (value) out[key] = *value;
}

template <class T>
void get(const Json& in, const char* key, std::optional<T>& value) {
    if (auto found = in.find(key); found != in.end()) value = found->get<T>();
}

Json resources_row(const Resources& resources) {
    Json out = Json::object();
    set(out, "memory", resources.peak_memory);
    set(out, "user", resources.user_us);
    set(out, "system", resources.system_us);
    set(out, "read", resources.bytes_read);
    set(out, "written", resources.bytes_written);
    return out;
}

Resources resources_of_row(const Json& in) {
    Resources resources;
    get(in, "memory", resources.peak_memory);
    get(in, "user", resources.user_us);
    get(in, "system", resources.system_us);
    get(in, "read", resources.bytes_read);
    get(in, "written", resources.bytes_written);
    return resources;
}

Json history_row(const HistoryEntry& entry) {
    return {{"when", time_json(entry.when)},
            {"who", entry.who},
            {"what", entry.what},
            {"detail", entry.detail}};
}

HistoryEntry history_of_row(const Json& in) {
    HistoryEntry entry;
    entry.when = time_of(in.at("when"));
    entry.who = in.value("who", "");
    entry.what = in.value("what", "");
    if (in.contains("detail")) entry.detail = in.at("detail");
    return entry;
}

}  // namespace

std::string encode(const ArtifactRecord& record) {
    Json out{{"id", binary(record.id.view())},
             {"project", record.project},
             {"name", record.name},
             {"type", record.type},
             {"type_fixed", record.type_fixed},
             {"created", time_json(record.created)},
             {"uid", record.uid},
             {"gid", record.gid},
             {"mode", record.mode},
             {"next", record.next_version},
             {"protected", record.protected_aliases}};
    set(out, "head", record.head);
    return pack(out);
}

ArtifactRecord decode_artifact(std::string_view bytes) {
    return unpack(bytes, [](const Json& in) {
        ArtifactRecord record;
        record.id = id_of<ArtifactId>(in.at("id"));
        record.project = in.at("project");
        record.name = in.at("name");
        record.type = in.value("type", record.type);
        record.type_fixed = in.value("type_fixed", false);
        record.created = time_of(in.at("created"));
        record.uid = in.value("uid", 0U);
        record.gid = in.value("gid", 0U);
        record.mode = in.value("mode", 0755U);
        record.next_version = in.value("next", 0U);
        record.protected_aliases = in.value("protected", record.protected_aliases);
        get(in, "head", record.head);
        return record;
    });
}

std::string encode(const VersionRecord& record) {
    Json out{{"id", binary(record.id.view())},
             {"artifact", binary(record.artifact.view())},
             {"number", record.number},
             {"tree", binary(record.tree.digest.view())},
             {"digest", binary(record.digest.view())},
             {"created", time_json(record.created)},
             {"size", record.size},
             {"entries", record.entries},
             {"changed", record.changed},
             {"carried_over", record.carried_over},
             {"diverged", binary_list(record.diverged)},
             {"tags", record.tags},
             {"metadata", record.metadata},
             {"by_policy", record.by_policy},
             {"deleted", record.deleted},
             {"gone", record.gone}};
    if (record.ttl) out["ttl"] = record.ttl->count();
    if (record.deleted_at) out["deleted_at"] = time_json(*record.deleted_at);
    set(out, "parent", record.parent);
    set(out, "merged_with", record.merged_with);
    if (record.description) out["description"] = binary(*record.description);
    return pack(out);
}

VersionRecord decode_version(std::string_view bytes) {
    return unpack(bytes, [](const Json& in) {
        VersionRecord record;
        record.id = id_of<VersionId>(in.at("id"));
        record.artifact = id_of<ArtifactId>(in.at("artifact"));
        record.number = in.at("number");
        record.tree.digest = digest_of(in.at("tree"));
        record.digest = digest_of(in.at("digest"));
        record.created = time_of(in.at("created"));
        record.size = in.value("size", std::uint64_t{0});
        record.entries = in.value("entries", 0U);
        record.changed = in.value("changed", 0U);
        record.carried_over = in.value("carried_over", 0U);
        if (in.contains("diverged")) record.diverged = text_list(in.at("diverged"));
        record.tags = in.value("tags", record.tags);
        if (in.contains("metadata")) record.metadata = in.at("metadata");
        record.by_policy = in.value("by_policy", false);
        record.deleted = in.value("deleted", false);
        record.gone = in.value("gone", false);
        if (in.contains("ttl")) record.ttl = std::chrono::seconds(in.at("ttl").get<std::int64_t>());
        if (in.contains("deleted_at")) record.deleted_at = time_of(in.at("deleted_at"));
        get(in, "parent", record.parent);
        get(in, "merged_with", record.merged_with);
        if (in.contains("description"))
            record.description = std::string(bytes_of(in.at("description")));
        return record;
    });
}

std::string encode(const RunRecord& record) {
    Json commands = Json::array();
    for (const auto& command : record.commands) commands.push_back(binary_list(command));
    Json environment = Json::object();
    for (const auto& [name, value] : record.environment) environment[name] = binary(value);
    Json pins = Json::array();
    for (const auto& [artifact, base] : record.pins)
        pins.push_back({binary(artifact.view()), base_json(base)});
    Json peeks = Json::array();
    for (const auto& peek : record.peeks)
        peeks.push_back({binary(peek.artifact.view()), peek.run, binary(peek.path)});
    Json history = Json::array();
    for (const auto& entry : record.history) history.push_back(history_row(entry));
    Json out{{"id", binary(record.id.view())},
             {"project", record.project},
             {"name", record.name},
             {"job_type", binary(record.job_type)},
             {"state", static_cast<int>(record.state)},
             {"exit_known", record.exit_known},
             {"explicit", record.explicitly_started},
             {"wrote", record.wrote},
             {"commands", commands},
             {"cwd", binary(record.cwd)},
             {"executable", binary(record.executable)},
             {"uid", record.uid},
             {"user", record.user},
             {"host", record.host},
             {"started", time_json(record.started)},
             {"environment", environment},
             {"git_commit", record.git_commit},
             {"git_dirty", record.git_dirty},
             {"tags", record.tags},
             {"description", binary(record.description)},
             {"ok_exit", record.ok_exit},
             {"config", binary(pack(record.config))},
             {"segments", record.segments},
             {"pins", pins},
             {"peeks", peeks},
             {"resources", resources_row(record.resources)},
             {"history", history},
             {"root_pid", record.root_pid},
             {"boot_id", record.boot_id}};
    set(out, "exit_code", record.exit_code);
    set(out, "signal", record.signal);
    if (record.executable_digest)
        out["executable_digest"] = binary(record.executable_digest->view());
    if (record.ended) out["ended"] = time_json(*record.ended);
    if (record.parent) out["parent"] = binary(record.parent->view());
    if (record.resumes) out["resumes"] = binary(record.resumes->view());
    if (record.data) out["data"] = binary(record.data->digest.view());
    return pack(out);
}

RunRecord decode_run(std::string_view bytes) {
    return unpack(bytes, [](const Json& in) {
        RunRecord record;
        record.id = id_of<RunId>(in.at("id"));
        record.project = in.at("project");
        record.name = in.at("name");
        record.job_type = bytes_of(in.at("job_type"));
        record.state = static_cast<RunState>(in.at("state").get<int>());
        record.exit_known = in.value("exit_known", true);
        record.explicitly_started = in.value("explicit", false);
        record.wrote = in.value("wrote", false);
        for (const auto& command : in.at("commands")) record.commands.push_back(text_list(command));
        record.cwd = bytes_of(in.at("cwd"));
        record.executable = bytes_of(in.at("executable"));
        record.uid = in.value("uid", 0U);
        record.user = in.value("user", "");
        record.host = in.value("host", "");
        record.started = time_of(in.at("started"));
        for (const auto& [name, value] : in.at("environment").items())
            record.environment[name] = bytes_of(value);
        record.git_commit = in.value("git_commit", "");
        record.git_dirty = in.value("git_dirty", false);
        record.tags = in.value("tags", record.tags);
        if (in.contains("description")) record.description = bytes_of(in.at("description"));
        record.ok_exit = in.value("ok_exit", record.ok_exit);
        if (in.contains("config")) {
            record.config = parse_cbor(bytes_of(in.at("config")));
        }
        record.segments = in.value("segments", 1U);
        for (const auto& pin : in.at("pins"))
            record.pins[id_of<ArtifactId>(pin.at(0))] = base_of(pin.at(1));
        if (in.contains("peeks"))
            for (const auto& peek : in.at("peeks"))
                record.peeks.push_back(
                    {id_of<ArtifactId>(peek.at(0)), peek.at(1), std::string(bytes_of(peek.at(2)))});
        if (in.contains("resources")) record.resources = resources_of_row(in.at("resources"));
        if (in.contains("history"))
            for (const auto& entry : in.at("history"))
                record.history.push_back(history_of_row(entry));
        record.root_pid = in.value("root_pid", 0);
        record.boot_id = in.value("boot_id", "");
        get(in, "exit_code", record.exit_code);
        get(in, "signal", record.signal);
        if (in.contains("executable_digest"))
            record.executable_digest = digest_of(in.at("executable_digest"));
        if (in.contains("ended")) record.ended = time_of(in.at("ended"));
        if (in.contains("parent")) record.parent = id_of<RunId>(in.at("parent"));
        if (in.contains("resumes")) record.resumes = id_of<RunId>(in.at("resumes"));
        if (in.contains("data")) record.data = TreeId{digest_of(in.at("data"))};
        return record;
    });
}

std::string encode(const DraftRecord& record) {
    Json out{{"id", binary(record.id.view())},
             {"run", binary(record.run.view())},
             {"segment", record.segment},
             {"base", base_json(record.base)},
             {"created", time_json(record.created)},
             {"state", static_cast<int>(record.state)},
             {"why", record.why},
             {"begins_empty", record.begins_empty},
             {"next_node", record.next_node},
             {"size", record.size}};
    if (record.artifact) out["artifact"] = binary(record.artifact->view());
    if (record.promised) out["promised"] = binary(record.promised->view());
    if (record.frozen_tree) out["frozen_tree"] = binary(record.frozen_tree->digest.view());
    if (record.merged_with) out["merged_with"] = binary(record.merged_with->view());
    return pack(out);
}

DraftRecord decode_draft(std::string_view bytes) {
    return unpack(bytes, [](const Json& in) {
        DraftRecord record;
        record.id = id_of<DraftId>(in.at("id"));
        record.run = id_of<RunId>(in.at("run"));
        record.segment = in.value("segment", 1U);
        record.base = base_of(in.at("base"));
        record.created = time_of(in.at("created"));
        record.state = static_cast<DraftState>(in.at("state").get<int>());
        record.why = in.value("why", "");
        record.begins_empty = in.value("begins_empty", false);
        record.next_node = in.value("next_node", 1U);
        record.size = in.value("size", std::uint64_t{0});
        if (in.contains("artifact")) record.artifact = id_of<ArtifactId>(in.at("artifact"));
        if (in.contains("promised")) record.promised = id_of<VersionId>(in.at("promised"));
        if (in.contains("frozen_tree"))
            record.frozen_tree = TreeId{digest_of(in.at("frozen_tree"))};
        if (in.contains("merged_with")) record.merged_with = id_of<VersionId>(in.at("merged_with"));
        return record;
    });
}

std::string encode(const HistoryEntry& entry) { return pack(history_row(entry)); }

HistoryEntry decode_history(std::string_view bytes) { return unpack(bytes, history_of_row); }

std::string named_key(std::string_view project, std::string_view name) {
    return Encoder().raw(project).u8(0).raw(name).take();
}

}  // namespace artfs
