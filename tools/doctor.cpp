// art doctor: what this machine allows, and what to do about what it does not.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/fd.h"
#include "command.h"
#include "doctor.h"
#include "output.h"

namespace artfs {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

bool at_least(const Machine& machine, int major, int minor) {
    return std::pair(machine.major, machine.minor) >= std::pair(major, minor);
}

Finding kernel_of(const Machine& machine) {
    Finding finding{"kernel", machine.release, Verdict::good, ""};
    if (at_least(machine, 6, 15)) return finding;
    finding.verdict = Verdict::limited;
    finding.advice = at_least(machine, 6, 9) ? "6.15 or newer tells how any program exited"
                                             : "6.9 or newer reads files straight from the store";
    return finding;
}

Finding fuse_of(const Machine& machine) {
    if (machine.fuse_device) return {"/dev/fuse", "can be opened", Verdict::good, ""};
    return {"/dev/fuse", "cannot be opened", Verdict::bad,
            "modprobe fuse, or give the container the device"};
}

Finding mounting_of(const Machine& machine) {
    if (machine.root) return {"mounting", "as root", Verdict::good, ""};
    if (machine.fusermount)
        return {"mounting", "through fusermount3", Verdict::limited,
                "as root, files are read straight from the store"};
    return {"mounting", "not allowed", Verdict::bad, "apt install fuse3, or mount as root"};
}

Finding data_of(const Machine& machine) {
    if (machine.root && at_least(machine, 6, 9))
        return {"data", "passthrough: at the speed of the store's disk", Verdict::good, ""};
    return {"data", "through the daemon", Verdict::limited,
            machine.root ? "a kernel of 6.9 or newer passes it through"
                         : "mounting as root passes it through"};
}

Finding exits_of(const Machine& machine) {
    if (at_least(machine, 6, 15)) return {"exit statuses", "of every program", Verdict::good, ""};
    return {"exit statuses", "of art run's programs; of others unknown, taken as success",
            Verdict::limited, "start with art run what may fail"};
}

Finding restart_of(const Machine& machine) {
    if (at_least(machine, 6, 9))
        return {"killed daemon", "programs on the mount go on", Verdict::good, ""};
    return {"killed daemon", "the mount ends, drafts are kept", Verdict::limited,
            "a kernel of 6.9 or newer resends what was asked"};
}

Finding store_of(const Machine& machine) {
    if (machine.store_unfit)
        return {"store", machine.store_type, Verdict::bad,
                "it cannot keep a store safe: use a local disk (--store)"};
    std::string here = machine.store_type + ", " + human_size(machine.store_free) + " free";
    if (machine.store_free < (std::uint64_t{1} << 30U))
        return {"store", here, Verdict::limited, "art gc gives space back"};
    return {"store", here, Verdict::good, ""};
}

Finding descriptors_of(const Machine& machine) {
    std::string here = std::to_string(machine.descriptors);
    if (machine.descriptors >= 65536) return {"open files", here, Verdict::good, ""};
    return {"open files", here, Verdict::limited,
            "ulimit -Hn, or LimitNOFILE of the unit, above 65536 for many open files"};
}

Finding locked_memory_of(const Machine& machine) {
    constexpr std::uint64_t wanted = 8U << 20U;
    bool enough = machine.root || machine.locked_memory >= wanted;
    return {"locked memory", machine.root ? "not limited" : human_size(machine.locked_memory),
            enough ? Verdict::good : Verdict::limited,
            enough ? "" : "ulimit -l 8192 keeps the daemon's buffers in memory"};
}

struct Filesystem {
    unsigned magic;
    const char* name;
    bool unfit;
};
// linux/magic.h and statfs(2).
constexpr Filesystem filesystems[] = {
    {0xef53, "ext4", false},          {0x58465342, "XFS", false},
    {0x9123683e, "Btrfs", false},     {0x01021994, "tmpfs", false},
    {0x794c7630, "overlayfs", false}, {0x2fc12fc1, "ZFS", false},
    {0xf2f52010, "F2FS", false},      {0x6969, "NFS", true},
    {0xff534d42, "SMB", true},        {0xfe534d42, "SMB", true},
    {0x65735546, "FUSE", true},       {0x01021997, "9p", true},
    {0x00c36400, "Ceph", true},       {0x0bd00bd0, "Lustre", true}};

}  // namespace

Machine this_machine(const fs::path& store) {
    Machine machine;
    utsname name{};
    uname(&name);
    machine.release = name.release;
    std::sscanf(name.release, "%d.%d", &machine.major, &machine.minor);
    machine.root = geteuid() == 0;
    machine.fuse_device = open_file("/dev/fuse", O_RDWR).has_value();
    for (const char* place : {"/usr/bin/fusermount3", "/bin/fusermount3"})
        machine.fusermount = machine.fusermount || access(place, X_OK) == 0;
    auto existing = store;
    std::error_code error;
    while (!fs::exists(existing, error) && existing.has_relative_path())
        existing = existing.parent_path();
    struct statfs type {};
    struct statvfs room {};
    if (statfs(existing.c_str(), &type) == 0) {
        char hex[16];
        std::snprintf(hex, sizeof hex, "0x%x", static_cast<unsigned>(type.f_type));
        machine.store_type = hex;
        for (const auto& one : filesystems)
            if (one.magic == static_cast<unsigned>(type.f_type)) {
                machine.store_type = one.name;
                machine.store_unfit = one.unfit;
            }
    }
    if (statvfs(existing.c_str(), &room) == 0) machine.store_free = room.f_bavail * room.f_frsize;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    machine.descriptors = limit.rlim_max;
    getrlimit(RLIMIT_MEMLOCK, &limit);
    machine.locked_memory = limit.rlim_max;
    return machine;
}

std::vector<Finding> examine(const Machine& machine) {
    return {kernel_of(machine), fuse_of(machine),        mounting_of(machine),
            data_of(machine),   exits_of(machine),       restart_of(machine),
            store_of(machine),  descriptors_of(machine), locked_memory_of(machine)};
}

int run_doctor(const Arguments& arguments) {
    static constexpr const char* words[] = {"good", "limited", "bad"};
    Site site = find_site(arguments);
    auto findings = examine(this_machine(site.store));
    if (auto reply = ask_daemon(site.store, {{"op", "status"}}))
        for (const auto& mount : (*reply)["status"]["mounts"]) {
            bool passes =
                mount.value("passthrough", false) && mount.value("passthrough_writes", false);
            findings.push_back({"mounted", mount.value("path", ""),
                                passes ? Verdict::good : Verdict::limited,
                                passes ? "" : mount.value("passthrough_why", "")});
        }
    bool works = true;
    auto document = Json::array();
    std::vector<std::vector<std::string>> rows{{"WHAT", "", "HERE", "WHAT TO DO"}};
    for (const auto& finding : findings) {
        const char* word = words[static_cast<std::size_t>(finding.verdict)];
        works = works && finding.verdict != Verdict::bad;
        document.push_back({{"what", finding.what},
                            {"verdict", word},
                            {"here", finding.here},
                            {"advice", finding.advice}});
        rows.push_back({finding.what, word, finding.here, finding.advice});
    }
    if (arguments.flag("json"))
        show_json(document);
    else
        show_text(table(rows));
    return works ? exit_done : exit_no;
}

}  // namespace artfs
