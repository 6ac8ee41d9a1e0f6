"""Runs a case's script on one side and says what came of it."""
import os
import signal
import subprocess
import time
from dataclasses import dataclass

from . import strace
from .model import Model
from .mount import HERE, environment, living
from .namespace import Namespace

TIMEOUT = 120
# For what a script leaves behind: orphans and daemons of the cases end by themselves.
LEFT_TIMEOUT = 30


@dataclass
class Ran:
    status: int
    out: str
    err: str


def run_script(case, root, binaries, home, prefix=()):
    """The script, by a shell of its own in a session of its own, until all it started is over."""
    home = home / case.name
    home.mkdir(parents=True)
    env = environment(case, root, binaries, home)
    # Unique to this side and this call: other tests may run the same cases at the same time.
    marker = f"ACCURACY={case.name}:{os.getpid()}:{root}"
    env["ACCURACY"] = marker.split("=", 1)[1]
    process = subprocess.Popen([*prefix, "/bin/bash", "-c", case.script], cwd=root, env=env,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        err += b"\ntimed out"
    until = time.monotonic() + LEFT_TIMEOUT
    left = living(marker)
    while left and time.monotonic() < until:
        time.sleep(0.05)
        left = living(marker)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
        err += b"\na process was left behind"
    text = out.decode(errors="replace").replace(str(root), "ROOT").replace(
        str(home), "HOME")
    return Ran(process.returncode, text, err.decode(errors="replace"))


def traced(case, root, binaries, home, trace):
    """On the plain directory: what it printed, and the expectation that follows from the trace."""
    files = Namespace(root)
    ran = run_script(case, root, f"{HERE}/programs/twin:{binaries}", home,
                     ["strace", *strace.OPTIONS, "-o", str(trace), "--"])
    with open(trace, encoding="latin-1") as file:
        lines = file.readlines()
    model = Model(files, strace.parents(lines))
    model.follow(strace.events(lines))
    return ran, model.runs.all
