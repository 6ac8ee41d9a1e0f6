#include "drafts/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "base/bytes.h"
#include "drafts/bundle_layout.h"
#include "drafts/kept_arrivals.h"

namespace artfs {

namespace {

// What versions and runs lead to, each once.
class Contents {
public:
    explicit Contents(const ReadTxn& txn) : txn_(txn) {}

    void tree(const TreeId& id) {
        auto bytes = txn_.record(id.digest);
        if (!bytes) throw FormatError("a tree is missing: " + id.digest.hex());
        if (!records.emplace(id.digest, *bytes).second) return;
        auto snapshot = decode_snapshot(*bytes);
        if (snapshot.metadata) object(snapshot.metadata->digest, snapshot.metadata->size);
        directory(snapshot.root);
    }

    std::map<Digest, std::string> records;
    std::map<Digest, std::uint64_t> objects;
    std::uint64_t object_bytes = 0;

private:
    void object(const Digest& digest, std::uint64_t size) {
        if (objects.emplace(digest, size).second) object_bytes += size;
    }
    void directory(const DirRef& ref) {
        if (ref.count == 0 || records.contains(ref.stored)) return;
        auto encoded = txn_.record(ref.stored);
        if (!encoded) throw FormatError("a directory is missing: " + ref.stored.hex());
        auto node = decode_node(*encoded);
        records.emplace(ref.stored, std::move(*encoded));
        for (const auto& child : node.children) directory(child.ref);
        for (const auto& entry : node.entries) {
            if (entry.kind == Kind::file) object(entry.digest, entry.size);
            if (entry.kind == Kind::directory) directory(entry.dir);
        }
    }

    const ReadTxn& txn_;
};

tl::unexpected<Error> archive_error(archive* of, const std::string& what) {
    const char* text = archive_error_string(of);
    return fail(archive_errno(of) == ENOSPC ? ENOSPC : EIO,
                what + ": " + (text == nullptr ? "the archive is damaged" : text));
}

class Writer {
public:
    explicit Writer(int fd)
        : archive_(archive_write_new(), archive_write_free),
          entry_(archive_entry_new(), archive_entry_free) {
        archive_write_set_format_pax_restricted(archive_.get());
        archive_write_open_fd(archive_.get(), fd);
    }

    Result<> begin(const std::string& name, std::uint64_t size) {
        archive_entry_clear(entry_.get());
        archive_entry_set_pathname(entry_.get(), name.c_str());
        archive_entry_set_size(entry_.get(), static_cast<la_int64_t>(size));
        archive_entry_set_filetype(entry_.get(), AE_IFREG);
        archive_entry_set_perm(entry_.get(), 0444);
        if (archive_write_header(archive_.get(), entry_.get()) != ARCHIVE_OK)
            return archive_error(archive_.get(), "writing the bundle");
        return {};
    }
    Result<> data(std::string_view bytes) {
        auto written = archive_write_data(archive_.get(), bytes.data(), bytes.size());
        if (written != static_cast<la_ssize_t>(bytes.size()))
            return archive_error(archive_.get(), "writing the bundle");
        return {};
    }
    Result<> whole(const std::string& name, std::string_view bytes) {
        if (auto begun = begin(name, bytes.size()); !begun) return begun;
        return data(bytes);
    }
    Result<> close() {
        if (archive_write_close(archive_.get()) != ARCHIVE_OK)
            return archive_error(archive_.get(), "writing the bundle");
        return {};
    }

private:
    std::unique_ptr<archive, int (*)(archive*)> archive_;
    std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry_;
};

Result<> write_object(const Store& store, Writer& out, const Digest& digest, std::uint64_t size,
                      std::uint64_t& done, std::uint64_t all, const BundleProgress& progress) {
    auto object = store.objects().open(digest);
    if (!object) return tl::unexpected(object.error());
    if (object->length != size)
        return fail(EIO, "an object of the store is damaged: art fsck says which");
    if (auto begun = out.begin(bundle_objects + digest.hex(), size); !begun) return begun;
    std::string chunk(bundle_chunk, '\0');
    for (std::uint64_t at = 0; at < size;) {
        auto got = read(object->fd.get(), chunk.data(), chunk.size());
        if (got <= 0) return fail_errno("reading the store", got < 0 ? errno : EIO);
        auto part = std::string_view(chunk).substr(0, static_cast<std::size_t>(got));
        if (auto written = out.data(part); !written) return written;
        at += part.size();
        done += part.size();
        if (!progress(done, all)) return fail(EINTR, "interrupted: no bundle was made");
    }
    return {};
}

Result<> write_all_of(const Store& store, int fd, const Rows& rows, const Contents& contents,
                      const BundleProgress& progress) {
    Writer out(fd);
    if (auto written = out.whole(bundle_rows, encode_rows(rows)); !written) return written;
    for (const auto& [digest, bytes] : contents.records)
        if (auto written = out.whole(bundle_records + digest.hex(), bytes); !written)
            return written;
    std::uint64_t done = 0;
    for (const auto& [digest, size] : contents.objects) {
        auto written =
            write_object(store, out, digest, size, done, contents.object_bytes, progress);
        if (!written) return written;
    }
    for (const auto& run : rows.runs) {
        auto times = arrival_bytes(store.dir(), run.id);
        if (times.empty()) continue;
        if (auto written = out.whole(bundle_arrivals + run.id.text(), times); !written)
            return written;
    }
    return out.close();
}

}  // namespace

Result<> write_bundle(const Store& store, const std::string& project,
                      const std::vector<VersionRecord>& versions, const std::filesystem::path& file,
                      const BundleProgress& progress) {
    auto held = store.hold_contents();
    if (!held) return tl::unexpected(held.error());
    auto txn = store.catalog().read();
    auto rows = collect_rows(*txn, project, versions);
    Contents contents(*txn);
    for (const auto& version : rows.versions)
        if (!version.gone) contents.tree(version.tree);
    for (const auto& run : rows.runs)
        if (run.data) contents.tree(*run.data);
    txn.reset();
    auto unfinished = file;
    unfinished += ".part-" + std::to_string(getpid());
    auto fd = open_file(unfinished, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (!fd) return tl::unexpected(fd.error());
    auto written = write_all_of(store, fd->get(), rows, contents, progress);
    if (written && fsync(fd->get()) != 0) written = fail_errno("syncing " + file.string());
    if (written && rename(unfinished.c_str(), file.c_str()) != 0)
        written = fail_errno("renaming to " + file.string());
    if (!written) unlink(unfinished.c_str());
    return written;
}

}  // namespace artfs
