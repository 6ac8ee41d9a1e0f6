// Filesystem: making and removing artifacts, and moving aliases. These are durable at once, and
// entries of the artifact's history rather than runs.

#include <algorithm>
#include <regex>

#include "base/users.h"
#include "namespace/filesystem.h"

namespace artfs {

namespace {

constexpr unsigned step_recorded = 8;

// `ln -sf` makes a link of such a name and renames it: no alias anybody meant.
bool is_temporary(const std::string& name) {
    static const std::regex coreutils("Cu[A-Za-z0-9]{6}");
    return std::regex_match(name, coreutils);
}

bool is_protected(const ArtifactState& artifact, const std::string& alias) {
    const auto& names = artifact.record.protected_aliases;
    return std::find(names.begin(), names.end(), alias) != names.end();
}

// Names what the identifier alone will not tell once the artifact is gone.
nlohmann::json artifact_detail(const ArtifactRecord& record) {
    return {{"artifact", record.name}, {"project", record.project}};
}

HistoryEntry alias_entry(const Request& request, const std::string& alias,
                         std::optional<std::uint32_t> version) {
    nlohmann::json detail{{"alias", alias}};
    detail["version"] = version ? nlohmann::json("v" + std::to_string(*version)) : nullptr;
    return {now(), user_name(request.uid), "alias", detail};
}

}  // namespace

// A worker has died over it, perhaps after the change was durable: what is as it should be is so
// because of it.
bool Filesystem::may_have_done(const Request& request) const {
    return request.resent && mount_.session.intended(request.unique);
}

void Filesystem::write_catalog(Request& request, CatalogThread::Change change,
                               std::function<void()> after) {
    if (request.did(step_recorded)) return;
    mount_.session.apply(request.unique, Intended{request.unique});
    mount_.session.commit();
    throw Suspend{[this, &request, change = std::move(change),
                   after = std::move(after)](Suspend::Resume resume) {
        mount_.write(change, [&request, after, resume](const Result<>& written) {
            request.steps_done |= 1U << step_recorded;
            if (written) after();
            resume(written ? 0 : written.error().code);
        });
    }};
}

Result<EntryReply> Filesystem::make_artifact(Request& request, const std::string& name,
                                             std::uint32_t mode) {
    const auto* known = mount_.loader.artifact(name);
    if (known != nullptr && (request.did(step_recorded) || may_have_done(request)))
        return synthetic_entry(request, {.place = Place::artifact, .artifact = known->record.id});
    if (known != nullptr || name == art_dir_name) return fail(EEXIST, "the artifact exists");
    if (mount_.options.read_only) return fail(EROFS, "the mount is read-only");
    if (!ArtifactName::parse(name))
        return fail(EINVAL, "an artifact's name is made of letters, digits, '_', '.' and '-'");
    ArtifactRecord record;
    record.id = ArtifactId::make();
    record.project = mount_.options.project;
    record.name = name;
    record.created = now();
    record.uid = request.uid;
    record.gid = request.gid;
    record.mode = mode & kept_modes;
    if (auto type = mount_.config.policy(name, "").type) record.type = *type;
    HistoryEntry made{record.created, user_name(request.uid), "create", artifact_detail(record)};
    made.detail["type"] = record.type;
    write_catalog(
        request,
        [record, made](WriteTxn& txn) {
            txn.put(record);
            txn.add_history(record.id, made);
        },
        [this, record] { mount_.loader.put(record); });
    return fail(EIO, "the artifact could not be made");  // its name was taken meanwhile
}

// The kernel has checked that the caller may (default_permissions).
Result<Attr> Filesystem::set_owner(Request& request, NodeId node, const Synthetic& what,
                                   const SetAttr& wanted) {
    bool root = what.place == Place::root;
    if (!root && what.place != Place::artifact) return fail(EPERM, "made by the mount");
    bool changes = wanted.mode || wanted.uid || wanted.gid;
    if (!changes || request.did(step_recorded)) return attr_of(what, node);
    if (mount_.options.read_only) return fail(EROFS, "the mount is read-only");
    auto apply = [&](auto& of) {
        if (wanted.mode) of.mode = *wanted.mode & kept_modes;
        if (wanted.uid) of.uid = *wanted.uid;
        if (wanted.gid) of.gid = *wanted.gid;
    };
    if (root) {
        RootDirectory directory = mount_.loader.root();
        apply(directory);
        nlohmann::json kept{
            {"mode", directory.mode}, {"uid", directory.uid}, {"gid", directory.gid}};
        write_catalog(
            request,
            [key = root_setting(mount_.options.project), text = kept.dump()](WriteTxn& txn) {
                txn.put_setting(key, text);
            },
            [this, directory] { mount_.loader.put(directory); });
        return attr_of(what, node);
    }
    const auto* artifact = mount_.loader.artifact(what.artifact);
    if (artifact == nullptr) return fail(ENOENT, "the artifact was removed");
    ArtifactRecord record = artifact->record;
    apply(record);
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", record.mode);
    HistoryEntry entry{now(),
                       user_name(request.uid),
                       "permissions",
                       {{"mode", mode}, {"uid", record.uid}, {"gid", record.gid}}};
    // A seal may change the record at the same time: only what was asked for is written.
    write_catalog(
        request,
        [record, entry](WriteTxn& txn) {
            auto now_is = txn.artifact(record.id);
            if (!now_is) return;
            now_is->mode = record.mode;
            now_is->uid = record.uid;
            now_is->gid = record.gid;
            txn.put(*now_is);
            txn.add_history(record.id, entry);
        },
        [this, record] {
            const auto* known = mount_.loader.artifact(record.id);
            if (known == nullptr) return;
            ArtifactRecord now_is = known->record;
            now_is.mode = record.mode;
            now_is.uid = record.uid;
            now_is.gid = record.gid;
            mount_.loader.put(now_is);
        });
    return attr_of(what, node);
}

Result<> Filesystem::remove_artifact(Request& request, const std::string& name) {
    const auto* artifact = mount_.loader.artifact(name);
    if (artifact == nullptr) {
        if (request.did(step_recorded) || may_have_done(request)) return {};
        if (name == art_dir_name) return fail(EPERM, "the name is the mount's own");
        return fail(ENOENT, "no such artifact");
    }
    if (mount_.options.read_only) return fail(EROFS, "the mount is read-only");
    const auto& id = artifact->record.id;
    if (artifact->record.next_version > 0) return fail(ENOTEMPTY, "the artifact has versions");
    for (const auto& [serial, view] : mount_.session.views())
        if (view.artifact == id && view.draft) return fail(EBUSY, "a run has a draft of it");
    for (const auto& kept : mount_.loader.kept_drafts())
        if (kept.record.artifact == id) return fail(EBUSY, "a draft of it is kept");
    HistoryEntry gone{now(), user_name(request.uid), "remove", artifact_detail(artifact->record)};
    write_catalog(
        request,
        [record = artifact->record, gone](WriteTxn& txn) {
            txn.erase_artifact(record);
            txn.add_history(record.id, gone);
        },
        [this, id] { mount_.loader.erase_artifact(id); });
    return {};
}

Result<EntryReply> Filesystem::set_alias(Request& request, const ArtifactState& artifact,
                                         const std::string& name, const std::string& target) {
    const auto id = artifact.record.id;
    auto reply = [&] {
        return synthetic_entry(request, Synthetic{Place::alias, id, {}, {}, 0, name});
    };
    if (request.did(step_recorded)) return reply();
    if (mount_.options.read_only) return fail(EROFS, "the mount is read-only");
    if (!AliasName::parse(name)) return fail(EPERM, "not a name for an alias");
    if (is_protected(artifact, name)) return fail(EPERM, "the alias is protected");
    runs_.settle(request, id);  // `make-it && ln -s v0 best`
    if (artifact.aliases.contains(name)) {
        if (may_have_done(request)) return reply();
        return fail(EEXIST, "the alias exists");
    }
    std::optional<std::uint32_t> number;
    if (auto alias = artifact.aliases.find(target); alias != artifact.aliases.end())
        number = alias->second;
    else if (auto version = VersionNumber::parse(target))
        number = version->value;
    else if (AliasName::parse(target))
        return fail(ENOENT, "no such alias");
    else
        return fail(EINVAL, "an alias leads to a version of its artifact");
    if (mount_.loader.version(id, *number) == nullptr) return fail(ENOENT, "no such version");
    bool remember = !is_temporary(name);
    auto entry = alias_entry(request, name, number);
    write_catalog(
        request,
        [id, name, number, remember, entry](WriteTxn& txn) {
            txn.put_alias(id, name, *number);
            if (remember) txn.add_history(id, entry);
        },
        [this, id, name, number] { mount_.loader.put_alias(id, name, *number); });
    return reply();
}

Result<> Filesystem::erase_alias(Request& request, const ArtifactState& artifact,
                                 const std::string& name) {
    if (request.did(step_recorded)) return {};
    if (mount_.options.read_only) return fail(EROFS, "the mount is read-only");
    if (!artifact.aliases.contains(name)) {
        if (may_have_done(request)) return {};
        return fail(EPERM, "only aliases can be removed here");
    }
    if (is_protected(artifact, name)) return fail(EPERM, "the alias is protected");
    const auto id = artifact.record.id;
    auto entry = alias_entry(request, name, std::nullopt);
    bool remember = !is_temporary(name);
    write_catalog(
        request,
        [id, name, remember, entry](WriteTxn& txn) {
            txn.erase_alias(id, name);
            if (remember) txn.add_history(id, entry);
        },
        [this, id, name] { mount_.loader.erase_alias(id, name); });
    return {};
}

Result<> Filesystem::rename_alias(Request& request, const ArtifactState& artifact,
                                  const std::string& from, const std::string& to) {
    if (request.did(step_recorded)) return {};
    if (mount_.options.read_only) return fail(EROFS, "the mount is read-only");
    auto alias = artifact.aliases.find(from);
    if (alias == artifact.aliases.end()) {
        if (may_have_done(request) && artifact.aliases.contains(to)) return {};
        return fail(EPERM, "only aliases can be renamed here");
    }
    if (!AliasName::parse(to)) return fail(EPERM, "not a name for an alias");
    if (is_protected(artifact, from) || is_protected(artifact, to))
        return fail(EPERM, "the alias is protected");
    const auto id = artifact.record.id;
    std::uint32_t number = alias->second;
    auto set = alias_entry(request, to, number);
    auto gone = alias_entry(request, from, std::nullopt);
    bool remember_from = !is_temporary(from);
    write_catalog(
        request,
        [id, from, to, number, set, gone, remember_from](WriteTxn& txn) {
            txn.put_alias(id, to, number);
            txn.erase_alias(id, from);
            txn.add_history(id, set);
            if (remember_from) txn.add_history(id, gone);
        },
        [this, id, from, to, number] {
            mount_.loader.put_alias(id, to, number);
            mount_.loader.erase_alias(id, from);
        });
    return {};
}

}  // namespace artfs
