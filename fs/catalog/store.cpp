#include "catalog/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace artfs {

namespace fs = std::filesystem;

namespace {

constexpr const char* lock_name = "lock";
constexpr const char* format_text = "artfs ";
constexpr int format_version = 1;
// On a small disk less, of what is free a quarter.
constexpr off_t ballast_bytes = 16 << 20;
constexpr off_t least_ballast_bytes = 1 << 20;

// File systems that do not keep what fdatasync promised, or that may call back into us.
const char* unfit_file_system(const fs::path& dir) {
    struct statfs status {};
    if (statfs(dir.c_str(), &status) != 0) return nullptr;
    switch (static_cast<unsigned>(status.f_type)) {  // magics: linux/magic.h and statfs(2)
        case 0x6969:
            return "NFS";
        case 0xff534d42:
        case 0xfe534d42:
        case 0x517b:
            return "SMB";
        case 0x65735546:
            return "FUSE";
        case 0x01021997:
            return "9p";
        case 0x00c36400:
            return "Ceph";
        case 0x0bd00bd0:
            return "Lustre";
        case 0x5346414f:
        case 0x6b414653:
            return "AFS";
        case 0x73757245:
            return "Coda";
        default:
            return nullptr;
    }
}

Result<> check_format(const fs::path& file) {
    auto text = read_file(file);
    if (!text) return tl::unexpected(text.error());
    int version = 0;
    std::string_view rest(*text);
    if (rest.starts_with(format_text)) {
        rest.remove_prefix(std::string_view(format_text).size());
        std::from_chars(rest.data(), rest.data() + rest.size(), version);
    }
    if (version < 1) return fail(EPROTO, file.string() + " is damaged: restore it from a backup");
    if (version > format_version)
        return fail(EPROTO, "the store has format " + std::to_string(version) +
                                ", this artfs knows up to " + std::to_string(format_version) +
                                ": install a newer artfs");
    return {};
}

Result<Fd> take_lock(const fs::path& file) {
    auto fd = open_file(file, O_RDWR | O_CREAT, 0600);
    if (!fd) return fd;
    if (flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
        auto holder = read_file(file);
        std::string pid = holder && !holder->empty() ? *holder : "?";
        if (pid.back() == '\n') pid.pop_back();
        return fail(EBUSY, "the store is served by process " + pid +
                               ": use its mount, or art umount it first");
    }
    std::string pid = std::to_string(getpid()) + "\n";
    if (ftruncate(fd->get(), 0) != 0 || pwrite(fd->get(), pid.data(), pid.size(), 0) < 0)
        return fail_errno("writing " + file.string());
    return fd;
}

Result<> make_layout(const fs::path& dir, const ObjectStore& objects) {
    for (const char* part : {"catalog", "objects", "staging"}) {
        std::error_code error;
        fs::create_directories(dir / part, error);
        if (error)
            return fail(error.value(), "making " + (dir / part).string() + ": " + error.message());
        fs::permissions(dir / part, fs::perms::owner_all, error);
    }
    return objects.create();
}

}  // namespace

Store::Store(fs::path dir, Os& os) : dir_(std::move(dir)), objects_(dir_ / "objects", os) {}

bool Store::is_served(const fs::path& dir) {
    Fd lock(open((dir / lock_name).c_str(), O_RDONLY | O_CLOEXEC));
    return lock && flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Result<std::unique_ptr<Store>> Store::create_or_open(const fs::path& dir, Access access) {
    std::error_code error;
    const bool writes = access == Access::read_write;
    const bool exists = fs::exists(dir / "format", error);
    if (!exists && !writes)
        return fail(ENOENT, "no store in " + dir.string() + ": art mount makes one");
    if (!exists) {
        fs::create_directories(dir, error);
        if (error) return fail(error.value(), "making " + dir.string() + ": " + error.message());
        // A lock alone is a store whose making was interrupted; so are its first directories.
        for (const auto& entry : fs::directory_iterator(dir, error)) {
            std::string name = entry.path().filename();
            if (name != lock_name && name != "catalog" && name != "objects" && name != "staging" &&
                name != "config.toml")
                return fail(ENOTEMPTY,
                            dir.string() + " is not empty and no store: name another directory");
        }
    }
    if (const char* unfit = unfit_file_system(dir))
        return fail(EOPNOTSUPP, dir.string() + " is on " + unfit +
                                    ", which cannot keep a store safe: use a local disk");
    std::unique_ptr<Store> store(new Store(fs::absolute(dir).lexically_normal(), system_os()));
    if (exists)
        if (auto known = check_format(dir / "format"); !known) return tl::unexpected(known.error());
    if (writes) {
        auto lock = take_lock(dir / lock_name);
        if (!lock) return tl::unexpected(lock.error());
        store->lock_ = std::move(*lock);
        if (!exists)
            if (auto made = make_layout(dir, store->objects_); !made)
                return tl::unexpected(made.error());
    }
    auto catalog = Catalog::open(dir / "catalog",
                                 writes ? Catalog::Access::read_write : Catalog::Access::read_only);
    if (!catalog) return tl::unexpected(catalog.error());
    store->catalog_ = std::move(*catalog);
    if (!exists) {
        // Last: what has a format is whole.
        auto done =
            replace_file(dir / "format", format_text + std::to_string(format_version) + "\n");
        if (!done) return tl::unexpected(done.error());
    }
    if (writes) {
        store->restore_ballast();
        // Made while there is room: a full disk must not keep art gc from its lock.
        [[maybe_unused]] auto made = store->hold_contents();
    }
    return store;
}

Result<std::unique_ptr<Store>> Store::go_on(const fs::path& dir, Fd lock, pid_t served_by) {
    if (auto known = check_format(dir / "format"); !known) return tl::unexpected(known.error());
    std::unique_ptr<Store> store(new Store(fs::absolute(dir).lexically_normal(), system_os()));
    store->lock_ = std::move(lock);
    auto catalog = Catalog::open(dir / "catalog", Catalog::Access::read_write);
    if (!catalog) return tl::unexpected(catalog.error());
    store->catalog_ = std::move(*catalog);
    store->is_served_by(served_by);
    return store;
}

void Store::is_served_by(pid_t process) const {
    std::string pid = std::to_string(process) + "\n";
    // It only helps who asks why the store is locked.
    if (ftruncate(lock_.get(), 0) == 0) [[maybe_unused]]
        auto written = pwrite(lock_.get(), pid.data(), pid.size(), 0);
}

fs::path Store::staging_path(std::uint64_t number) const {
    return dir_ / "staging" / std::to_string(number);
}

Result<std::vector<std::uint64_t>> Store::staging_files() const {
    std::vector<std::uint64_t> numbers;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(dir_ / "staging", error)) {
        std::string name = entry.path().filename();
        std::uint64_t number = 0;
        auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (bad == std::errc() && end == name.data() + name.size()) numbers.push_back(number);
    }
    if (error) return fail(error.value(), "listing staging: " + error.message());
    return numbers;
}

Result<Fd> Store::hold_contents() const {
    auto fd = open_file(dir_ / "collecting", O_RDONLY | O_CREAT, 0600);
    if (!fd) return fd;
    while (flock(fd->get(), LOCK_SH) != 0)
        if (errno != EINTR) return fail_errno("waiting for art gc");
    return fd;
}

Result<Fd> Store::own_contents() const {
    auto fd = open_file(dir_ / "collecting", O_RDONLY | O_CREAT, 0600);
    if (!fd) return fd;
    if (flock(fd->get(), LOCK_EX | LOCK_NB) != 0)
        return fail(EBUSY, "files of the store are being sealed or copied: try again");
    return fd;
}

bool Store::release_ballast() const { return unlink((dir_ / "ballast").c_str()) == 0; }

Result<> Store::with_ballast(const std::function<Result<>()>& write) const {
    auto written = write();
    const bool full = !written && written.error().code == ENOSPC;
    return full && release_ballast() ? write() : written;
}

void Store::restore_ballast() const {
    auto path = dir_ / "ballast";
    std::error_code error;
    if (fs::exists(path, error)) return;
    struct statvfs room {};
    if (statvfs(dir_.c_str(), &room) != 0) return;
    auto bytes = std::min(ballast_bytes, static_cast<off_t>(room.f_bavail * room.f_frsize / 4));
    if (bytes < least_ballast_bytes) return;
    auto fd = open_file(path, O_WRONLY | O_CREAT, 0600);
    if (fd && posix_fallocate(fd->get(), 0, bytes) != 0) unlink(path.c_str());
}

}  // namespace artfs
