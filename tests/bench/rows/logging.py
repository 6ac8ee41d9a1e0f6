"""Rows 2 and 5: from the first write until the version is sealed, durable and seen by others,
against what one would do by hand, and against what people use."""
import os
import shutil
import time
from pathlib import Path

from harness.figures import (NOT_INSTALLED, Line, at_least, at_most, compared, interleave, median,
                             ratios)
from harness.places import Mount, ran

GIT_NAMES = {"GIT_AUTHOR_NAME": "bench", "GIT_AUTHOR_EMAIL": "bench@localhost",
             "GIT_COMMITTER_NAME": "bench", "GIT_COMMITTER_EMAIL": "bench@localhost"}


def seconds(work):
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


class Writing:
    """One kind of data, written into one place after the other. Each time its content is new."""

    def __init__(self, bench, verb, amount):
        self.bench, self.verb, self.amount = bench, verb, amount
        self.program = bench.program("artfs_bench_loops")
        self.seed = 0

    def command(self, place):
        self.seed += 1
        target = place / "data" if self.verb == "write" else place
        return [self.program, self.verb, target, self.amount, self.seed]

    def on_mount(self, mount, name):
        artifact = mount.artifact(name)
        version = len([entry for entry in os.listdir(artifact) if entry.startswith("v")])

        def work():
            mount.run(*self.command(artifact / "latest"))
            mount.appears(artifact / f"v{version}")
        took = seconds(work)
        mount.quiet()
        return took

    def by_hand(self, directory):
        """Written, copied, its digests taken, all of it on disk."""
        source, copy = directory / "source", directory / "copy"
        source.mkdir()

        def work():
            ran(self.command(source))
            ran(["cp", "-r", source, copy])
            files = sorted(copy.iterdir())
            for first in range(0, len(files), 2000):
                ran(["openssl", "dgst", "-sha256", *files[first:first + 2000]])
            if len(files) == 1:
                ran(["sync", source / files[0].name, files[0]])
            else:
                ran(["sync", "--file-system", directory])
        took = seconds(work)
        shutil.rmtree(source)
        shutil.rmtree(copy)
        return took

    def with_tool(self, tool, directory):
        """From writing until the tool has it, in a repository that is there already."""
        repository = directory / f"with-{tool}"
        environment = {**os.environ, **GIT_NAMES, "HOME": str(directory)}

        def do(*command):
            ran(command, cwd=repository, env=environment)
        repository.mkdir()
        if tool == "datalad":
            do("datalad", "create", "--force", ".")
        else:
            do("git", "init")
        do("git", "config", "gc.auto", "0")  # which goes on behind what is timed
        if tool == "git-lfs":
            do("git", "lfs", "install", "--local")
            do("git", "lfs", "track", "*")
        if tool == "git-annex":
            do("git", "annex", "init")
        place = repository / "data"
        place.mkdir()

        def work():
            ran(self.command(place))
            if tool == "datalad":
                do("datalad", "save")
            elif tool == "git-annex":
                do("git", "annex", "add", ".")
                do("git", "commit", "--quiet", "--message", "all")
            else:
                do("git", "add", ".")
                do("git", "commit", "--quiet", "--message", "all")
            ran(["sync", "--file-system", repository])
        took = seconds(work)
        ran(["chmod", "-R", "u+w", repository])  # git-annex protects what it has
        shutil.rmtree(repository)
        return took


def on_disk(directory):
    """Bytes that files have there, each once."""
    blocks = {}
    for place, _, names in os.walk(directory):
        for name in names:
            status = os.lstat(Path(place) / name)
            blocks[status.st_ino] = status.st_blocks * 512
    return sum(blocks.values())


def big(bench):
    size = bench.sized(1 << 30, 1 << 28)
    directory = bench.directory()
    writing = Writing(bench, "write", size)
    with Mount(bench, directory / "art") as mount:
        taken = interleave(bench.sized(5, 3), {
            "mount": lambda: writing.on_mount(mount, "big"),
            "by hand": lambda: writing.by_hand(directory)},
            before=lambda: bench.pretouch(3 * size))
        versions = len([entry for entry in os.listdir(mount.path / "big") if entry[0] == "v"])
        kept = on_disk(mount.store / "objects") + on_disk(mount.store / "staging")
    each = kept / versions
    return [compared(2, f"writing {size >> 20:,} MiB until sealed and durable", taken, "s",
                     "by hand", at_most(0.5)),
            Line(2, "the same on disk", each / (1 << 20), "MiB", {"data": size / (1 << 20)},
                 each / size, goal=at_most(1.01))]


def many(bench):
    files = bench.sized(10_000, 2_000)
    directory = bench.directory()
    writing = Writing(bench, "create", files)
    work = f"{files:,} files of 4 KiB until others see their version"
    with Mount(bench, directory / "art") as mount:
        # Each in an artifact of its own: names that are there already cannot be created.
        turn = iter(range(1000))
        taken = interleave(bench.sized(5, 3), {
            "mount": lambda: writing.on_mount(mount, f"many{next(turn)}"),
            "by hand": lambda: writing.by_hand(directory)},
            before=lambda: bench.pretouch(1 << 28))
        lines = [compared(5, work, taken, "s", "by hand", at_most(1))]
        for tool in ("git-lfs", "git-annex", "datalad"):
            line = Line(5, f"the same, times faster than {tool}", median(taken["mount"]), "s",
                        {tool: NOT_INSTALLED}, goal=at_least(10))
            if shutil.which(tool):
                once = writing.with_tool(tool, directory)
                line.against[tool] = once
                line.ratio, line.spread = ratios([once] * len(taken["mount"]), taken["mount"])
            lines.append(line)
    return lines
