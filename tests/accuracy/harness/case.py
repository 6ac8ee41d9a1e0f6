"""A case: a shell script that runs once on the mount and once, traced, on a plain directory.

The script stands in the directory of all artifacts. `$IN` is in/latest of the case's own artifact
in (INPUT below, or `files`), `$OUT` is out/latest. What it prints must be the same on both sides,
and so must what is in its artifacts afterwards.
"""
import base64
import functools
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

# Where tools/setup unpacks what is not installed.
UNPACKED = Path(__file__).resolve().parents[3] / ".deps/snakemake/usr"
# Debian's own programs, whatever else a machine has.
SEARCH = f"/usr/bin:/bin:/usr/sbin:/sbin:{UNPACKED}/bin"

# What every case finds in its input.
INPUT = {
    "a": b"alpha\nbeta\ngamma\n",
    "b": b"second file\n",
    "c.csv": b"id,name,score\n1,ann,3.5\n2,bob,4.25\n3,eve,1\n",
    "big": bytes(range(256)) * 1024,
    "dir/x": b"in a directory\n",
    "dir/y": b"another\n",
    "link": "a",  # a symlink
}


@dataclass
class Built:
    """One of the build's own files, as an input."""
    name: str


@dataclass
class Case:
    group: str
    name: str
    script: str
    files: dict = field(default_factory=dict)   # more for the input: text, bytes, or a file to copy
    modes: dict = field(default_factory=dict)
    needs: str = ""       # programs and Python modules (py:NAME), without which it is skipped
    varies: str = ""      # files whose bytes differ between two runs of the program: patterns
    prints: bool = True   # its output is the same on both sides
    root: bool = False    # needs root
    slow: bool = False    # waits, rather than works: started beside others
    known: str = ""       # why it cannot be right
    status: int = 0
    contents_only: bool = False  # its edges are not judged

    @property
    def input(self):
        return f"{self.name}.in"

    @property
    def output(self):
        return f"{self.name}.out"

    def missing(self):
        """What this machine has not got."""
        for need in self.needs.split():
            kind, _, name = need.rpartition(":")
            if kind == "py":
                if not importable(name):
                    return f"Python's {name}"
            elif not shutil.which(name, path=SEARCH):
                return name
        if self.root and os.geteuid() != 0:
            return "root"
        if "podman" in self.needs.split() and not containers_start():
            return "a podman that can start a container"
        return ""

    def contents(self, binaries):
        """The input as programs/seed.py takes it."""
        found = {}
        for path, what in {**INPUT, **self.files}.items():
            if path == "link" and what is INPUT["link"]:
                found[path] = {"target": what}
                continue
            if isinstance(what, Built):
                what = binaries / what.name
            data = what.read_bytes() if isinstance(what, Path) else encoded(what)
            found[path] = {"data": base64.b64encode(data).decode()}
            if isinstance(what, Path) or data.startswith(b"#!"):
                found[path]["mode"] = 0o755
            if path in self.modes:
                found[path]["mode"] = self.modes[path]
        return found


@functools.cache
def containers_start():
    with tempfile.TemporaryDirectory() as home:
        program = Path(__file__).resolve().parents[1] / "programs/in-container"
        env = {"PATH": SEARCH, "HOME": home, "ROOT": home}
        return subprocess.run([program, "true"], env=env, capture_output=True, check=False).returncode == 0


@functools.cache
def importable(module):
    """Of the system's Python; without loading it, which may take seconds."""
    find = f"import importlib.util as u, sys; sys.exit(u.find_spec('{module}') is None)"
    return subprocess.run(["/usr/bin/python3", "-c", find], check=False).returncode == 0


def encoded(what):
    return what.encode() if isinstance(what, str) else what
