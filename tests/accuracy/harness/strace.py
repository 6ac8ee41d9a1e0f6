"""Reads what strace printed: one event per finished system call, exec, and exit, in order.

Run strace with OPTIONS: -y makes the kernel itself say which file a descriptor is, so that links,
working directories, /proc/self/fd and descriptors from anywhere need no guess of ours.
"""
import re
from dataclasses import dataclass, field

CALLS = """
execve execveat clone clone3 fork vfork setsid ioctl chdir fchdir
open openat openat2 creat open_by_handle_at
read pread64 readv preadv preadv2 write pwrite64 writev pwritev pwritev2 mmap
sendfile copy_file_range splice dup dup2 dup3 fcntl close close_range recvmsg pidfd_getfd
rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat mkdir mkdirat rmdir
mknod mknodat truncate ftruncate fallocate chmod fchmod fchmodat utimensat mount
""".split()
OPTIONS = ["-f", "-q", "-y", "-s", "512", "--seccomp-bpf", "-e", "trace=" + ",".join(CALLS),
           "--pidns-translation",
           "-e", "signal=!SIGCHLD"]

LINE = re.compile(r"(\d+)\s+(.*)", re.S)
UNFINISHED = " <unfinished ...>"
RESUMED = re.compile(r"<\.\.\. (\w+) resumed>\)?(.*)", re.S)
CALL = re.compile(r"(\w+)\((.*)\)\s+= (.*)", re.S)
EXIT = re.compile(r"\+\+\+ (?:exited with (\d+)|killed by (\w+)).*\+\+\+")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"(?:\.\.\.)?|<[^<>]*>|[\[\]{}(),]|[^"<>\[\]{}(),]+|[<>]')
DESCRIPTOR = re.compile(r"(-?\d+|AT_FDCWD)(?:<(.*)>)?(?:\(deleted\))?$", re.S)
# A process in a pid namespace of its own has another number for itself and others.
OUTSIDE = re.compile(r"/\* (\d+) in strace's PID NS \*/")
ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-f]{2}|.)", re.S)
NAMED = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "f": "\f", "a": "\a", "b": "\b"}


@dataclass
class Event:
    pid: int
    kind: str  # the call's name, "exit" or "killed"
    args: list = field(default_factory=list)
    result: int = 0  # of a call; the status of an exit
    path: str = ""   # of the descriptor that the call returned

    def text(self, index):
        """The argument is a string or a path: its text."""
        return unquote(self.args[index])

    def texts(self, index):
        """The argument is an array of strings."""
        return [unquote(word) for word in split(self.args[index][1:-1]) if word.startswith('"')]

    def descriptor(self, index):
        """(number, path): the number is None for AT_FDCWD."""
        found = DESCRIPTOR.match(self.args[index])
        if not found:
            return None, ""
        number = None if found[1] == "AT_FDCWD" else int(found[1])
        return number, unescape(found[2] or "")

    def flags(self, index):
        return set(re.split(r"[|=, {}]", self.args[index])) if index < len(self.args) else set()


def unescape(text):
    def one(match):
        code = match[1]
        if code[0] in "01234567":
            return chr(int(code, 8))
        if code[0] == "x" and len(code) == 3:
            return chr(int(code[1:], 16))
        return NAMED.get(code, code)
    if "\\" not in text:
        return text
    return ESCAPE.sub(one, text).encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def unquote(word):
    if word.endswith("..."):
        word = word[:-3]
    return unescape(word[1:-1]) if word.startswith('"') else word


def split(text):
    """Arguments at the top level, by their commas."""
    words, word, depth = [], "", 0
    for token in TOKEN.findall(text):
        if token == "," and depth == 0:
            words.append(word.strip())
            word = ""
            continue
        depth += (token in "[{(") - (token in "]})")
        word += token
    if word.strip():
        words.append(word.strip())
    return words


def result_of(text):
    outside = OUTSIDE.search(text)
    if outside:
        return int(outside[1]), ""
    found = re.match(r"(-?(?:0x[0-9a-f]+|\d+))(?:<(.*?)>)?(?:\(deleted\))?(?:\s|$)", text, re.S)
    if not found:
        return -1, ""
    return int(found[1], 0), unescape(found[2] or "")


def events(lines):
    """Finished calls only; failed ones left out, but for what a failure itself tells."""
    waiting = {}
    for line in lines:
        matched = LINE.match(line.rstrip("\n"))
        if not matched:
            continue
        pid, text = int(matched[1]), matched[2]
        ended = EXIT.match(text)
        if ended:
            if ended[2]:
                yield Event(pid, "killed")
            else:
                yield Event(pid, "exit", result=int(ended[1]))
            continue
        if text.startswith("<... "):
            resumed = RESUMED.match(text)
            if not resumed or pid not in waiting:
                continue
            # The parenthesis that closes the call stands before or after "resumed".
            closed = text.startswith(f"<... {resumed[1]} resumed>)")
            text = waiting.pop(pid) + (")" if closed else "") + resumed[2]
        elif text.endswith(UNFINISHED):
            waiting[pid] = text[:-len(UNFINISHED)]
            continue
        called = CALL.match(text)
        if not called:
            continue
        result, path = result_of(called[3])
        if result < 0:
            continue
        yield Event(pid, called[1], split(called[2]), result, path)


def parents(lines):
    """Who started whom: {child: (parent, flags of clone)}. A child's first calls may be printed
    before the call that made it."""
    found = {}
    for event in events(line for line in lines if "clone" in line or "fork" in line
                        or "resumed" in line):
        if event.kind in ("clone", "clone3", "fork", "vfork") and event.result > 0:
            flags = set(re.findall(r"CLONE_\w+", " ".join(event.args)))
            found[event.result] = (event.pid, flags)
    return found

