// Tight loops for tests/bench/run: artfs_bench_loops VERB ARGUMENTS, prints one figure.
//
//   pretouch BYTES              touches so much memory and gives it back
//   sequential FILE             seconds to read it, when it is open, by 1 MiB
//   random FILE COUNT           seconds for so many reads of 4 KiB
//   mapped FILE                 seconds to read it through a mapping
//   opens DIR FILES PROCESSES SECONDS
//                               open+read+close of f0, f1 ... , a second
//   write FILE BYTES SEED       seconds to write it by 1 MiB
//   create DIR FILES SEED       seconds to create f0, f1 ... of 4 KiB
//   remove FILE                 seconds to remove it
//   look FILE...                milliseconds to open, read and close one, the median of them
//   job IN FILES OUT            the slowest operation of a run that reads f0, f1 ... and writes
//   OUT,
//                               in milliseconds, and its name
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr std::size_t block = 4096;
constexpr std::size_t chunk = std::size_t{1} << 20U;

using Words = std::vector<std::string>;

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

int check(int result, const std::string& what) {
    if (result < 0) die(what);
    return result;
}

double now() {
    auto since = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(since).count();
}

std::uint64_t number(const std::string& word) { return std::strtoull(word.c_str(), nullptr, 10); }

std::string file_name(std::uint64_t index) { return "f" + std::to_string(index); }

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 1) {}
    std::uint64_t next() {
        state_ ^= state_ << 13U;
        state_ ^= state_ >> 7U;
        state_ ^= state_ << 17U;
        return state_;
    }

private:
    std::uint64_t state_;
};

std::vector<std::uint64_t> noise(std::size_t bytes, std::uint64_t seed) {
    Random random(seed);
    std::vector<std::uint64_t> words(bytes / sizeof(std::uint64_t));
    for (auto& word : words) word = random.next();
    return words;
}

std::size_t size_of(int fd) {
    struct stat status {};
    check(fstat(fd, &status), "fstat");
    return static_cast<std::size_t>(status.st_size);
}

void pretouch(std::size_t bytes) {
    void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED) die("mmap");
    munmap(at, bytes);
}

double sequential(const std::string& path) {
    std::vector<char> buffer(chunk, 1);
    int fd = check(open(path.c_str(), O_RDONLY), path);
    double begun = now();
    while (check(static_cast<int>(read(fd, buffer.data(), chunk)), path) > 0) continue;
    double took = now() - begun;
    close(fd);
    return took;
}

double random_reads(const std::string& path, std::uint64_t count) {
    std::vector<char> buffer(block, 1);
    int fd = check(open(path.c_str(), O_RDONLY), path);
    auto blocks = size_of(fd) / block;
    Random random(1);
    double begun = now();
    for (std::uint64_t i = 0; i < count; ++i) {
        auto at = static_cast<off_t>(random.next() % blocks * block);
        if (pread(fd, buffer.data(), block, at) != static_cast<ssize_t>(block)) die(path);
    }
    double took = now() - begun;
    close(fd);
    return took;
}

double mapped(const std::string& path) {
    constexpr std::size_t line = 8;  // words in a cache line
    int fd = check(open(path.c_str(), O_RDONLY), path);
    auto size = size_of(fd);
    double begun = now();
    void* at = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) die("mmap");
    const auto* words = static_cast<const volatile std::uint64_t*>(at);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < size / sizeof *words; i += line) sum += words[i];
    munmap(at, size);
    double took = now() - begun;
    close(fd);
    if (sum == 0) std::fprintf(stderr, "the file holds nothing\n");
    return took;
}

void read_whole(const std::string& path, std::vector<char>& buffer) {
    int fd = check(open(path.c_str(), O_RDONLY), path);
    check(static_cast<int>(read(fd, buffer.data(), buffer.size())), path);
    close(fd);
}

// So many a second.
double opens(const std::string& directory, std::uint64_t files, std::uint64_t processes,
             double seconds) {
    check(chdir(directory.c_str()), directory);
    auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* shared = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) die("mmap");
    auto* rates = static_cast<double*>(shared);
    std::vector<std::string> names;
    for (std::uint64_t i = 0; i < files; ++i) names.push_back(file_name(i));
    for (std::uint64_t process = 0; process < processes; ++process) {
        if (check(fork(), "fork") != 0) continue;
        std::vector<char> buffer(block, 1);
        for (const auto& name : names) read_whole(name, buffer);  // warm
        std::uint64_t done = 0;
        double begun = now();
        double took = 0;
        do {
            for (unsigned i = 0; i < 100; ++i) read_whole(names[done++ % files], buffer);
            took = now() - begun;
        } while (took < seconds);
        rates[process] = static_cast<double>(done) / took;
        _exit(0);
    }
    double all = 0;
    for (std::uint64_t process = 0; process < processes; ++process) {
        int status = 0;
        check(wait(&status), "wait");
        if (status != 0) std::exit(1);
    }
    for (std::uint64_t process = 0; process < processes; ++process) all += rates[process];
    return all;
}

double write_file(const std::string& path, std::uint64_t bytes, std::uint64_t seed) {
    auto words = noise(chunk, seed);
    double begun = now();
    int fd = check(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), path);
    for (std::uint64_t done = 0; done < bytes; done += chunk) {
        words[0] = done;
        auto size = static_cast<std::size_t>(std::min<std::uint64_t>(chunk, bytes - done));
        if (write(fd, words.data(), size) != static_cast<ssize_t>(size)) die(path);
    }
    check(close(fd), "close");
    return now() - begun;
}

double create_files(const std::string& directory, std::uint64_t files, std::uint64_t seed) {
    check(chdir(directory.c_str()), directory);
    auto words = noise(block, seed);
    double begun = now();
    for (std::uint64_t i = 0; i < files; ++i) {
        words[0] = i;
        auto name = file_name(i);
        int fd = check(open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644), name);
        if (write(fd, words.data(), block) != static_cast<ssize_t>(block)) die(name);
        check(close(fd), "close");
    }
    return now() - begun;
}

double remove_file(const std::string& path) {
    double begun = now();
    check(unlink(path.c_str()), path);
    return now() - begun;
}

double look(const Words& files) {
    std::vector<char> buffer(block, 1);
    std::vector<double> took;
    for (const auto& file : files) {
        double begun = now();
        read_whole(file, buffer);
        took.push_back(1000 * (now() - begun));
    }
    std::sort(took.begin(), took.end());
    return took[took.size() / 2];
}

// The slowest of its operations.
class Slowest {
public:
    template <class Operation>
    int time(const char* name, Operation operation) {
        double begun = now();
        int result = check(static_cast<int>(operation()), name);
        double took = 1000 * (now() - begun);
        if (took > worst_) {
            worst_ = took;
            name_ = name;
        }
        return result;
    }
    void print() const { std::printf("%.3f %s\n", worst_, name_); }

private:
    double worst_ = 0;
    const char* name_ = "nothing";
};

void job(const std::string& from, std::uint64_t files, const std::string& to) {
    std::vector<char> buffer(block, 1);
    Slowest slowest;
    auto id = static_cast<std::uint64_t>(getpid());
    for (std::uint64_t i = 0; i < files; ++i) {
        auto path = from + "/" + file_name((i * 7 + id) % files);
        int fd = slowest.time(i == 0 ? "the first open" : "an open",
                              [&] { return open(path.c_str(), O_RDONLY); });
        slowest.time("a read", [&] { return read(fd, buffer.data(), block); });
        slowest.time("a close", [&] { return close(fd); });
    }
    std::memcpy(buffer.data(), &id, sizeof id);
    int fd = slowest.time("the create",
                          [&] { return open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644); });
    slowest.time("the write", [&] { return write(fd, buffer.data(), block); });
    slowest.time("the last close", [&] { return close(fd); });
    slowest.print();
}

void figure(double value) { std::printf("%.9g\n", value); }

bool run(const Words& words) {
    auto is = [&words](const char* verb, std::size_t arguments) {
        return words.size() == arguments + 1 && words[0] == verb;
    };
    if (is("pretouch", 1))
        pretouch(number(words[1]));
    else if (is("sequential", 1))
        figure(sequential(words[1]));
    else if (is("random", 2))
        figure(random_reads(words[1], number(words[2])));
    else if (is("mapped", 1))
        figure(mapped(words[1]));
    else if (is("opens", 4))
        figure(opens(words[1], number(words[2]), number(words[3]), std::atof(words[4].c_str())));
    else if (is("write", 3))
        figure(write_file(words[1], number(words[2]), number(words[3])));
    else if (is("create", 3))
        figure(create_files(words[1], number(words[2]), number(words[3])));
    else if (is("remove", 1))
        figure(remove_file(words[1]));
    else if (words.size() > 1 && words[0] == "look")
        figure(look({words.begin() + 1, words.end()}));
    else if (is("job", 3))
        job(words[1], number(words[2]), words[3]);
    else
        return false;
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    if (run(Words(argv + 1, argv + argc))) return 0;
    std::fprintf(stderr, "usage: artfs_bench_loops VERB ARGUMENTS: see its first lines\n");
    return 2;
}
