// A disk that keeps only what was synced: an Os for crash tests.
//
// It works on a real directory. A name made, moved or removed is kept after power_failure() only if
// its directory was synced since; bytes of a file only if the file was. Unsynced names are undone
// from the last to the first, which is the worst that a file system may do. For one thread.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/os.h"

class LossyOs : public artfs::Os {
    using Path = std::filesystem::path;

public:
    explicit LossyOs(Path root) : root_(std::move(root)) {}

    // What was done until now is safe.
    void settle() {
        undo_.clear();
        unsynced_.clear();
    }
    // The next `steps` operations work, all later ones fail with EIO.
    void fail_after(int steps) { left_ = steps; }

    void power_failure() {
        left_ = -1;
        for (const auto& [inode, path] : unsynced_) {
            // The file may have other names by now; its bytes are gone under all.
            for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
                struct stat status {};
                if (lstat(entry.path().c_str(), &status) == 0 && status.st_ino == inode) {
                    ::chmod(entry.path().c_str(), 0600);
                    if (truncate(entry.path().c_str(), 0) != 0)
                        throw std::runtime_error("truncate");
                }
            }
        }
        for (auto at = undo_.rbegin(); at != undo_.rend(); ++at) at->back();
        settle();
    }

    artfs::Result<artfs::Fd> create_exclusive(const Path& path, unsigned mode) override {
        if (auto ready = step(); !ready) return tl::unexpected(ready.error());
        auto made = artfs::system_os().create_exclusive(path, mode);
        if (made) {
            struct stat status {};
            fstat(made->get(), &status);
            unsynced_[status.st_ino] = path;
            undo_.push_back({path.parent_path(), [path] { ::unlink(path.c_str()); }});
        }
        return made;
    }
    artfs::Result<> make_directory(const Path& path, unsigned mode) override {
        if (auto ready = step(); !ready) return ready;
        auto made = artfs::system_os().make_directory(path, mode);
        if (made) undo_.push_back({path.parent_path(), [path] { ::rmdir(path.c_str()); }});
        return made;
    }
    artfs::Result<> link(const Path& from, const Path& to) override {
        if (auto ready = step(); !ready) return ready;
        auto made = artfs::system_os().link(from, to);
        if (made) undo_.push_back({to.parent_path(), [to] { ::unlink(to.c_str()); }});
        return made;
    }
    artfs::Result<> rename(const Path& from, const Path& to) override {
        if (auto ready = step(); !ready) return ready;
        auto moved = artfs::system_os().rename(from, to);
        if (moved)
            undo_.push_back({to.parent_path(), [from, to] { ::rename(to.c_str(), from.c_str()); }});
        return moved;
    }
    artfs::Result<> unlink(const Path& path) override {
        if (auto ready = step(); !ready) return ready;
        auto spare = root_ / (".lost." + std::to_string(spares_++));
        if (::link(path.c_str(), spare.c_str()) != 0) return artfs::fail_errno("link");
        undo_.push_back(
            {path.parent_path(), [path, spare] { ::rename(spare.c_str(), path.c_str()); }});
        return artfs::system_os().unlink(path);
    }
    artfs::Result<> chmod(const Path& path, unsigned mode) override {
        if (auto ready = step(); !ready) return ready;
        return artfs::system_os().chmod(path, mode);
    }
    artfs::Result<> sync_data(int fd) override {
        if (auto ready = step(); !ready) return ready;
        struct stat status {};
        fstat(fd, &status);
        unsynced_.erase(status.st_ino);
        return {};
    }
    artfs::Result<> sync_file_system(const Path&) override {
        if (auto ready = step(); !ready) return ready;
        settle();
        return {};
    }
    artfs::Result<> sync_directory(const Path& path) override {
        if (auto ready = step(); !ready) return ready;
        std::erase_if(undo_, [&](const Undo& undo) { return undo.directory == path; });
        return {};
    }

private:
    artfs::Result<> step() {
        if (left_ == 0) return artfs::fail(EIO, "the power failed");
        if (left_ > 0) --left_;
        return {};
    }
    struct Undo {
        Path directory;
        std::function<void()> back;
    };
    Path root_;
    std::vector<Undo> undo_;
    std::map<ino_t, Path> unsynced_;
    int left_ = -1;
    int spares_ = 0;
};
