"""Edges expected and edges recorded, run by run; contents of the mount and of the plain twin."""
import fnmatch
import os
import stat
from dataclasses import dataclass, field

from . import rules


@dataclass
class Score:
    expected: int = 0
    recorded: int = 0
    right: int = 0

    def __add__(self, other):
        return Score(self.expected + other.expected, self.recorded + other.recorded,
                     self.right + other.right)

    @property
    def precision(self):
        return self.right / self.recorded if self.recorded else 1.0

    @property
    def recall(self):
        return self.right / self.expected if self.expected else 1.0

    @property
    def perfect(self):
        return self.right == self.recorded == self.expected


@dataclass
class Result:
    case: object
    expected: list = field(default_factory=list)  # runs
    uses: Score = field(default_factory=Score)
    logs: Score = field(default_factory=Score)
    problems: list = field(default_factory=list)   # of contents, output, status
    differences: list = field(default_factory=list)
    skipped: str = ""
    seconds: float = 0.0

    @property
    def good(self):
        return self.uses.perfect and self.logs.perfect and not self.problems


def recorded_edges(document):
    """Of a run as `art show --json` has it. What it only confirmed is no edge."""
    uses = {(use["artifact"], int(use["version"][1:]), path)
            for use in document["uses"] for path in use["files"]}
    logs = {(log["artifact"], int(log["version"][1:]))
            for log in document["logs"]}
    return uses, logs


def pair(expected, recorded):
    """Which recorded run is which expected one: those that have the most in common, first. Runs
    of the same program on the same files need not be told apart."""
    common = sorted(((len(one[0] & other[0]) + len(one[1] & other[1]),
                      one[2].argv == other[2]["command"], i, j)
                     for i, one in enumerate(expected) for j, other in enumerate(recorded)),
                    key=lambda entry: (-entry[0], not entry[1], abs(entry[2] - entry[3])))
    pairs, left, right = [], set(range(len(expected))), set(range(len(recorded)))
    for count, _, i, j in common:
        if count and i in left and j in right:
            pairs.append((i, j))
            left.discard(i)
            right.discard(j)
    return pairs + [(i, None) for i in sorted(left)] + [(None, j) for j in sorted(right)]


def as_numbered(pairs, expected, recorded):
    """Of programs that ran at one time (make -j) either may have ended first, here or on the plain
    directory: which of their versions came first is chance, and is taken as it was there."""
    pairs = [(expected[i], recorded[j]) for i, j in pairs if i is not None and j is not None]
    for want, have in pairs:
        for missing in want[1] - have[1]:
            mine = [log for log in have[1] - want[1] if log[0] == missing[0]]
            for other, swapped in pairs:
                if len(mine) == 1 and other is not want and other[2].beside(want[2]) and (
                        missing in swapped[1] - other[1]):
                    have[1].symmetric_difference_update({missing, *mine})
                    swapped[1].symmetric_difference_update({missing, *mine})
                    break


def edges(result, documents):
    """Fills in the scores. Runs without edges, on either side, are nobody's concern."""
    expected = [(run.uses, run.logs, run) for run in result.expected if run.uses or run.logs]
    recorded = [(uses, logs, document) for document in documents
                for uses, logs in [recorded_edges(document)] if uses or logs]
    pairs = pair(expected, recorded)
    as_numbered(pairs, expected, recorded)
    for i, j in pairs:
        want = expected[i] if i is not None else (set(), set(), None)
        have = recorded[j] if j is not None else (set(), set(), None)
        for score, one, other in ((result.uses, want[0], have[0]),
                                  (result.logs, want[1], have[1])):
            score.expected += len(one)
            score.recorded += len(other)
            score.right += len(one & other)
        told = [f"  - {edge(one)}" for one in sorted(want[0] | want[1]) if one not in have[0] | have[1]]
        told += [f"  + {edge(one)}" for one in sorted(have[0] | have[1]) if one not in want[0] | want[1]]
        if told:
            names = " ".join(want[2].argv[:4]) if i is not None else "no such run expected"
            document = have[2]
            names += (f"  [{document['name']}: {' '.join(document['command'] or [])[:60]}]"
                      if document else "  [no such run recorded]")
            result.differences += [names] + told


def edge(one):
    artifact, version, *path = one
    return f"{'use' if path else 'log'} {artifact}:v{version}" + (f"/{path[0]}" if path else "")


def tree(root, varies):
    """{path: what it is} of an artifact's latest."""
    found = {}
    for directory, directories, files in os.walk(root):
        if os.path.relpath(directory, root) == ".":
            directories[:] = [name for name in directories if name != ".art"]
        for name in directories + files:
            full = os.path.join(directory, name)
            path = os.path.relpath(full, root)
            if not rules.kept(path):
                continue
            mode = os.lstat(full).st_mode
            if stat.S_ISLNK(mode):
                found[path] = ("symlink", os.readlink(full))
            elif stat.S_ISDIR(mode):
                found[path] = ("dir",)
            elif not stat.S_ISREG(mode):
                continue
            elif any(fnmatch.fnmatch(path, one) for one in varies.split()):
                found[path] = ("file",)
            else:
                with open(full, "rb") as file:
                    found[path] = ("file", stat.S_IMODE(mode), file.read())
    return found


def contents(result, twin, mount):
    """The artifacts' newest versions against the twin's directories. What a failed run wrote is in
    no version: the plain directory has it, the mount must not."""
    for artifact in sorted(os.listdir(twin)):
        if not os.path.isdir(os.path.join(twin, artifact, "latest")):
            continue
        want = tree(os.path.join(twin, artifact, "latest"), result.case.varies)
        have = tree(os.path.join(mount, artifact, "latest"), result.case.varies)
        for run in result.expected:
            for path in run.changed.get(artifact, ()) if run.failed else ():
                want.pop(path, None)
        # A draft of directories only makes no version.
        if not have and not any(what[0] != "dir" for what in want.values()):
            continue
        for path in sorted(want.keys() | have.keys()):
            if want.get(path) != have.get(path):
                result.problems.append(f"{artifact}/{path} differs")


def printed(result, twin, mount):
    if twin.status != mount.status:
        result.problems.append(f"exit status {mount.status}, {twin.status} on the plain directory")
    if twin.status != result.case.status:
        result.problems.append(f"the case ended with {twin.status}: {twin.err[-300:]}")
    if result.case.prints and twin.out != mount.out:
        result.problems.append(f"printed {mount.out[-300:]!r}, not {twin.out[-300:]!r}")
    if result.problems and mount.err:
        result.problems.append("standard error: " + mount.err[-300:])
