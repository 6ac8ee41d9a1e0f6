// What the namespace knows of a request, and what it answers: plain values, nothing of libfuse.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/digest.h"
#include "base/fd.h"
#include "drafts/arrivals.h"
#include "namespace/nodeid.h"

namespace artfs {

// The kernel sets this bit in the number of a request that it sends again: the reply must have it,
// and it is the same request without.
constexpr std::uint64_t resent_bit = std::uint64_t{1} << 63U;

// A request lives until its reply. Handlers run to their end or throw Suspend before they have
// changed anything; then they are run again from the start, on the same Request.
struct Request {
    std::uint64_t unique = 0;  // without resent_bit
    bool resent = false;       // a worker has died that may have done it, or a part
    pid_t tid = 0;             // of the calling thread; 0 where the kernel names none
    uid_t uid = 0;
    gid_t gid = 0;
    // Slow steps that were done in an earlier run of the handler, by the handler's own numbering.
    std::uint32_t steps_done = 0;
    // What such a step brought: a document's text.
    std::shared_ptr<const std::string> text;
    std::uint64_t staging = 0;  // or the number of a staging file that it filled

    bool did(unsigned step) const { return (steps_done & (1U << step)) != 0; }
};

// Thrown by a handler that cannot answer yet. `start` begins whatever is missing and calls
// `resume` on the dispatch thread: with 0 to run the handler again, with an errno to answer that.
struct Suspend {
    using Resume = std::function<void(int error)>;
    std::function<void(Resume resume)> start;
    bool may_interrupt = false;  // parked for long: a signal to the caller ends it with EINTR
};

struct Attr {
    NodeId node;
    std::uint32_t mode = 0;  // with the type bits
    std::uint32_t links = 1;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint64_t size = 0;
    std::uint64_t blocks = 0;  // of 512 bytes
    Time atime{};
    Time mtime{};
    Time ctime{};
    double timeout = 0;  // seconds the kernel may believe it
};

struct EntryReply {
    Attr attr;
    double timeout = 0;  // of the name
};

// An open file of ours that data requests go to; shared by the handles of an inode.
struct DataFile {
    Fd fd;
    // Staging files wait in stock: this is the mtime of one that nobody has written to yet.
    std::optional<Time> born = std::nullopt;
    // Of metrics.jsonl.
    std::shared_ptr<Arrivals> arrivals = nullptr;

    bool unwritten(const struct stat& status) const {
        return born == from_timespec(status.st_mtim);
    }
};

// What the kernel reads, and of a draft writes, by itself for a node: an object or a staging file.
struct BackingSource {
    Digest object;
    std::uint64_t staging = 0;  // then it is this
    bool operator==(const BackingSource&) const = default;
};

struct OpenReply {
    std::uint64_t fh = 0;
    bool keep_cache = false;
    bool direct_io = false;
    bool no_flush = false;
    std::optional<BackingSource> passthrough;  // to be registered as the node's backing file
};

// Where a READ finds its bytes: a text kept for the handle, or a file.
struct ReadSource {
    std::shared_ptr<const std::string> text;
    std::shared_ptr<DataFile> file;
};

struct SetAttr {
    std::optional<std::uint32_t> mode;  // permission bits
    std::optional<std::uint32_t> uid;
    std::optional<std::uint32_t> gid;
    std::optional<std::uint64_t> size;
    std::optional<Time> mtime;
    bool mtime_now = false;
    std::optional<Time> atime;  // kept as long as the draft
    bool atime_now = false;
};

struct DirectoryEntry {
    const std::string& name;
    std::uint64_t cookie;  // where the listing goes on after this entry
    NodeId node;
    std::uint32_t type;  // S_IFMT bits
};

}  // namespace artfs

template <>
struct std::hash<artfs::BackingSource> {
    std::size_t operator()(const artfs::BackingSource& source) const noexcept {
        return std::hash<artfs::Digest>()(source.object) + source.staging;
    }
};
