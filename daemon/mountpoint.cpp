#include "mountpoint.h"

#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/fd.h"

namespace artfs {

namespace {

namespace fs = std::filesystem;

// The options of what is mounted there, the topmost; none: nothing is.
std::optional<std::string> options_of_mount(const fs::path& mountpoint) {
    std::optional<std::string> found;
    std::ifstream table("/proc/self/mountinfo");
    for (std::string line; std::getline(table, line);) {
        std::istringstream fields(line);
        std::string id, parent, device, root, where, options;
        fields >> id >> parent >> device >> root >> where >> options;
        if (where == mountpoint.string()) found = options;
    }
    return found;
}

bool under(const std::string& path, const std::string& root) {
    return path == root || path.starts_with(root + "/");
}

std::string link_target(const fs::path& link) {
    std::error_code error;
    auto target = fs::read_symlink(link, error);
    return error ? "" : target.string();
}

bool holds(const fs::path& process, const std::string& root) {
    for (const char* name : {"cwd", "root", "exe"})
        if (under(link_target(process / name), root)) return true;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(process / "fd", error))
        if (under(link_target(entry.path()), root)) return true;
    std::ifstream maps(process / "maps");
    for (std::string line; std::getline(maps, line);)
        if (auto at = line.find('/'); at != std::string::npos && under(line.substr(at), root))
            return true;
    return false;
}

}  // namespace

bool is_mounted_read_only(const fs::path& mountpoint) {
    std::istringstream options(options_of_mount(mountpoint).value_or(""));
    for (std::string option; std::getline(options, option, ',');)
        if (option == "ro") return true;
    return false;
}

std::vector<std::string> holders_of(const fs::path& mountpoint) {
    std::vector<std::string> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/proc", error)) {
        std::string pid = entry.path().filename();
        if (!std::all_of(pid.begin(), pid.end(), [](unsigned char c) { return std::isdigit(c); }))
            continue;
        if (pid == std::to_string(getpid()) || !holds(entry.path(), mountpoint.string())) continue;
        auto name = read_file(entry.path() / "comm");
        std::string comm = name ? *name : "?\n";
        comm.pop_back();
        found.push_back(comm + " (pid " + pid + ")");
    }
    return found;
}

bool is_at_or_under(const fs::path& path, const fs::path& top) {
    return under(path.string(), top.string());
}

Result<> unmount(const fs::path& mountpoint, bool lazy) {
    const std::string shown = mountpoint.string();
    if (geteuid() == 0) {
        if (umount2(shown.c_str(), lazy ? MNT_DETACH : 0) == 0) return {};
        return fail_errno("unmounting " + shown);
    }
    std::vector<const char*> words{"fusermount3", "-u", "-q"};
    if (lazy) words.push_back("-z");
    words.insert(words.end(), {"--", shown.c_str(), nullptr});
    pid_t child = 0;
    if (int error = posix_spawnp(&child, words[0], nullptr, nullptr,
                                 const_cast<char**>(words.data()), environ);
        error != 0)
        return fail(error,
                    "fusermount3 cannot be run (package fuse3): " + shown + " stays mounted");
    int status = 0;
    waitpid(child, &status, 0);
    if (status == 0) return {};
    return fail(EBUSY, shown + " is in use, or is no mount of yours");
}

Result<> prepare_mountpoint(const fs::path& mountpoint, const fs::path& store) {
    const std::string shown = mountpoint.string();
    struct stat status {};
    if (stat(mountpoint.c_str(), &status) != 0) {
        if (errno == ENOTCONN) {
            // A daemon died and left this behind; nobody can reach anything through it.
            if (umount2(mountpoint.c_str(), MNT_DETACH) != 0)
                return fail(EBUSY, "a dead mount is on " + shown +
                                       " and cannot be removed: fusermount3 -u " + shown);
        } else if (errno == ENOENT) {
            std::error_code error;
            fs::create_directories(mountpoint, error);
            if (error) return fail(error.value(), "cannot make " + shown + ": " + error.message());
        } else {
            return fail_errno("looking at " + shown);
        }
    }
    if (stat(mountpoint.c_str(), &status) != 0) return fail_errno("looking at " + shown);
    if (!S_ISDIR(status.st_mode)) return fail(ENOTDIR, shown + " is no directory: name another");
    if (options_of_mount(mountpoint))
        return fail(EBUSY, "something is mounted on " + shown + ": art umount " + shown);
    std::error_code error;
    if (!fs::is_empty(mountpoint, error) && !error)
        return fail(ENOTEMPTY, shown + " is not empty: mount on an empty directory");
    if (under(shown, store.string()) || under(store.string(), shown))
        return fail(EINVAL, "the store and the mount must not lie in one another");
    return {};
}

}  // namespace artfs
