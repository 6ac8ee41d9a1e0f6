"""Rows 6 and 7: a version of a million files, and a million edges."""
import random
import time

from harness.figures import Line, median, within
from harness.places import Mount, ran

FILES_IN_A_DIRECTORY = 1000
RUNS = 10_000


def timed(work):
    begun = time.monotonic()
    work()
    return 1000 * (time.monotonic() - begun)


def line(row, work, taken, bound, note="", unit="ms"):
    goal = within(bound) if bound is not None else None
    return Line(row, work, median(taken), unit, spread=(min(taken), max(taken)), goal=goal,
                note=note)


def files(bench):
    count = bench.sized(1_000_000, 100_000)
    rounds = bench.sized(15, 7)
    loops, stores = bench.program("artfs_bench_loops"), bench.program("artfs_bench_stores")
    choice = random.Random(1)
    directory = bench.directory()

    def some_file():
        index = choice.randrange(count)
        return f"d{index // FILES_IN_A_DIRECTORY}/f{index}"

    def made(store):
        ran([stores, "files", store, count, FILES_IN_A_DIRECTORY])
    with Mount(bench, directory / "art", made) as mount:
        artifact = mount.path / "files"
        # Many by one process: who it is, is found out once.
        opened = [bench.loops("look", *(artifact / "v0" / some_file() for _ in range(50)))
                  for _ in range(rounds)]
        lines = [line(6, f"opening a file of {count:,} for the first time", opened, 1)]
        version = 0
        for work, words in (("adding", lambda turn: ("write", f"d0/new{turn}", 4096, turn)),
                            ("changing", lambda turn: ("write", some_file(), 4096, 1000 + turn)),
                            ("removing", lambda turn: ("remove", f"d0/f{turn}"))):
            taken = []
            for turn in range(rounds):
                verb, name, *after = words(turn)
                spent = 1000 * float(mount.run(loops, verb, artifact / "latest" / name, *after))
                version += 1
                sealed = timed(lambda: mount.appears(artifact / f"v{version}"))
                taken.append(spent + sealed)
            lines.append(line(6, f"{work} one of {count:,} files and sealing", taken, 10))
        diffs = [float(ran([stores, "diff", mount.store, str(version - 1), str(version)]).split()[0])
                 for _ in range(5)]
        lines.append(line(6, "diff of two versions with one other file", diffs, 5))
        whole = [timed(lambda: mount.run(bench.programs / "art", "diff", "--stat", "--json",
                                         f"files:v{version - 2}", f"files:v{version - 1}",
                                         allowed=(0, 1))) for _ in range(5)]
        lines.append(line(6, "the same by art diff, from its start to its end", whole, None))
        ran(["find", artifact / "v0", "-newer", "/proc/1", "-name", "none"])
        lines.append(line(6, "the daemon's memory after find over all of it",
                          [mount.worker_memory()], 200, unit="MiB"))
    return lines


def edges(bench):
    runs = bench.sized(RUNS, RUNS // 10)
    sources, uses, logs = runs // 10, 109, 2
    rounds = bench.sized(9, 5)
    stores = bench.program("artfs_bench_stores")
    directory = bench.directory()
    total = (runs - sources) * uses + runs * logs

    def made(store):
        ran([bench.program("artfs_many_runs"), store, runs, uses, logs, sources])
    with Mount(bench, directory / "art", made) as mount:
        names = [f"run-{runs - 1 - 7 * turn}" for turn in range(rounds)]

        def lineage(depth):
            taken, met = [], 0
            for _ in range(3):
                took, met = ran([stores, "lineage", mount.store, str(depth), *names]).split()
                taken.append(float(took))
            return taken, f"{met} nodes"

        def command(*words):
            return [timed(lambda: mount.art(*words, "--project", "many")) for _ in range(rounds)]
        near, few = lineage(1)
        whole, met = lineage(1000)
        lines = [line(7, f"{total:,} edges: neighbours of a run", near, 1, few),
                 line(7, "its whole upstream", whole, 10, met),
                 line(7, "art graph, collapsed", command("graph", "--format", "json"), 100),
                 line(7, "art runs, first page", command("runs", "--limit", "50"), 20)]
        starts = []
        for _ in range(rounds):
            mount.unmount()
            starts.append(timed(mount.mount))
        lines.append(line(7, "art mount of that store until it answers", starts, 200))
    return lines
