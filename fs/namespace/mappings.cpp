// Filesystem: mappings that outlive the descriptors they were made with.
//
// Where the kernel writes a draft's file by itself, mmap(2) maps the staging file and not ours:
// RELEASE comes at close(2) although a shared mapping is left, and what is stored in that changes
// the file without a request. So the handle stays in the session, as a writer's, until the staging
// file's file system grants a lease on it, which it does only where nobody writes (base/leases.h).
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>

#include "base/leases.h"
#include "namespace/filesystem.h"

namespace artfs {

namespace {
// The kernel lets go of a backing file moments after it has told us.
constexpr unsigned first_looks = 4;
constexpr unsigned first_looks_ms = 1;
constexpr unsigned look_later_ms = 50;
}  // namespace

Filesystem::Filesystem(Mount& mount, RunKeeper& runs) : mount_(mount), runs_(runs) {
    runs_.on_perhaps_unmapped = [this] { look_at_mappings(); };
}

void Filesystem::keep_attributes(const View& view, OverlayNode node, const struct stat& status,
                                 const std::shared_ptr<DataFile>& file) {
    node.size = static_cast<std::uint64_t>(status.st_size);
    if (file && file->unwritten(status))
        mount_.files.stamp(file, node.attributes.mtime);
    else
        node.attributes.mtime = from_timespec(status.st_mtim);
    node.ctime = std::max(node.ctime, from_timespec(status.st_ctim));
    ChangedDraft change{view.serial, {}, {}, {}};
    change.change.nodes.push_back(std::move(node));
    apply({}, std::move(change));
}

// Asked of every handle that could have been mapped for writing, when it is closed. (The file was
// open until now: this waits for no disk.)
bool Filesystem::may_be_mapped(const Handle& handle) {
    if (!handle.read || !handle.write || handle.path != DataPath::passthrough) return false;
    auto [view, node] = drafted(handle.node);
    mount_.files.let_go(node->staging);
    return is_written(mount_.store.staging_path(node->staging));
}

void Filesystem::look_at_mappings() {
    looks_ = 0;
    if (!looking_) look_again();
}

void Filesystem::look_again() {
    std::map<NodeId, MappedFile> files;
    std::map<NodeId, std::uint32_t> left;
    for (const auto& [fh, handle] : mount_.session.handles()) {
        if (!handle.mapped) continue;
        ++left[handle.node];
        auto [view, node] = drafted(handle.node);
        MappedFile& file = files[handle.node];
        file.node = handle.node;
        if (node != nullptr && node->staging != 0)
            file.path = mount_.store.staging_path(node->staging);
        if (node != nullptr) mount_.files.let_go(node->staging);
    }
    if (files.empty()) return;
    std::vector<MappedFile> wanted;
    for (auto& [node, file] : files)
        if (mount_.session.open_counts(node).writers == left[node])
            wanted.push_back(std::move(file));
    looking_ = true;
    auto look = [wanted]() mutable {
        for (auto& file : wanted) {
            file.written = !file.path.empty() && is_written(file.path);
            if (!file.path.empty() && stat(file.path.c_str(), &file.status) != 0) file.path.clear();
        }
        return wanted;
    };
    mount_.executor.offload(look, [this](const std::vector<MappedFile>& seen) { looked_at(seen); });
}

void Filesystem::looked_at(const std::vector<MappedFile>& files) {
    looking_ = false;
    for (const auto& file : files)
        if (!file.written) is_unmapped(file);
    bool left = std::any_of(mount_.session.handles().begin(), mount_.session.handles().end(),
                            [](const auto& entry) { return entry.second.mapped; });
    if (!left || looks_again_) return;
    looks_again_ = true;
    mount_.kernel.after(looks_++ < first_looks ? first_looks_ms : look_later_ms, [this] {
        looks_again_ = false;
        if (!looking_) look_again();
    });
}

void Filesystem::is_unmapped(const MappedFile& file) {
    std::vector<Handle> left;
    for (const auto& [fh, handle] : mount_.session.handles())
        if (handle.mapped && handle.node == file.node) left.push_back(handle);
    // Somebody has opened it since.
    if (mount_.session.open_counts(file.node).writers != left.size()) return;
    auto [view, node] = drafted(file.node);
    if (node != nullptr && node->staging != 0 && !node->frozen && !file.path.empty()) {
        // A file that was never written is older than its node.
        if (from_timespec(file.status.st_mtim) > node->attributes.mtime) {
            keep_attributes(*view, *node, file.status, nullptr);
            mount_.kernel.invalidate_inode(file.node);
        }
        mount_.early.is_closed(node->staging, static_cast<std::uint64_t>(file.status.st_size));
    }
    for (const auto& handle : left) {
        mount_.session.apply(0, ClosedHandle{handle.fh});
        runs_.handle_closed(handle);
    }
}

}  // namespace artfs
