"""The table: for a terminal, for README, for programs."""
import json


def ratio(score, value):
    return "–" if score.expected == score.recorded == 0 else f"{value:.2f}"


def row(result):
    return [result.case.group, result.case.name,
            str(result.uses.expected), ratio(result.uses, result.uses.precision),
            ratio(result.uses, result.uses.recall),
            str(result.logs.expected), ratio(result.logs, result.logs.precision),
            ratio(result.logs, result.logs.recall),
            "same" if not result.problems else "DIFFERS"]


HEAD = ["group", "case", "uses", "precision", "recall", "logs", "precision", "recall", "contents"]


def totals(results):
    ran = [result for result in results if not result.skipped]
    uses, logs = ran[0].uses, ran[0].logs
    for result in ran[1:]:
        uses, logs = uses + result.uses, logs + result.logs
    return ran, uses, logs


def total_row(results):
    ran, uses, logs = totals(results)
    same = sum(1 for result in ran if not result.problems)
    return ["", f"{len(ran)} cases", str(uses.expected), f"{uses.precision:.4f}",
            f"{uses.recall:.4f}", str(logs.expected), f"{logs.precision:.4f}",
            f"{logs.recall:.4f}", f"{same} same"]


def text(results):
    rows = [HEAD] + [row(result) for result in results if not result.skipped]
    rows.append(total_row(results))
    widths = [max(len(one[i]) for one in rows) for i in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) if i < 2 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(one, widths))).rstrip()
                     for one in rows)


def markdown(results):
    """For README: a row a group, its cases by name; each case that is not right by itself."""
    def line(cells):
        return "| " + " | ".join(cells) + " |"

    def numbers(some):
        return total_row(some)[2:]
    lines = [line(["cases", "", *HEAD[2:]]), "|---|--:|" + "--:|" * (len(HEAD) - 2)]
    ran = [result for result in results if not result.skipped]
    for group in dict.fromkeys(result.case.group for result in ran):
        some = [result for result in ran if result.case.group == group]
        names = ", ".join(result.case.name + ("" if result.good else "\\*") for result in some)
        lines.append(line([f"**{group}**: {names}", str(len(some)), *numbers(some)]))
    lines.append(line(["**all**", str(len(ran)), *numbers(ran)]))
    wrong = [result for result in ran if not result.good]
    if wrong:
        lines.append("")
    for one in wrong:
        lines.append(f"- \\*`{one.case.name}` (uses {ratio(one.uses, one.uses.precision)} / "
                     f"{ratio(one.uses, one.uses.recall)}, logs "
                     f"{ratio(one.logs, one.logs.precision)} / "
                     f"{ratio(one.logs, one.logs.recall)}): {one.case.known or 'WRONG'}")
    return "\n".join(lines)


def as_json(results, mode):
    def score(one):
        return {"expected": one.expected, "recorded": one.recorded, "right": one.right,
                "precision": one.precision, "recall": one.recall}
    ran, uses, logs = totals(results)
    return json.dumps({
        "mode": mode, "uses": score(uses), "logs": score(logs),
        "cases": [{"group": one.case.group, "name": one.case.name, "uses": score(one.uses),
                   "logs": score(one.logs), "good": one.good, "known": one.case.known,
                   "seconds": round(one.seconds, 2), "problems": one.problems,
                   "differences": one.differences} for one in ran],
        "skipped": [{"name": one.case.name, "missing": one.skipped}
                    for one in results if one.skipped]}, indent=1)
