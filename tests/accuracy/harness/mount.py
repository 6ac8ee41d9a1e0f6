"""A store and a mount of its own, and what the mount recorded."""
import json
import os
import subprocess
import tempfile
from pathlib import Path

from . import rules
from .case import SEARCH, UNPACKED


class MountFailed(Exception):
    pass


class Mount:
    """Like TestMount of tests/mounted: this program is a supervisor to the mount, so that the
    shells it starts are the line that runs are looked for below."""

    def __init__(self, binaries, directory, options):
        self.art_program = str(binaries / "art")
        self.store = directory / "store"
        self.path = directory / "mnt"
        self.options = ["-o", ",".join(filter(None, ["allow_other", options]))]
        self.mounted = False
        self.mount()
        (self.store / "config.toml").write_text(f'supervisors = ["+", "{rules.HARNESS}"]\n')
        self.art("umount", str(self.path))
        self.mount()

    def art(self, *words):
        ran = subprocess.run([self.art_program, *words], env={**os.environ,
                             "ART_STORE": str(self.store), "ART_MOUNT": str(self.path)},
                             stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=120, check=False)
        if ran.returncode != 0:
            raise MountFailed(f"art {' '.join(words)}: {ran.stderr.strip()}")
        return ran.stdout

    def json(self, *words):
        return json.loads(self.art(*words, "--json"))

    def mount(self):
        self.art("mount", str(self.path), "--store", str(self.store), *self.options)
        self.mounted = True

    def close(self):
        if not self.mounted:
            return
        try:
            self.art("umount", "--lazy", str(self.path))
        except (MountFailed, subprocess.TimeoutExpired) as failure:
            print(failure)
        subprocess.run(["umount", "--lazy", str(self.path)], stderr=subprocess.DEVNULL,
                       check=False)

    def runs(self):
        """Everything recorded about every run, the oldest first."""
        names = [run["name"] for run in self.json("runs", "--all")]
        return [self.json("show", "@" + name) for name in reversed(names)]

    def mode(self):
        mounts = self.json("status")["mounts"]
        return "passthrough" if mounts[0]["passthrough"] else "through the worker"


HERE = Path(__file__).resolve().parent.parent


def environment(case, root, binaries, home):
    """What a case's script sees; the same on both sides but for places."""
    return {"PATH": f"{binaries}:{SEARCH}", "HOME": str(home), "LANG": "C.UTF-8",
            "IN": f"{case.input}/latest", "OUT": f"{case.output}/latest", "ROOT": str(root),
            "CASE": case.name, "PROGRAMS": f"{HERE}/programs",
            "PYTHONPATH": f"{UNPACKED}/lib/python3/dist-packages",
            "PYTHONDONTWRITEBYTECODE": "1", "TZ": "UTC", "TERM": "xterm",
            "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
            "ART_STORE": str(root.parent / "store")}


def living(marker):
    """Processes that still have the variable in their environment: orphans, daemons."""
    found = []
    wanted = marker.encode() + b"\0"
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                if wanted in file.read():
                    found.append(int(entry))
        except OSError:
            pass
    return found


def scratch():
    """Other users' programs find their way through it."""
    directory = Path(tempfile.mkdtemp(prefix="artfs-test-"))
    directory.chmod(0o755)
    return directory
