#include "drafts/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "base/bytes.h"
#include "objects/tree_check.h"

namespace artfs {

namespace {

constexpr const char* rows_name = "artfs-bundle";
constexpr const char* records_prefix = "records/";
constexpr const char* objects_prefix = "objects/";
constexpr std::size_t chunk_bytes = 1U << 20U;
// Rows and records are read into memory: no store makes larger ones.
constexpr std::uint64_t most_rows_bytes = 1U << 28U;
constexpr std::uint64_t most_record_bytes = 1U << 26U;
constexpr std::size_t batch_bytes = 16U << 20U;

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
    if (auto begun = out.begin(objects_prefix + digest.hex(), size); !begun) return begun;
    std::string chunk(chunk_bytes, '\0');
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

Result<> write_all_of(const Store& store, int fd, const std::string& rows, const Contents& contents,
                      const BundleProgress& progress) {
    Writer out(fd);
    if (auto written = out.whole(rows_name, rows); !written) return written;
    for (const auto& [digest, bytes] : contents.records)
        if (auto written = out.whole(records_prefix + digest.hex(), bytes); !written)
            return written;
    std::uint64_t done = 0;
    for (const auto& [digest, size] : contents.objects) {
        auto written =
            write_object(store, out, digest, size, done, contents.object_bytes, progress);
        if (!written) return written;
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
    auto written = write_all_of(store, fd->get(), encode_rows(rows), contents, progress);
    if (written && fsync(fd->get()) != 0) written = fail_errno("syncing " + file.string());
    if (written && rename(unfinished.c_str(), file.c_str()) != 0)
        written = fail_errno("renaming to " + file.string());
    if (!written) unlink(unfinished.c_str());
    return written;
}

// ---- reading

namespace {

class BundleReader {
public:
    BundleReader(const SealContext& context, std::string project, std::uint64_t staging,
                 const BundleProgress& progress)
        : context_(context),
          store_(context.store),
          project_(std::move(project)),
          staging_(store_.staging_path(staging)),
          progress_(progress),
          archive_(archive_read_new(), archive_read_free) {}
    ~BundleReader() { unlink(staging_.c_str()); }
    BundleReader(const BundleReader&) = delete;
    BundleReader& operator=(const BundleReader&) = delete;

    Result<Merged> all(const std::filesystem::path& file) {
        auto held = store_.hold_contents();
        if (!held) return tl::unexpected(held.error());
        auto fd = open_file(file, O_RDONLY);
        if (!fd) return tl::unexpected(fd.error());
        struct stat status {};
        if (fstat(fd->get(), &status) != 0 || !S_ISREG(status.st_mode))
            return fail(EINVAL, file.string() + " is no file");
        all_bytes_ = static_cast<std::uint64_t>(status.st_size);
        archive_read_support_format_tar(archive_.get());
        if (archive_read_open_fd(archive_.get(), fd->get(), chunk_bytes) != ARCHIVE_OK)
            return refused(file.string() + " is no bundle");
        try {
            if (auto taken = entries(); !taken) return tl::unexpected(taken.error());
            if (auto good = check(); !good) return tl::unexpected(good.error());
        } catch (const FormatError& damage) {
            return refused(damage.what());
        }
        return merge();
    }

private:
    static tl::unexpected<Error> refused(const std::string& why) {
        return fail(EINVAL, "the bundle is refused, " + why + ": make it again with art bundle");
    }

    Result<> entries() {
        archive_entry* entry = nullptr;
        while (true) {
            int outcome = archive_read_next_header(archive_.get(), &entry);
            if (outcome == ARCHIVE_EOF) return {};
            if (outcome != ARCHIVE_OK) return refused("it is damaged or cut short");
            const char* path = archive_entry_pathname(entry);
            std::string name = path == nullptr ? "" : path;
            if (archive_entry_filetype(entry) != AE_IFREG ||
                archive_entry_hardlink(entry) != nullptr || archive_entry_size(entry) < 0)
                return refused("it holds something that is no plain file");
            // Nothing is compressed and nothing sparse: no file is larger than the archive.
            auto size = static_cast<std::uint64_t>(archive_entry_size(entry));
            if (size > all_bytes_) return refused("a size in it is not true");
            auto taken = one(name, size);
            if (!taken) return taken;
        }
    }

    Result<> one(const std::string& name, std::uint64_t size) {
        if (!have_rows_) {
            if (name != rows_name)
                return refused("its first file is not " + std::string(rows_name));
            auto bytes = text(size, most_rows_bytes);
            if (!bytes) return tl::unexpected(bytes.error());
            rows_ = decode_rows(*bytes);
            have_rows_ = true;
            if (auto why = conflict_of(*store_.catalog().read(), project_, rows_); !why.empty())
                return fail(EEXIST, why + ": take another project (--project)");
            return {};
        }
        for (const char* prefix : {records_prefix, objects_prefix}) {
            if (!name.starts_with(prefix)) continue;
            auto digest = Digest::from_hex(name.substr(std::string(prefix).size()));
            if (!digest) break;
            return prefix == records_prefix ? record(*digest, size) : object(*digest, size);
        }
        return refused("it holds '" + printable(name) + "'");
    }

    static std::string printable(const std::string& name) {
        std::string text;
        for (char c : name.substr(0, 60))
            text += c >= ' ' && c <= '~' ? std::string(1, c) : std::string("?");
        return text;
    }

    Result<std::string> text(std::uint64_t size, std::uint64_t most) {
        if (size > most) return refused("a record of it is too large");
        std::string bytes(size, '\0');
        if (size > 0 && archive_read_data(archive_.get(), bytes.data(), bytes.size()) !=
                            static_cast<la_ssize_t>(size))
            return refused("it is damaged or cut short");
        return bytes;
    }

    Result<> record(const Digest& digest, std::uint64_t size) {
        auto bytes = text(size, most_record_bytes);
        if (!bytes) return tl::unexpected(bytes.error());
        if (sha256(*bytes) != digest) return refused("a record of it is not what it is called");
        waiting_bytes_ += bytes->size();
        waiting_.emplace(digest, std::move(*bytes));
        return waiting_bytes_ < batch_bytes ? Result<>{} : write_records();
    }

    Result<> write_records() {
        auto written = context_.write([&](WriteTxn& txn) {
            for (const auto& [digest, bytes] : waiting_) txn.put_record(digest, bytes);
        });
        waiting_.clear();
        waiting_bytes_ = 0;
        return written;
    }

    Result<> object(const Digest& digest, std::uint64_t size) {
        unlink(staging_.c_str());
        auto fd = open_file(staging_, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (!fd) return tl::unexpected(fd.error());
        Hasher hasher;
        std::string chunk(chunk_bytes, '\0');
        std::uint64_t left = size;
        while (left > 0) {
            auto got = archive_read_data(archive_.get(), chunk.data(),
                                         std::min<std::uint64_t>(left, chunk.size()));
            if (got <= 0) return refused("it is damaged or cut short");
            auto part = std::string_view(chunk).substr(0, static_cast<std::size_t>(got));
            hasher.add(part);
            if (auto written = write_all(fd->get(), part); !written) return written;
            left -= part.size();
            auto read = archive_filter_bytes(archive_.get(), -1);
            if (!progress_(read < 0 ? 0 : static_cast<std::uint64_t>(read), all_bytes_))
                return fail(EINTR, "interrupted: nothing was taken over");
        }
        if (hasher.finish() != digest) return refused("a file of it is not what it is called");
        if (fdatasync(fd->get()) != 0) return fail_errno("syncing a staging file");
        if (auto linked = store_.objects().link(staging_, digest); !linked) return linked;
        linked_.push_back(digest);
        unlink(staging_.c_str());
        return {};
    }

    // Every tree is whole, and a version's is what its digest says.
    Result<> check() {
        if (!have_rows_) return refused("it is empty");
        if (auto written = write_records(); !written) return written;
        if (auto synced = store_.objects().sync_directories(linked_); !synced) return synced;
        auto txn = store_.catalog().read();
        std::string why;
        TreeCheck trees({[&](const Digest& stored) { return txn->record(stored); },
                         [&](const std::string&, const Entry& file) {
                             auto object = store_.objects().open(file.digest);
                             if (!object || object->length != file.size)
                                 why = "a file of it is missing";
                         },
                         [&](const std::string&, const std::string& what) { why = what; }});
        auto check_tree = [&](const Snapshot& snapshot) {
            if (snapshot.metadata && !store_.objects().contains(snapshot.metadata->digest))
                why = "a file of it is missing";
            if (why.empty()) trees.directory("", snapshot.root);
        };
        for (const auto& version : rows_.versions) {
            if (version.gone) continue;
            auto snapshot = txn->snapshot(version.tree);
            if (version_digest(snapshot) != version.digest)
                return refused("a version of it has another digest than its files");
            check_tree(snapshot);
        }
        for (const auto& run : rows_.runs)
            if (run.data && why.empty()) check_tree(txn->snapshot(*run.data));
        return why.empty() ? Result<>{} : refused(why);
    }

    Result<Merged> merge() {
        Merged merged;
        std::string conflict;
        auto written = context_.write([&](WriteTxn& txn) {
            conflict = conflict_of(txn, project_, rows_);
            if (conflict.empty()) merged = merge_rows(txn, project_, rows_);
        });
        if (!written) return tl::unexpected(written.error());
        if (!conflict.empty()) return fail(EEXIST, conflict + ": take another project (--project)");
        return merged;
    }

    const SealContext& context_;
    Store& store_;
    std::string project_;
    std::filesystem::path staging_;
    const BundleProgress& progress_;
    std::unique_ptr<archive, int (*)(archive*)> archive_;
    std::uint64_t all_bytes_ = 0;
    bool have_rows_ = false;
    Rows rows_;
    std::map<Digest, std::string> waiting_;  // records not written yet
    std::size_t waiting_bytes_ = 0;
    std::vector<Digest> linked_;
};

}  // namespace

Result<Merged> read_bundle(const SealContext& context, const std::string& project,
                           const std::filesystem::path& file, std::uint64_t staging,
                           const BundleProgress& progress) {
    return BundleReader(context, project, staging, progress).all(file);
}

nlohmann::json merged_json(const Merged& merged) {
    auto versions = nlohmann::json::array();
    for (const auto& version : merged.versions) {
        if (version.gone) continue;
        for (const auto& artifact : merged.artifacts)
            if (artifact.id == version.artifact)
                versions.push_back(artifact.name + ":v" + std::to_string(version.number));
    }
    return {{"versions", versions}};
}

}  // namespace artfs
