"""Run the studies, print their tables, and say whether every stated bound holds."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from calibrate.data import Traffic
from calibrate.limit import most_found
from calibrate.studies import CHANGES, Tally, detection, false_alarms, in_time, real_splits
from ops.console import out, table

WINDOWS = (200, 1_000, 10_000)
TRAFFIC = {
    "AR(1) 0.6": Traffic(correlation=0.6),
    "AR(1) 0.9": Traffic(correlation=0.9),
    "a daily cycle": Traffic(cycle=0.2),
}
MOST_FALSE_ALARMS = 0.015
MOST_CORRELATED = 0.03
LEAST_DETECTED = {
    "mean + 0.2 sd": 0.97,
    "the same, normal": 0.97,
    "sd x 1.25": 0.95,
    "variance x 1.25": 0.95,
    "missing 2 to 5 %": 0.85,
    "new word, 10 rows": 1.0,
}
"""Of 1,000 rows, one column of 35 changed. No bound for the other changes, which are shown for comparison."""
RULES = (
    "Muster",
    "Muster, warnings too",
    "KS and chi-square, BH at 5 %",
    "PSI > 0.2",
    "Model Monitor, Simple > 0.1",
    "Model Monitor, Robust > 0.1",
    "Evidently's default",
)


@dataclass(frozen=True)
class Bound:
    """A stated bound, what was found, and what the best possible test finds."""

    name: str
    found: float
    limit: float
    at_least: bool = False
    possible: float = 1.0

    @property
    def holds(self) -> bool:
        """Whether the figure is on the right side."""
        return self.found >= self.limit if self.at_least else self.found <= self.limit

    @property
    def can_hold(self) -> bool:
        """Whether any test can reach the bound."""
        return self.possible >= self.limit

    def row(self) -> tuple[str, str, str, str]:
        """Return the bound as the table shows it."""
        said = (
            "yes" if self.holds else "no" if self.can_hold else f"no: the best possible test finds {self.possible:.1%}"
        )
        return self.name, f"{self.found:.2%}", f"at {'least' if self.at_least else 'most'} {self.limit:.1%}", said


def show_false_alarms(runs: int, seed: int) -> list[Bound]:
    """Print the false alarms per run by window size."""
    found = {rows: false_alarms(rows, runs, seed) for rows in WINDOWS}
    _print("rule", [f"{rows:,} rows" for rows in WINDOWS], list(found.values()), RULES)
    return [Bound(f"false alarms, {rows:,} rows", tally.share(), MOST_FALSE_ALARMS) for rows, tally in found.items()]


def show_detection(runs: int, seed: int) -> list[Bound]:
    """Print how often a change of one column is found in 1,000 rows."""
    found = {change.name: detection(change, 1_000, runs, seed) for change in CHANGES}
    _print("rule", list(found), list(found.values()), RULES)
    return [
        Bound(f"detection, {name}", found[name].share(), least, at_least=True, possible=_possible(name, seed))
        for name, least in LEAST_DETECTED.items()
    ]


def _possible(name: str, seed: int) -> float:
    """Return how often the best possible test finds a change, where that is known to be less than always."""
    stretch = next(change.stretch for change in CHANGES if change.name == name)
    if stretch == 1:
        return 1.0
    by_shape = most_found(stretch, 1_000, MOST_FALSE_ALARMS, seed)
    return sum(by_shape.values()) / len(by_shape)


def show_in_time(runs: int, seed: int) -> list[Bound]:
    """Print the false alarms on rows that are related in time, windows of 1,000 rows, baseline of 20,000."""
    found = {name: in_time(traffic, 1_000, runs, seed) for name, traffic in TRAFFIC.items()}
    _print("baseline", list(found), list(found.values()), ("Muster", "independence assumed"))
    name = "AR(1) 0.6"
    return [Bound(f"false alarms, {name}, baseline in the order of time", found[name].share(), MOST_CORRELATED)]


def show_real(runs: int, seed: int) -> list[Bound]:
    """Print the false alarms on random splits of the breast cancer set: 30 columns, 369 rows against 200."""
    found = real_splits(200, runs, seed)
    _print("rule", ["200 rows"], [found], RULES)
    return [Bound("false alarms, random splits of real data", found.share(), MOST_FALSE_ALARMS)]


PARTS: dict[str, tuple[str, Callable[[int, int], list[Bound]]]] = {
    "alarms": ("Runs without drift in which any of 35 columns alarms, baseline of 10,000 rows", show_false_alarms),
    "detection": ("Runs in which the one changed column of 35 alarms, 1,000 rows", show_detection),
    "time": ("Runs without drift that alarm, rows related in time", show_in_time),
    "real": ("Runs that alarm on random splits of the breast cancer set", show_real),
}


def _print(first: str, columns: Sequence[str], tallies: Sequence[Tally], rules: Sequence[str]) -> None:
    rows = [(rule, *(f"{tally.share(rule):.2%}" for tally in tallies)) for rule in rules]
    out.print(table([first, *columns], rows, right=range(1, len(columns) + 1)))


def main() -> int:
    """Run the studies; the exit status says whether every bound holds that can hold."""
    parser = argparse.ArgumentParser(prog="python -m calibrate", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one or more of {', '.join(PARTS)}; none: all")
    parser.add_argument("--runs", type=int, default=1_000, help="runs of each cell (default 1,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers (default 1)")
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"found {', '.join(unknown)}, wanted {', '.join(PARTS)}")
    if given.runs < 10:
        parser.error(f"--runs: expected at least 10, got {given.runs}")
    bounds: list[Bound] = []
    for part in given.parts or PARTS:
        title, show = PARTS[part]
        begun = time.perf_counter()
        out.print(f"\n{title}; {given.runs:,} runs, seed {given.seed}", style="bold")
        bounds += show(given.runs, given.seed)
        out.print(f"{time.perf_counter() - begun:.0f} s")
    out.print("")
    out.print(table(["bound", "found", "wanted", "holds"], [bound.row() for bound in bounds], right=(1, 2)))
    return 0 if all(bound.holds or not bound.can_hold for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
