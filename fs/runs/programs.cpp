#include "runs/programs.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace artfs {

namespace {

std::string base_name(const std::string& path) {
    auto slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

// '-' is '_', and a version at the end is no part of the name: python3.11 is python.
std::string normal(std::string name) {
    std::replace(name.begin(), name.end(), '_', '-');
    auto end = name.find_last_not_of("0123456789.");
    if (end != std::string::npos && end + 1 < name.size() && end > 0) {
        std::string stem = name.substr(0, end + 1);
        if (stem.back() == '-') stem.pop_back();
        return stem;
    }
    return name;
}

std::string without_ending(const std::string& name) {
    auto dot = name.rfind('.');
    return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

const std::set<std::string>& shells() {
    static const std::set<std::string> names{"sh", "bash", "dash", "zsh", "fish", "ksh", "mksh", "ash", "tcsh", "csh"};
    return names;
}

bool is_interpreter(const std::string& name) {
    static const std::set<std::string> names{"python", "pypy",    "perl", "ruby",  "node",  "Rscript",
                                             "R",      "julia",   "php",  "lua",   "java",  "deno",
                                             "ipython", "octave", "tclsh", "guile", "bun"};
    return names.count(normal(name)) > 0 || shells().count(name) > 0;
}

// Options of interpreters that take the next argument as their value.
bool takes_value(const std::string& option) {
    static const std::set<std::string> options{"-W", "-X", "-I", "-cp", "-classpath", "--require", "-r", "-L"};
    return options.count(option) > 0;
}

// The names a process may be matched by: two-word ones first.
std::vector<std::string> names_of(const ProcessFacts& facts, bool shell_scripts) {
    std::string program = program_name(facts);
    auto invocation = invocation_of(program, facts.arguments);
    std::vector<std::string> names;
    if (facts.arguments.size() > 1 && !invocation.interpreter)
        names.push_back(normal(program) + " " + facts.arguments[1]);
    if (invocation.interpreter && !invocation.script.empty() &&
        (shell_scripts || shells().count(program) == 0)) {
        std::string script = base_name(invocation.script);
        names.push_back(normal(without_ending(script)));
        names.push_back(normal(script));
        if (invocation.module) {
            auto dot = invocation.script.find('.');
            names.push_back(normal(invocation.script.substr(0, dot)));
        }
        if (shells().count(program) == 0) return names;
    }
    names.push_back(normal(program));
    return names;
}

bool in_list(const std::vector<std::string>& list, const std::vector<std::string>& names) {
    return std::any_of(list.begin(), list.end(), [&](const std::string& entry) {
        auto space = entry.find(' ');
        std::string wanted = space == std::string::npos
                                 ? normal(entry)
                                 : normal(entry.substr(0, space)) + entry.substr(space);
        return std::find(names.begin(), names.end(), wanted) != names.end();
    });
}

}  // namespace

const char* to_string(ProgramClass program_class) {
    switch (program_class) {
        case ProgramClass::launcher:
            return "launcher";
        case ProgramClass::supervisor:
            return "supervisor";
        case ProgramClass::observer:
            return "observer";
        case ProgramClass::file_tool:
            return "file tool";
        case ProgramClass::ordinary:
            break;
    }
    return "program";
}

std::string program_name(const ProcessFacts& facts) {
    std::string name = base_name(facts.executable);
    std::string called = facts.arguments.empty() ? "" : base_name(facts.arguments.front());
    if (!called.empty() && called.front() == '-') called.erase(0, 1);  // a login shell
    static const std::set<std::string> many_in_one{"busybox", "toybox", "coreutils", "uutils"};
    if (many_in_one.count(name) > 0 && !called.empty()) {
        if (called == name && facts.arguments.size() > 1) return facts.arguments[1];
        return called;
    }
    if (!name.empty()) return name;
    return called.empty() ? facts.comm : called;
}

Invocation invocation_of(const std::string& program, const std::vector<std::string>& arguments) {
    Invocation invocation;
    if (!is_interpreter(program)) return invocation;
    invocation.interpreter = true;
    invocation.own_arguments = arguments.size();
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const auto& argument = arguments[i];
        if (argument == "-m" && i + 1 < arguments.size()) {
            invocation.module = true;
            invocation.script = arguments[i + 1];
            invocation.own_arguments = i + 2;
            return invocation;
        }
        if (argument == "-c" || argument == "-e" || argument == "-" || argument == "-s") {
            invocation.own_arguments = std::min(i + 2, arguments.size());
            return invocation;
        }
        if (!argument.empty() && argument.front() == '-') {
            if (takes_value(argument)) ++i;
            continue;
        }
        invocation.script = argument;
        invocation.own_arguments = i + 1;
        return invocation;
    }
    return invocation;
}

std::string job_type_of(const ProcessFacts& facts) {
    std::string program = program_name(facts);
    auto invocation = invocation_of(program, facts.arguments);
    if (invocation.script.empty()) return program;
    if (invocation.module) {
        auto dot = invocation.script.rfind('.');
        return dot == std::string::npos ? invocation.script : invocation.script.substr(dot + 1);
    }
    return without_ending(base_name(invocation.script));
}

ProgramClass classify(const ProgramLists& lists, const ProcessFacts& facts) {
    if (in_list(lists.supervisors, names_of(facts, true))) return ProgramClass::supervisor;
    auto names = names_of(facts, false);
    if (in_list(lists.launchers, names)) return ProgramClass::launcher;
    if (in_list(lists.observers, names)) return ProgramClass::observer;
    if (in_list(lists.file_tools, names)) return ProgramClass::file_tool;
    return ProgramClass::ordinary;
}

ProgramLists ProgramLists::built_in() {
    ProgramLists lists;
    // What starts other programs and does nothing of its own.
    lists.launchers = {"sh",     "bash",    "dash",  "zsh",     "fish",     "ksh",        "mksh",
                       "tcsh",   "csh",     "ash",   "make",    "gmake",    "ninja",      "sudo",
                       "doas",   "su",      "runuser", "env",   "time",     "timeout",    "nice",
                       "ionice", "chrt",    "taskset", "numactl", "nohup",  "setsid",     "script",
                       "strace", "ltrace",  "stdbuf", "unshare", "nsenter", "chroot",     "flock",
                       "uv run", "conda run", "mamba run", "poetry run", "pipenv run", "pixi run",
                       "tmux",   "screen",  "art run", "art begin", "direnv", "watch",    "just"};
    // What starts other people's work, for as long as the machine is up.
    lists.supervisors = {"systemd",   "init",        "sshd",       "sshd-session", "cron",      "crond",
                         "anacron",   "atd",         "login",      "getty",      "agetty",
                         "containerd-shim", "containerd-shim-runc-v2", "containerd", "dockerd", "docker-init",
                         "runc",      "crun",        "conmon",     "tini",       "dumb-init", "catatonit",
                         "s6-svscan", "s6-supervise", "runsvdir",  "supervisord", "slurmstepd", "slurmd",
                         "pbs-mom",   "sge-execd",   "sge-shepherd", "jupyter-lab", "jupyter-labhub", "jupyter-server",
                         "jupyter-notebook", "jupyterhub", "jupyterhub-singleuser", "jupyter-server-extension",
                         "code-server", "code",      "code-tunnel", "cursor",     "emacs",     "rstudio-server",
                         "rserver",   "rsession",    "snakemake",  "nextflow",   "airflow",    "luigi",
                         "luigid",    "dvc",         "prefect",    "dagster",    "gitlab-runner", "Runner.Worker",
                         "Runner.Listener", "buildkite-agent", "jenkins", "agent.jar", "circleci-agent",
                         "gnome-terminal-server", "konsole", "xterm", "kitty", "alacritty", "wezterm-gui",
                         "gnome-shell", "plasmashell", "artd"};
    // What people look around with.
    lists.observers = {"ls",   "dir",  "vdir", "cat",   "tac",   "less",   "more",   "most",   "bat",   "batcat",
                       "head", "tail", "wc",   "find",  "fd",    "fdfind", "grep",   "egrep",  "fgrep", "rg",
                       "ag",   "ack",  "stat", "du",    "df",    "tree",   "file",   "diff",   "cmp",   "comm",
                       "md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum", "b2sum", "cksum",
                       "sum",  "readlink", "realpath", "test", "[", "mount", "umount", "findmnt", "mountpoint",
                       "od",   "xxd",  "hexdump", "strings", "locate", "updatedb", "plocate", "mlocate", "lsof",
                       "fuser", "inotifywait", "tracker-miner-fs", "baloo-file", "eza", "exa", "ncdu", "mc",
                       "podman", "docker", "art", "getfattr", "lsattr", "basename", "dirname", "pwd", "zcat", "xzcat"};
    // What moves files about for somebody else.
    lists.file_tools = {"cp",    "mv",    "rm",    "mkdir", "rmdir", "touch", "ln",    "tar",   "bsdtar", "rsync",
                        "sed",   "tee",   "install", "unzip", "zip", "gzip",  "gunzip", "bzip2", "bunzip2", "xz",
                        "unxz",  "zstd",  "unzstd", "7z",   "git",   "chmod", "chown", "chgrp", "truncate", "dd",
                        "split", "csplit", "cpio", "unlink", "link",  "mknod", "mktemp", "shred", "setfattr",
                        "wget",  "curl",  "scp",   "sftp",  "patch", "fallocate", "rename", "sync"};
    return lists;
}

}  // namespace artfs
