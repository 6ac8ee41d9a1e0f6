#include "drafts/put.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include "base/users.h"
#include "catalog/changes.h"
#include "runs/run_names.h"

namespace artfs {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t copy_chunk = 4U << 20U;

struct Source {
    fs::path from;
    Kind kind = Kind::file;
    Attributes attributes;
    std::uint64_t size = 0;
    std::string target;
    std::uint64_t staging = 0;
};

// By path in the version: directories come before what is in them.
using Sources = std::map<std::string, Source>;

Attributes attributes_of(const struct stat& status) {
    Attributes attributes;
    attributes.mode = status.st_mode & 0777;
    attributes.uid = status.st_uid;
    attributes.gid = status.st_gid;
    attributes.mtime = from_timespec(status.st_mtim);
    return attributes;
}

bool is_fuse(const fs::path& path) {
    struct statfs status {};
    return statfs(path.c_str(), &status) == 0 && status.f_type == FUSE_SUPER_MAGIC;
}

class Scan {
public:
    explicit Scan(Sources& sources) : sources_(sources) {}

    Result<> top(const fs::path& path) {
        struct stat status {};
        if (stat(path.c_str(), &status) != 0) return fail_errno(path.string());
        device_ = status.st_dev;
        if (S_ISDIR(status.st_mode)) return contents(path, "");
        return entry(path, path.filename().string(), status);
    }

private:
    Result<> contents(const fs::path& directory, const std::string& prefix) {
        std::error_code error;
        for (const auto& one : fs::directory_iterator(directory, error)) {
            struct stat status {};
            if (lstat(one.path().c_str(), &status) != 0) return fail_errno(one.path().string());
            auto added = entry(one.path(), prefix + one.path().filename().string(), status);
            if (!added) return added;
        }
        if (error) return fail(error.value(), directory.string() + ": " + error.message());
        return {};
    }

    Result<> entry(const fs::path& path, const std::string& name, const struct stat& status) {
        if (name == art_dir_name)
            return fail(EINVAL, path.string() + ": '.art' is the version's own name: leave it out");
        Source source{path, Kind::file, attributes_of(status), 0, "", 0};
        if (S_ISDIR(status.st_mode)) {
            source.kind = Kind::directory;
        } else if (S_ISLNK(status.st_mode)) {
            source.kind = Kind::symlink;
            std::error_code error;
            source.target = fs::read_symlink(path, error).string();
            if (error) return fail(error.value(), path.string() + ": " + error.message());
        } else if (S_ISREG(status.st_mode)) {
            source.size = static_cast<std::uint64_t>(status.st_size);
        } else {
            return fail(EINVAL, path.string() +
                                    " is no file, directory or link: a version holds only those");
        }
        bool directory = source.kind == Kind::directory;
        // It may be our own mount, and we should ask ourselves.
        if (directory && status.st_dev != device_ && is_fuse(path))
            return fail(EINVAL, path.string() + " is a FUSE mount: put what is in it by itself");
        auto [known, fresh] = sources_.emplace(name, std::move(source));
        if (!fresh && !(directory && known->second.kind == Kind::directory))
            return fail(EINVAL, path.string() + " and " + known->second.from.string() +
                                    " would both be '" + name + "': put one of them");
        return directory ? contents(path, name + "/") : Result<>{};
    }

    Sources& sources_;
    dev_t device_ = 0;
};

// Staging files, removed whatever happens: objects are links of their own.
class Staging {
public:
    Staging(const Store& store, std::uint64_t first) : store_(store), next_(first) {}
    ~Staging() {
        for (auto number : made_) unlink(store_.staging_path(number).c_str());
    }
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;

    Result<std::pair<std::uint64_t, Fd>> make() {
        auto number = next_++;
        auto fd = open_file(store_.staging_path(number), O_RDWR | O_CREAT | O_EXCL, 0600);
        if (!fd) return tl::unexpected(fd.error());
        made_.push_back(number);
        return std::pair(number, std::move(*fd));
    }

private:
    const Store& store_;
    std::uint64_t next_;
    std::vector<std::uint64_t> made_;
};

class Copy {
public:
    Copy(Staging& staging, PutProgress progress,
         const std::function<bool(const PutProgress&)>& report)
        : staging_(staging), progress_(progress), report_(report) {}

    Result<> file(Source& source) {
        auto from = open_file(source.from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        if (!from && from.error().code == ELOOP) from = open_file(source.from, O_RDONLY);
        if (!from) return tl::unexpected(from.error());
        auto to = staging_.make();
        if (!to) return tl::unexpected(to.error());
        source.staging = to->first;
        struct stat before {};
        struct stat after {};
        if (fstat(from->get(), &before) != 0) return fail_errno(source.from.string());
        if (auto copied = bytes(from->get(), to->second.get(), source); !copied) return copied;
        if (fstat(from->get(), &after) != 0) return fail_errno(source.from.string());
        if (before.st_size != after.st_size || before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
            before.st_mtim.tv_nsec != after.st_mtim.tv_nsec)
            return fail(EBUSY,
                        source.from.string() + " was written while it was copied: put it again");
        ++progress_.files;
        return step(0);
    }

private:
    Result<> step(std::uint64_t bytes) {
        progress_.bytes += bytes;
        if (report_(progress_)) return {};
        return fail(EINTR, "interrupted: nothing was put");
    }

    Result<> bytes(int from, int to, const Source& source) {
        if (source.size > 0 && ioctl(to, FICLONE, from) == 0) return step(source.size);
        std::string chunk(copy_chunk, '\0');
        while (true) {
            auto got = read(from, chunk.data(), chunk.size());
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return fail_errno("reading " + source.from.string());
            if (got == 0) return {};
            auto part = std::string_view(chunk).substr(0, static_cast<std::size_t>(got));
            if (auto written = write_all(to, part); !written) return written;
            if (auto told = step(part.size()); !told) return told;
        }
    }

    Staging& staging_;
    PutProgress progress_;
    const std::function<bool(const PutProgress&)>& report_;
};

// The draft that somebody would have who copied the files into a view.
class Draft {
public:
    Draft(const Snapshot& base, const std::optional<VersionId>& version, NodeSource& nodes)
        : overlay_(base, version), nodes_(nodes) {
        numbers_[""] = root_number;
    }

    void add(const std::string& path, const Source& source) {
        auto slash = path.rfind('/');
        std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
        std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
        const auto& above = *overlay_.node(numbers_.at(parent));
        OverlayNode node;
        node.number = overlay_.next_number();
        node.kind = source.kind;
        node.attributes = source.attributes;
        node.ctime = now();
        node.kept = true;
        node.target = source.target;
        node.staging = source.staging;
        node.size = source.size;
        auto known = above.base ? find(nodes_, *above.base, above.base_rank, name) : std::nullopt;
        if (source.kind == Kind::directory) {
            numbers_[path] = node.number;
            node.parent = above.number;
            if (known && known->entry.kind == Kind::directory) {
                node.base = known->entry.dir;
                node.base_rank = known->rank;
                node.attributes = known->entry.attributes;
            }
        } else {
            node.changed = true;
        }
        OverlayName value{node.number, known ? 0 : overlay_.next_serial()};
        overlay_.apply({{node}, {}, {{above.number, name, value}}});
    }

    void beside(const char* name, OverlayNode node) {
        node.number = overlay_.next_number();
        node.kept = node.changed = true;
        node.ctime = node.attributes.mtime = now();
        overlay_.apply(
            {{node},
             {},
             {{art_dir_number, name, OverlayName{node.number, overlay_.next_serial()}}}});
    }

    const Overlay& overlay() const { return overlay_; }

private:
    Overlay overlay_;
    NodeSource& nodes_;
    std::map<std::string, NodeNumber> numbers_;
};

RunRecord run_record(const PutOrder& order, Time started) {
    RunRecord run;
    run.id = RunId::make();
    run.project = order.project;
    run.job_type = "put";
    run.state = RunState::finished;
    run.exit_code = 0;
    run.explicitly_started = run.wrote = true;
    run.commands = {order.command};
    run.cwd = order.cwd;
    run.uid = order.uid;
    run.user = user_name(order.uid);
    char host[256] = {};
    gethostname(host, sizeof host - 1);
    run.host = host;
    run.started = started;
    return run;
}

Result<> check_order(const ReadTxn& txn, const PutOrder& order) {
    if (!ArtifactName::parse(order.artifact))
        return fail(EINVAL, "'" + order.artifact +
                                "' is no name for an artifact: use letters, digits, '_', '.', '-'");
    if (order.type && !is_plain_name(*order.type))
        return fail(EINVAL, "'" + *order.type + "' is no type: use letters, digits, '_', '.', '-'");
    auto artifact = txn.artifact(order.project, order.artifact);
    if (artifact && artifact->type_fixed && order.type && *order.type != artifact->type)
        return fail(EPERM, order.artifact + " is of type " + artifact->type +
                               ": its first version fixed that");
    for (const auto& alias : order.aliases) {
        if (!AliasName::parse(alias))
            return fail(
                is_plain_name(alias) ? EPERM : EINVAL,
                "'" + alias + "' is no name for an alias: latest and vN move by themselves");
        if (!artifact) continue;
        const auto& safe = artifact->protected_aliases;
        if (std::find(safe.begin(), safe.end(), alias) != safe.end())
            return fail(EPERM,
                        "alias '" + alias + "' is protected: move it with art alias --force");
    }
    return {};
}

// The artifact, made if there is none yet.
ArtifactRecord the_artifact(WriteTxn& txn, const PutOrder& order, bool& made) {
    made = false;
    if (auto known = txn.artifact(order.project, order.artifact)) return *known;
    made = true;
    ArtifactRecord record;
    record.id = ArtifactId::make();
    record.project = order.project;
    record.name = order.artifact;
    record.created = now();
    record.uid = order.uid;
    record.gid = order.gid;
    if (order.type) record.type = *order.type;
    txn.put(record);
    txn.add_history(record.id,
                    {record.created, user_name(order.uid), "create", {{"type", record.type}}});
    return record;
}

// Without a version it was made for nothing.
void take_back(const SealContext& context, const ArtifactId& id) {
    [[maybe_unused]] auto taken = context.write([&](WriteTxn& txn) {
        auto record = txn.artifact(id);
        if (record && record->next_version == 0) txn.erase_artifact(*record);
    });
}

Result<> set_aliases(const SealContext& context, const PutOrder& order, const SealedDraft& sealed) {
    if (order.aliases.empty() || !sealed.version) return {};
    Result<Changed> changed;
    auto written = context.write([&](WriteTxn& txn) {
        changed = apply_change(txn,
                               {{"change", "alias"},
                                {"artifact", sealed.artifact->text()},
                                {"version", sealed.version->number},
                                {"names", order.aliases}},
                               user_name(order.uid));
    });
    if (!written) return written;
    if (!changed) return tl::unexpected(changed.error());
    return {};
}

struct Prepared {
    RunRecord run;
    ArtifactRecord artifact;
    bool made = false;
    Snapshot base{.root = empty_dir(), .metadata = {}, .description = {}};
    Base base_id;
};

Result<Prepared> prepare(const SealContext& context, const PutOrder& order, Time started) {
    Prepared ready;
    ready.run = run_record(order, started);
    auto written = context.write([&](WriteTxn& txn) {
        ready.artifact = the_artifact(txn, order, ready.made);
        ready.run.name = run_name(txn.reserve("run_name", 1) + 1);
    });
    if (!written) return tl::unexpected(written.error());
    ready.base_id.tree = tree_id(ready.base);
    if (!ready.artifact.head) return ready;
    auto txn = context.store.catalog().read();
    auto head = txn->version(ready.artifact.id, *ready.artifact.head);
    if (!head) return ready;
    ready.base_id.version = head->id;
    if (!order.add) return ready;
    ready.base_id.tree = head->tree;
    ready.base = txn->snapshot(head->tree);
    return ready;
}

Result<std::vector<SealedDraft>> seal_sources(const SealContext& context, const PutOrder& order,
                                              const Sources& sources, Staging& staging,
                                              Prepared& ready) {
    CatalogNodes nodes(context.store.catalog());
    Draft draft(ready.base, ready.base_id.version, nodes);
    for (const auto& [path, source] : sources) draft.add(path, source);
    if (order.metadata) {
        auto text = staging.make();
        if (!text) return tl::unexpected(text.error());
        if (auto written = write_all(text->second.get(), *order.metadata); !written)
            return tl::unexpected(written.error());
        OverlayNode node;
        node.staging = text->first;
        node.size = order.metadata->size();
        draft.beside(metadata_name, node);
    }
    if (order.description) {
        OverlayNode node;
        node.inline_text = true;
        node.target = *order.description;
        draft.beside(description_name, node);
    }
    SealOrder seal_order;
    seal_order.run = ready.run;
    seal_order.run.ended = now();
    if (order.type) seal_order.types[order.artifact] = *order.type;
    FrozenDraft whole;
    whole.id = DraftId::make();
    whole.artifact = ready.artifact.id;
    whole.base = ready.base_id;
    whole.base_snapshot = ready.base;
    whole.overlay = std::make_shared<const Overlay>(draft.overlay());
    seal_order.drafts.push_back(std::move(whole));
    auto sealed = seal(context, seal_order);
    if (!sealed) return sealed;
    ready.run = seal_order.run;
    if (auto named = set_aliases(context, order, sealed->front()); !named)
        return tl::unexpected(named.error());
    return sealed;
}

}  // namespace

PutOrder put_order(const nlohmann::json& request) {
    auto list = [&](const char* key) { return request.value(key, std::vector<std::string>()); };
    auto text = [&](const char* key) -> std::optional<std::string> {
        if (!request.contains(key) || !request.at(key).is_string()) return std::nullopt;
        return request.at(key).get<std::string>();
    };
    PutOrder order;
    order.artifact = text("artifact").value_or("");
    for (const auto& path : list("paths")) order.paths.emplace_back(path);
    order.add = request.value("add", false);
    order.type = text("type");
    order.description = text("description");
    order.metadata = text("metadata");
    order.aliases = list("aliases");
    order.command = list("command");
    order.cwd = text("cwd").value_or("/");
    return order;
}

Result<PutResult> put_files(const SealContext& context, const PutOrder& order,
                            const std::function<std::uint64_t(std::uint64_t)>& reserve,
                            const std::function<bool(const PutProgress&)>& progress) {
    const Time started = now();
    if (auto good = check_order(*context.store.catalog().read(), order); !good)
        return tl::unexpected(good.error());
    Sources sources;
    PutProgress all;
    for (const auto& path : order.paths)
        if (auto scanned = Scan(sources).top(path); !scanned)
            return tl::unexpected(scanned.error());
    for (const auto& [path, source] : sources) {
        if (source.kind != Kind::file) continue;
        ++all.all_files;
        all.all_bytes += source.size;
    }
    if (std::all_of(sources.begin(), sources.end(),
                    [](const auto& one) { return one.second.kind == Kind::directory; }))
        return fail(EINVAL, "there is no file to put: name files, or directories that have some");
    Staging staging(context.store, reserve(all.all_files + 1));
    Copy copy(staging, all, progress);
    for (auto& [path, source] : sources) {
        if (source.kind != Kind::file) continue;
        if (auto copied = copy.file(source); !copied) return tl::unexpected(copied.error());
    }
    auto ready = prepare(context, order, started);
    if (!ready) return tl::unexpected(ready.error());
    auto sealed = seal_sources(context, order, sources, staging, *ready);
    if (!sealed) {
        if (ready->made) take_back(context, ready->artifact.id);
        return tl::unexpected(sealed.error());
    }
    return PutResult{ready->run, std::move(*sealed)};
}

}  // namespace artfs
