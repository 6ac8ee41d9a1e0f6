"""Drives a program through a terminal: `terminal.py PROGRAM… -- KEYS…`.

Each of KEYS (with Python's escapes) is typed when the program has been quiet for a moment."""
import codecs
import os
import pty
import select
import sys
import time

QUIET = 0.25
at = sys.argv.index("--")
command, keys = sys.argv[1:at], sys.argv[at + 1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
until = time.monotonic() + 30
while time.monotonic() < until:
    ready, _, _ = select.select([terminal], [], [], QUIET)
    if ready:
        try:
            if not os.read(terminal, 65536):
                break
        except OSError:  # the program has closed its side
            break
    elif keys:
        os.write(terminal, codecs.decode(keys.pop(0), "unicode_escape").encode("latin-1"))
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
