#!/usr/bin/env python3
"""preprocess-data in Python: replaces the C++ stage, with the same flags and the same files."""
import argparse
import os

import torch

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--in", dest="source", required=True, metavar="DIR", help="the raw splits")
parser.add_argument("--out", required=True, metavar="DIR", help="where the processed ones go")
flags = parser.parse_args()

for name in ("training.pt", "validation.pt", "test.pt"):
    x, y = torch.load(os.path.join(flags.source, name))
    torch.save((x.to(torch.float32).div(255).unsqueeze(1), y), os.path.join(flags.out, name))
