"""The cases, a file a group. A group's file has CASES: {name: script, or keywords of Case}."""
import collections
import importlib

from harness.case import Case

GROUPS = ["examples", "opening", "copying", "names", "descriptors", "processes", "tools", "python", "shell",
          "explicit", "namespaces", "services"]

# Rules of the design that are being built.
COMING = {
    "launchers' views, file tools and lending (design 3, rules 4 to 6)":
        "cp-loop ln mkdir-program git redirect-group redirect-descriptor cat-redirect lend "
        "lend-middle cd-write subshells snakemake csv-pipeline cp-cp cp-then-program head-redirect "
        "tee-program",
    "merging (design 4)": "make-j",
}


def all_cases():
    cases = []
    for group in GROUPS:
        for name, what in importlib.import_module(f"cases.{group}").CASES.items():
            keywords = {"script": what} if isinstance(what, str) else what
            for what, coming in COMING.items():
                if name in coming.split():
                    keywords = {**keywords, "known": what + " are not there yet"}
            cases.append(Case(group, name, **keywords))
    count = collections.Counter(case.name for case in cases)
    if twice := [name for name, times in count.items() if times > 1]:
        raise ValueError(f"two cases have one name: {twice}")
    return cases
