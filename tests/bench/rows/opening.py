"""Row 3: open+read+close of small files against libfuse's own passthrough example."""
import contextlib

from harness.figures import at_least, compared, interleave
from harness.places import Example, Mount


def measure(bench):
    files = bench.sized(4000, 2000)
    rounds = bench.sized(7, 3)
    seconds = bench.sized(1.0, 0.5)
    directory = bench.directory(memory=True)
    plain = directory / "plain"
    plain.mkdir()
    bench.loops("create", plain, files, 1)
    with contextlib.ExitStack() as stack:
        mount = stack.enter_context(Mount(bench, directory / "art"))
        places = {"mount": mount.path / "small/v0", "native": plain}
        mount.artifact("small")
        mount.run(bench.program("artfs_bench_loops"), "create", mount.path / "small/latest", files,
                  1)
        mount.appears(mount.path / "small/v0")
        if bench.has_example:
            example = stack.enter_context(Example(directory / "example"))
            bench.loops("create", example.path, files, 1)
            places["example"] = example.path
        lines = []
        for processes in (1, 2):
            taken = interleave(rounds, {
                name: lambda place=place: bench.loops("opens", place, files, processes, seconds)
                for name, place in places.items()})
            work = f"open+read+close of 4 KiB files, {processes} process" + "es" * (processes > 1)
            lines.append(compared(3, work, taken, "/s", "example", at_least(4)))
        return lines
