"""Python as people run it: processes, threads, libraries."""


def script(text, **more):
    return {"script": f"/usr/bin/python3 - <<'END'\nimport os\nIN, OUT = os.environ['IN'], "
                      f"os.environ['OUT']\n{text}\nEND", **more}


def module(text, **more):
    """A script in a file: what starts its workers anew needs one."""
    head = "import os\nIN, OUT = os.environ['IN'], os.environ['OUT']\n"
    return {"script": f"cat >$HOME/work.py <<'END'\n{head}{text}\nEND\npython3 $HOME/work.py",
            **more}


POOL = """import multiprocessing as mp
def work(name):
    with open(f"{IN}/{name}", "rb") as file:
        data = file.read()
    with open(f"{OUT}/{os.path.basename(name)}", "wb") as file:
        file.write(data)
if __name__ == "__main__":
    with mp.get_context("%s").Pool(2) as pool:
        pool.map(work, ["a", "b", "dir/x", "big"])
"""
LOADER = """import torch
from torch.utils.data import DataLoader, Dataset
class Files(Dataset):
    def __len__(self):
        return 6
    def __getitem__(self, i):
        return torch.load(f"{IN}/{i}.pt")
if __name__ == "__main__":
    total = sum(batch.sum() for batch in DataLoader(Files(), batch_size=2, num_workers=2))
    torch.save(total, f"{OUT}/total.pt")
"""

CASES = {
    "copyfile": script("import shutil; shutil.copyfile(f'{IN}/big', f'{OUT}/big')"),
    "copytree": script("import shutil; shutil.copytree(f'{IN}/dir', f'{OUT}/dir')"),
    "atomic-save": script("import tempfile\nwith tempfile.NamedTemporaryFile('w', dir=OUT, "
                          "delete=False) as t:\n    t.write(open(f'{IN}/a').read())\n"
                          "os.replace(t.name, f'{OUT}/saved'); os.chmod(f'{OUT}/saved', 0o644)"),
    "append-log": script("for i in range(3):\n    print(i, file=open(f'{OUT}/log', 'a'))"),
    "update-csv": script("import csv\nrows = list(csv.reader(open(f'{IN}/c.csv')))\n"
                         "csv.writer(open(f'{IN}/c.csv', 'w', newline='')).writerows(rows[:2])"),
    "mmap": script("import mmap\nwith open(f'{IN}/big', 'r+b') as f:\n"
                   "    m = mmap.mmap(f.fileno(), 0); m[:3] = b'new'; m.flush(); m.close()"),
    "walk": script("for d, _, files in os.walk(IN):\n    for f in sorted(files):\n"
                   "        print(os.path.getsize(f'{d}/{f}'))\nopen(f'{OUT}/x', 'w').close()",
                   prints=False),
    "threads-pool": script("from concurrent.futures import ThreadPoolExecutor as T\n"
                           "with T(4) as t: data = list(t.map(lambda n: open(f'{IN}/{n}', 'rb')."
                           "read(), ['a', 'b', 'dir/x', 'dir/y', 'big']))\n"
                           "open(f'{OUT}/all', 'wb').write(b''.join(data))"),
    "subprocess": script("import subprocess\nsubprocess.run(['cp', f'{IN}/a', f'{OUT}/a'])\n"
                         "subprocess.run(f'sort -r {IN}/a | head -1 >{OUT}/first', shell=True)"),
    "zipfile": script("import zipfile\nwith zipfile.ZipFile(f'{OUT}/all.zip', 'w') as z:\n"
                      "    for n in ('a', 'b'): z.write(f'{IN}/{n}', n)\n"
                      "print(zipfile.ZipFile(f'{OUT}/all.zip').read('b'))", varies="all.zip"),
    "sqlite-module": script("import sqlite3\ndb = sqlite3.connect(f'{OUT}/db')\n"
                            "db.execute('create table t(x)')\nwith db: db.executemany("
                            "'insert into t values (?)', [(1,), (2,)])\n"
                            "print(db.execute('select sum(x) from t').fetchone())"),
    "import": {"script": "PYTHONPATH=$IN PYTHONDONTWRITEBYTECODE= python3 -c 'import helper'",
               "files": {"helper.py": "value = 1\n"}},
    "pool-fork": module(POOL % "fork"),
    "pool-spawn": module(POOL % "spawn"),
    "pool-forkserver": module(POOL % "forkserver"),
    "numpy": module("import numpy as np\nnp.save(f'{OUT}/n.npy', np.arange(1000.0))\n"
                    "m = np.load(f'{OUT}/n.npy', mmap_mode='r+'); m[0] = 5; m.flush()\n"
                    "x = np.loadtxt(f'{IN}/c.csv', delimiter=',', skiprows=1, usecols=2)\n"
                    "np.savez(f'{OUT}/z.npz', x=x); print(np.load(f'{OUT}/z.npz')['x'])",
                    needs="py:numpy", varies="z.npz"),
    "numpy-mapped": module("import subprocess, sys\nimport numpy as np\n"
                           "np.save(f'{OUT}/n.npy', np.frombuffer(open(f'{IN}/big', 'rb').read(), "
                           "'u1'))", needs="py:numpy"),
    "hdf5": module("import h5py, numpy as np\nwith h5py.File(f'{OUT}/h.h5', 'w') as f:\n"
                   "    f['x'] = np.arange(1000); f.attrs['from'] = open(f'{IN}/a').read()\n"
                   "with h5py.File(f'{OUT}/h.h5', 'a') as f: f['y'] = f['x'][:10] * 2\n"
                   "print(h5py.File(f'{OUT}/h.h5')['y'][:])", needs="py:h5py", varies="h.h5"),
    "torch-loader": {
        "script": "cat >$HOME/make.py <<'END'\nimport torch, os\nfor i in range(6):\n"
                  "    torch.save(torch.ones(3) * i, f\"{os.environ['OUT']}/{i}.pt\")\nEND\n"
                  "cat >$HOME/load.py <<'END'\nimport os\nIN = OUT = os.environ['OUT']\n"
                  + LOADER + "END\npython3 $HOME/make.py && python3 $HOME/load.py",
        "needs": "py:torch"},
}
CASES["numpy-mapped"]["script"] += (
    "\npython3 -c 'import numpy, os; print(numpy.load(os.environ[\"OUT\"] + \"/n.npy\", "
    "mmap_mode=\"r\").sum())'")
