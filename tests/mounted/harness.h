// Real mounts for tests: a store and a mountpoint in a temporary directory, the real artd and art.
// Whatever happens, nothing stays mounted and no daemon stays behind.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

struct Ran {
    int status = 0;  // exit status; 128 + n for signal n
    std::string out;
    std::string err;
};

// Runs a bash command line and waits. `directory` is its working directory.
Ran shell(const std::string& command, const std::filesystem::path& directory = "/");

// The programs of the build under test.
std::filesystem::path program(const std::string& name);

class TestMount {
public:
    // `mount_options` as for art mount, e.g. {"-o", "passthrough=off"}. The default is taken from
    // the environment variable ARTFS_TEST_MOUNT_OPTIONS, so that all tests can run in both modes.
    explicit TestMount(std::vector<std::string> mount_options = default_options());
    ~TestMount();
    TestMount(const TestMount&) = delete;
    TestMount& operator=(const TestMount&) = delete;

    const std::filesystem::path& store() const { return store_; }
    const std::filesystem::path& path() const { return mountpoint_; }
    const std::filesystem::path& directory() const { return directory_; }

    void mount();
    void umount();
    // As a power cut for the daemon, guardian and worker; the dead mount is left for the next
    // mount() to clean.
    void kill_daemon();
    // What no program on the mount may feel. The worker that died.
    pid_t kill_worker() const;
    pid_t daemon_pid() const;  // the guardian's
    pid_t worker_pid() const;

    // In the mount's root, with ART_STORE and ART_MOUNT set, and `art` and `actor` on PATH.
    Ran sh(const std::string& command) const;
    // The same, that must succeed; its output.
    std::string ok(const std::string& command) const;
    Ran art(const std::string& arguments) const;
    nlohmann::json json(const std::string& arguments) const;  // of `art ARGUMENTS --json`

    // "training.pt" … of a run's use edges, as "artifact:vN/path"; and its log edges "artifact:vN".
    std::vector<std::string> uses(const std::string& run) const;
    std::vector<std::string> logs(const std::string& run) const;
    // Name of the newest run, of a job type if one is given. Pure readers too.
    std::string newest_run(const std::string& job_type = "") const;

    static std::vector<std::string> default_options();

private:
    std::filesystem::path directory_;
    std::filesystem::path store_;
    std::filesystem::path mountpoint_;
    std::vector<std::string> options_;
};

// Whose store's configuration says this, besides what the harness says.
struct Configured : TestMount {
    explicit Configured(const std::string& text);
};
