// Threads of one program at the same names at the same time, and several programs at one artifact.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <random>
#include <set>
#include <thread>

#include "mounted/harness.h"
#include "mounted/twin.h"
#include "support/catch.h"

namespace fs = std::filesystem;

namespace {

constexpr unsigned threads = 12;

std::string block_of(unsigned who, unsigned turn) {
    std::string word = std::to_string(who) + "." + std::to_string(turn) + " ";
    std::string text;
    while (text.size() < 6000) text += word;
    return text;
}

// A file that is only ever replaced whole holds one writer's words, and all of them.
bool is_whole(const std::string& text) {
    auto word = text.substr(0, text.find(' ') + 1);
    if (word.empty() || text.size() < 6000) return false;
    for (std::size_t at = 0; at < text.size(); at += word.size())
        if (text.compare(at, word.size(), word) != 0) return false;
    return true;
}

std::string slurp(int fd) {
    std::string text;
    char chunk[16384];
    for (ssize_t got = 0; (got = read(fd, chunk, sizeof chunk)) > 0;)
        text.append(chunk, static_cast<std::size_t>(got));
    return text;
}

// Every thread works on the same few names. What may fail, fails as on any file system.
class Racers {
public:
    explicit Racers(fs::path base) : base_(std::move(base)) {}

    // The first thing that was wrong; empty if nothing was.
    std::string run() {
        std::vector<std::thread> pool;
        for (unsigned who = 0; who < threads; ++who) pool.emplace_back([this, who] { race(who); });
        for (auto& one : pool) one.join();
        return problem_;
    }

private:
    void race(unsigned who) {
        std::mt19937 random(who);
        for (unsigned turn = 0; turn < 150; ++turn) {
            auto name = base_ / ("f" + std::to_string(random() % 4));
            auto other = base_ / ("f" + std::to_string(random() % 4));
            switch (random() % 7) {
                case 0:
                case 1:
                    replace(name, who, turn);
                    break;
                case 2:
                    look(name);
                    break;
                case 3:
                    expect(unlink(name.c_str()), {ENOENT}, "unlink");
                    break;
                case 4:
                    expect(link(name.c_str(), other.c_str()), {ENOENT, EEXIST}, "link");
                    break;
                case 5:
                    expect(
                        renameat2(AT_FDCWD, name.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE),
                        {ENOENT}, "exchange");
                    break;
                default:
                    directories(random() % 2);
            }
            append(who, turn);
        }
    }
    void replace(const fs::path& name, unsigned who, unsigned turn) {
        auto fresh = base_ / ("new" + std::to_string(who));
        int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644);
        auto text = block_of(who, turn);
        if (fd < 0 || write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
            return wrong("a name of one's own");
        close(fd);
        expect(rename(fresh.c_str(), name.c_str()), {}, "rename");
        unlink(fresh.c_str());  // there still where both were names of one file
    }
    void look(const fs::path& name) {
        int fd = open(name.c_str(), O_RDONLY);
        if (fd < 0) return expect(fd, {ENOENT}, "open");
        if (!is_whole(slurp(fd))) wrong("a file that was replaced is not whole");
        close(fd);
        // Names that come and go meanwhile may be told twice or not at all; the walk must end well.
        for (const auto& entry : fs::directory_iterator(base_))
            if (entry.path().filename().empty()) wrong("a name without letters");
    }
    void directories(bool make) {
        auto name = base_ / "dir";
        if (make)
            expect(mkdir(name.c_str(), 0755), {EEXIST}, "mkdir");
        else
            expect(rmdir(name.c_str()), {ENOENT, ENOTEMPTY}, "rmdir");
    }
    void append(unsigned who, unsigned turn) {
        char line[32];
        int size = std::snprintf(line, sizeof line, "%u %04u\n", who, turn);
        int fd = open((base_ / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (fd < 0 || write(fd, line, static_cast<std::size_t>(size)) != size) wrong("append");
        close(fd);
    }
    void expect(int result, std::set<int> allowed, const char* what) {
        if (result < 0 && !allowed.contains(errno)) wrong(std::string(what) + " failed");
    }
    void wrong(const std::string& what) {
        if (!failed_.exchange(true)) problem_ = what + ": " + strerrorname_np(errno);
    }

    fs::path base_;
    std::atomic<bool> failed_{false};
    std::string problem_;
};

// In a child, which is a run; 0 and nothing said if all was right.
Ran one_run(const std::function<std::string()>& work) {
    fflush(nullptr);
    int out[2];
    if (pipe2(out, O_CLOEXEC) != 0) return {1, "", "no pipe"};
    pid_t pid = fork();
    if (pid == 0) {
        auto problem = work();
        [[maybe_unused]] auto told = write(out[1], problem.data(), problem.size());
        _exit(problem.empty() ? 0 : 1);
    }
    close(out[1]);
    Ran ran{0, "", slurp(out[0])};
    close(out[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return ran;
}

}  // namespace

TEST_CASE("threads that race for the same names leave what one file system would", "[random]") {
    TestMount mount;
    mount.ok("mkdir a");
    auto draft = mount.path() / "a" / "latest" / ".";
    for (int round = 0; round < 2; ++round) {
        std::string seen;
        auto ran = one_run([&] {
            auto problem = Racers(draft).run();
            if (!problem.empty()) return problem;
            // What is there now is what the version must be.
            int fd = open((mount.directory() / "seen").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
            auto text = tree_text(draft);
            if (write(fd, text.data(), text.size()) < 0) return std::string("cannot tell");
            close(fd);
            std::set<std::string> lines;
            int log = open((draft / "log").c_str(), O_RDONLY);
            auto all = slurp(log);
            for (std::size_t at = 0; at < all.size(); at = all.find('\n', at) + 1)
                lines.insert(all.substr(at, all.find('\n', at) - at));
            if (lines.size() != threads * 150) return std::string("appended lines are missing");
            return unlink((draft / "log").c_str()) == 0 ? std::string() : std::string("unlink");
        });
        INFO(ran.err);
        REQUIRE(ran.status == 0);
        mount.ok("ls a");
        auto versions = mount.json("ls a");
        auto sealed = tree_text(mount.path() / "a" / versions[0].at("version").get<std::string>());
        auto told = shell("grep -v '^log ' " + (mount.directory() / "seen").string()).out;
        CHECK(sealed == told);
    }
}

TEST_CASE("many threads open one clean file for writing at once", "[random]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x 0123456789abcdefghijklmnopqrstuvwxyz");
    auto file = mount.path() / "a" / "latest" / "x";
    auto ran = one_run([&] {
        std::atomic<int> bad{0};
        std::vector<std::thread> pool;
        for (unsigned who = 0; who < threads; ++who) {
            pool.emplace_back([&, who] {
                // One copy is made; every writer writes to that.
                int fd = open(file.c_str(), who % 3 == 0 ? O_RDWR : O_WRONLY);
                char mine = static_cast<char>('A' + who);
                if (fd < 0 || pwrite(fd, &mine, 1, static_cast<off_t>(who)) != 1) ++bad;
                if (fd >= 0 && close(fd) != 0) ++bad;
            });
        }
        for (auto& one : pool) one.join();
        return bad == 0 ? std::string() : std::to_string(bad) + " writers failed";
    });
    INFO(ran.err);
    REQUIRE(ran.status == 0);
    CHECK(mount.ok("ls a >/dev/null; cat a/v1/x a/v0/x") ==
          "ABCDEFGHIJKLcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz");
}
