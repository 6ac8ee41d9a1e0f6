#!/usr/bin/env python3
"""What POSIX and Linux promise of a directory, checked by system calls.

    posix.py [--draft] DIRECTORY

Makes a directory for each case in DIRECTORY and prints one line a case. Run on a native file system
it says whether the cases are right; run in a draft, whether the draft is. `--draft` adds what a draft
alone promises (no devices, no set-uid bits). Exit status 1 if a case fails. As root, other users'
rights are tried too.
"""
import ctypes
import errno
import fcntl
import mmap
import os
import socket
import stat
import struct
import sys
import time
import traceback

libc = ctypes.CDLL(None, use_errno=True)
NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16
OTHER = 65534
cases = []


def case(function):
    cases.append(function)
    return function


def call(result):
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def renameat2(old, new, flags):
    call(libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags))


def fallocate(fd, mode, offset, length):
    call(libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)))


def fails(code, function, *arguments, **named):
    try:
        function(*arguments, **named)
    except OSError as failure:
        got = failure.errno
        assert got == code, f"expected {errno.errorcode[code]}, got {errno.errorcode[got]}"
        return
    raise AssertionError(f"expected {errno.errorcode[code]}, it worked")


def write(path, data=b"", flags=os.O_TRUNC):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)
    assert os.write(fd, data) == len(data)
    os.close(fd)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def in_child(function):
    """Runs in a child; its exception is ours."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            function()
        except BaseException:
            os.write(into, traceback.format_exc().encode())
        os._exit(0)
    os.close(into)
    said = b""
    while part := os.read(out, 65536):
        said += part
    os.close(out)
    os.waitpid(pid, 0)
    assert not said, said.decode()


def as_other(function, uid=OTHER, gid=OTHER, groups=()):
    def changed():
        os.setgroups(list(groups))
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        function()

    in_child(changed)


# ---- names


@case
def names_have_255_bytes_of_any_kind():
    for name in (b"n" * 255, b"\xff\xfe\x80 \n", "ü".encode() * 127, b"a b'\"\\*?"):
        write(name, b"x")
        assert name in os.listdir(b".")
        assert read(name) == b"x"
        os.unlink(name)
    fails(errno.ENAMETOOLONG, write, b"n" * 256)
    fails(errno.ENAMETOOLONG, os.mkdir, b"n" * 256)
    fails(errno.ENAMETOOLONG, os.symlink, "x", b"n" * 256)


@case
def paths_are_as_deep_as_they_get():
    depth = 300
    for _ in range(depth):
        os.mkdir("deeper")
        os.chdir("deeper")
    write("leaf", b"deep")
    assert os.getcwd().endswith("/deeper" * 20)
    for _ in range(depth):
        os.chdir("..")
    assert read("deeper/" * depth + "leaf") == b"deep"
    fails(errno.ENAMETOOLONG, os.stat, "d/" * 2100)


@case
def rename_replaces_and_refuses():
    write("a", b"a")
    write("b", b"b")
    os.rename("a", "b")
    assert read("b") == b"a" and not os.path.lexists("a")
    os.mkdir("d")
    fails(errno.EISDIR, os.rename, "b", "d")
    fails(errno.ENOTDIR, os.rename, "d", "b")
    os.mkdir("e")
    write("e/x")
    fails(errno.ENOTEMPTY, os.rename, "d", "e")
    os.rename("e", "d")
    assert os.listdir("d") == ["x"]
    fails(errno.EINVAL, os.rename, "d", "d/below")
    fails(errno.ENOENT, os.rename, "nothing", "x")


@case
def names_of_one_file_are_not_renamed():
    write("a")
    os.link("a", "b")
    os.rename("a", "b")
    assert sorted(os.listdir()) == ["a", "b"]


@case
def rename_noreplace():
    write("a", b"a")
    write("b", b"b")
    fails(errno.EEXIST, renameat2, "a", "b", NOREPLACE)
    renameat2("a", "c", NOREPLACE)
    assert read("c") == b"a" and read("b") == b"b"
    fails(errno.EINVAL, renameat2, "b", "c", NOREPLACE | EXCHANGE)


@case
def rename_exchange():
    write("f", b"file")
    os.mkdir("d")
    write("d/x", b"inner")
    inodes = os.stat("f").st_ino, os.stat("d").st_ino
    renameat2("f", "d", EXCHANGE)
    assert read("d") == b"file" and read("f/x") == b"inner"
    assert (os.stat("d").st_ino, os.stat("f").st_ino) == inodes
    renameat2("d", "f/x", EXCHANGE)
    assert read("d") == b"inner" and read("f/x") == b"file"
    fails(errno.ENOENT, renameat2, "d", "nothing", EXCHANGE)
    fails(errno.EINVAL, renameat2, "f", "f/x", EXCHANGE)
    assert sorted(os.listdir()) == ["d", "f"]


@case
def hard_links():
    write("a", b"1")
    os.link("a", "b")
    os.mkdir("d")
    os.link("b", "d/c")
    assert os.stat("a").st_nlink == 3
    assert os.stat("a").st_ino == os.stat("d/c").st_ino
    write("d/c", b"2", os.O_APPEND)
    assert read("a") == b"12"
    os.chmod("b", 0o600)
    assert stat.S_IMODE(os.stat("d/c").st_mode) == 0o600
    os.unlink("a")
    assert os.stat("b").st_nlink == 2 and read("b") == b"12"
    fails(errno.EEXIST, os.link, "b", "d/c")
    fails(errno.EPERM, os.link, "d", "e")
    os.symlink("b", "s")
    os.link("s", "t", follow_symlinks=False)
    assert os.readlink("t") == "b" and os.lstat("s").st_nlink == 2


@case
def symlinks():
    os.symlink("x" * 4095, "long")
    assert os.readlink("long") == "x" * 4095 and os.lstat("long").st_size == 4095
    os.symlink(b"\xff/\x80", b"odd")
    assert os.readlink(b"odd") == b"\xff/\x80"
    os.symlink("loop", "loop")
    fails(errno.ELOOP, os.stat, "loop")
    fails(errno.ELOOP, os.open, "odd", os.O_RDONLY | os.O_NOFOLLOW)
    write("file")
    os.symlink("file", "to")
    fails(errno.EEXIST, os.open, "to", os.O_CREAT | os.O_EXCL)
    fails(errno.EINVAL, os.readlink, "file")


@case
def directories():
    os.makedirs("a/b/c")
    fails(errno.ENOTEMPTY, os.rmdir, "a")
    fails(errno.EISDIR, os.unlink, "a")
    fails(errno.EEXIST, os.mkdir, "a")
    fails(errno.EINVAL, os.rmdir, "a/.")
    write("f")
    fails(errno.ENOTDIR, os.rmdir, "f")
    fails(errno.ENOTDIR, os.mkdir, "f/x")
    fails(errno.ENOENT, os.mkdir, "none/x")
    fails(errno.EISDIR, os.open, "a", os.O_WRONLY)
    fd = os.open("a/b/c", os.O_RDONLY | os.O_DIRECTORY)
    os.rmdir("a/b/c")
    fails(errno.ENOENT, os.open, "x", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=fd)
    fails(errno.ENOENT, os.mkdir, "x", dir_fd=fd)
    assert os.listdir(fd) == [] and os.fstat(fd).st_nlink == 0
    os.close(fd)


@case
def listings_are_whole_while_names_go():
    for i in range(700):
        write(f"f{i}")
    seen = []
    with os.scandir(".") as entries:
        for entry in entries:
            seen.append(entry.name)
            assert entry.is_file(follow_symlinks=False)
            os.unlink(entry.name)
    assert len(seen) == len(set(seen)) == 700 and os.listdir() == []


@case
def parents_change_when_names_do():
    os.mkdir("d")
    for action in (lambda: write("d/a"), lambda: os.rename("d/a", "d/b"),
                   lambda: os.symlink("x", "d/s"), lambda: os.link("d/b", "d/c"),
                   lambda: os.mkfifo("d/p"), lambda: os.unlink("d/c"), lambda: os.mkdir("d/e"),
                   lambda: os.rmdir("d/e")):
        os.utime("d", (1, 1))
        before = os.stat("d").st_ctime_ns
        action()
        assert os.stat("d").st_mtime > 1 and os.stat("d").st_ctime_ns >= before


# ---- bytes


@case
def unlinked_files_live_while_open():
    write("f", b"first")
    fd = os.open("f", os.O_RDWR)
    os.unlink("f")
    write("f", b"other")
    assert os.fstat(fd).st_nlink == 0
    assert os.pread(fd, 9, 0) == b"first"
    assert os.pwrite(fd, b"FI", 0) == 2 and os.pread(fd, 9, 0) == b"FIrst"
    os.ftruncate(fd, 1)
    os.fchmod(fd, 0o600)
    assert os.fstat(fd).st_size == 1 and read("f") == b"other"
    os.close(fd)


@case
def rename_over_an_open_file():
    write("old", b"old")
    write("new", b"new")
    reader = os.open("old", os.O_RDONLY)
    writer = os.open("new", os.O_WRONLY | os.O_APPEND)
    os.rename("new", "old")
    assert os.pread(reader, 9, 0) == b"old" and os.fstat(reader).st_nlink == 0
    os.write(writer, b"er")
    assert read("old") == b"newer"
    os.close(reader)
    os.close(writer)


@case
def files_without_a_name():
    fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o640)
    os.write(fd, b"nameless")
    assert os.listdir() == [] and os.fstat(fd).st_nlink == 0
    call(libc.linkat(-100, f"/proc/self/fd/{fd}".encode(), -100, b"named", 0x400))
    assert read("named") == b"nameless" and os.fstat(fd).st_nlink == 1
    assert stat.S_IMODE(os.stat("named").st_mode) == 0o640
    os.write(fd, b"!")
    assert read("named") == b"nameless!"
    os.close(fd)
    fd = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_EXCL, 0o600)
    os.write(fd, b"gone")
    fails(errno.ENOENT, lambda: call(
        libc.linkat(-100, f"/proc/self/fd/{fd}".encode(), -100, b"no", 0x400)))
    os.close(fd)
    assert os.listdir() == ["named"]


@case
def truncation():
    write("f", b"0123456789")
    os.truncate("f", 4)
    assert read("f") == b"0123"
    os.truncate("f", 8)
    assert read("f") == b"0123\0\0\0\0"
    fd = os.open("f", os.O_RDWR)
    os.ftruncate(fd, 1 << 33)
    assert os.fstat(fd).st_size == 1 << 33 and os.stat("f").st_blocks < 1000
    os.pwrite(fd, b"end", (1 << 33) - 3)
    assert os.pread(fd, 5, (1 << 33) - 5) == b"\0\0end"
    os.close(fd)
    fails(errno.EISDIR, os.truncate, ".", 0)
    os.close(os.open("f", os.O_WRONLY | os.O_TRUNC))
    assert os.stat("f").st_size == 0
    write("f", b"again")
    os.close(os.open("f", os.O_RDONLY | os.O_TRUNC))
    assert os.stat("f").st_size == 0 and read("f") == b""
    reader = os.open("f", os.O_RDONLY)
    fails(errno.EINVAL, os.ftruncate, reader, 0)
    fails(errno.EBADF, os.write, reader, b"x")
    os.close(reader)


@case
def allocation_and_holes():
    fd = os.open("f", os.O_RDWR | os.O_CREAT, 0o644)
    os.posix_fallocate(fd, 0, 1 << 20)
    assert os.fstat(fd).st_size == 1 << 20
    fallocate(fd, KEEP_SIZE, 0, 1 << 21)
    assert os.fstat(fd).st_size == 1 << 20
    os.pwrite(fd, b"x" * (1 << 20), 0)
    fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 65536, 65536)
    assert os.pread(fd, 65536, 65536) == bytes(65536) and os.pread(fd, 1, 131072) == b"x"
    try:
        fallocate(fd, ZERO_RANGE, 131072, 4096)
        assert os.pread(fd, 4097, 131072) == bytes(4096) + b"x"
    except OSError as failure:
        assert failure.errno == errno.EOPNOTSUPP  # tmpfs has none
    os.fsync(fd)
    assert os.lseek(fd, 0, os.SEEK_HOLE) == 65536
    assert os.lseek(fd, 65536, os.SEEK_DATA) >= 131072
    assert os.lseek(fd, 1 << 19, os.SEEK_HOLE) == 1 << 20
    fails(errno.ENXIO, os.lseek, fd, 1 << 20, os.SEEK_DATA)
    fails(errno.EINVAL, fallocate, fd, 0, 0, 0)
    os.close(fd)


@case
def copies_inside_the_mount():
    data = os.urandom(300000)
    write("from", data)
    source = os.open("from", os.O_RDONLY)
    target = os.open("to", os.O_RDWR | os.O_CREAT, 0o644)
    done = 0
    while copied := os.copy_file_range(source, target, 1 << 20):
        done += copied
    assert done == len(data) and read("to") == data
    assert os.copy_file_range(source, target, 5000, 100, 200) == 5000
    assert os.pread(target, 5000, 200) == data[100:5100]
    # What is in the page cache only, or mapped, is copied too.
    os.pwrite(target, b"fresh", 0)
    other = os.open("third", os.O_RDWR | os.O_CREAT, 0o644)
    assert os.copy_file_range(target, other, 5, 0, 0) == 5 and os.pread(other, 9, 0) == b"fresh"
    fails(errno.EBADF, os.copy_file_range, target, source, 5)
    for fd in (source, target, other):
        os.close(fd)
    with open("from", "rb") as a, open("sent", "wb") as b:
        assert os.sendfile(b.fileno(), a.fileno(), 0, 1000) == 1000
    assert read("sent") == data[:1000]


@case
def appends_of_many_processes_are_all_there():
    pids = []
    for who in range(4):
        pid = os.fork()
        if pid == 0:
            fd = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            for i in range(200):
                os.write(fd, b"%d %04d\n" % (who, i))
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        assert os.waitpid(pid, 0)[1] == 0
    lines = read("log").splitlines()
    assert len(lines) == len(set(lines)) == 800
    for who in range(4):
        mine = [line for line in lines if line.startswith(b"%d " % who)]
        assert mine == sorted(mine)


@case
def synchronous_and_direct_writing():
    for flag in (os.O_SYNC, os.O_DSYNC):
        fd = os.open("s", os.O_RDWR | os.O_CREAT | flag, 0o644)
        assert os.pwrite(fd, b"sync", 0) == 4 and os.pread(fd, 4, 0) == b"sync"
        os.close(fd)
    try:
        fd = os.open("d", os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o644)
    except OSError as failure:
        assert failure.errno == errno.EINVAL  # the store's file system has none
        return
    page = mmap.mmap(-1, 8192)
    page.write(b"direct!!" * 1024)
    assert os.pwritev(fd, [page], 0) == 8192
    assert read("d") == b"direct!!" * 1024
    cached = os.open("d", os.O_RDWR)
    os.pwrite(cached, b"CACHED", 0)
    back = mmap.mmap(-1, 4096)
    assert os.preadv(fd, [back], 0) == 4096 and back[:8] == b"CACHED!!"
    os.close(cached)
    os.close(fd)


@case
def mappings_and_descriptors_agree():
    write("m", bytes(8192))
    fd = os.open("m", os.O_RDWR)
    shared = mmap.mmap(fd, 8192)
    other = os.open("m", os.O_RDONLY)
    seen = mmap.mmap(other, 8192, prot=mmap.PROT_READ)
    shared[0:4] = b"map1"
    assert os.pread(other, 4, 0) == b"map1" and seen[0:4] == b"map1"
    os.pwrite(fd, b"write", 5000)
    assert shared[5000:5005] == b"write" and seen[5000:5005] == b"write"
    private = mmap.mmap(fd, 8192, flags=mmap.MAP_PRIVATE)
    private[0:4] = b"none"
    assert os.pread(other, 4, 0) == b"map1"
    os.close(fd)
    shared[4096:4100] = b"late"
    shared.flush()
    shared.close()
    assert read("m")[4096:4100] == b"late"
    os.close(other)


@case
def a_mapping_outlives_its_name_and_descriptor():
    write("m", b"x" * 4096)
    fd = os.open("m", os.O_RDWR)
    shared = mmap.mmap(fd, 4096)
    os.close(fd)
    os.link("m", "n")
    os.unlink("m")
    shared[0:3] = b"new"
    shared.flush()
    assert read("n")[:4] == b"newx"
    shared.close()


# ---- locks


def lock_child(path, take):
    """What a child gets when it tries."""
    pid = os.fork()
    if pid == 0:
        try:
            fd = os.open(path, os.O_RDWR)
            take(fd)
            os._exit(0)
        except OSError as failure:
            os._exit(failure.errno)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@case
def locks_of_all_three_kinds():
    write("l", b"0123456789")
    fd = os.open("l", os.O_RDWR)
    fcntl.lockf(fd, fcntl.LOCK_EX, 4, 0)
    taken = (errno.EAGAIN, errno.EACCES)
    attempt = fcntl.LOCK_EX | fcntl.LOCK_NB
    assert lock_child("l", lambda f: fcntl.lockf(f, attempt, 4, 2)) in taken
    assert lock_child("l", lambda f: fcntl.lockf(f, attempt, 4, 6)) == 0
    asked = fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
    assert struct.unpack("hhqqi4x", asked)[0] == fcntl.F_UNLCK  # one's own
    fcntl.lockf(fd, fcntl.LOCK_UN)
    assert lock_child("l", lambda f: fcntl.lockf(f, attempt)) == 0
    fcntl.flock(fd, fcntl.LOCK_EX)
    assert lock_child("l", lambda f: fcntl.flock(f, attempt)) in taken
    fcntl.flock(fd, fcntl.LOCK_SH)
    assert lock_child("l", lambda f: fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)) == 0
    fcntl.flock(fd, fcntl.LOCK_UN)
    ofd_set = 37
    whole = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
    fcntl.fcntl(fd, ofd_set, whole)
    second = os.open("l", os.O_RDWR)
    try:
        fcntl.fcntl(second, ofd_set, whole)
        raise AssertionError("an open file description's lock did not hold")
    except OSError as failure:
        assert failure.errno in taken
    os.close(fd)
    fcntl.fcntl(second, ofd_set, whole)
    os.close(second)


# ---- FIFOs and sockets


@case
def fifos():
    os.mkfifo("p", 0o640)
    status = os.stat("p")
    assert stat.S_ISFIFO(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o640
    assert [entry.name for entry in os.scandir(".") if entry.is_file()] == []
    pid = os.fork()
    if pid == 0:
        write("p", b"through the pipe", 0)
        os._exit(0)
    assert read("p") == b"through the pipe"
    os.waitpid(pid, 0)
    fails(errno.EEXIST, os.mkfifo, "p")
    os.chmod("p", 0o600)
    os.utime("p", (5, 6))
    os.rename("p", "q")
    os.link("q", "r")
    assert os.stat("r").st_nlink == 2 and os.stat("r").st_mtime == 6
    fails(errno.ENXIO, os.open, "q", os.O_WRONLY | os.O_NONBLOCK)
    os.unlink("q")
    os.unlink("r")


@case
def sockets():
    server = socket.socket(socket.AF_UNIX)
    server.bind("s")
    assert stat.S_ISSOCK(os.stat("s").st_mode)
    server.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect("s")
    peer, _ = server.accept()
    client.sendall(b"hello")
    assert peer.recv(9) == b"hello"
    fails(errno.ENXIO, os.open, "s", os.O_RDONLY)
    fails(errno.EADDRINUSE, socket.socket(socket.AF_UNIX).bind, "s")
    os.unlink("s")
    fails(errno.ENOENT, socket.socket(socket.AF_UNIX).connect, "s")


@case
def regular_files_by_mknod():
    os.mknod("f", stat.S_IFREG | 0o600)
    assert os.stat("f").st_size == 0 and stat.S_IMODE(os.stat("f").st_mode) == 0o600
    fails(errno.EEXIST, os.mknod, "f")


# ---- attributes


@case
def modes_and_the_umask():
    old = os.umask(0o027)
    os.mkdir("d", 0o777)
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, 0o666))
    os.umask(old)
    assert stat.S_IMODE(os.stat("d").st_mode) == 0o750
    assert stat.S_IMODE(os.stat("f").st_mode) == 0o640
    os.chmod("f", 0o004)
    assert stat.S_IMODE(os.stat("f").st_mode) == 0o004
    os.chmod("d", 0o1777)
    assert stat.S_IMODE(os.stat("d").st_mode) == 0o1777


@case
def times():
    write("f")
    os.symlink("f", "s")
    os.mkdir("d")
    for name in ("f", "d", "s"):
        os.utime(name, ns=(1234567890123456789, 987654321987654321), follow_symlinks=False)
        status = os.lstat(name)
        assert status.st_mtime_ns == 987654321987654321, name
        assert status.st_atime_ns == 1234567890123456789, name
        assert status.st_ctime > 1500000000
    assert os.stat("f").st_mtime_ns == 987654321987654321
    os.utime("f", ns=(0, 0))
    os.utime("d", ns=(-1000000000, -1))
    assert os.stat("d").st_mtime_ns == -1
    before = time.time_ns() - 10**9
    os.utime("f")
    assert os.stat("f").st_mtime_ns > before
    fd = os.open("f", os.O_WRONLY)
    os.utime(fd, ns=(1, 2))
    assert os.fstat(fd).st_mtime_ns == 2
    os.write(fd, b"x")
    assert os.fstat(fd).st_mtime_ns > before
    os.close(fd)
    assert os.stat("f").st_mtime_ns > before


@case
def changes_are_seen_in_ctime():
    write("f")
    for action in (lambda: os.chmod("f", 0o600), lambda: os.link("f", "g"),
                   lambda: os.rename("g", "h"), lambda: os.unlink("h"),
                   lambda: os.setxattr("f", "user.x", b"1"), lambda: os.truncate("f", 3)):
        before = os.stat("f").st_ctime_ns
        time.sleep(0.02)
        action()
        assert os.stat("f").st_ctime_ns > before


@case
def an_empty_file_is_as_young_as_its_name():
    time.sleep(0.05)
    for _ in range(3):  # the files behind the first ones may have been waiting
        before = time.time_ns() - 20 * 10**6
        write("e")
        assert os.stat("e").st_mtime_ns >= before
        fd = os.open("e", os.O_RDONLY)
        assert os.fstat(fd).st_mtime_ns >= before
        os.close(fd)
        os.utime("e", ns=(1, 1))
        time.sleep(0.05)
        assert os.stat("e").st_mtime_ns == 1
        os.unlink("e")


@case
def a_users_attributes():
    write("f")
    os.mkdir("d")
    for name in ("f", "d"):
        os.setxattr(name, "user.k", b"v\0\xff")
        assert os.getxattr(name, "user.k") == b"v\0\xff"
        fails(errno.EEXIST, os.setxattr, name, "user.k", b"w", os.XATTR_CREATE)
        fails(errno.ENODATA, os.setxattr, name, "user.none", b"w", os.XATTR_REPLACE)
        os.setxattr(name, "user.empty", b"")
        assert sorted(os.listxattr(name)) == ["user.empty", "user.k"]
        os.removexattr(name, "user.k")
        fails(errno.ENODATA, os.getxattr, name, "user.k")
        fails(errno.ENODATA, os.removexattr, name, "user.k")
    os.setxattr("f", "user.some", b"x" * 2000)
    os.rename("f", "g")
    assert os.getxattr("g", "user.some") == b"x" * 2000
    fails(errno.ENOSPC, os.setxattr, "g", "user.much", b"x" * 65536)
    os.symlink("g", "s")
    fails(errno.EPERM, os.setxattr, "s", "user.x", b"", follow_symlinks=False)


# ---- other users


@case
def rights_of_others():
    if os.getuid() != 0:
        return
    os.chmod(".", 0o755)
    write("f", b"secret")
    os.chmod("f", 0o600)
    os.mkdir("open", 0o777)
    os.chmod("open", 0o777)
    os.chown("f", 0, 0)

    def other():
        fails(errno.EACCES, read, "f")
        fails(errno.EACCES, write, "new")
        fails(errno.EPERM, os.chmod, "f", 0o666)
        fails(errno.EPERM, os.chown, "f", OTHER, OTHER)
        fails(errno.EPERM, os.utime, "f", (1, 1))
        fails(errno.EACCES, os.unlink, "f")
        write("open/mine", b"m")
        status = os.stat("open/mine")
        assert (status.st_uid, status.st_gid) == (OTHER, OTHER)
        fails(errno.EPERM, os.chown, "open/mine", 0, -1)
        os.chmod("open/mine", 0o400)
        os.utime("open/mine", (1, 1))

    as_other(other)


@case
def groups_give_rights():
    if os.getuid() != 0:
        return
    os.chmod(".", 0o755)
    write("f", b"group")
    os.chown("f", 0, 4711)
    os.chmod("f", 0o060)
    as_other(lambda: write("f", b"ours", 0), groups=(4711,))
    as_other(lambda: fails(errno.EACCES, read, "f"))
    write("own")
    os.chown("own", OTHER, OTHER)
    as_other(lambda: os.chown("own", -1, 4711), groups=(4711,))
    assert os.stat("own").st_gid == 4711
    as_other(lambda: fails(errno.EPERM, os.chown, "own", -1, 4712), groups=(4711,))


@case
def sticky_directories():
    if os.getuid() != 0:
        return
    os.chmod(".", 0o755)
    os.mkdir("tmp")
    os.chmod("tmp", 0o1777)
    write("tmp/root")
    as_other(lambda: write("tmp/other"))

    def third():
        fails(errno.EPERM, os.unlink, "tmp/other")
        fails(errno.EPERM, os.rename, "tmp/other", "tmp/x")
        write("tmp/third")
        fails(errno.EPERM, os.rename, "tmp/third", "tmp/other")
        os.rename("tmp/third", "tmp/3")

    as_other(third, uid=4711, gid=4711)
    as_other(lambda: os.unlink("tmp/other"))


# ---- what a draft refuses


def drafts_refuse_what_no_store_shall_have():
    fails(errno.EPERM, os.mknod, "c", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    fails(errno.EPERM, os.mknod, "b", stat.S_IFBLK | 0o600, os.makedev(7, 0))
    write("f", b"x")
    os.mkdir("d")
    for mode in (0o4755, 0o2755, 0o6755):
        fails(errno.EPERM, os.chmod, "f", mode)
        fails(errno.EPERM, os.open, f"n{mode}", os.O_CREAT | os.O_WRONLY, mode)
    fails(errno.EPERM, os.chmod, "d", 0o2755)
    assert stat.S_IMODE(os.stat("f").st_mode) & 0o6000 == 0
    fails(errno.EPERM, os.setxattr, "f", "security.mine", b"x")
    fails(errno.EOPNOTSUPP, os.setxattr, "f", "trusted.mine", b"x")
    fails(errno.EINVAL, renameat2, "f", "g", WHITEOUT)
    assert sorted(os.listdir()) == ["d", "f"]


def main():
    arguments = sys.argv[1:]
    if "--draft" in arguments:
        arguments.remove("--draft")
        cases.append(drafts_refuse_what_no_store_shall_have)
    top = os.path.abspath(arguments[0])
    failed = 0
    for one in cases:
        place = os.path.join(top, one.__name__)
        os.mkdir(place)
        os.chdir(place)
        try:
            one()
            print("ok", one.__name__)
        except Exception:
            failed += 1
            print("not ok", one.__name__, traceback.format_exc(), sep="\n")
        os.chdir(top)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
