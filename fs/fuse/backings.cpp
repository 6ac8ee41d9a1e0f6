#include <spdlog/spdlog.h>
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
}  // namespace

void Backings::begin(Filesystem& filesystem) {
    filesystem_ = &filesystem;
    for (const auto& [node, file] : filesystem.session().backings()) {
        auto opens = filesystem.session().open_counts(node).passthrough;
        auto& backing = by_node_[node] = {file.file, file.id, opens, {}};
        if (opens == 0) backing.idle = idle_.insert(idle_.end(), node);
    }
}

void Backings::drop(fuse_req_t req, std::unordered_map<NodeId, Backing>::iterator backing) {
    filesystem_->no_longer_backed(backing->first);
    fuse_passthrough_close(req, backing->second.id);
    if (backing->second.opens == 0) idle_.erase(backing->second.idle);
    by_node_.erase(backing);
}

int Backings::acquire(fuse_req_t req, NodeId node, const BackingSource& source) {
    for (auto left : std::exchange(never_opened_, {})) release(req, left);
    auto found = by_node_.find(node);
    if (found == by_node_.end()) return 0;
    auto& backing = found->second;
    // While it is open, what is registered is right: a staging file that was sealed has the bytes
    // of the object, and who writes to either is led to another node.
    if (backing.opens == 0 && backing.source != source) {
        // The node was written and sealed since: what is registered is what it was before.
        drop(req, found);
        return 0;
    }
    if (backing.opens++ == 0) idle_.erase(backing.idle);
    return backing.id;
}

int Backings::add(fuse_req_t req, NodeId node, const BackingSource& source, int fd) {
    if (int known = acquire(req, node, source); known != 0) return known;
    int id = fuse_passthrough_open(req, fd);
    if (id <= 0) return 0;
    filesystem_->backed(node, {source, id});
    by_node_[node] = {source, id, 1, {}};
    return id;
}

void Backings::release(fuse_req_t req, NodeId node) {
    for (auto left : std::exchange(never_opened_, {})) release(req, left);
    auto found = by_node_.find(node);
    if (found == by_node_.end() || --found->second.opens > 0) return;
    idle_.push_back(node);
    // A staging file goes away with its seal, and its blocks with whoever knows it.
    if (found->second.source.staging != 0) {
        found->second.idle = std::prev(idle_.end());
        return drop(req, found);
    }
    found->second.idle = std::prev(idle_.end());
    if (idle_.size() > kept_idle) drop(req, by_node_.find(idle_.front()));
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
