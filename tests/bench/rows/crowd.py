"""Row 10: a hundred runs at once, each reading a thousand files and writing one."""
import subprocess

from harness.figures import Line, median, within
from harness.places import BenchFailed, Mount

RUNS = 100
FILES = 1000


def crowd(bench, source, target):
    """The slowest operation of each run: milliseconds, and its name."""
    program = bench.program("artfs_bench_loops")
    runs = [subprocess.Popen([program, "job", source, str(FILES), target / str(index)],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")
            for index in range(RUNS)]
    slowest = []
    for run in runs:
        printed, said = run.communicate()
        if run.returncode != 0:
            raise BenchFailed(f"a run of the crowd: {said.strip()}")
        took, _, operation = printed.strip().partition(" ")
        slowest.append((float(took), operation))
    return slowest


def measure(bench):
    directory = bench.directory()
    plain = directory / "plain"
    for place in (plain / "in", plain / "out"):
        place.mkdir(parents=True)
    bench.loops("create", plain / "in", FILES, 1)
    with Mount(bench, directory / "art") as mount:
        mount.artifact("in")
        mount.artifact("out")
        mount.run(bench.program("artfs_bench_loops"), "create", mount.path / "in/latest", FILES, 1)
        mount.appears(mount.path / "in/v0")
        rounds, native = [], []
        for _ in range(bench.sized(5, 2)):
            rounds.append(max(crowd(bench, mount.path / "in/latest", mount.path / "out/latest")))
            mount.quiet()
            # What the processors alone make so many programs wait.
            native.append(max(crowd(bench, plain / "in", plain / "out")))
    worst = [took for took, _ in rounds]
    return [Line(10, f"slowest operation of {RUNS} runs at once", median(worst), "ms",
                 {"native": median([took for took, _ in native])}, spread=(min(worst), max(worst)), goal=within(100),
                 note=f"it was {', '.join(name for _, name in rounds)}")]
