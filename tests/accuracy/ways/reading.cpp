// Ways to open and read: each writes what it read to its second argument.
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>

#include "ways.h"

namespace ways {

namespace {

namespace fs = std::filesystem;

int open_directory_of(const std::string& path) {
    auto parent = fs::path(path).parent_path();
    return static_cast<int>(must(open(parent.c_str(), O_RDONLY | O_DIRECTORY), parent.string()));
}

std::string name_of(const std::string& path) { return fs::path(path).filename().string(); }

int open_how(const std::string& path, open_how how, int directory = AT_FDCWD) {
    return static_cast<int>(
        must(syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how), path));
}

void old_open(const Words& words) {
    auto fd = must(syscall(SYS_open, words[0].c_str(), O_RDONLY), words[0]);
    write_file(words[1], slurp(static_cast<int>(fd)));
}

void openat_directory(const Words& words) {
    int directory = open_directory_of(words[0]);
    auto fd = must(openat(directory, name_of(words[0]).c_str(), O_RDONLY), words[0]);
    write_file(words[1], slurp(static_cast<int>(fd)));
}

void openat2_plain(const Words& words) {
    write_file(words[1], slurp(open_how(words[0], {O_RDONLY | O_CLOEXEC, 0, 0})));
}

void openat2_beneath(const Words& words) {
    int directory = open_directory_of(words[0]);
    write_file(words[1],
               slurp(open_how(name_of(words[0]), {O_RDONLY, 0, RESOLVE_BENEATH}, directory)));
}

// Reads a file by pieces of a few bytes through `piece`, which gives what it got.
template <class Piece>
std::string by_pieces(int fd, Piece piece) {
    std::string text;
    std::array<char, 7> buffer{};
    while (auto got = must(piece(fd, buffer.data(), buffer.size(), static_cast<off_t>(text.size())),
                           "a read"))
        text.append(buffer.data(), static_cast<std::size_t>(got));
    return text;
}

void with_pread(const Words& words) { write_file(words[1], by_pieces(open_read(words[0]), pread)); }

template <class Vector>
void with_vector(const Words& words, Vector vector) {
    write_file(words[1],
               by_pieces(open_read(words[0]), [&](int fd, char* to, std::size_t size, off_t at) {
                   iovec parts[2] = {{to, 3}, {to + 3, size - 3}};
                   return vector(fd, parts, at);
               }));
}

void with_readv(const Words& words) {
    with_vector(words, [](int fd, const iovec* parts, off_t) { return readv(fd, parts, 2); });
}

void with_preadv(const Words& words) {
    with_vector(words,
                [](int fd, const iovec* parts, off_t at) { return preadv(fd, parts, 2, at); });
}

void with_preadv2(const Words& words) {
    with_vector(words, [](int fd, const iovec* parts, off_t at) {
        return preadv2(fd, parts, 2, at, RWF_HIPRI);
    });
}

void mapped(const Words& words, int kind) {
    int fd = open_read(words[0]);
    auto size = size_of(fd);
    void* at = mmap(nullptr, size, PROT_READ, kind, fd, 0);
    if (at == MAP_FAILED) die("mmap");
    close(fd);
    write_file(words[1], {static_cast<char*>(at), size});
}

void direct(const Words& words) {
    int fd = static_cast<int>(must(open(words[0].c_str(), O_RDONLY | O_DIRECT), words[0]));
    constexpr std::size_t block = 4096;
    auto size = (size_of(fd) + block - 1) / block * block;
    auto* buffer = static_cast<char*>(std::aligned_alloc(block, size));
    auto got = must(read(fd, buffer, size), "read");
    write_file(words[1], {buffer, static_cast<std::size_t>(got)});
}

void by_handle(const Words& words) {
    struct {
        file_handle head;
        unsigned char room[MAX_HANDLE_SZ];
    } handle{};
    handle.head.handle_bytes = MAX_HANDLE_SZ;
    int mount = 0;
    must(name_to_handle_at(AT_FDCWD, words[0].c_str(), &handle.head, &mount, 0), words[0]);
    int directory = open_directory_of(words[0]);
    auto fd = must(open_by_handle_at(directory, &handle.head, O_RDONLY), "open_by_handle_at");
    write_file(words[1], slurp(static_cast<int>(fd)));
}

void through_path_descriptor(const Words& words) {
    auto fd = must(open(words[0].c_str(), O_PATH), words[0]);
    write_file(words[1], slurp(open_read("/proc/self/fd/" + std::to_string(fd))));
}

void from_changed_directory(const Words& words) {
    auto target = fs::absolute(words[1]).string();
    int directory = open_directory_of(words[0]);
    must(fchdir(directory), "fchdir");
    write_file(target, slurp(open_read(name_of(words[0]))));
}

void by_threads(const Words& words) {
    std::vector<std::string> texts(words.size() - 1);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
        threads.emplace_back([&, i] { texts[i] = slurp(open_read(words[i])); });
    for (auto& thread : threads) thread.join();
    std::string all;
    for (const auto& text : texts) all += text;
    write_file(words.back(), all);
}

// The smallest ring that does one thing at a time.
class Ring {
public:
    Ring() {
        io_uring_params parameters{};
        fd_ = static_cast<int>(must(syscall(SYS_io_uring_setup, 4, &parameters), "io_uring_setup"));
        auto map = [&](std::size_t size, std::uint64_t what) {
            void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_,
                            static_cast<off_t>(what));
            if (at == MAP_FAILED) die("mapping the ring");
            return static_cast<char*>(at);
        };
        const auto& sq = parameters.sq_off;
        const auto& cq = parameters.cq_off;
        char* submit = map(sq.array + parameters.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
        char* complete =
            map(cq.cqes + parameters.cq_entries * sizeof(io_uring_cqe), IORING_OFF_CQ_RING);
        entries_ = reinterpret_cast<io_uring_sqe*>(
            map(parameters.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES));
        tail_ = reinterpret_cast<std::atomic<unsigned>*>(submit + sq.tail);
        mask_ = *reinterpret_cast<unsigned*>(submit + sq.ring_mask);
        slots_ = reinterpret_cast<unsigned*>(submit + sq.array);
        done_ = reinterpret_cast<std::atomic<unsigned>*>(complete + cq.head);
        done_mask_ = *reinterpret_cast<unsigned*>(complete + cq.ring_mask);
        results_ = reinterpret_cast<io_uring_cqe*>(complete + cq.cqes);
    }
    int run(const io_uring_sqe& entry) {
        unsigned at = tail_->load() & mask_;
        entries_[at] = entry;
        slots_[at] = at;
        tail_->fetch_add(1);
        must(syscall(SYS_io_uring_enter, fd_, 1, 1, IORING_ENTER_GETEVENTS, nullptr, 0),
             "io_uring_enter");
        int result = results_[done_->load() & done_mask_].res;
        done_->fetch_add(1);
        if (result < 0) errno = -result;
        return static_cast<int>(must(result, "a ring's request"));
    }

private:
    int fd_ = -1;
    io_uring_sqe* entries_ = nullptr;
    std::atomic<unsigned>* tail_ = nullptr;
    unsigned* slots_ = nullptr;
    std::atomic<unsigned>* done_ = nullptr;
    io_uring_cqe* results_ = nullptr;
    unsigned mask_ = 0, done_mask_ = 0;
};

io_uring_sqe request(int operation, int fd, const void* address, std::size_t length, int flags) {
    io_uring_sqe entry{};
    entry.opcode = static_cast<std::uint8_t>(operation);
    // In a worker thread of the kernel, as what would wait is.
    entry.flags = static_cast<std::uint8_t>(flags);
    entry.fd = fd;
    entry.addr = reinterpret_cast<std::uint64_t>(address);
    entry.len = static_cast<std::uint32_t>(length);
    return entry;
}

void ring_read(const Words& words, int flags) {
    Ring ring;
    int fd = open_read(words[0]);
    std::string text(size_of(fd), '\0');
    text.resize(static_cast<std::size_t>(
        ring.run(request(IORING_OP_READ, fd, text.data(), text.size(), flags))));
    write_file(words[1], text);
}

// strace does not see this open; the read that follows shows the descriptor.
void ring_open(const Words& words, int flags) {
    Ring ring;
    auto entry = request(IORING_OP_OPENAT, AT_FDCWD, words[0].c_str(), 0, flags);
    entry.open_flags = O_RDONLY;
    write_file(words[1], slurp(ring.run(entry)));
}

}  // namespace

const std::vector<Way> reading = {
    {"open", old_open},
    {"openat", openat_directory},
    {"openat2", openat2_plain},
    {"openat2-beneath", openat2_beneath},
    {"pread", with_pread},
    {"readv", with_readv},
    {"preadv", with_preadv},
    {"preadv2", with_preadv2},
    {"mmap-shared", [](const Words& words) { mapped(words, MAP_SHARED); }},
    {"mmap-private", [](const Words& words) { mapped(words, MAP_PRIVATE); }},
    {"direct", direct},
    {"handle", by_handle},
    {"proc-self-fd", through_path_descriptor},
    {"fchdir", from_changed_directory},
    {"threads", by_threads},
    {"io_uring-read", [](const Words& words) { ring_read(words, 0); }},
    {"io_uring-read-async", [](const Words& words) { ring_read(words, IOSQE_ASYNC); }},
    {"io_uring-open", [](const Words& words) { ring_open(words, 0); }},
    {"io_uring-open-async", [](const Words& words) { ring_open(words, IOSQE_ASYNC); }},
};

}  // namespace ways
