#include "lineage/written_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

namespace artfs {

namespace {

using Visit = std::function<void(const WrittenFile&)>;

void visit_entry(const std::string& artifact, const std::string& path, const Entry& entry,
                 const Visit& visit) {
    if (entry.kind == Kind::file) visit({artifact, path, entry.size, entry.digest, {}});
}

// What carried over from the version's parent is another's.
void each_of_version(const Reading& at, const VersionRecord& version, const Visit& visit) {
    auto artifact = at.txn.artifact(version.artifact);
    if (!artifact || version.gone) return;
    auto parent = version.parent ? at.txn.version(version.artifact, *version.parent) : std::nullopt;
    DirRef before = parent && !parent->gone ? at.txn.snapshot(parent->tree).root : empty_dir();
    diff(at.nodes, before, at.txn.snapshot(version.tree).root, false, [&](const Difference& file) {
        if (file.after != nullptr) visit_entry(artifact->name, file.path, *file.after, visit);
    });
}

struct Open {
    Fd fd;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

std::optional<Open> opened(const Store& store, const WrittenFile& file) {
    if (file.object) {
        auto object = store.objects().open(*file.object);
        if (!object) return std::nullopt;
        return Open{std::move(object->fd), object->offset, object->length};
    }
    auto fd = open_file(file.staging, O_RDONLY);
    struct stat found {};
    if (!fd || fstat(fd->get(), &found) != 0) return std::nullopt;
    return Open{std::move(*fd), 0, static_cast<std::uint64_t>(found.st_size)};
}

}  // namespace

void each_written(const Reading& at, const RunRecord& run, const std::vector<WrittenFile>& unsealed,
                  const Visit& visit) {
    if (run.data)
        walk(at.nodes, at.txn.snapshot(*run.data).root,
             [&](const std::string& path, const Entry& entry, std::uint32_t) {
                 visit_entry("", path, entry, visit);
             });
    std::set<VersionId> seen;
    for (const auto& log : at.txn.logs_of(run.id)) {
        auto version = at.txn.version(log.version);
        if (version && log.kind == LogKind::logged && seen.insert(version->id).second)
            each_of_version(at, *version, visit);
    }
    for (const auto& file : unsealed) visit(file);
}

std::optional<WrittenFile> data_file(const Reading& at, const RunRecord& run,
                                     const std::vector<WrittenFile>& unsealed,
                                     const std::string& path) {
    if (run.data) {
        auto found = find_path(at.nodes, at.txn.snapshot(*run.data).root, path);
        if (!found || found->entry.kind != Kind::file) return std::nullopt;
        return WrittenFile{"", path, found->entry.size, found->entry.digest, {}};
    }
    for (const auto& file : unsealed)
        if (file.artifact.empty() && file.path == path) return file;
    return std::nullopt;
}

std::string read_written(const Store& store, const WrittenFile& file, std::uint64_t from,
                         std::uint64_t most) {
    auto open = opened(store, file);
    if (!open || from >= open->length) return "";
    std::string text(std::min(open->length - from, most), '\0');
    std::size_t have = 0;
    while (have < text.size()) {
        auto got = pread(open->fd.get(), text.data() + have, text.size() - have,
                         static_cast<off_t>(open->offset + from + have));
        if (got <= 0) break;
        have += static_cast<std::size_t>(got);
    }
    text.resize(have);
    return text;
}

}  // namespace artfs
