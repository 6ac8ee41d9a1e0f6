// Content-addressed bytes: STORE/objects/ab/cdef…, one immutable file (mode 0400) per distinct
// content, named by the SHA-256 of its bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/fd.h"
#include "base/os.h"
#include "base/result.h"

namespace artfs {

// Where an object's bytes are: small ones may share a file one day.
struct ObjectBytes {
    Fd fd;  // O_RDONLY
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

// Thread-safe: all state is in the file system.
class ObjectStore {
public:
    ObjectStore(std::filesystem::path root, Os& os);

    // Makes the directories of a new store.
    Result<> create() const;

    bool contains(const Digest& digest) const;
    Result<ObjectBytes> open(const Digest& digest) const;
    // Path of the file that holds the object, for registering as a FUSE backing file.
    std::filesystem::path path(const Digest& digest) const;

    // Makes `file` (already synced, of content `digest`) an object by linking it; the given name
    // stays. Where the object exists already nothing is linked. The link is durable only after
    // sync_directories. The object's mode becomes 0400: a file with writers must not be given.
    Result<> link(const std::filesystem::path& file, const Digest& digest) const;
    // Makes durable what was written on the store's file system until now, by whomever.
    Result<> sync_file_system() const;
    // Makes the links of these digests durable.
    Result<> sync_directories(const std::vector<Digest>& digests) const;

    // For what comes with no file: hashes, writes, syncs and links in one step.
    Result<Digest> put(std::string_view bytes, const std::filesystem::path& staging) const;

    // True if the stored bytes hash to their name; false if they do not.
    Result<bool> verify(const Digest& digest) const;
    // Calls `visit` with each object's digest and size; used by fsck and gc.
    Result<> each(const std::function<void(const Digest&, std::uint64_t size)>& visit) const;
    Result<> remove(const Digest& digest) const;

private:
    std::filesystem::path root_;
    Os& os_;
};

// Hashes `bytes` bytes of `fd` from offset 0 by pread.
struct Hashed {
    Digest digest;
    std::uint64_t size = 0;
};
Result<Hashed> hash_file(int fd);

}  // namespace artfs
