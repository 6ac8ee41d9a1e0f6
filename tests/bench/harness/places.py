"""Where it is measured: a mount, libfuse's example, a plain directory."""
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / ".deps/example/passthrough_hp"
# In memory a file system costs least, so that what a mount adds shows most.
MEMORY = Path("/dev/shm")


class BenchFailed(Exception):
    pass


def ran(command, allowed=(0,), **options):
    """What a program printed; a program that fails ends the row."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, **options)
    if done.returncode not in allowed:
        raise BenchFailed(f"{' '.join(str(word) for word in command)}: {done.stderr.strip()}")
    return done.stdout


class Mount:
    """A store and its mount. This program is a supervisor to it: what it starts are runs of
    their own."""

    def __init__(self, bench, directory, prepared=None):
        self.bench = bench
        self.directory = Path(directory)
        self.store = self.directory / "store"
        self.path = self.directory / "mnt"
        self.path.mkdir(parents=True, exist_ok=True)
        self.environment = {**os.environ, "ART_STORE": str(self.store),
                            "ART_MOUNT": str(self.path)}
        self.mounted = False
        if prepared:
            prepared(self.store)
        else:
            self.mount()
            self.unmount()
        (self.store / "config.toml").write_text('supervisors = ["+", "run"]\n')

    def __enter__(self):
        self.mount()
        return self

    def __exit__(self, *what):
        try:
            self.unmount("--lazy")
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def mount(self):
        self.art("mount", self.path, *self.bench.mount_options)
        self.mounted = True

    def unmount(self, *options):
        if self.mounted:
            self.art("umount", *options, self.path)
            self.mounted = False
        # The store is locked until the daemon is gone.
        for _ in range(1000):
            if not any(self._daemons()):
                return
            time.sleep(0.01)

    def _daemons(self):
        wanted = str(self.store).encode()
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"artd") and wanted in words:
                    yield int(entry)
            except OSError:
                continue

    def art(self, *words):
        return ran([self.bench.programs / "art", *words], env=self.environment, cwd="/")

    def json(self, *words):
        return json.loads(self.art(*words, "--json"))

    def run(self, *command, allowed=(0,)):
        """A program as a run of its own."""
        return ran(command, allowed, env=self.environment, cwd="/")

    def artifact(self, name):
        (self.path / name).mkdir(exist_ok=True)
        return self.path / name

    def appears(self, path, seconds=300):
        """Waits until another process sees the path; looked for without an end of patience."""
        until = time.monotonic() + seconds
        while not os.path.lexists(path):
            if time.monotonic() > until:
                raise BenchFailed(f"{path} does not appear: {self.art('status')}")
            time.sleep(0.0001)

    def quiet(self):
        """Waits until nothing is left to seal."""
        for _ in range(3000):
            status = self.json("status")
            if not status["runs"] and not status["drafts"]:
                return
            time.sleep(0.05)
        raise BenchFailed(f"runs do not end: {self.art('status')}")

    def worker_memory(self):
        """MiB that the daemon's processes have of their own."""
        pages = 0
        for pid in self._daemons():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    pages += int(line.split()[1])
        return pages / 1024


class Example:
    """libfuse's own passthrough example over a directory."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.source, self.path = self.directory / "below", self.directory / "mnt"
        for place in (self.source, self.path):
            place.mkdir(parents=True)
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen([EXAMPLE, "--foreground", self.source, self.path],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            if os.path.ismount(self.path):
                return self
            time.sleep(0.01)
        self.process.kill()
        raise BenchFailed("libfuse's example does not mount")

    def __exit__(self, *what):
        subprocess.run(["umount", "--lazy", self.path], check=False)
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Bench:
    """The programs, the places, and whether it must be quick."""

    def __init__(self, build, quick, mount_options):
        self.programs = Path(build).resolve() / "bin"
        self.quick = quick
        self.mount_options = ["-o", mount_options] if mount_options else []
        self.directories = []

    def sized(self, full, quick):
        return quick if self.quick else full

    def program(self, name):
        for build in (self.programs, ROOT / "build/bin", ROOT / "build/fast/bin"):
            if (build / name).exists():
                return build / name
        raise BenchFailed(f"{name} is not built: ninja -C build {name}")

    def loops(self, *words):
        """A figure of artfs_bench_loops."""
        return float(ran([self.program("artfs_bench_loops"), *words], cwd="/"))

    def pretouch(self, size):
        ran([self.program("artfs_bench_loops"), "pretouch", size])

    def directory(self, memory=False):
        """Removed in the end, whatever happens."""
        below = MEMORY if memory and os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
        directory = Path(tempfile.mkdtemp(prefix="artfs-test-bench-", dir=below))
        directory.chmod(0o755)
        self.directories.append(directory)
        return directory

    def close(self):
        for directory in self.directories:
            shutil.rmtree(directory, ignore_errors=True)

    @property
    def has_example(self):
        return EXAMPLE.exists()
