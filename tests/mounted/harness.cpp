#include "mounted/harness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "support/catch.h"

namespace fs = std::filesystem;

namespace {

fs::path own_program() { return fs::read_symlink("/proc/self/exe"); }

std::string quoted(const std::string& word) {
    std::string text = "'";
    for (char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

}  // namespace

fs::path program(const std::string& name) { return own_program().parent_path() / name; }

Ran shell(const std::string& command, const fs::path& directory) {
    int out[2];
    int err[2];
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        throw std::runtime_error("no pipes");
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        int null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        if (chdir(directory.c_str()) != 0) _exit(126);
        execl("/bin/bash", "bash", "-c", command.c_str(), nullptr);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    Ran ran;
    pollfd waiting[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
    std::string* texts[2] = {&ran.out, &ran.err};
    // A daemon that the command left behind may keep the pipes: the command's end is what counts.
    bool over = false;
    int status = 0;
    while (waiting[0].fd >= 0 || waiting[1].fd >= 0) {
        int ready = poll(waiting, 2, over ? 50 : 200);
        if (!over && waitpid(pid, &status, WNOHANG) == pid) over = true;
        if (ready == 0 && over) break;
        for (int i = 0; i < 2; ++i) {
            if (waiting[i].fd < 0 || waiting[i].revents == 0) continue;
            char chunk[65536];
            auto got = read(waiting[i].fd, chunk, sizeof chunk);
            if (got <= 0)
                waiting[i].fd = -1;
            else
                texts[i]->append(chunk, static_cast<std::size_t>(got));
        }
    }
    close(out[0]);
    close(err[0]);
    if (!over) waitpid(pid, &status, 0);
    ran.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return ran;
}

std::vector<std::string> TestMount::default_options() {
    const char* given = std::getenv("ARTFS_TEST_MOUNT_OPTIONS");
    if (given == nullptr || *given == '\0') return {};
    return {"-o", given};
}

TestMount::TestMount(std::vector<std::string> mount_options) : options_(std::move(mount_options)) {
    std::string pattern = (fs::temp_directory_path() / "artfs-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory_ = pattern;
    store_ = directory_ / "store";
    mountpoint_ = directory_ / "mnt";
    // The shells that this program starts are the line that runs are looked for below.
    mount();
    {
        std::ofstream config(store_ / "config.toml");
        config << "supervisors = [\"+\", \"" << own_program().filename().string() << "\"]\n";
    }
    umount();
    mount();
}

Configured::Configured(const std::string& text) {
    umount();
    std::ofstream(store() / "config.toml", std::ios::app) << text;
    mount();
}

TestMount::~TestMount() {
    std::string command = quoted(program("art")) + " umount --lazy " + quoted(mountpoint_) +
                          " --store " + quoted(store_);
    if (shell("timeout 20 " + command).status != 0) {
        try {
            if (pid_t pid = daemon_pid(); pid > 0) ::kill(pid, SIGKILL);
        } catch (const std::exception&) {
            // No daemon answers: then there is none to end.
        }
    }
    umount2(mountpoint_.c_str(), MNT_DETACH);
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
}

void TestMount::mount() {
    std::string command = "mount " + quoted(mountpoint_) + " --store " + quoted(store_);
    for (const auto& option : options_) command += " " + quoted(option);
    auto ran = shell(quoted(program("art")) + " " + command);
    INFO(ran.out << ran.err);
    REQUIRE(ran.status == 0);
}

void TestMount::umount() {
    auto ran = art("umount " + quoted(mountpoint_));
    INFO(ran.out << ran.err);
    REQUIRE(ran.status == 0);
}

pid_t TestMount::daemon_pid() const {
    auto status = json("status");
    return status.at("daemon").value("pid", 0);
}

pid_t TestMount::worker_pid() const { return json("status").at("daemon").value("worker", 0); }

void TestMount::kill_daemon() {
    pid_t pid = daemon_pid();
    pid_t worker = worker_pid();
    REQUIRE(pid > 0);
    REQUIRE(worker > 0);
    REQUIRE(::kill(pid, SIGKILL) == 0);
    for (pid_t one : {pid, worker})
        for (int i = 0; i < 500 && fs::exists("/proc/" + std::to_string(one)); ++i) usleep(10'000);
}

pid_t TestMount::kill_worker() const {
    pid_t worker = worker_pid();
    REQUIRE(worker > 0);
    REQUIRE(::kill(worker, SIGKILL) == 0);
    return worker;
}

Ran TestMount::sh(const std::string& command) const {
    // What earlier commands wrote is sealed: a `vN` path appears at its seal, and is not waited
    // for.
    art("runs --limit 1");
    std::string set = "export ART_STORE=" + quoted(store_) + " ART_MOUNT=" + quoted(mountpoint_) +
                      " PATH=" + quoted(own_program().parent_path()) + ":/usr/bin:/bin:$PATH; " +
                      "actor() { artfs_actor \"$@\"; }; ";
    return shell(set + command, mountpoint_);
}

std::string TestMount::ok(const std::string& command) const {
    auto ran = sh(command);
    INFO(command << "\n" << ran.out << ran.err);
    REQUIRE(ran.status == 0);
    return ran.out;
}

Ran TestMount::art(const std::string& arguments) const {
    return shell("ART_STORE=" + quoted(store_) + " " + quoted(program("art")) + " " + arguments);
}

nlohmann::json TestMount::json(const std::string& arguments) const {
    auto ran = art(arguments + " --json");
    INFO("art " << arguments << "\n" << ran.out << ran.err);
    REQUIRE(ran.status == 0);
    return nlohmann::json::parse(ran.out);
}

std::vector<std::string> TestMount::uses(const std::string& run) const {
    std::vector<std::string> found;
    auto document = json("show @" + run);
    for (const auto& use : document.at("uses"))
        for (const auto& file : use.at("files"))
            found.push_back(use.at("artifact").get<std::string>() + ":" +
                            use.at("version").get<std::string>() + "/" + file.get<std::string>());
    std::sort(found.begin(), found.end());
    return found;
}

std::vector<std::string> TestMount::logs(const std::string& run) const {
    std::vector<std::string> found;
    auto document = json("show @" + run);
    for (const auto& log : document.at("logs"))
        found.push_back(log.at("artifact").get<std::string>() + ":" +
                        log.at("version").get<std::string>());
    std::sort(found.begin(), found.end());
    return found;
}

std::string TestMount::newest_run(const std::string& job_type) const {
    std::string filter = job_type.empty() ? "" : " --job-type " + job_type;
    auto runs = json("runs --all" + filter);
    REQUIRE(!runs.empty());
    return runs.at(0).at("name");
}
