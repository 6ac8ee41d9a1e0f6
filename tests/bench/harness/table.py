"""The table: for a terminal, for README, for programs."""
import json

from .figures import number

HEAD = ["", "work", "mount", "compared with", "ratio", "spread", "asked", ""]


def cells(line):
    others = ", ".join(f"{name} {number(value)}" for name, value in line.against.items())
    spread = f"{line.spread[0]:.2f}–{line.spread[1]:.2f}" if line.spread else ""
    reached = {True: "reached", False: "NOT REACHED", None: ""}[line.reached]
    return [str(line.row), line.work, f"{number(line.ours)} {line.unit}", others,
            f"{line.ratio:.2f}" if line.ratio is not None else "", spread,
            line.goal.text(line.unit) if line.goal else "", reached]


def text(lines):
    rows = [HEAD] + [cells(line) for line in lines]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    left = {1, 3, 6, 7}
    printed = ["  ".join(cell.ljust(width) if i in left else cell.rjust(width)
                         for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
               for row in rows]
    notes = [f"{line.row}: {line.work}: {line.note}" for line in lines if line.note]
    return "\n".join(printed + ([""] + notes if notes else []))


def markdown(lines):
    rows = ["| " + " | ".join(row) + " |" for row in [HEAD] + [cells(line) for line in lines]]
    return "\n".join([rows[0], "|--:|---|--:|---|--:|--:|---|---|"] + rows[1:])


def as_json(lines, machine):
    return json.dumps({"machine": machine, "rows": [
        {"row": line.row, "work": line.work, "ours": line.ours, "unit": line.unit,
         "against": line.against, "ratio": line.ratio, "spread": line.spread,
         "asked": line.goal.text(line.unit) if line.goal else None, "reached": line.reached,
         "note": line.note} for line in lines]}, indent=1)
