#include "mounted/twin.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace fs = std::filesystem;

namespace {

std::string own_attributes(const fs::path& path) {
    char names[4096];
    auto size = llistxattr(path.c_str(), names, sizeof names);
    std::vector<std::string> found;
    for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(std::strlen(names + at)) + 1) {
        std::string name = names + at;
        char value[4096];
        auto got = lgetxattr(path.c_str(), name.c_str(), value, sizeof value);
        if (name.starts_with("user.") && got >= 0)
            found.push_back(name + "=" + std::string(value, static_cast<std::size_t>(got)));
    }
    std::sort(found.begin(), found.end());
    std::string text;
    for (const auto& one : found) text += " " + one;
    return text;
}

unsigned long sum(const fs::path& path) {
    int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK);
    if (fd < 0) return 0;
    unsigned long total = 5381;
    char chunk[65536];
    for (ssize_t got = 0; (got = read(fd, chunk, sizeof chunk)) > 0;)
        for (ssize_t i = 0; i < got; ++i) total = total * 33 + static_cast<unsigned char>(chunk[i]);
    close(fd);
    return total;
}

bool is_regular(const fs::path& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

std::string tree_text(const fs::path& base, bool sealed) {
    std::vector<std::string> lines;
    for (const auto& entry : fs::recursive_directory_iterator(base)) {
        auto path = entry.path();
        struct stat status {};
        if (lstat(path.c_str(), &status) != 0) throw std::runtime_error("listed, but not there");
        if (sealed && S_ISFIFO(status.st_mode)) continue;
        std::string line =
            path.lexically_relative(base).string() + " " + std::to_string(status.st_mode) + " ";
        if (S_ISREG(status.st_mode))
            line += std::to_string(status.st_size) + " " + std::to_string(sum(path)) +
                    own_attributes(path);
        if (S_ISLNK(status.st_mode)) line += fs::read_symlink(path).string();
        if (S_ISDIR(status.st_mode)) line += own_attributes(path);
        lines.push_back(line);
    }
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    return text;
}

void Twin::let_go() {
    for (int fd : open_) close(fd);
    open_.clear();
}

void Twin::sync_all() const {
    auto sync = [](const fs::path& path) {
        int fd = open(path.c_str(), O_RDONLY);
        if (fd < 0 || fsync(fd) != 0) throw std::runtime_error("fsync of " + path.string());
        close(fd);
    };
    for (const auto& entry : fs::recursive_directory_iterator(base_)) {
        auto kind = entry.symlink_status().type();
        if (kind == fs::file_type::regular || kind == fs::file_type::directory) sync(entry.path());
    }
    sync(base_);
}

std::string Twin::step() {
    switch (random_() % 26) {
        case 0:
        case 1:
            return create();
        case 2:
        case 3:
            return on(
                "mkdir", [](const char* p) { return mkdir(p, 0755); }, any());
        case 4:
            return on(
                "rmdir", [](const char* p) { return rmdir(p); }, any());
        case 5:
            return on(
                "unlink", [](const char* p) { return unlink(p); }, any());
        case 6:
        case 7:
            return two("rename", [](const char* a, const char* b) { return rename(a, b); });
        case 8:
            return two("exchange", [](const char* a, const char* b) {
                return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
            });
        case 9:
            return two("move", [](const char* a, const char* b) {
                return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_NOREPLACE);
            });
        case 10:
            return two("link", [](const char* a, const char* b) { return link(a, b); });
        case 11: {
            auto size = static_cast<off_t>(random_() % 20000);
            return on(
                       "truncate", [size](const char* p) { return truncate(p, size); }, any()) +
                   std::to_string(size);
        }
        case 12: {
            mode_t mode = random_() % 2 == 0 ? 0600 : 0755;
            return on(
                "chmod", [mode](const char* p) { return chmod(p, mode); }, any());
        }
        case 13:
            return two("symlink",
                       [](const char* /*a*/, const char* b) { return symlink("a/b", b); });
        case 14:
            return on(
                "mkfifo", [](const char* p) { return mkfifo(p, 0644); }, any());
        case 15:
            return listing(any());
        case 16:
            return contents(any());
        case 17:
            return patch();
        case 18:
            return map();
        case 19:
            return sparse();
        case 20:
            return punch();
        case 21:
            return copy();
        case 22:
            return random_() % 3 == 0 ? nameless() : hold();
        case 23:
            return use_held();
        case 24:
            return attribute();
        default:
            return random_() % 2 == 0 ? status(any()) : attributes(any());
    }
}

std::string Twin::any() {
    static const char* names[] = {"a", "b", "c", "d", "e"};
    std::string path = names[random_() % 5];
    for (unsigned depth = random_() % 3; depth > 0; --depth)
        path += std::string("/") + names[random_() % 5];
    return path;
}

std::string Twin::result(const std::string& what, long value) const {
    return what + " = " + (value < 0 ? strerrorname_np(errno) : std::to_string(value));
}

template <class F>
std::string Twin::on(const char* name, F call, const std::string& path) {
    return result(std::string(name) + " " + path, call((base_ / path).c_str()));
}

template <class F>
std::string Twin::two(const char* name, F call) {
    auto a = any();
    auto b = any();
    return result(std::string(name) + " " + a + " " + b,
                  call((base_ / a).c_str(), (base_ / b).c_str()));
}

std::string Twin::bytes() {
    std::string text(random_() % 9000, '\0');
    for (auto& c : text) c = static_cast<char>('a' + random_() % 26);
    return text;
}

std::string Twin::create() {
    auto path = any();
    int flags = O_WRONLY | O_CREAT | O_NONBLOCK |
                (random_() % 3 == 0   ? O_TRUNC
                 : random_() % 2 == 0 ? O_APPEND
                                      : O_EXCL);
    auto text = bytes();
    int fd = open((base_ / path).c_str(), flags, 0644);
    if (fd < 0) return result("create " + path, -1);
    auto put = write(fd, text.data(), text.size());
    close(fd);
    return result("create " + path, put);
}

std::string Twin::patch() {
    auto path = any();
    auto text = bytes();
    auto at = static_cast<off_t>(random_() % 12000);
    if (!is_regular(base_ / path)) return "nothing to patch at " + path;
    int fd = open((base_ / path).c_str(), O_RDWR);
    if (fd < 0) return result("patch " + path, -1);
    auto put = pwrite(fd, text.data(), text.size(), at);
    char back[16] = {};
    auto got = pread(fd, back, sizeof back, 0);
    close(fd);
    return result("patch " + path, put) +
           std::string(back, got > 0 ? static_cast<std::size_t>(got) : 0);
}

// Changes a file through a shared mapping whose descriptor is closed first.
std::string Twin::map() {
    auto path = any();
    auto text = bytes();
    if (!is_regular(base_ / path)) return "nothing to map at " + path;
    int fd = open((base_ / path).c_str(), O_RDWR);
    if (fd < 0) return result("map " + path, -1);
    struct stat status {};
    fstat(fd, &status);
    auto size = std::min(static_cast<std::size_t>(status.st_size), text.size());
    void* at =
        size == 0 ? MAP_FAILED : mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED) return "empty " + path;
    std::memcpy(at, text.data(), size);
    munmap(at, size);
    return "mapped " + path + " " + std::to_string(size);
}

std::string Twin::sparse() {
    auto path = any();
    auto at = static_cast<off_t>(random_() % 400000);
    int fd = open((base_ / path).c_str(), O_RDWR | O_CREAT | O_NONBLOCK, 0644);
    struct stat status {};
    if (fd >= 0) fstat(fd, &status);
    if (fd >= 0 && !S_ISREG(status.st_mode)) return close(fd), "no file at " + path;
    if (fd < 0) return result("sparse " + path, -1);
    auto put = pwrite(fd, "end", 3, at);
    fstat(fd, &status);
    close(fd);
    return result("sparse " + path, put) + " size " + std::to_string(status.st_size);
}

std::string Twin::punch() {
    auto path = any();
    auto from = static_cast<off_t>(random_() % 20000);
    auto length = static_cast<off_t>(1 + random_() % 9000);
    int mode = random_() % 2 == 0 ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : 0;
    if (!is_regular(base_ / path)) return "nothing to punch at " + path;
    int fd = open((base_ / path).c_str(), O_RDWR);
    if (fd < 0) return result("punch " + path, -1);
    auto done = fallocate(fd, mode, from, length);
    std::string line = result("punch " + path, done);
    close(fd);
    return line;
}

std::string Twin::copy() {
    auto from = any();
    auto to = any();
    auto at = static_cast<off_t>(random_() % 9000);
    if (!is_regular(base_ / from) || !is_regular(base_ / to)) return "nothing to copy";
    // A reader's descriptor keeps what a clean file was before it is written: no copy within it.
    if (fs::equivalent(base_ / from, base_ / to)) return "the same file";
    int in = open((base_ / from).c_str(), O_RDONLY);
    int out = open((base_ / to).c_str(), O_WRONLY);
    off_t zero = 0;
    auto copied = in < 0 || out < 0 ? -1 : copy_file_range(in, &zero, out, &at, 7000, 0);
    std::string line = result("copy " + from + " " + to, copied);
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    return line;
}

std::string Twin::hold() {
    auto path = any();
    int fd = open((base_ / path).c_str(), O_RDWR | O_CREAT | O_NONBLOCK, 0644);
    struct stat status {};
    if (fd >= 0) fstat(fd, &status);
    if (fd >= 0 && !S_ISREG(status.st_mode)) return close(fd), "no file at " + path;
    if (fd < 0) return result("hold " + path, -1);
    open_.push_back(fd);
    return "hold " + path;
}

// A file that gets its name after its bytes.
std::string Twin::nameless() {
    auto path = any();
    auto text = bytes();
    int fd = open(base_.c_str(), O_TMPFILE | O_RDWR, 0640);
    if (fd < 0) return result("nameless", -1);
    auto put = write(fd, text.data(), text.size());
    auto itself = "/proc/self/fd/" + std::to_string(fd);
    auto named =
        linkat(AT_FDCWD, itself.c_str(), AT_FDCWD, (base_ / path).c_str(), AT_SYMLINK_FOLLOW);
    std::string line = result("nameless " + path + " " + std::to_string(put), named);
    if (named == 0)
        open_.push_back(fd);
    else
        close(fd);
    return line;
}

std::string Twin::use_held() {
    if (open_.empty()) return "nothing held";
    auto at = random_() % open_.size();
    int fd = open_[at];
    auto text = bytes();
    auto put = pwrite(fd, text.data(), text.size(), 100);
    struct stat status {};
    fstat(fd, &status);
    std::string line = result("held", put) + " size " + std::to_string(status.st_size) + " links " +
                       std::to_string(status.st_nlink);
    if (random_() % 2 == 0) {
        close(fd);
        open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return line;
}

std::string Twin::attribute() {
    static const char* names[] = {"user.one", "user.two"};
    const char* name = names[random_() % 2];
    auto value = bytes().substr(0, 200);
    int flags = random_() % 3 == 0 ? XATTR_CREATE : random_() % 2 == 0 ? XATTR_REPLACE : 0;
    auto path = any();
    if (random_() % 4 == 0)
        return on(
            "removexattr", [&](const char* p) { return removexattr(p, name); }, path);
    return on(
        "setxattr",
        [&](const char* p) { return setxattr(p, name, value.data(), value.size(), flags); }, path);
}

std::string Twin::attributes(const std::string& path) {
    return "attributes of " + path + own_attributes(base_ / path);
}

std::string Twin::listing(const std::string& path) {
    std::vector<std::string> names;
    DIR* directory = opendir((base_ / path).c_str());
    if (directory == nullptr) return result("list " + path, -1);
    while (auto* entry = readdir(directory))
        names.push_back(std::string(entry->d_name) + "/" + std::to_string(entry->d_type));
    closedir(directory);
    std::sort(names.begin(), names.end());
    std::string text = "list " + path;
    for (const auto& name : names) text += " " + name;
    return text;
}

std::string Twin::contents(const std::string& path) {
    return "read " + path + " " + std::to_string(is_regular(base_ / path) ? sum(base_ / path) : 0);
}

std::string Twin::status(const std::string& path) {
    struct stat status {};
    if (lstat((base_ / path).c_str(), &status) != 0) return result("stat " + path, -1);
    std::string line = "stat " + path + " " + std::to_string(status.st_mode);
    if (!S_ISDIR(status.st_mode))
        line += " " + std::to_string(status.st_size) + " " + std::to_string(status.st_nlink);
    return line;
}
