// Links, renames and replacing; and what looks at files without using them.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "ways.h"

namespace ways {

namespace {

void exchange(const Words& words) {
    must(renameat2(AT_FDCWD, words[0].c_str(), AT_FDCWD, words[1].c_str(), RENAME_EXCHANGE),
         "exchanging");
}

void rename_new(const Words& words) {
    must(renameat2(AT_FDCWD, words[0].c_str(), AT_FDCWD, words[1].c_str(), RENAME_NOREPLACE),
         "renaming");
    if (renameat2(AT_FDCWD, words[2].c_str(), AT_FDCWD, words[1].c_str(), RENAME_NOREPLACE) == 0 ||
        errno != EEXIST)
        die("renaming onto what is there");
}

// The moved file is still the version's.
void rename_and_read(const Words& words) {
    must(rename(words[0].c_str(), words[1].c_str()), words[0]);
    write_file(words[2], slurp(open_read(words[1])));
}

void link_and_read(const Words& words) {
    must(link(words[0].c_str(), words[1].c_str()), words[0]);
    write_file(words[2], slurp(open_read(words[1])));
}

void link_descriptor(const Words& words) {
    auto fd = must(open(words[0].c_str(), O_PATH), words[0]);
    must(linkat(static_cast<int>(fd), "", AT_FDCWD, words[1].c_str(), AT_EMPTY_PATH), "linkat");
}

void unnamed(const Words& words) {
    auto fd = static_cast<int>(must(open(words[0].c_str(), O_TMPFILE | O_RDWR, 0644), words[0]));
    put(fd, "without a name at first\n");
    auto here = "/proc/self/fd/" + std::to_string(fd);
    must(linkat(AT_FDCWD, here.c_str(), AT_FDCWD, words[1].c_str(), AT_SYMLINK_FOLLOW), "linkat");
}

void recreate(const Words& words) {
    must(unlink(words[0].c_str()), words[0]);
    write_file(words[0], "another file of the same name\n");
    write_file(words[1], slurp(open_read(words[0])));
}

void unlink_open(const Words& words) {
    int fd = open_read(words[0]);
    must(unlink(words[0].c_str()), words[0]);
    write_file(words[1], slurp(fd));
}

// As editors and careful programs save.
void replace(const Words& words) {
    auto text = slurp(open_read(words[0]));
    std::string name = words[0] + ".XXXXXX";
    auto fd = static_cast<int>(must(mkstemp(name.data()), name));
    put(fd, text + "saved\n");
    must(fsync(fd), "fsync");
    must(fchmod(fd, 0644), "fchmod");
    close(fd);
    must(rename(name.c_str(), words[0].c_str()), name);
}

void symbolic(const Words& words) { must(symlink(words[0].c_str(), words[1].c_str()), words[1]); }

void attributes(const Words& words) {
    const char* path = words[0].c_str();
    struct stat status {};
    must(stat(path, &status), "stat");
    must(lstat(path, &status), "lstat");
    struct statx more {};
    must(statx(AT_FDCWD, path, 0, STATX_ALL, &more), "statx");
    must(access(path, R_OK), "access");
    must(faccessat(AT_FDCWD, path, R_OK, AT_EACCESS), "faccessat");
    char list[1024];
    must(listxattr(path, list, sizeof list), "listxattr");
    std::printf("%ld\n", static_cast<long>(status.st_size));
}

void path_only(const Words& words) {
    auto fd = static_cast<int>(must(open(words[0].c_str(), O_PATH), words[0]));
    struct stat status {};
    must(fstatat(fd, "", &status, AT_EMPTY_PATH), "fstatat");
    std::printf("%ld\n", static_cast<long>(status.st_size));
}

void list(const Words& words) {
    DIR* directory = opendir(words[0].c_str());
    if (directory == nullptr) die(words[0]);
    int count = 0;
    while (const dirent* entry = readdir(directory)) count += entry->d_name[0] != '.';
    std::printf("%d\n", count);
    closedir(directory);
}

void fail_to_open(const Words& words) {
    const std::string& file = words[0];
    auto refused = [](const std::string& path, int flags, int error) {
        if (open(path.c_str(), flags, 0644) >= 0 || errno != error) die(path);
    };
    refused(file + ".none", O_RDONLY, ENOENT);
    refused(file + "/below", O_RDONLY, ENOTDIR);
    refused(file, O_RDONLY | O_DIRECTORY, ENOTDIR);
    refused(file, O_WRONLY | O_CREAT | O_EXCL, EEXIST);
}

void forbidden_to_open(const Words& words) {
    must(setuid(65534), "setuid");
    if (open(words[0].c_str(), O_RDONLY) >= 0 || errno != EACCES) die(words[0]);
}

}  // namespace

const std::vector<Way> naming = {
    {"exchange", exchange},       {"noreplace", rename_new},    {"rename-read", rename_and_read},
    {"link-read", link_and_read}, {"link-fd", link_descriptor}, {"tmpfile", unnamed},
    {"recreate", recreate},       {"unlink-open", unlink_open}, {"replace", replace},
    {"symlink", symbolic},
};

const std::vector<Way> looking = {
    {"stat", attributes},
    {"o_path", path_only},
    {"readdir", list},
    {"failed-open", fail_to_open},
    {"forbidden", forbidden_to_open},
};

}  // namespace ways
