"""The cases, a file a group. A group's file has CASES: {name: script, or keywords of Case}."""
import collections
import importlib

from harness.case import Case

from . import random

GROUPS = ["examples", "opening", "copying", "names", "descriptors", "processes", "tools", "archives",
          "editing", "building", "python", "languages", "shell", "idioms", "weekly", "explicit", "namespaces", "services"]


def random_cases(count, seed):
    return [Case("random", name, script, contents_only=True)
            for name, script in random.cases(count, seed).items()]


def all_cases():
    cases = []
    for group in GROUPS:
        for name, what in importlib.import_module(f"cases.{group}").CASES.items():
            keywords = {"script": what} if isinstance(what, str) else what
            cases.append(Case(group, name, **keywords))
    count = collections.Counter(case.name for case in cases)
    if twice := [name for name, times in count.items() if times > 1]:
        raise ValueError(f"two cases have one name: {twice}")
    return cases
