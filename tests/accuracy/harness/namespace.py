"""The files of the twin directory while a trace is followed: which node each path is, and which
version's file it came from."""
import os
import stat
from dataclasses import dataclass, field

from . import rules


@dataclass(eq=False)
class Node:
    kind: str                 # file, dir, symlink
    stamp: tuple = None       # (artifact, path): of the version whose bytes it still has a part of
    authors: set = field(default_factory=set)   # runs whose own it is
    dirty: set = field(default_factory=set)     # runs that changed it since the last seal


def artifact_of(path):
    """("in", "a/b") of in/latest/a/b; (None, "") of what is in no version."""
    parts = path.split("/")
    if len(parts) < 3 or parts[1] != "latest":
        return None, ""
    inside = "/".join(parts[2:])
    return (parts[0], inside) if rules.recorded(inside) else (None, "")


class Namespace:
    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.names = {}
        self.binds = []       # (place, what is mounted there too)
        self.sealed = {}      # artifact: {path inside: node} of its newest version
        self.versions = {}    # artifact: number of the newest version
        for directory, directories, files in os.walk(self.root):
            for name in directories + files:
                full = os.path.join(directory, name)
                mode = os.lstat(full).st_mode
                kind = ("dir" if stat.S_ISDIR(mode) else
                        "symlink" if stat.S_ISLNK(mode) else "file")
                self.names[os.path.relpath(full, self.root)] = Node(kind)
        for artifact in {path.split("/")[0] for path in self.names}:
            if any(artifact_of(path)[0] == artifact for path in self.names):
                self.versions[artifact] = 0
                self.stamp(artifact)

    def relative(self, path):
        """A path below the root, relative to it; None for others."""
        path = os.path.normpath(path)
        for place, source in self.binds:
            if path == place or path.startswith(place + "/"):
                path = source + path[len(place):]
        return path[len(self.root) + 1:] if path.startswith(self.root + "/") else None

    def inside(self, artifact):
        prefix = artifact + "/latest/"
        return {path[len(prefix):]: node for path, node in self.names.items()
                if path.startswith(prefix) and node.kind != "dir"
                and artifact_of(path)[0] and rules.kept(path[len(prefix):])}

    def stamp(self, artifact):
        """All that is there is now the newest version's."""
        now = self.inside(artifact)
        self.sealed[artifact] = now
        for path, node in now.items():
            if not node.dirty:
                node.stamp = (artifact, path)

    def move(self, old, new):
        moved = {path: node for path, node in self.names.items()
                 if path == old or path.startswith(old + "/")}
        for path in moved:
            del self.names[path]
        for path, node in moved.items():
            self.names[new + path[len(old):]] = node
        return moved

    def exchange(self, one, other):
        self.move(one, one + "\0")
        self.move(other, one)
        self.move(one + "\0", other)

    def changed(self, artifact, paths, run):
        """Of the paths a run touched, those that now differ from the newest version."""
        now, before = self.inside(artifact), self.sealed.get(artifact, {})
        found = set()
        for path in paths:
            node = now.get(path)
            if node is not before.get(path) or (node is not None and run in node.dirty):
                found.add(path)
        return found
