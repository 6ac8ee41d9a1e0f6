"""Writes the inputs of cases below a directory: `seed.py DIRECTORY < contents`."""
import base64
import json
import os
import sys


def write(root, contents):
    for artifact, files in contents.items():
        for path, what in files.items():
            full = f"{root}/{artifact}/latest/{path}"
            os.makedirs(os.path.dirname(full), exist_ok=True)
            if "target" in what:
                os.symlink(what["target"], full)
                continue
            with open(full, "wb") as file:
                file.write(base64.b64decode(what["data"]))
            if "mode" in what:
                os.chmod(full, what["mode"])


if __name__ == "__main__":
    write(sys.argv[1], json.load(sys.stdin))
