"""What a row says, and how figures are taken: interleaved, warmed up, medians and spread."""
import dataclasses
import statistics

NOT_INSTALLED = "not installed"


@dataclasses.dataclass
class Goal:
    """What is asked of a line: of its ratio, or of the figure itself."""
    bound: float
    least: bool = True
    of_ratio: bool = True

    def text(self, unit):
        return (("at least " if self.least else "at most ") + number(self.bound) +
                (" x" if self.of_ratio else " " + unit))

    def reached(self, line):
        value = line.ratio if self.of_ratio else line.ours
        if value is None:
            return None
        return value >= self.bound if self.least else value <= self.bound


def at_least(bound):
    return Goal(bound)


def at_most(bound):
    return Goal(bound, least=False)


def within(bound):
    return Goal(bound, least=False, of_ratio=False)


@dataclasses.dataclass
class Line:
    """One line of the table."""
    row: int
    work: str
    ours: float
    unit: str
    # What it is compared with, in the same unit; text where there is no figure.
    against: dict = dataclasses.field(default_factory=dict)
    ratio: float | None = None
    spread: tuple | None = None
    goal: Goal | None = None
    note: str = ""

    @property
    def reached(self):
        return self.goal.reached(self) if self.goal else None


def number(value):
    if isinstance(value, str) or value is None:
        return value or ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 0.1 or value == 0 else f"{value:.2g}"


def interleave(rounds, sides, before=lambda: None, warm=True):
    """Calls every side in turn, round after round. The first round only warms up."""
    taken = {name: [] for name in sides}
    for turn in range(rounds + (1 if warm else 0)):
        for name, measure in sides.items():
            before()
            value = measure()
            if turn > 0 or not warm:
                taken[name].append(value)
    return taken


def median(values):
    return statistics.median(values)


def ratios(ours, theirs):
    """The median of the rounds' own ratios, and the least and the most."""
    each = [one / other for one, other in zip(ours, theirs)]
    return median(each), (min(each), max(each))


def compared(row, work, taken, unit, against, goal, scale=lambda value: value, note=""):
    """A line from what interleave took: `mount` against the side called `against`."""
    taken = {name: [scale(value) for value in values] for name, values in taken.items()}
    ratio, spread = (None, None)
    if against in taken:
        ratio, spread = ratios(taken["mount"], taken[against])
    others = {name: median(values) for name, values in taken.items() if name != "mount"}
    if against not in taken:
        others[against] = NOT_INSTALLED
    return Line(row, work, median(taken["mount"]), unit, others, ratio, spread, goal, note)
