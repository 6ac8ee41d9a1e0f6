#include "fuse/loop.h"

namespace artfs {

namespace {
constexpr std::size_t kept_idle = 1024;
}

void Backings::drop(fuse_req_t req, std::unordered_map<NodeId, Backing>::iterator backing) {
    fuse_passthrough_close(req, backing->second.id);
    if (backing->second.opens == 0) idle_.erase(backing->second.idle);
    by_node_.erase(backing);
}

int Backings::acquire(fuse_req_t req, NodeId node, const Digest& object) {
    auto found = by_node_.find(node);
    if (found == by_node_.end()) return 0;
    auto& backing = found->second;
    if (backing.object != object) {
        // The node was written and sealed since: what is registered is what it was before.
        drop(req, found);
        return 0;
    }
    if (backing.opens++ == 0) idle_.erase(backing.idle);
    return backing.id;
}

int Backings::add(fuse_req_t req, NodeId node, const Digest& object, int fd) {
    if (int known = acquire(req, node, object); known != 0) return known;
    int id = fuse_passthrough_open(req, fd);
    if (id <= 0) return 0;
    by_node_[node] = {object, id, 1, {}};
    return id;
}

void Backings::release(fuse_req_t req, NodeId node) {
    auto found = by_node_.find(node);
    if (found == by_node_.end() || --found->second.opens > 0) return;
    idle_.push_back(node);
    found->second.idle = std::prev(idle_.end());
    if (idle_.size() > kept_idle) drop(req, by_node_.find(idle_.front()));
}

BufferStock::~BufferStock() {
    for (auto& buffer : stock_) free(buffer.mem);  // libfuse allocates them with malloc
}

fuse_buf BufferStock::take() {
    std::lock_guard lock(mutex_);
    if (stock_.empty()) return {};
    fuse_buf buffer = stock_.back();
    stock_.pop_back();
    return buffer;
}

void BufferStock::give(fuse_buf buffer) {
    std::lock_guard lock(mutex_);
    stock_.push_back(buffer);
}

}  // namespace artfs
