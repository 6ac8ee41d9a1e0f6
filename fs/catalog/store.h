// A store: the directory that everything is in.
//
//   format      "artfs 1": the version of this layout; a newer one is refused
//   lock        held (flock) by the one process that writes
//   catalog/    LMDB
//   objects/    contents, by digest
//   staging/    draft bytes, files named by number
//   arrivals/   when the lines of each run's metrics.jsonl came (drafts/arrivals.h)
//   ballast     given back when the disk is full, to have room for giving back more
//   collecting  flock: shared by who needs unreferenced contents, exclusive while they are removed
//   config.toml, socket, artd.log
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "base/os.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "objects/object_store.h"

namespace artfs {

// Thread-safe but for opening and closing.
class Store {
public:
    enum class Access { read_only, read_write };

    // read_write makes the store if there is none (an empty or missing directory), and holds its
    // lock. read_only needs a store and no lock. Codes: ENOENT (no store), EBUSY (locked),
    // ENOTEMPTY (another directory), EPROTO (newer format), EOPNOTSUPP (a network file system).
    static Result<std::unique_ptr<Store>> create_or_open(const std::filesystem::path& dir,
                                                         Access access);

    // Another process has the lock of the store there, if there is one.
    static bool is_served(const std::filesystem::path& dir);
    // Opens a store whose lock another process held for us.
    static Result<std::unique_ptr<Store>> go_on(const std::filesystem::path& dir, Fd lock,
                                                pid_t served_by);
    // Whom the lock names to others.
    void is_served_by(pid_t process) const;
    int lock() const { return lock_.get(); }

    const std::filesystem::path& dir() const { return dir_; }
    Catalog& catalog() const { return *catalog_; }
    const ObjectStore& objects() const { return objects_; }
    std::filesystem::path staging_path(std::uint64_t number) const;
    // Numbers of all staging files there are.
    Result<std::vector<std::uint64_t>> staging_files() const;
    std::filesystem::path config_path() const { return dir_ / "config.toml"; }
    std::filesystem::path socket_path() const { return dir_ / "socket"; }

    // While any of these is held, no object and no record is collected: from the first object of a
    // seal to its last transaction, and while versions are copied out. Waits for a collection.
    Result<Fd> hold_contents() const;
    // For collecting them: EBUSY while anybody holds them.
    Result<Fd> own_contents() const;

    bool release_ballast() const;  // false: it was given up already
    // What a full disk refuses is tried again in the ballast's room.
    Result<> with_ballast(const std::function<Result<>()>& write) const;
    void restore_ballast() const;  // where the disk has room

private:
    Store(std::filesystem::path dir, Os& os);
    std::filesystem::path dir_;
    ObjectStore objects_;
    std::unique_ptr<Catalog> catalog_;
    Fd lock_;
};

}  // namespace artfs
