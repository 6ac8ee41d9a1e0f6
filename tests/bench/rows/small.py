"""Row 4: many small files, by programs that know nothing of the mount."""
import contextlib
import json
import resource
import sys
from pathlib import Path

from harness.figures import at_least, compared, interleave
from harness.places import Example, Mount, ran

STEPS = Path(__file__).resolve().parents[1] / "programs/steps.py"
WORK = {"create": ("create+write 4 KiB+close", "files/s"),
        "untar": ("untar", "files/s"),
        "rm": ("rm -r of them", "files/s"),
        "clone": ("git clone", "files/s"),
        "status": ("git status", "files/s")}


def archive(directory, files):
    """A tar of so many files in directories of 100, and a repository of a tenth of them."""
    ran([sys.executable, STEPS, "prepare", directory, files])
    return directory / "files.tar", directory / "repository"


def trees(bench, stack, directory, rounds, files):
    """All steps, each place in turn: {step: {place: [files a second]}}."""
    tar, repository = archive(directory, files)
    steps = [sys.executable, STEPS, "run", bench.program("artfs_bench_loops"), tar, repository,
             files]
    mount = stack.enter_context(Mount(bench, directory / "art"))
    mount.artifact("small")
    plain = directory / "plain"
    plain.mkdir()

    def on_mount():
        # One run, which leaves nothing behind: the mount has nothing to seal meanwhile.
        figures = json.loads(mount.run(*steps, mount.path / "small/latest"))
        mount.quiet()
        return figures
    sides = {"mount": on_mount, "native": lambda: json.loads(ran([*steps, plain]))}
    if bench.has_example:
        example = stack.enter_context(Example(directory / "example"))
        sides["example"] = lambda: json.loads(ran([*steps, example.path]))
    taken = interleave(rounds, sides, warm=False)
    return {step: {name: [round_[step] for round_ in values] for name, values in taken.items()}
            for step in WORK}


def finds(bench, mount, directory, rounds, files):
    """find over a sealed version, and over the same files beside it."""
    ran([sys.executable, STEPS, "fill", directory / "many", files])
    mount.art("put", directory / "many", "many")

    def seconds(place):
        return float(ran([sys.executable, STEPS, "find", place]))
    return interleave(rounds, {"mount": lambda: files / seconds(mount.path / "many/v0"),
                               "native": lambda: files / seconds(directory / "many")})


def measure(bench):
    # libfuse's example keeps each open.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 2_000
    files = min(bench.sized(20_000, 4_000), most)
    many = bench.sized(100_000, 20_000)
    directory = bench.directory(memory=True)
    with contextlib.ExitStack() as stack:
        taken = trees(bench, stack, directory, bench.sized(5, 3), files)
        lines = [compared(4, work, taken[step], unit, "example", at_least(2))
                 for step, (work, unit) in WORK.items()]
    with Mount(bench, directory / "finding") as mount:
        found = finds(bench, mount, directory, bench.sized(5, 3), many)
    # What find gains by itself from round to round is more than this.
    lines.append(compared(4, f"find over {many:,} files", found, "files/s", "native",
                          at_least(0.95)))
    return lines
