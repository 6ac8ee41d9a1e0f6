"""What the design says of callers and files (design.md, sections 2 to 5), in one place.

These are stated again here, apart from the daemon's own lists, so that the expectation does not
come from the program under test. Only names that the cases use are listed.
"""
import fnmatch
import os

LAUNCHERS = {"sh", "bash", "dash", "make", "env", "time", "timeout", "nice", "nohup", "setsid",
             "script", "strace", "setpriv", "stdbuf", "tmux", "flock", "unshare",
             "zsh", "fish", "sudo", "ionice", "taskset", "chrt", "setarch", "prlimit",
             "chroot", "nsenter", "screen", "bwrap"}
# This program itself, as the mount is told in its configuration.
HARNESS = "run"
SUPERVISORS = {"cron", "sshd", "snakemake", "jupyter-server", "podman", "conmon", "runc", HARNESS}
OBSERVERS = {"ls", "cat", "head", "tail", "wc", "grep", "find", "stat", "du", "cmp", "diff", "tree",
             "file", "sha256sum", "md5sum", "less", "od", "xxd", "nm", "bzcat", "readlink",
             "realpath", "jq"}
FILE_TOOLS = {"cp", "mv", "rm", "mkdir", "rmdir", "touch", "ln", "tar", "rsync", "sed", "tee",
              "install", "git", "dd", "truncate", "gzip", "gunzip", "unzip", "zip", "chmod",
              "fallocate", "patch", "xz", "bzip2", "bunzip2", "pigz", "unpigz", "curl", "zstd",
              "7z", "cpio", "vi", "vim", "vim.basic", "vim.tiny", "nano"}
# Those that are observers while they only unpack into their standard output.
PACKERS = {"gzip", "xz", "zstd", "bzip2", "pigz"}
# Options of the interpreters used that take the next word, or end the search for a script.
INTERPRETERS = {"python3": ("-W -X", "-c", "-m"), "perl": ("-I", "-e", "")}

# Left beside data by programs; never part of a version.
NEVER_KEPT = ["*.lock", "__pycache__", "*.swp", "*.swx", "*.swo", "*~", ".nfs*", "*-shm",
              ".ipynb_checkpoints"]


def script_of(program, argv):
    takes, code, module = INTERPRETERS.get(program, ("", "", ""))
    words = argv[1:]
    while words:
        word = words.pop(0)
        if word == code:
            return ""
        if word == module and words:
            return words[0]
        if word in takes.split():
            words = words[1:]
        elif not word.startswith("-"):
            return os.path.basename(word)
    return ""


def class_of(program, argv):
    """launcher, supervisor, observer, tool or program: of an executable's name and arguments."""
    if program.startswith("ld-linux") and len(argv) > 1:  # the dynamic loader: it never execs
        return class_of(os.path.basename(argv[1]), argv[1:])
    if program.startswith("python3"):
        program = "python3"
    if program in INTERPRETERS and script_of(program, argv) in SUPERVISORS:
        return "supervisor"
    if program == "busybox":  # its applets are programs
        applet = argv[1:] if argv and os.path.basename(argv[0]) == "busybox" else argv
        if applet and os.path.basename(applet[0]) != "busybox":
            return class_of(os.path.basename(applet[0]), applet)
    if program == "find" and "-fprint" in argv or program == "xxd" and "-r" in argv:
        return "tool"
    options = "".join(word for word in argv[1:] if word.startswith("-"))
    if program in PACKERS and "c" in options and "d" in options:
        return "observer"
    for names, kind in ((LAUNCHERS, "launcher"), (SUPERVISORS, "supervisor"),
                        (OBSERVERS, "observer"), (FILE_TOOLS, "tool")):
        if program in names:
            return kind
    return "program"


def starts_run(argv):
    """`art run`, on the plain directory a script of that name: what it execs is a run of its own,
    whatever program that is."""
    return [os.path.basename(word) for word in argv[1:3]] == ["art", "run"]


def kept(path):
    """A path inside an artifact that can be in a version."""
    return not any(fnmatch.fnmatch(part, pattern) for part in path.split("/")
                   for pattern in NEVER_KEPT)


def recorded(path):
    """Files of `.art` are documents of the mount; of them only the metadata is an input."""
    return not path.startswith(".art/") or path == ".art/metadata.json"


def reads(flags):
    """This open is a use: it can give bytes that were there. O_TRUNC leaves none, O_PATH none."""
    if "O_PATH" in flags or "O_TRUNC" in flags or "O_DIRECTORY" in flags:
        return False
    return True


def writes(flags):
    return "O_PATH" not in flags and ("O_WRONLY" in flags or "O_RDWR" in flags)
