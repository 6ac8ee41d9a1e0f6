#include <linux/fuse.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "fuse/loop.h"

namespace artfs {

namespace {
// Each holds a file in the kernel (about 1.5 KiB with its inode), and saves its next open two calls
// and a way over the pool, which cost more than the rest of the open. A walk over more files than
// these in turn finds none of them.
constexpr std::size_t kept_idle = 32768;
// FUSE_DEV_IOC_BACKING_CLOSE, newer than Debian 12's headers. libfuse's wants a request.
constexpr unsigned long backing_close = _IOW(FUSE_DEV_IOC_MAGIC, 2, std::uint32_t);

void close_backing(int device, int id) {
    auto number = static_cast<std::uint32_t>(id);
    ioctl(device, backing_close, &number);
}
}  // namespace

void Backings::begin(Filesystem& filesystem, int device) {
    filesystem_ = &filesystem;
    device_ = device;
    const auto& session = filesystem.session();
    for (const auto& [id, source] : session.backings()) {
        files_[id] = {source, 0, {}};
        ids_[source] = id;
    }
    for (const auto& [node, id] : session.backed_nodes()) {
        auto file = files_.find(id);
        if (file == files_.end()) continue;  // dropped: the RELEASE that did it comes again
        open_[node] = {id, session.open_counts(node).passthrough};
        ++file->second.nodes;
    }
    for (auto& [id, file] : files_)
        if (file.nodes == 0) file.idle = idle_.insert(idle_.end(), id);
}

void Backings::forget(int id) {
    filesystem_->no_longer_registered(id);
    ids_.erase(files_.at(id).source);
    files_.erase(id);
}

void Backings::drop(int id) {
    forget(id);
    close_backing(device_, id);
}

int Backings::acquire(NodeId node, const BackingSource& source) {
    // While the node is open, what it has is right: a staging file that was sealed has the bytes
    // of the object, and who writes to either is led to another node.
    if (auto open = open_.find(node); open != open_.end()) {
        ++open->second.opens;
        return open->second.id;
    }
    auto known = ids_.find(source);
    return known == ids_.end() ? 0 : back(node, known->second);
}

int Backings::back(NodeId node, int id) {
    auto& file = files_.at(id);
    if (file.nodes++ == 0) idle_.erase(file.idle);
    open_[node] = {id, 1};
    filesystem_->backed(node, id);
    return id;
}

int Backings::add(fuse_req_t req, NodeId node, const BackingSource& source, int fd) {
    if (int known = acquire(node, source); known != 0) return known;
    int id = fuse_passthrough_open(req, fd);
    if (id <= 0) return 0;
    filesystem_->registered({source, id});
    files_[id] = {source, 0, idle_.insert(idle_.end(), id)};
    ids_[source] = id;
    return back(node, id);
}

void Backings::release(NodeId node) {
    auto open = open_.find(node);
    if (open == open_.end() || --open->second.opens > 0) return;
    const int id = open->second.id;
    open_.erase(open);
    auto& file = files_.at(id);
    if (--file.nodes > 0) return;
    // A staging file goes away with its seal, and its blocks with whoever knows it.
    if (file.source.staging != 0) return drop(id);
    file.idle = idle_.insert(idle_.end(), id);
    if (idle_.size() <= kept_idle) return;
    drop(idle_.front());
    idle_.pop_front();
}

void Backings::drop_idle(Executor& executor) {
    auto ids = std::exchange(idle_, {});
    for (int id : ids) forget(id);
    // Whoever closes a removed file last frees its blocks.
    executor.pool_aside([device = device_, ids] {
        for (int id : ids) close_backing(device, id);
    });
}

namespace {
constexpr std::size_t page = 4096;
// What the kernel may send at once, and its head.
constexpr std::size_t buffer_bytes = most_written + 16 * page;
}  // namespace

BufferStock::~BufferStock() {
    for (auto& buffer : stock_) munmap(buffer.mem, buffer_bytes);
}

fuse_buf BufferStock::take() {
    {
        std::lock_guard lock(mutex_);
        if (!stock_.empty()) {
            fuse_buf buffer = stock_.back();
            stock_.pop_back();
            return buffer;
        }
    }
    void* pages = mmap(nullptr, buffer_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    fuse_buf buffer{};
    buffer.size = buffer_bytes;
    buffer.mem = pages;
    // After a fork (for git, say) the next write to each page would have to copy it first.
    madvise(buffer.mem, buffer_bytes, MADV_DONTFORK);
    if (mlock(buffer.mem, buffer_bytes) != 0)
        spdlog::warn("a buffer cannot be locked into memory (ulimit -l): {}", strerror(errno));
    return buffer;
}

void BufferStock::give(fuse_buf buffer) {
    if (buffer.size != buffer_bytes) return free(buffer.mem);
    std::lock_guard lock(mutex_);
    stock_.push_back(buffer);
}

}  // namespace artfs
