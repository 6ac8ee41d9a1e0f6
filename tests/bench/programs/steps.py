"""Row 4's work, for one place: programs that make, list and remove many small files.

  steps.py prepare DIR FILES              files.tar, and a git repository of a tenth of them
  steps.py fill DIR FILES                 so many files, 100 in a directory
  steps.py run LOOPS TAR REPO FILES DIR   each step in DIR, files a second, as JSON; DIR is empty after
  steps.py find DIR                       seconds
"""
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

IN_A_DIRECTORY = 100
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
GIT = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0",
       "-c", "core.fsync=none"]


def run(*command):
    subprocess.run([str(word) for word in command], check=True, **QUIET)


def fill(directory, files):
    for first in range(0, files, IN_A_DIRECTORY):
        place = directory / f"d{first // IN_A_DIRECTORY}"
        place.mkdir(parents=True)
        for index in range(first, min(files, first + IN_A_DIRECTORY)):
            (place / f"f{index}").write_bytes(b"%d\n" % index * 100)


def prepare(directory, files):
    fill(directory / "tree", files)
    run("tar", "-C", directory, "-cf", directory / "files.tar", "tree")
    shutil.rmtree(directory / "tree")
    repository = directory / "repository"
    fill(repository, files // 10)
    run(*GIT, "init", repository)
    run(*GIT, "-C", repository, "add", ".")
    run(*GIT, "-C", repository, "commit", "-m", "all")


def seconds(work):
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def steps(loops, tar, repository, files, directory):
    created, clone = directory / "created", directory / "clone"
    created.mkdir()
    figures = {}
    took = subprocess.run([loops, "create", created, str(files), "1"], check=True,
                          capture_output=True, text=True).stdout
    figures["create"] = files / float(took)
    run("rm", "-r", created)
    # -m: libfuse's example cannot set a file's times.
    figures["untar"] = files / seconds(lambda: run("tar", "-C", directory, "-xmf", tar))
    figures["rm"] = files / seconds(lambda: run("rm", "-r", directory / "tree"))
    few = files // 10
    figures["clone"] = few / seconds(lambda: run(*GIT, "clone", "--no-local", repository, clone))
    # The first writes the index anew, with what the clone has just made.
    run(*GIT, "-C", clone, "status")
    figures["status"] = few / seconds(lambda: run(*GIT, "-C", clone, "status"))
    run("rm", "-rf", clone)
    return figures


def find(directory):
    def look():
        run("find", directory, "-type", "f", "-size", "+100M")
    look()
    return seconds(look)


def main(verb, *words):
    if verb == "prepare":
        prepare(Path(words[0]), int(words[1]))
    elif verb == "fill":
        fill(Path(words[0]), int(words[1]))
    elif verb == "run":
        print(json.dumps(steps(words[0], words[1], words[2], int(words[3]), Path(words[4]))))
    elif verb == "find":
        print(find(Path(words[0])))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    os.umask(0o022)
    main(*sys.argv[1:])
