#!/usr/bin/python3
"""The harness itself: what it makes of a trace, and that it sees what is missing or too much."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import strace  # noqa: E402
from harness.case import Case  # noqa: E402
from harness.compare import Result, edges  # noqa: E402
from harness.model import Model  # noqa: E402
from harness.namespace import Namespace  # noqa: E402

# The root of the twin is ROOT; a shell (1) starts a program (2), whose first calls come before the
# call that made it is seen to return.
TRACE = r"""
1 execve("/bin/bash", ["/bin/bash", "-c", "x"], 0x7ffe /* 3 vars */) = 0
1 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD <unfinished ...>
2 execve("/usr/bin/prog", ["prog", "in/latest/a"], 0x55 /* 3 vars */) = 0
1 <... clone resumed>, child_tidptr=0x7f) = 2
2 openat(AT_FDCWD<ROOT>, "in/latest/a", O_RDONLY <unfinished ...>
2 <... openat resumed>) = 3<ROOT/in/latest/a>
2 openat(AT_FDCWD<ROOT>, "in/latest/none", O_RDONLY) = -1 ENOENT (No such file or directory)
2 openat(AT_FDCWD<ROOT>, "in/latest/b\76 \303\251", O_WRONLY|O_TRUNC) = 4<ROOT/in/latest/b\76 \303\251>
2 openat(AT_FDCWD<ROOT>, "in/latest/c", O_PATH) = 5<ROOT/in/latest/c>
2 openat(AT_FDCWD<ROOT>, "out/latest/new", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 6<ROOT/out/latest/new>
2 openat(AT_FDCWD<ROOT>, "out/latest/new", O_RDONLY) = 7<ROOT/out/latest/new>
2 +++ exited with 0 +++
1 +++ exited with 0 +++
"""

# Two programs, each a version of `out`.
ONE = r"""
{0} execve("/usr/bin/prog", ["prog", "{1}"], 0x55 /* 3 vars */) = 0
{0} openat(AT_FDCWD<ROOT>, "in/latest/{1}", O_RDONLY) = 3<ROOT/in/latest/{1}>
{0} openat(AT_FDCWD<ROOT>, "out/latest/{1}", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 6<ROOT/out/latest/{1}>
"""
SHELL = '1 execve("/bin/bash", ["/bin/bash", "-c", "x"], 0x7ffe /* 3 vars */) = 0\n'
CLONE = "1 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD) = {}\n"
EXIT = "{} +++ exited with 0 +++\n"
TWO = (SHELL + CLONE.format(2) + ONE.format(2, "a").lstrip() + CLONE.format(3) +
       ONE.format(3, "c").lstrip() + EXIT.format(2) + EXIT.format(3) + EXIT.format(1))
TWO_IN_TURN = (SHELL + CLONE.format(2) + ONE.format(2, "a").lstrip() + EXIT.format(2) +
               CLONE.format(3) + ONE.format(3, "c").lstrip() + EXIT.format(3) + EXIT.format(1))


def followed(text, names=("a", "b> é", "c")):
    with tempfile.TemporaryDirectory() as root:
        for path in (Path(root) / "in/latest", Path(root) / "out/latest"):
            path.mkdir(parents=True)
        for name in names:
            (Path(root) / "in/latest" / name).touch()
        lines = text.strip().replace("ROOT", root).splitlines(keepends=True)
        model = Model(Namespace(root), strace.parents(lines))
        model.follow(strace.events(lines))
        return model.runs.all


def scored(runs, *documents):
    result = Result(Case("group", "case", ""), expected=runs)
    edges(result, [{"name": "x", "command": ["prog"], "uses": uses, "logs": logs}
                   for uses, logs in documents])
    return result


USE = {"artifact": "in", "version": "v0", "files": ["a"]}
LOGS = [{"artifact": "in", "version": "v1"}, {"artifact": "out", "version": "v0"}]


class Traces(unittest.TestCase):
    def test_uses_and_logs_of_a_program(self):
        run, = followed(TRACE)
        self.assertEqual(run.argv[0], "prog")
        self.assertEqual(run.uses, {("in", 0, "a")})
        self.assertEqual(run.logs, {("in", 1), ("out", 0)})

    def test_a_program_that_fails_logs_nothing(self):
        run, = followed(TRACE.replace("2 +++ exited with 0", "2 +++ exited with 1"))
        self.assertEqual((run.uses, run.logs), ({("in", 0, "a")}, set()))

    def test_an_observer_leaves_no_trace(self):
        reads = "\n".join(TRACE.strip().splitlines()[:6]).replace("/usr/bin/prog", "/usr/bin/cat")
        self.assertEqual(followed(reads), [])


class Scores(unittest.TestCase):
    def test_equal_is_perfect(self):
        self.assertTrue(scored(followed(TRACE), ([USE], LOGS)).good)

    def test_what_is_missing_lowers_recall(self):
        result = scored(followed(TRACE), ([], LOGS))
        self.assertEqual((result.uses.precision, result.uses.recall), (1.0, 0.0))
        self.assertFalse(result.good)

    def test_what_is_too_much_lowers_precision(self):
        result = scored(followed(TRACE), ([{**USE, "files": ["a", "c"]}], LOGS))
        self.assertEqual((result.uses.precision, result.uses.recall), (0.5, 1.0))

    def test_another_version_is_another_edge(self):
        result = scored(followed(TRACE), ([{**USE, "version": "v1"}], LOGS))
        self.assertFalse(result.uses.perfect)

    def test_versions_of_programs_at_one_time_are_numbered_either_way(self):
        for trace, right in ((TWO, True), (TWO_IN_TURN, False)):
            result = Result(Case("group", "case", ""), expected=followed(trace))
            edges(result, [{"name": "x", "command": ["prog", name], "uses": [
                {**USE, "files": [name]}], "logs": [{"artifact": "out", "version": version}]}
                for name, version in (("a", "v1"), ("c", "v0"))])
            self.assertEqual(result.good, right)

    def test_one_run_recorded_as_two_is_wrong(self):
        result = scored(followed(TRACE), ([USE], []), ([], LOGS))
        self.assertLess(result.uses.recall + result.logs.recall, 2)


if __name__ == "__main__":
    unittest.main()
