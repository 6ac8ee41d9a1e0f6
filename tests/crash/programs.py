"""The programs of tests/crash/kills: each is one run on the mount, checks all it does, and says on
standard output what must be found later. Any error ends it with a traceback.

  programs.py KIND MOUNT NUMBER
"""
import fcntl
import hashlib
import mmap
import os
import random
import sys
import time


def check(good, what):
    if not good:
        raise AssertionError(what)


def write_all(fd, data):
    # write(2) may be short by the letter of POSIX; on a local disk it never is, and so not here.
    check(os.write(fd, data) == len(data), "short write")


def append(view, number):
    path = f"{view}/log"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    before = os.fstat(fd).st_size
    for line in range(60):
        write_all(fd, b"%06d %06d\n" % (number, line))
        check(os.fstat(fd).st_size == before + 14 * (line + 1), "size after an append")
        time.sleep(0.005)
    os.close(fd)
    with open(path, "rb") as file:
        file.seek(before)
        check(file.read() == b"".join(b"%06d %06d\n" % (number, i) for i in range(60)), "appended")


def rewrite(view, number):
    shadow = bytearray(256 * 1024)
    fd = os.open(f"{view}/table", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 0)
    os.ftruncate(fd, len(shadow))
    for _ in range(80):
        at = random.randrange(len(shadow) - 5000)
        data = os.urandom(random.randrange(1, 5000))
        check(os.pwrite(fd, data, at) == len(data), "short pwrite")
        shadow[at:at + len(data)] = data
        check(os.pread(fd, len(data), at) == data, "read what was written")
        time.sleep(0.003)
    os.fsync(fd)
    check(os.pread(fd, len(shadow), 0) == bytes(shadow), "the whole table")
    os.close(fd)
    return "table", hashlib.sha256(shadow).hexdigest()


def mapped(view, number):
    size = 128 * 1024
    fd = os.open(f"{view}/map", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, size)
    with mmap.mmap(fd, size) as memory:
        for _ in range(40):
            at = random.randrange(size - 100)
            memory[at:at + 100] = os.urandom(100)
            memory.flush()
            check(os.pread(fd, 100, at) == memory[at:at + 100], "read what was mapped")
            time.sleep(0.005)
        whole = bytes(memory)
    os.close(fd)
    with open(f"{view}/map", "rb") as file:
        check(file.read() == whole, "the whole map")
    return "map", hashlib.sha256(whole).hexdigest()


def names(view, number):
    there = set()
    top = f"{view}/tree{number}"
    os.mkdir(top)
    for step in range(120):
        name = f"{top}/n{random.randrange(30)}"
        what = random.randrange(4)
        try:
            if what == 0:
                os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                check(name not in there, "created what was there")
                there.add(name)
            elif what == 1:
                os.unlink(name)
                check(name in there, "removed what was not there")
                there.remove(name)
            elif what == 2:
                other = f"{top}/n{random.randrange(30)}"
                os.rename(name, other)
                check(name in there, "renamed what was not there")
                there.remove(name)
                there.add(other)
            else:
                os.mkdir(f"{top}/d{step}")
                os.rmdir(f"{top}/d{step}")
        except FileExistsError:
            check(what == 0 and name in there, f"{name} exists, step {step}")
        except FileNotFoundError:
            check(what in (1, 2) and name not in there, f"{name} is missing, step {step}")
        time.sleep(0.002)
    check({f"{top}/{name}" for name in os.listdir(top)} == there, "the names at the end")


def small(view, number):
    for i in range(100):
        with open(f"{view}/s{i}", "w") as file:
            file.write(f"{number} {i}")
    for i in range(100):
        with open(f"{view}/s{i}") as file:
            check(file.read() == f"{number} {i}", "a small file")


def sequential(view, number):
    digest = hashlib.sha256()
    with open(f"{view}/big", "wb", buffering=0) as file:
        for _ in range(24):
            block = os.urandom(1 << 20)
            digest.update(block)
            write_all(file.fileno(), block)
    with open(f"{view}/big", "rb") as file:
        check(hashlib.sha256(file.read()).digest() == digest.digest(), "the big file")
    return "big", digest.hexdigest()


def locks(view, number):
    path = f"{view}/counter"
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 0)
    os.pwrite(fd, b"0", 0)
    child = os.fork()
    for _ in range(25):
        own = os.open(path, os.O_RDWR)
        fcntl.flock(own, fcntl.LOCK_EX)
        fcntl.lockf(own, fcntl.LOCK_EX)
        value = int(os.pread(own, 20, 0))
        time.sleep(0.002)
        os.pwrite(own, b"%d" % (value + 1), 0)
        fcntl.lockf(own, fcntl.LOCK_UN)
        os.close(own)
    if child == 0:
        os._exit(0)
    check(os.waitpid(child, 0)[1] == 0, "the other process")
    check(os.pread(fd, 20, 0) == b"50", "the counter")
    os.close(fd)


def reader(view, number):
    read = 0
    mount = os.path.dirname(os.path.dirname(view))
    for artifact in os.listdir(mount):
        latest = os.readlink(f"{mount}/{artifact}/latest")
        for top, _, files in os.walk(f"{mount}/{artifact}/{latest}"):
            for name in files[:20]:
                with open(f"{top}/{name}", "rb") as file:
                    while file.read(1 << 20):
                        pass
                read += 1
    return "read", str(read)


def main():
    kind, mount, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    artifact = "append" if kind == "reader" else kind
    said = globals()[kind](f"{mount}/{artifact}/latest", number)
    print(*(said or ("", "")), flush=True)


main()
