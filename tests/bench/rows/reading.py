"""Row 1: reads of a sealed file against the same file on the store's file system."""
from harness.figures import at_least, compared, interleave
from harness.places import Mount

GIB = 1 << 30


def measure(bench):
    size = bench.sized(GIB, GIB // 4)
    reads = bench.sized(200_000, 50_000)
    rounds = bench.sized(9, 5)
    directory = bench.directory()
    with Mount(bench, directory / "art") as mount:
        mount.artifact("big")
        mount.run(bench.program("artfs_bench_loops"), "write", mount.path / "big/latest/data", size,
                  1)
        mount.appears(mount.path / "big/v0")
        sealed = mount.path / "big/v0/data"
        # The very file: with another the luck of its pages would be compared.
        name = mount.json("show", "big:v0")["files"][0]["sha256"]
        native = mount.store / "objects" / name[:2] / name[2:]

        def both(*words, after=()):
            return interleave(rounds, {
                "mount": lambda: bench.loops(words[0], sealed, *after),
                "native": lambda: bench.loops(words[0], native, *after)})
        lines = []
        for work, verb, after, unit, scale in (
                ("1 MiB reads in sequence", "sequential", (), "MB/s", lambda s: size / s / 1e6),
                ("random 4 KiB reads", "random", (reads,), "/s", lambda s: reads / s),
                ("reads of a mapping", "mapped", (), "MB/s", lambda s: size / s / 1e6)):
            lines.append(compared(1, work, both(verb, after=after), unit, "native", at_least(0.98),
                                  scale))
        return lines
