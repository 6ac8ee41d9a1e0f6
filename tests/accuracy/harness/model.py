"""What a trace of the twin directory says the mount should have recorded."""
import os
import re

from . import rules
from .namespace import Node, artifact_of
from .processes import Opened, Process, Runs

READS = {"read", "pread64", "readv", "preadv", "preadv2"}
WRITES = {"write", "pwrite64", "writev", "pwritev", "pwritev2"}
# Which argument has the flags of an open.
OPENS = {"open": 1, "openat": 2, "openat2": 2, "open_by_handle_at": 2}
# Calls with two descriptors: (from, to).
COPIES = {"sendfile": (1, 0), "copy_file_range": (0, 2), "splice": (0, 2)}
INTERPRETER = re.compile(rb"#!\s*(\S+)")


class Model:
    def __init__(self, files, parents):
        self.files = files
        self.parents = parents
        self.processes = {}
        self.harness = Process(0, None, rules.HARNESS)
        self.runs = Runs()
        self.waiting = []     # runs that are over, but for what a launcher holds open
        self.lent = {}        # pipe: [(artifact, path)] that observers read into it
        self.seen = 0         # events

    # Processes

    def process(self, pid):
        known = self.processes.get(pid)
        if known is None:
            parent, flags = self.parents.get(pid, (None, set()))
            if parent is None:
                known = Process(pid, self.harness, cwd=self.files.root)
            else:
                known = self.process(parent).child(pid, flags)
            if known.pid == pid:
                known.born = self.seen
            self.processes[pid] = known
        return known

    def follow(self, events):
        for event in events:
            self.seen += 1
            process = self.process(event.pid)
            handler = getattr(self, "on_" + event.kind, None)
            if handler:
                handler(process, event)
            elif event.kind in OPENS or event.kind == "creat":
                self.opens(process, event)
            elif event.kind in READS:
                self.reads(process, event.descriptor(0))
            elif event.kind in WRITES:
                self.writes(process, event.descriptor(0))
            elif event.kind in COPIES:
                source, target = COPIES[event.kind]
                if event.result > 0:
                    self.reads(process, event.descriptor(source))
                    self.writes(process, event.descriptor(target))
        for run in list(self.runs.all):
            if run.launcher and not run.over:
                self.finish(run)

    def on_fork(self, _process, event):
        """A child has what its parent has now, and was started by what that is now."""
        if event.result in self.parents:
            self.process(event.result)

    on_vfork = on_clone = on_clone3 = on_fork

    def on_execve(self, process, event, path=None):
        path = path or self.resolved(process, event.text(0))
        argv = event.texts(1)
        scripts = self.interpreters(process, path)
        process.become(scripts[-1] if len(scripts) > 1 else path,
                       [scripts[-1], path] + argv[1:] if len(scripts) > 1 else argv)
        # The kernel opens what it executes while the process is still what it was; the open
        # belongs to what it becomes.
        for one in scripts:
            self.use_path(process, one)

    def on_execveat(self, process, event):
        directory = event.descriptor(0)[1] or process.cwd
        name = event.text(1)
        path = os.path.join(directory, name) if name else directory
        event.args = event.args[1:]
        self.on_execve(process, event, path)

    def interpreters(self, process, path):
        """A script's file, then its interpreter's, as the kernel follows "#!"."""
        found = [path]
        while len(found) < 5:
            try:
                with open(found[-1], "rb") as file:
                    line = INTERPRETER.match(file.readline(256))
            except OSError:
                break
            if not line:
                break
            found.append(self.resolved(process, os.fsdecode(line[1])))
        return found

    def on_exit(self, process, event):
        self.ends(process, event.pid, event.result != 0)

    def on_killed(self, process, event):
        self.ends(process, event.pid, True)

    def ends(self, process, pid, badly):
        if pid != process.pid:
            return  # a thread
        for opened in process.fds.values():
            self.unused(process, opened)
        self.claim(process, process.input)
        process.alive = False
        process.died = self.seen
        process.fds = {}
        run = process.run
        if run is not None:
            if run.root is process:
                run.failed = badly
            self.seal_if_over(run)
        self.seal_waiting()

    def members(self, run):
        return [one for one in self.processes.values() if one.alive and one.run is run]

    def seal_if_over(self, run):
        """A run ends with its root; what a living member still has open for writing waits."""
        if run.launcher or run.root.alive:
            return
        for member in self.members(run):
            if any(isinstance(opened, Opened) and rules.writes(opened.flags)
                   for opened in member.fds.values()):
                return
        self.seal(run)

    def held_by_others(self, artifact, run):
        """Others still have a file there that a launcher opened for writing, or live and wrote
        through it: what program after program writes there is one draft."""
        mine = {one for one in run.through if one[0] == artifact}
        if any(mine & one.through for one in self.runs.all if one is not run and one.root.alive):
            return True
        return any(isinstance(opened, Opened) and opened.by_launcher and
                   rules.writes(opened.flags) and artifact_of(opened.path)[0] == artifact
                   for one in self.processes.values() if one.alive and one.run is not run
                   for opened in one.fds.values())

    def finish(self, run):
        self.seal(run)
        run.over = True

    def seal(self, run):
        if run.failed:
            return
        for artifact, paths in list(run.changed.items()):
            if self.held_by_others(artifact, run):
                self.waiting.append(run)
                continue
            del run.changed[artifact]
            if not any(rules.kept(path) for path in paths):
                continue  # a lock file alone makes nothing
            if not self.files.changed(artifact, paths, run):
                self.log_the_same(run, artifact)
                continue
            together = [run] + [one for one in self.waiting if artifact in one.changed]
            version = self.files.versions.get(artifact, -1) + 1
            self.files.versions[artifact] = version
            for one in together:
                one.logs.add((artifact, version))
                for path in one.changed.pop(artifact, paths):
                    node = self.files.names.get(f"{artifact}/latest/{path}")
                    if node:
                        node.dirty.discard(one)
            self.files.stamp(artifact)

    def log_the_same(self, run, artifact):
        """A draft equal to the newest version is a log of that, unless it came of it: then the run
        only confirmed it."""
        version = (artifact, self.files.versions.get(artifact))
        if version[1] is None:
            return
        upstream, left = set(), {use[:2] for use in run.uses}
        while left:
            one = left.pop()
            upstream.add(one)
            left |= {use[:2] for other in self.runs.all if one in other.logs
                     for use in other.uses} - upstream
        if version not in upstream:
            run.logs.add(version)

    def seal_waiting(self):
        for run in list(self.waiting):
            self.waiting.remove(run)
            self.seal(run)

    # Looking and using

    def pin(self, run, artifact):
        """A run sees one version from its first look. The look seals what a launcher's file
        tools have written there."""
        if artifact in run.pins and not run.launcher:
            return
        self.ask_launchers(artifact, run)
        run.pins[artifact] = self.files.versions.get(artifact)

    def ask_launchers(self, artifact, run=None):
        for other in list(self.runs.all):
            if other.launcher and other is not run and not other.over and other.changed.get(
                    artifact):
                self.finish(other)

    def use(self, run, node):
        """Own writes make no edges; bytes that are still a version's do."""
        if node is None or node.kind != "file" or run in node.authors:
            return
        for author in [one for one in node.authors if one.launcher and not one.over]:
            self.finish(author)
        if node.stamp is None:
            return
        artifact, path = node.stamp
        self.pin(run, artifact)
        run.uses.add((artifact, run.pins[artifact], path))

    def use_path(self, process, path):
        relative = self.files.relative(os.path.realpath(path))
        if relative is None or artifact_of(relative)[0] is None:
            return
        deed = self.runs.who(process)
        self.look(process, deed, self.files.names.get(relative))

    def look(self, process, deed, node):
        if deed.run is not None:
            self.use(deed.run, node)
        elif deed.kind == "observer" and node is not None:
            process.looked.append(node)
            self.lend(process, [node])

    def lend(self, process, nodes):
        out = process.fds.get(1)
        if isinstance(out, str):
            self.lent.setdefault(out, []).extend(nodes)

    # Opening

    def resolved(self, process, path, directory=None):
        return os.path.join(directory or process.cwd, path)

    def opens(self, process, event):
        flags = ({"O_WRONLY", "O_CREAT", "O_TRUNC"} if event.kind == "creat"
                 else event.flags(OPENS[event.kind]))
        self.opened(process, event.result, event.path, flags)

    def opened(self, process, number, path, flags):
        relative = self.files.relative(path)
        artifact, inside = artifact_of(relative) if relative else (None, "")
        process.fds.pop(number, None)
        if artifact is None or "O_DIRECTORY" in flags and "__O_TMPFILE" not in flags:
            return
        changes = rules.writes(flags)
        deed = self.runs.who(process, changes)
        if deed.run is not None:
            self.pin(deed.run, artifact)
        elif deed.kind == "launcher" and process.forked:
            self.ask_launchers(artifact)  # for the program that it will be
        # A file without a name yet has a node of its own, which linkat may name.
        unnamed = "O_TMPFILE" in flags or "__O_TMPFILE" in flags
        node = None if unnamed else self.files.names.get(relative)
        if node is not None and node.kind == "dir":
            return
        made = node is None or ("O_TRUNC" in flags and changes)
        existed = node is not None
        if node is None:
            node = Node("file")
            if not unnamed:
                self.files.names[relative] = node
        opened = Opened(node, relative, flags, process, by_launcher=deed.kind == "launcher",
                        made=made)
        process.fds[number] = opened
        if "O_CLOEXEC" in flags:
            process.cloexec.add(number)
        if opened.by_launcher:
            if made:
                node.stamp = None
            return
        if existed and rules.reads(flags):
            self.look(process, deed, node)
        if made:
            self.empty(deed.run, opened.node, relative)

    def empty(self, run, node, path):
        """Created, or truncated to nothing: the run's own from here."""
        node.stamp = None
        node.authors = {run}
        self.touch(run, node, path)

    def touch(self, run, node, *paths):
        if run is None:
            return
        if node is not None:
            node.dirty.add(run)
        for path in paths:
            artifact, inside = artifact_of(path)
            if artifact:
                self.pin(run, artifact)
                run.changed.setdefault(artifact, set()).add(inside)

    # Through descriptors

    def file_of(self, process, descriptor):
        """What a descriptor is open on; one that came by a way the trace does not show (io_uring,
        a socket) is the process's own open."""
        number, path = descriptor
        if number is None or number < 0:
            return None
        opened = process.fds.get(number)
        if path.startswith("pipe:"):
            process.fds[number] = path
            return None
        if isinstance(opened, Opened):
            return opened
        relative = self.files.relative(path) if path.startswith("/") else None
        if relative is None or artifact_of(relative)[0] is None:
            return None
        self.opened(process, number, path, {"O_RDONLY"})
        found = process.fds.get(number)
        return found if isinstance(found, Opened) else None

    def reads(self, process, descriptor):
        opened = self.file_of(process, descriptor)
        if opened is None:
            if descriptor[0] == 0:
                self.claim(process, descriptor[1])
        elif opened.by_launcher:
            opened.used = True
            deed = self.runs.who(process)
            if deed.kind == "launcher":
                self.use(self.runs.of_launcher(deed.process), opened.node)
            self.look(process, deed, opened.node)

    def claim(self, process, pipe):
        """A run whose input is the pipe that an observer fills has what the observer read;
        who is in the middle and no run passes it on."""
        lent = self.lent.get(pipe)
        if not lent:
            return
        if process.run is not None:
            for node in lent:
                self.use(process.run, node)
        else:
            self.lend(process, lent)

    def writes(self, process, descriptor):
        opened = self.file_of(process, descriptor)
        if opened is None:
            return
        deed = self.runs.who(process, True)
        run = deed.run or self.runs.of_launcher(deed.process)
        for node in process.looked:  # an observer that writes is a program like any other
            self.use(run, node)
        opened.used = True
        if opened.by_launcher:
            run.through.add((artifact_of(opened.path)[0], opened.opener))
        if opened.by_launcher and opened.made and not opened.node.authors:
            opened.node.authors = {run}
        elif opened.by_launcher and not opened.made:
            self.use(run, opened.node)
        self.touch(run, opened.node, self.path_of(opened))

    def path_of(self, opened):
        if self.files.names.get(opened.path) is opened.node:
            return opened.path
        for path, node in self.files.names.items():
            if node is opened.node:
                return path
        return opened.path

    def unused(self, process, opened):
        """A handle nobody used belongs to what its opener became."""
        if not isinstance(opened, Opened) or not opened.by_launcher or opened.used:
            return
        if opened.became is not process and opened.opener is not process:
            return
        opened.used = True
        deed = self.runs.who(process, opened.made)
        run = deed.run or self.runs.of_launcher(deed.process)
        if opened.made:
            self.empty(run, opened.node, opened.path)
        else:
            self.use(run, opened.node)

    def on_mmap(self, process, event):
        descriptor = event.descriptor(4)
        if descriptor[0] is None or descriptor[0] < 0:
            return
        self.reads(process, descriptor)
        if "MAP_SHARED" in event.flags(3) and "PROT_WRITE" in event.flags(2):
            self.writes(process, descriptor)

    def on_ftruncate(self, process, event):
        opened = self.file_of(process, event.descriptor(0))
        if opened is None:
            return
        if event.args[1] == "0":
            opened.node.stamp = None
        self.writes(process, event.descriptor(0))

    def on_fallocate(self, process, event):
        self.writes(process, event.descriptor(0))

    def on_fchmod(self, process, event):
        self.writes(process, event.descriptor(0))

    def on_ioctl(self, process, event):
        if event.args[1] == "TIOCSCTTY":
            process.has_terminal = True
        elif event.args[1].startswith("FICLONE"):
            self.writes(process, event.descriptor(0))

    # Descriptors

    def on_dup(self, process, event):
        self.copy_descriptor(process, event.descriptor(0), event.result, set())

    on_dup2 = on_dup

    def on_dup3(self, process, event):
        self.copy_descriptor(process, event.descriptor(0), event.result, event.flags(2))

    def on_fcntl(self, process, event):
        number = event.descriptor(0)[0]
        if event.args[1].startswith("F_DUPFD"):
            flags = {"O_CLOEXEC"} if event.args[1] == "F_DUPFD_CLOEXEC" else set()
            self.copy_descriptor(process, event.descriptor(0), event.result, flags)
        elif event.args[1] == "F_SETFD":
            if "FD_CLOEXEC" in event.flags(2):
                process.cloexec.add(number)
            else:
                process.cloexec.discard(number)

    def copy_descriptor(self, process, descriptor, new, flags):
        old, path = descriptor
        if old == new:
            return
        if path.startswith("pipe:"):
            process.fds[old] = path
        self.drop(process, new)
        if old in process.fds:
            process.fds[new] = process.fds[old]
            if "O_CLOEXEC" in flags:
                process.cloexec.add(new)

    def on_close(self, process, event):
        self.drop(process, event.descriptor(0)[0])

    def drop(self, process, number):
        opened = process.fds.pop(number, None)
        process.cloexec.discard(number)
        if isinstance(opened, Opened) and opened not in process.fds.values():
            if opened.opener is process and opened.became is None:
                self.unused_by_anybody(process, opened)
            if process.run is not None:
                self.seal_if_over(process.run)
            self.seal_waiting()

    def unused_by_anybody(self, process, opened):
        """Closed by its opener, while no child has it."""
        for other in self.processes.values():
            if other.alive and opened in other.fds.values():
                return
        self.unused(process, opened)

    def on_close_range(self, process, event):
        first, last = int(event.args[0].split("<")[0], 0), int(event.args[1].split("<")[0], 0)
        for number in [one for one in process.fds if first <= one <= last]:
            if "CLOSE_RANGE_CLOEXEC" in event.flags(2):
                process.cloexec.add(number)
            else:
                self.drop(process, number)

    # Names

    def path(self, process, event, at, name):
        directory = event.descriptor(at)[1] if at is not None else None
        text = event.text(name)
        if not text and at is not None:
            return self.files.relative(event.descriptor(at)[1])
        full = self.resolved(process, text, directory)
        # The last name is taken as it is; what is above may be links.
        above, last = os.path.split(full.rstrip("/"))
        return self.files.relative(os.path.join(os.path.realpath(above), last))

    def acts(self, process, *paths):
        """The run that changes names, if any of them is in an artifact."""
        if not any(path and artifact_of(path)[0] for path in paths):
            return None
        deed = self.runs.who(process, True)
        return deed.run or self.runs.of_launcher(deed.process)

    def on_rename(self, process, event):
        self.renamed(process, self.path(process, event, None, 0),
                     self.path(process, event, None, 1))

    def on_renameat(self, process, event):
        self.renamed(process, self.path(process, event, 0, 1), self.path(process, event, 2, 3))

    def on_renameat2(self, process, event):
        self.renamed(process, self.path(process, event, 0, 1), self.path(process, event, 2, 3),
                     "RENAME_EXCHANGE" in event.flags(4))

    def renamed(self, process, old, new, exchange=False):
        run = self.acts(process, old, new)
        if run is None or old is None or new is None or old not in self.files.names:
            return
        if artifact_of(old)[0] != artifact_of(new)[0]:
            return self.moved_across(run, old, new)
        if exchange:
            self.files.exchange(old, new)
        else:
            self.files.names.pop(new, None)
            self.files.move(old, new)
        for path in list(self.files.names):
            for there, here in ((new, old), (old, new)):
                if path == there or path.startswith(there + "/"):
                    self.touch(run, None, path, here + path[len(there):])

    def moved_across(self, run, old, new):
        """From one artifact to another is EXDEV on the mount: mv then copies and removes."""
        moved = self.files.move(old, new)
        for path, node in moved.items():
            there = new + path[len(old):]
            self.use(run, node)
            self.files.names[there] = copy = Node(node.kind)
            self.touch(run, None, path)
            if copy.kind == "file" and artifact_of(there)[0]:
                self.empty(run, copy, there)

    def on_link(self, process, event):
        self.linked(process, self.path(process, event, None, 0),
                    self.path(process, event, None, 1))

    def on_linkat(self, process, event):
        old = self.path(process, event, 0, 1)
        opened = None
        if "AT_EMPTY_PATH" in event.flags(4):
            opened = self.file_of(process, event.descriptor(0))
        elif event.text(1).startswith("/proc/self/fd/"):
            opened = process.fds.get(int(event.text(1).rsplit("/", 1)[1]))
        node = opened.node if isinstance(opened, Opened) else None
        self.linked(process, old, self.path(process, event, 2, 3), node)

    def linked(self, process, old, new, node=None):
        run = self.acts(process, new)
        node = node or self.files.names.get(old)
        if run is None or node is None:
            return
        self.files.names[new] = node
        self.touch(run, None, new)

    def on_symlink(self, process, event):
        self.made(process, self.path(process, event, None, 1), "symlink")

    def on_symlinkat(self, process, event):
        self.made(process, self.path(process, event, 1, 2), "symlink")

    def on_mkdir(self, process, event):
        self.made(process, self.path(process, event, None, 0), "dir")

    def on_mkdirat(self, process, event):
        self.made(process, self.path(process, event, 0, 1), "dir")

    def made(self, process, path, kind):
        run = self.acts(process, path)
        if run is None:
            return
        self.files.names[path] = Node(kind, authors={run})
        self.touch(run, None, path)

    def on_unlink(self, process, event):
        self.removed(process, self.path(process, event, None, 0))

    def on_rmdir(self, process, event):
        self.removed(process, self.path(process, event, None, 0))

    def on_unlinkat(self, process, event):
        self.removed(process, self.path(process, event, 0, 1))

    def removed(self, process, path):
        run = self.acts(process, path)
        if run is not None:
            self.files.names.pop(path, None)
            self.touch(run, None, path)

    def on_truncate(self, process, event):
        path = self.path(process, event, None, 0)
        self.attributes_changed(process, path, empties=event.args[1] == "0")

    def on_chmod(self, process, event):
        self.attributes_changed(process, self.path(process, event, None, 0))

    def on_fchmodat(self, process, event):
        self.attributes_changed(process, self.path(process, event, 0, 1))

    def on_utimensat(self, process, event):
        if len(event.args) > 1 and event.args[1].startswith('"'):
            path = self.path(process, event, 0, 1)
            run = self.acts(process, path)
            if run is not None and path in self.files.names:
                self.touch(run, None, path)

    def attributes_changed(self, process, path, empties=False):
        run = self.acts(process, path)
        node = self.files.names.get(path)
        if run is None or node is None or node.kind == "dir":
            return
        if empties:
            self.empty(run, node, path)
        else:
            self.touch(run, node, path)

    # Places

    def on_chdir(self, process, event):
        process.cwd = os.path.realpath(os.path.join(process.cwd, event.text(0)))

    def on_fchdir(self, process, event):
        process.cwd = event.descriptor(0)[1]

    def on_mount(self, process, event):
        if "MS_BIND" in event.flags(3):
            # bubblewrap calls what it leaves and what it makes by these names.
            source, place = (os.path.realpath(self.resolved(
                process, event.text(i).removeprefix("/oldroot").removeprefix("/newroot")))
                for i in (0, 1))
            if source != place:
                self.files.binds.append((place, source))

    def on_setsid(self, process, _event):
        process.leads_session, process.has_terminal = True, False
