#include "runs/facts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/users.h"
#include "runs/git_state.h"
#include "runs/patterns.h"

namespace artfs {

namespace {

constexpr std::size_t max_digests = 4096;

bool is_under(const std::filesystem::path& path, const std::filesystem::path& top) {
    auto relative = path.lexically_normal().lexically_relative(top.lexically_normal());
    return !relative.empty() && *relative.begin() != "..";
}

// The device of what is mounted exactly there. (Where nothing is, the device is everybody's.)
std::optional<std::uint64_t> device_of_mount(const std::filesystem::path& mount) {
    struct statx found;
    if (statx(AT_FDCWD, mount.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &found) !=
        0)
        return std::nullopt;
    if ((found.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return std::nullopt;
    auto identity = file_identity(AT_FDCWD, mount.c_str());
    return identity ? std::optional(identity->device) : std::nullopt;
}

std::optional<Digest> hash_file(const Fd& fd) {
    Hasher hasher;
    std::vector<char> chunk(1U << 20);
    while (true) {
        ssize_t got = read(fd.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;
        if (got == 0) return hasher.finish();
        hasher.add(chunk.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace

FactCollector::FactCollector(std::vector<std::string> record_environment,
                             std::vector<std::filesystem::path> mounts,
                             std::chrono::milliseconds git_timeout)
    : record_environment_(std::move(record_environment)),
      mounts_(std::move(mounts)),
      git_timeout_(git_timeout) {}

RunFacts FactCollector::collect(const RootProcess& root) {
    const auto& process = root.facts;
    RunFacts facts;
    facts.command = redact(process.arguments);
    facts.job_type = job_type_of(process);
    facts.config = config_of(loaded_program(process).value_or(process).arguments);
    facts.cwd = root.cwd;
    facts.executable = process.executable;
    facts.executable_digest = digest_of(root);
    facts.uid = process.uid;
    facts.user = user_name(process.uid);
    facts.host = host_name();
    facts.parent = process.parent;
    for (const auto& [name, value] : root.environment) {
        if (!matches_any(record_environment_, name)) continue;
        facts.environment[name] = looks_secret(name) ? "***" : redact({value}).front();
    }
    // In another mount namespace the path to the work tree means something else here.
    if (root.directory && root.same_mounts && !on_mount(root.directory, root.cwd)) {
        if (auto git = git_state(root.directory, process.uid, process.gid, git_timeout_)) {
            facts.git_commit = git->commit;
            facts.git_dirty = git->dirty;
        }
    }
    return facts;
}

void FactCollector::let_go_of_mounts(RootProcess& root) const {
    if (root.directory && on_mount(root.directory, root.cwd)) root.directory = Fd();
    if (root.executable && on_mount(root.executable, root.facts.executable)) root.executable = Fd();
}

bool FactCollector::on_mount(const Fd& fd, const std::filesystem::path& path) const {
    auto file = file_identity(fd);
    for (const auto& mount : mounts_) {
        if (is_under(path, mount)) return true;
        auto device = device_of_mount(mount);
        if (device && file && *device == file->device) return true;
    }
    return false;
}

std::optional<Digest> FactCollector::digest_of(const RootProcess& root) {
    if (!root.executable || on_mount(root.executable, root.facts.executable)) return std::nullopt;
    // A descriptor of O_PATH cannot be read: open what it stands for.
    auto opened = open_file("/proc/self/fd/" + std::to_string(root.executable.get()), O_RDONLY);
    struct stat now;
    if (!opened || fstat(opened->get(), &now) != 0) return std::nullopt;
    FileState state{{now.st_dev, now.st_ino},
                    now.st_mtim.tv_sec * 1'000'000'000 + now.st_mtim.tv_nsec,
                    static_cast<std::uint64_t>(now.st_size)};
    {
        std::lock_guard lock(mutex_);
        if (auto known = digests_.find(state); known != digests_.end()) return known->second;
    }
    auto digest = hash_file(*opened);
    if (!digest) return std::nullopt;
    std::lock_guard lock(mutex_);
    if (digests_.size() >= max_digests) digests_.clear();
    digests_.emplace(state, *digest);
    return digest;
}

}  // namespace artfs
