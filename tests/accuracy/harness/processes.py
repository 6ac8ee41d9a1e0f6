"""The processes of a trace: who started whom, which program each is now, its descriptors, and
which run it belongs to by the rules of design.md, section 3."""
import os
from dataclasses import dataclass, field

from . import rules


@dataclass(eq=False)
class Opened:
    """An open file description."""
    node: object
    path: str
    flags: set
    opener: object            # the process
    by_launcher: bool = False
    became: object = None     # the process whose program the launcher turned into
    made: bool = False        # the open itself created or emptied the file
    used: bool = False        # somebody read or wrote through it


@dataclass(eq=False)
class Run:
    root: object              # the process
    launcher: bool = False    # what file tools do for a launcher
    argv: list = field(default_factory=list)
    pins: dict = field(default_factory=dict)      # artifact: version seen
    uses: set = field(default_factory=set)        # (artifact, version, path)
    logs: set = field(default_factory=set)        # (artifact, version)
    changed: dict = field(default_factory=dict)   # artifact: paths touched since its last seal
    through: set = field(default_factory=set)     # (artifact, launcher): written by its handles
    failed: bool = False
    over: bool = False

    def beside(self, other):
        """Whether both lived at one time, so that either could have ended first."""
        return self.root.born < other.root.died and other.root.born < self.root.died


@dataclass(eq=False)
class Process:
    pid: int
    parent: object
    program: str = ""
    argv: list = field(default_factory=list)
    cwd: str = "/"
    fds: dict = field(default_factory=dict)       # number: Opened, or the name of a pipe
    cloexec: set = field(default_factory=set)
    explicit: bool = False                        # the root of an `art run`
    forked: bool = False                          # runs what its parent does: a program to be
    leads_session: bool = False
    has_terminal: bool = False
    alive: bool = True
    born: int = 0                                 # as a number of events
    died: float = float("inf")
    run: object = None                            # of this process, once it is known
    execs: int = 0                                # how often it has become another program
    parent_execs: int = 0                         # and its parent had, when it was started
    run_execs: int = 0                            # and it had itself, when its run became known
    input: str = ""                               # the pipe that its program has for input
    looked: list = field(default_factory=list)    # nodes that an observer has read

    def __post_init__(self):
        self.kind = rules.class_of(self.program, self.argv)

    def become(self, path, argv):
        """exec."""
        self.execs += 1
        self.program, self.argv = os.path.basename(path), argv
        self.kind = rules.class_of(self.program, argv)
        self.forked = False
        self.explicit = self.explicit or rules.starts_run(argv)
        for number in self.cloexec & self.fds.keys():
            self.fds.pop(number)
        self.cloexec = set()
        self.looked = []
        self.input = self.fds.get(0) if isinstance(self.fds.get(0), str) else ""
        for opened in self.fds.values():
            if isinstance(opened, Opened) and opened.by_launcher and opened.opener is self:
                opened.became = self

    def child(self, pid, flags):
        if "CLONE_THREAD" in flags:
            return self
        made = Process(pid, self, self.program, self.argv, self.cwd)
        made.forked = self.kind == "launcher"
        made.parent_execs = self.execs
        shares = "CLONE_FILES" in flags
        made.fds = self.fds if shares else dict(self.fds)
        made.cloexec = self.cloexec if shares else set(self.cloexec)
        return made

    def started_by_what_it_was(self):
        """Its parent has become another program since: it was a shell, unless it had a run."""
        return self.parent.execs > self.parent_execs

    def line(self, kind):
        """No run's root is looked for at or above such a process."""
        if self.parent is None or kind == "supervisor":
            return True
        if kind != "launcher":
            return False
        return self.parent.kind == "supervisor" or (self.leads_session and self.has_terminal)


class Deed:
    """Whose deed something is: a run's, an observer's look (run is None), or a launcher's own."""

    def __init__(self, kind, process, run=None):
        self.kind, self.process, self.run = kind, process, run


class Runs:
    """The runs of a trace, made when a process first touches an artifact."""

    def __init__(self):
        self.all = []
        self._of_launcher = {}

    def of_root(self, root):
        if root.run is None:
            root.run, root.run_execs = Run(root, argv=root.argv), root.execs
            self.all.append(root.run)
        return root.run

    def of_launcher(self, launcher):
        run = self._of_launcher.get(launcher)
        if run is None or run.over:
            run = Run(launcher, launcher=True, argv=launcher.argv)
            self._of_launcher[launcher] = run
            self.all.append(run)
        return run

    def who(self, process, changes=False):
        """Rule 2; then 3 and 4 for an observer or a file tool that would itself be the root."""
        if process.run is not None:
            return Deed("run", process, process.run)
        above = process
        while above is not None and not above.explicit:
            above = above.parent
        if above is not None:
            process.run, process.run_execs = self.of_root(above), process.execs
            return Deed("run", process, process.run)
        chain, kinds, known = [process], {process: process.kind}, set()
        while not chain[-1].line(kinds[chain[-1]]):
            child, one = chain[-1], chain[-1].parent
            chain.append(one)
            was_shell = child.started_by_what_it_was() and one.kind != "supervisor"
            kinds[one] = "launcher" if was_shell else one.kind
            if one.run and one.run_execs <= child.parent_execs:
                known.add(one)
        line, below = chain[-1], chain[:-1]
        if process.kind == "supervisor":  # it sees what it starts make, as a launcher does
            return Deed("launcher", process)
        root = next((one for one in reversed(below) if one in known or kinds[one] != "launcher"),
                    None)
        # Below the root's launchers only.
        launchers = below[below.index(root) + 1:] if root else below
        topmost = launchers[-1] if launchers else None
        acting = topmost or (line if kinds[line] == "launcher" else None)
        if root is None:
            return Deed("launcher", acting or process)
        if root is process and root.kind == "observer" and not changes:
            return Deed("observer", process)
        if root.kind == "tool":
            # A shell execs the last of its commands, which goes on with what the others began.
            before = self._of_launcher.get(root)
            if before and not before.over:
                return Deed("tool", root, before)
            if acting:
                return Deed("tool", acting, self.of_launcher(acting))
        process.run, process.run_execs = self.of_root(root), process.execs
        return Deed("run", process, process.run)
