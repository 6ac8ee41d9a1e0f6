"""Row 9: the MNIST pipeline, whose stages know nothing of the mount."""
import re

from harness.figures import Line, at_most, median
from harness.places import ROOT, BenchFailed, ran

PAIR = re.compile(r"([\d.]+) s on the mount, ([\d.]+) s beside it")


def measure(bench):
    if not (bench.programs / "mnist").exists():
        raise BenchFailed(f"the example's stages are not in {bench.programs}: build all of it")
    command = [ROOT / "tests/bench/pipeline", "--pairs", 7, "--build",
               bench.programs.parent]
    printed = ran(command + (["--quick"] if bench.quick else []))
    pairs = [(float(mount), float(plain)) for mount, plain in PAIR.findall(printed)]
    each = [mount / plain for mount, plain in pairs]
    return [Line(9, "the MNIST pipeline, its stages' own time", median([m for m, _ in pairs]), "s",
                 {"plain directory": median([plain for _, plain in pairs])}, median(each),
                 (min(each), max(each)), at_most(1.01))]
