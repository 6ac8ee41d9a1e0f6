#include "objects/object_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

namespace artfs {

namespace fs = std::filesystem;

namespace {
constexpr std::size_t hash_chunk = 1U << 20U;
// More directories than that are synced with the whole file system.
constexpr std::size_t few_directories = 16;
}  // namespace

ObjectStore::ObjectStore(fs::path root, Os& os) : root_(std::move(root)), os_(os) {}

fs::path ObjectStore::path(const Digest& digest) const {
    std::string hex = digest.hex();
    return root_ / hex.substr(0, 2) / hex.substr(2);
}

Result<> ObjectStore::create() const {
    static constexpr char digits[] = "0123456789abcdef";
    for (char high : std::string_view(digits))
        for (char low : std::string_view(digits)) {
            auto made = os_.make_directory(root_ / std::string{high, low}, 0700);
            if (!made && made.error().code != EEXIST) return made;
        }
    return os_.sync_directory(root_);
}

bool ObjectStore::contains(const Digest& digest) const {
    return access(path(digest).c_str(), F_OK) == 0;
}

Result<ObjectBytes> ObjectStore::open(const Digest& digest) const {
    auto fd = open_file(path(digest), O_RDONLY);
    if (!fd) return tl::unexpected(fd.error());
    struct stat status {};
    if (fstat(fd->get(), &status) != 0) return fail_errno("fstat of an object");
    return ObjectBytes{std::move(*fd), 0, static_cast<std::uint64_t>(status.st_size)};
}

Result<> ObjectStore::link(const fs::path& file, const Digest& digest) const {
    auto linked = os_.link(file, path(digest));
    if (!linked && linked.error().code == EEXIST) return {};
    if (!linked) return linked;
    return os_.chmod(path(digest), 0400);
}

Result<> ObjectStore::sync_file_system() const { return os_.sync_file_system(root_); }

Result<> ObjectStore::sync_directories(const std::vector<Digest>& digests) const {
    std::set<fs::path> directories;
    for (const auto& digest : digests) directories.insert(path(digest).parent_path());
    if (directories.size() > few_directories) return sync_file_system();
    for (const auto& directory : directories)
        if (auto synced = os_.sync_directory(directory); !synced) return synced;
    return {};
}

Result<Digest> ObjectStore::put(std::string_view bytes, const fs::path& staging) const {
    Digest digest = sha256(bytes);
    auto fd = os_.create_exclusive(staging, 0600);
    if (!fd) return tl::unexpected(fd.error());
    auto stored = write_all(fd->get(), bytes);
    if (stored) stored = os_.sync_data(fd->get());
    if (stored) stored = link(staging, digest);
    if (stored) stored = sync_directories({digest});
    [[maybe_unused]] auto removed = os_.unlink(staging);
    if (!stored) return tl::unexpected(stored.error());
    return digest;
}

Result<bool> ObjectStore::verify(const Digest& digest) const {
    auto object = open(digest);
    if (!object) return tl::unexpected(object.error());
    auto hashed = hash_file(object->fd.get());
    if (!hashed) return tl::unexpected(hashed.error());
    return hashed->digest == digest;
}

Result<> ObjectStore::each(
    const std::function<void(const Digest&, std::uint64_t size)>& visit) const {
    std::error_code error;
    for (const auto& group : fs::directory_iterator(root_, error)) {
        for (const auto& file : fs::directory_iterator(group.path(), error)) {
            auto digest = Digest::from_hex(group.path().filename().string() +
                                           file.path().filename().string());
            if (digest) visit(*digest, file.file_size());
        }
    }
    if (error) return fail(error.value(), "listing objects: " + error.message());
    return {};
}

Result<> ObjectStore::remove(const Digest& digest) const { return os_.unlink(path(digest)); }

Result<Hashed> hash_file(int fd) {
    Hasher hasher;
    Hashed hashed;
    // Kept between files: fresh memory is slow to touch on a virtual machine.
    thread_local std::string chunk(hash_chunk, '\0');
    while (true) {
        auto got = pread(fd, chunk.data(), chunk.size(), static_cast<off_t>(hashed.size));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("reading a file to hash it");
        if (got == 0) break;
        hasher.add(chunk.data(), static_cast<std::size_t>(got));
        hashed.size += static_cast<std::uint64_t>(got);
    }
    hashed.digest = hasher.finish();
    return hashed;
}

}  // namespace artfs
