// Random operations on a draft and on a plain directory: they must agree in every result and at the
// end.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "mounted/harness.h"
#include "support/catch.h"

namespace fs = std::filesystem;

namespace {

// One operation with its outcome as text; the same words on both sides.
class Twin {
public:
    Twin(unsigned seed, fs::path base) : random_(seed), base_(std::move(base)) {}
    ~Twin() {
        for (int fd : open_) close(fd);
    }
    Twin(const Twin&) = delete;
    Twin& operator=(const Twin&) = delete;

    std::string step() {
        switch (random_() % 17) {
            case 0:
            case 1:
                return create();
            case 2:
                return on(
                    "mkdir", [](const char* p) { return mkdir(p, 0755); }, any());
            case 3:
                return on(
                    "rmdir", [](const char* p) { return rmdir(p); }, any());
            case 4:
                return on(
                    "unlink", [](const char* p) { return unlink(p); }, any());
            case 5:
            case 6:
                return two("rename", [](const char* a, const char* b) { return rename(a, b); });
            case 7:
                return two("link", [](const char* a, const char* b) { return link(a, b); });
            case 8: {
                auto size = static_cast<off_t>(random_() % 20000);
                return on(
                           "truncate", [size](const char* p) { return truncate(p, size); }, any()) +
                       std::to_string(size);
            }
            case 9: {
                mode_t mode = random_() % 2 == 0 ? 0600 : 0755;
                return on(
                    "chmod", [mode](const char* p) { return chmod(p, mode); }, any());
            }
            case 10:
                return on(
                    "symlink", [](const char* p) { return symlink("a/b", p); }, any());
            case 11:
                return listing(any());
            case 12:
                return contents(any());
            case 13:
                return patch();
            case 14:
                return hold();
            case 15:
                return use_held();
            default:
                return status(any());
        }
    }

    std::string whole() const {
        std::vector<std::string> lines;
        for (const auto& entry : fs::recursive_directory_iterator(base_)) {
            auto path = entry.path();
            struct stat status {};
            lstat(path.c_str(), &status);
            std::string line = path.lexically_relative(base_).string() + " " +
                               std::to_string(status.st_mode) + " ";
            if (S_ISREG(status.st_mode))
                line += std::to_string(status.st_size) + " " + std::to_string(sum(path));
            if (S_ISLNK(status.st_mode)) line += fs::read_symlink(path).string();
            lines.push_back(line);
        }
        std::sort(lines.begin(), lines.end());
        std::string text;
        for (const auto& line : lines) text += line + "\n";
        return text;
    }

private:
    std::string any() {
        static const char* names[] = {"a", "b", "c", "d", "e"};
        std::string path = names[random_() % 5];
        for (unsigned depth = random_() % 3; depth > 0; --depth)
            path += std::string("/") + names[random_() % 5];
        return path;
    }
    std::string result(const std::string& what, long value) const {
        return what + " = " + (value < 0 ? strerrorname_np(errno) : std::to_string(value));
    }
    template <class F>
    std::string on(const char* name, F call, const std::string& path) {
        return result(std::string(name) + " " + path, call((base_ / path).c_str()));
    }
    template <class F>
    std::string two(const char* name, F call) {
        auto a = any();
        auto b = any();
        return result(std::string(name) + " " + a + " " + b,
                      call((base_ / a).c_str(), (base_ / b).c_str()));
    }
    std::string bytes() {
        std::string text(random_() % 9000, '\0');
        for (auto& c : text) c = static_cast<char>('a' + random_() % 26);
        return text;
    }
    std::string create() {
        auto path = any();
        int flags = O_WRONLY | O_CREAT |
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
    std::string patch() {
        auto path = any();
        auto text = bytes();
        auto at = static_cast<off_t>(random_() % 12000);
        int fd = open((base_ / path).c_str(), O_RDWR);
        if (fd < 0) return result("patch " + path, -1);
        auto put = pwrite(fd, text.data(), text.size(), at);
        char back[16] = {};
        auto got = pread(fd, back, sizeof back, 0);
        close(fd);
        return result("patch " + path, put) +
               std::string(back, got > 0 ? static_cast<std::size_t>(got) : 0);
    }
    std::string hold() {
        auto path = any();
        int fd = open((base_ / path).c_str(), O_RDWR | O_CREAT, 0644);
        if (fd < 0) return result("hold " + path, -1);
        open_.push_back(fd);
        return "hold " + path;
    }
    std::string use_held() {
        if (open_.empty()) return "nothing held";
        auto at = random_() % open_.size();
        int fd = open_[at];
        auto text = bytes();
        auto put = pwrite(fd, text.data(), text.size(), 100);
        struct stat status {};
        fstat(fd, &status);
        std::string line = result("held", put) + " size " + std::to_string(status.st_size) +
                           " links " + std::to_string(status.st_nlink);
        if (random_() % 2 == 0) {
            close(fd);
            open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
        }
        return line;
    }
    std::string listing(const std::string& path) {
        std::vector<std::string> names;
        DIR* directory = opendir((base_ / path).c_str());
        if (directory == nullptr) return result("list " + path, -1);
        while (auto* entry = readdir(directory)) names.emplace_back(entry->d_name);
        closedir(directory);
        std::sort(names.begin(), names.end());
        std::string text = "list " + path;
        for (const auto& name : names) text += " " + name;
        return text;
    }
    static unsigned long sum(const fs::path& path) {
        int fd = open(path.c_str(), O_RDONLY);
        if (fd < 0) return 0;
        unsigned long total = 5381;
        char chunk[4096];
        for (ssize_t got = 0; (got = read(fd, chunk, sizeof chunk)) > 0;)
            for (ssize_t i = 0; i < got; ++i)
                total = total * 33 + static_cast<unsigned char>(chunk[i]);
        close(fd);
        return total;
    }
    std::string contents(const std::string& path) {
        return "read " + path + " " + std::to_string(sum(base_ / path));
    }
    std::string status(const std::string& path) {
        struct stat status {};
        if (lstat((base_ / path).c_str(), &status) != 0) return result("stat " + path, -1);
        std::string line = "stat " + path + " " + std::to_string(status.st_mode);
        if (!S_ISDIR(status.st_mode))
            line += " " + std::to_string(status.st_size) + " " + std::to_string(status.st_nlink);
        return line;
    }

    std::mt19937 random_;
    fs::path base_;
    std::vector<int> open_;
};

std::string final_state(const fs::path& base) { return Twin(0, base).whole(); }

// All in a child process, which is one run: it ends well if the two sides agreed in every step.
Ran run_twins(unsigned seed, unsigned steps, const fs::path& draft, const fs::path& plain) {
    fflush(nullptr);
    int out[2];
    if (pipe(out) != 0) return {1, "", "no pipe"};
    pid_t pid = fork();
    if (pid == 0) {
        close(out[0]);
        std::string problem;
        try {
            Twin a(seed, draft);
            Twin b(seed, plain);
            for (unsigned i = 0; i < steps && problem.empty(); ++i) {
                auto left = a.step();
                auto right = b.step();
                if (left != right)
                    problem =
                        "step " + std::to_string(i) + "\n  draft: " + left + "\n  plain: " + right;
            }
            if (problem.empty() && final_state(draft) != final_state(plain))
                problem = "at the end\n" + final_state(draft) + "---\n" + final_state(plain);
        } catch (const std::exception& broken) {
            problem = broken.what();
        }
        [[maybe_unused]] auto told = write(out[1], problem.data(), problem.size());
        _exit(problem.empty() ? 0 : 1);
    }
    close(out[1]);
    Ran ran;
    char chunk[4096];
    for (ssize_t got = 0; (got = read(out[0], chunk, sizeof chunk)) > 0;)
        ran.err.append(chunk, static_cast<std::size_t>(got));
    close(out[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return ran;
}

}  // namespace

TEST_CASE("random operations: a draft is as a plain directory, and so is the version", "[random]") {
    TestMount mount;
    unsigned seed = std::random_device()();
    if (const char* given = getenv("ARTFS_TEST_SEED"))
        seed = static_cast<unsigned>(std::stoul(given));
    auto plain = mount.directory() / "plain";
    fs::create_directory(plain);
    mount.ok("mkdir a");
    // Each round is a run that starts on what the one before sealed.
    for (unsigned round = 0; round < 8; ++round) {
        INFO("ARTFS_TEST_SEED=" << seed << ", round " << round);
        auto ran = run_twins(seed + round, 400, mount.path() / "a" / "latest" / ".", plain);
        INFO(ran.err);
        REQUIRE(ran.status == 0);
        mount.ok("ls a");
        auto versions = mount.json("ls a");
        REQUIRE(!versions.empty());
        auto newest = mount.path() / "a" / versions[0].at("version").get<std::string>();
        REQUIRE(final_state(newest) == final_state(plain));
        // Hard links are separate files once sealed, so they become that on the other side too.
        auto next = mount.directory() / ("plain." + std::to_string(round));
        fs::copy(plain, next, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
        plain = next;
        if (round == 4) {
            mount.umount();
            mount.mount();
        }
    }
    std::printf("random operations: seed %u\n", seed);
}
