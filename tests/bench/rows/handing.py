"""Row 8: how soon another process sees what a run wrote."""
import subprocess
import time

from harness.figures import Line, median, within
from harness.places import BenchFailed, Mount


def measure(bench):
    rounds = bench.sized(50, 20)
    program = bench.program("artfs_bench_loops")
    directory = bench.directory()
    with Mount(bench, directory / "art") as mount:
        mount.artifact("a")
        seen, handed, idle = [], [], []
        for turn in range(2 * rounds):
            writer = subprocess.Popen([program, "write", mount.path / "a/latest/x", "4096",
                                       str(turn)], stdout=subprocess.DEVNULL,
                                      env=mount.environment)
            if writer.wait() != 0:
                raise BenchFailed("a run could not write")
            if turn % 2 == 0:
                ended = time.monotonic()
                mount.appears(mount.path / f"a/v{turn}")
                seen.append(1000 * (time.monotonic() - ended))
                idle.append(bench.loops("look", mount.path / "a/latest/x"))
            else:
                handed.append(bench.loops("look", mount.path / "a/latest/x"))
                mount.appears(mount.path / f"a/v{turn}")

        def line(work, taken):
            taken = taken[1:]
            return Line(8, work, median(taken), "ms", spread=(min(taken), max(taken)),
                        goal=within(5))
        return [line("a run's end until its file is in vN", seen),
                line("a && b: b's first open and read, a just ended", handed),
                line("a && b: the same with nothing to wait for", idle)]
