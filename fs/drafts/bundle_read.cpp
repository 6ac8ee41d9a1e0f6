// `art unbundle`: reading what strangers may have written.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/bytes.h"
#include "drafts/bundle.h"
#include "drafts/bundle_layout.h"
#include "drafts/kept_arrivals.h"
#include "objects/tree_check.h"

namespace artfs {

namespace {

// Rows and records are read into memory: no store makes larger ones.
constexpr std::uint64_t most_rows_bytes = 1U << 28U;
constexpr std::uint64_t most_record_bytes = 1U << 26U;
constexpr std::uint64_t most_arrival_bytes = 1U << 28U;  // of all runs
constexpr std::size_t batch_bytes = 16U << 20U;

// By the first bytes of the file; empty: it is not compressed by anything we know.
std::string compressed_by(std::string_view head) {
    using Mark = std::pair<std::string_view, const char*>;
    static constexpr Mark marks[] = {{"\x1f\x8b", "gzip"},
                                     {"\x28\xb5\x2f\xfd", "zstd"},
                                     {"\xfd\x37zXZ", "xz"},
                                     {"BZh", "bzip2"},
                                     {"\x04\x22\x4d\x18", "lz4"}};
    for (const auto& [mark, name] : marks)
        if (head.starts_with(mark)) return name;
    return "";
}

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
        std::string head(6, '\0');
        auto got = pread(fd->get(), head.data(), head.size(), 0);
        head.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        if (auto by = compressed_by(head); !by.empty())
            return fail(EINVAL, file.string() + " is compressed: unpack it first (" + by + " -d)");
        archive_read_support_format_tar(archive_.get());
        if (archive_read_open_fd(archive_.get(), fd->get(), bundle_chunk) != ARCHIVE_OK)
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
            // Holes would be written as zeros: more than anybody sent.
            if (archive_entry_sparse_count(entry) > 0) return refused("a file of it has holes");
            auto size = static_cast<std::uint64_t>(archive_entry_size(entry));
            if (size > all_bytes_) return refused("a size in it is not true");
            auto taken = one(name, size);
            if (!taken) return taken;
        }
    }

    Result<> one(const std::string& name, std::uint64_t size) {
        if (!have_rows_) {
            if (name != bundle_rows)
                return refused("its first file is not " + std::string(bundle_rows));
            auto bytes = text(size, most_rows_bytes);
            if (!bytes) return tl::unexpected(bytes.error());
            rows_ = decode_rows(*bytes);
            have_rows_ = true;
            return fits(*store_.catalog().read());
        }
        if (name.starts_with(bundle_arrivals))
            return arrivals(name.substr(std::string(bundle_arrivals).size()), size);
        for (const char* prefix : {bundle_records, bundle_objects}) {
            if (!name.starts_with(prefix)) continue;
            auto digest = Digest::from_hex(name.substr(std::string(prefix).size()));
            if (!digest) break;
            return prefix == bundle_records ? record(*digest, size) : object(*digest, size);
        }
        return refused("it holds '" + printable(name) + "'");
    }

    // Into what is here.
    Result<> fits(const ReadTxn& txn) const {
        if (closes_circle(txn, rows_)) return refused("its lineage goes in a circle");
        if (auto why = conflict_of(txn, project_, rows_); !why.empty())
            return fail(EEXIST, why + ": take another project (--project)");
        return {};
    }

    Result<> arrivals(const std::string& name, std::uint64_t size) {
        auto run = RunId::parse(name);
        auto known = std::find_if(rows_.runs.begin(), rows_.runs.end(),
                                  [&](const RunRecord& one) { return run && one.id == *run; });
        if (known == rows_.runs.end()) return refused("it holds times of a run that it does not");
        arrival_bytes_ += size;
        auto bytes =
            text(size, most_arrival_bytes - std::min(arrival_bytes_ - size, most_arrival_bytes));
        if (!bytes) return tl::unexpected(bytes.error());
        arrivals_[*run] = std::move(*bytes);
        return {};
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
        std::string chunk(bundle_chunk, '\0');
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
        Result<> good;
        auto written = context_.write([&](WriteTxn& txn) {
            good = fits(txn);
            if (good) merged = merge_rows(txn, project_, rows_);
        });
        if (!written) return tl::unexpected(written.error());
        if (!good) return tl::unexpected(good.error());
        for (const auto& run : merged.runs)
            if (auto times = arrivals_.find(run); times != arrivals_.end())
                take_arrivals(store_.dir(), run, times->second);
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
    std::map<RunId, std::string> arrivals_;
    std::uint64_t arrival_bytes_ = 0;
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
