// Bytes from file to file without a buffer of ours; and ways to change a file that is there.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "ways.h"

namespace ways {

namespace {

void with_sendfile(const Words& words) {
    int from = open_read(words[0]);
    int to = open_write(words[1]);
    while (must(sendfile(to, from, nullptr, 1 << 20), "sendfile") > 0) {
    }
}

void with_copy_file_range(const Words& words) {
    int from = open_read(words[0]);
    int to = open_write(words[1]);
    while (must(copy_file_range(from, nullptr, to, nullptr, 1 << 20, 0), "copy_file_range") > 0) {
    }
}

void with_splice(const Words& words) {
    int from = open_read(words[0]);
    int to = open_write(words[1]);
    int ends[2];
    must(pipe(ends), "pipe");
    while (auto got = must(splice(from, nullptr, ends[1], nullptr, 65536, 0), "splice"))
        must(splice(ends[0], nullptr, to, nullptr, static_cast<std::size_t>(got), 0), "splice");
}

void with_tee(const Words& words) {
    int from = open_read(words[0]);
    int one[2];
    int other[2];
    must(pipe(one), "pipe");
    must(pipe(other), "pipe");
    auto got = must(splice(from, nullptr, one[1], nullptr, 65536, 0), "splice");
    auto doubled = must(tee(one[0], other[1], static_cast<std::size_t>(got), 0), "tee");
    auto move = [](int pipe_end, const std::string& path, long count) {
        int to = open_write(path);
        must(splice(pipe_end, nullptr, to, nullptr, static_cast<std::size_t>(count), 0), "splice");
    };
    move(one[0], words[1], got);
    move(other[0], words[2], doubled);
}

// A file system that cannot share blocks refuses; the files were opened all the same.
void with_clone(const Words& words) {
    int from = open_read(words[0]);
    int to = open_write(words[1]);
    if (ioctl(to, FICLONE, from) == 0) return;
    if (errno != EOPNOTSUPP && errno != EXDEV && errno != EINVAL && errno != ENOTTY) die("FICLONE");
    put(to, slurp(from));
}

int open_flags(const std::string& path, int flags) {
    return static_cast<int>(must(open(path.c_str(), flags, 0644), path));
}

void with_creat(const Words& words) {
    auto fd = must(creat(words[0].c_str(), 0644), words[0]);
    put(static_cast<int>(fd), "made with creat\n");
}

void append(const Words& words) { put(open_flags(words[0], O_WRONLY | O_APPEND), "one more\n"); }

void write_middle(const Words& words) {
    int fd = open_flags(words[0], O_RDWR);
    must(pwrite(fd, "XX", 2, 3), "pwrite");
}

void write_vectors(const Words& words) {
    int fd = open_flags(words[0], O_WRONLY | O_CREAT);
    char text[] = "written in parts\n";
    iovec parts[2] = {{text, 8}, {text + 8, sizeof text - 9}};
    must(writev(fd, parts, 2), "writev");
    must(pwritev2(fd, parts, 2, sizeof text - 1, 0), "pwritev2");
}

void write_only_untouched(const Words& words) { close(open_flags(words[0], O_WRONLY)); }

void write_mapped(const Words& words) {
    int fd = open_flags(words[0], O_RDWR);
    auto size = size_of(fd);
    void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) die("mmap");
    close(fd);
    std::memcpy(at, "MAPPED", 6);
    must(munmap(at, size), "munmap");
}

void write_direct(const Words& words) {
    int fd = open_flags(words[0], O_WRONLY | O_CREAT | O_DIRECT);
    alignas(4096) static char block[4096];
    std::memset(block, 'd', sizeof block);
    must(write(fd, block, sizeof block), "write");
}

void truncate_path(const Words& words) { must(truncate(words[0].c_str(), 4), words[0]); }

void empty_then_write(const Words& words) {
    int fd = open_flags(words[0], O_WRONLY | O_TRUNC);
    put(fd, "new\n");
}

void truncate_descriptor(const Words& words) {
    int fd = open_flags(words[0], O_RDWR);
    must(ftruncate(fd, 0), "ftruncate");
    put(fd, "all new\n");
}

void allocate(const Words& words) {
    int fd = open_flags(words[0], O_RDWR | O_CREAT);
    must(fallocate(fd, 0, 0, 10000), "fallocate");
    must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), "punching a hole");
}

void change_mode(const Words& words) { must(chmod(words[0].c_str(), 0600), words[0]); }

// Two opens by one run: the second reads what it wrote itself.
void read_own(const Words& words) {
    write_file(words[0], "mine\n");
    write_file(words[0] + ".copy", slurp(open_read(words[0])));
}

}  // namespace

const std::vector<Way> moving = {
    {"sendfile", with_sendfile}, {"copy_file_range", with_copy_file_range},
    {"splice", with_splice},     {"tee", with_tee},
    {"clone", with_clone},
};

const std::vector<Way> changing = {
    {"creat", with_creat},
    {"append", append},
    {"write-middle", write_middle},
    {"writev", write_vectors},
    {"write-only", write_only_untouched},
    {"mmap-write", write_mapped},
    {"direct-write", write_direct},
    {"truncate", truncate_path},
    {"o_trunc", empty_then_write},
    {"ftruncate", truncate_descriptor},
    {"fallocate", allocate},
    {"chmod", change_mode},
    {"read-own", read_own},
};

}  // namespace ways
