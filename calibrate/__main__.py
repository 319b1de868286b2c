"""Run the studies, print their tables, and say whether every stated bound holds."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from calibrate.studies import CHANGES, Tally, correlated, detection, false_alarms, real_splits
from ops.console import out, table

WINDOWS = (200, 1_000, 10_000)
CORRELATIONS = (0.0, 0.6, 0.9)
MOST_FALSE_ALARMS = 0.015
MOST_CORRELATED = 0.03
LEAST_DETECTED = {
    "mean + 0.2 sd": 0.97,
    "the same, normal": 0.97,
    "sd x 1.25": 0.95,
    "missing 2 to 5 %": 0.85,
    "new word, 1 %": 0.97,
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
    """A stated bound, and what was found."""

    name: str
    found: float
    limit: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the figure is on the right side."""
        return self.found >= self.limit if self.at_least else self.found <= self.limit


def show_false_alarms(runs: int, seed: int) -> list[Bound]:
    """Print the false alarms per run by window size."""
    found = {rows: false_alarms(rows, runs, seed) for rows in WINDOWS}
    _print("rule", [f"{rows:,} rows" for rows in WINDOWS], list(found.values()), RULES)
    return [Bound(f"false alarms, {rows:,} rows", tally.share(), MOST_FALSE_ALARMS) for rows, tally in found.items()]


def show_detection(runs: int, seed: int) -> list[Bound]:
    """Print how often a change of one column is found in 1,000 rows."""
    found = {change.name: detection(change, 1_000, runs, seed) for change in CHANGES}
    _print("rule", list(found), list(found.values()), RULES)
    return [Bound(f"detection, {name}", found[name].share(), least, True) for name, least in LEAST_DETECTED.items()]


def show_correlated(runs: int, seed: int) -> list[Bound]:
    """Print the false alarms on columns that are correlated in time, windows of 1,000 rows, baseline of 20,000."""
    found = {rho: correlated(rho, 1_000, runs, seed) for rho in CORRELATIONS}
    _print(
        "baseline", [f"AR(1) {rho}" for rho in CORRELATIONS], list(found.values()), ("Muster", "independence assumed")
    )
    return [Bound("false alarms, AR(1) 0.6, baseline in the order of time", found[0.6].share(), MOST_CORRELATED)]


def show_real(runs: int, seed: int) -> list[Bound]:
    """Print the false alarms on random splits of the breast cancer set: 30 columns, 369 rows against 200."""
    found = real_splits(200, runs, seed)
    _print("rule", ["200 rows"], [found], ("Muster",))
    return [Bound("false alarms, random splits of real data", found.share(), MOST_FALSE_ALARMS)]


PARTS: dict[str, tuple[str, Callable[[int, int], list[Bound]]]] = {
    "alarms": ("Runs without drift in which any of 35 columns alarms, baseline of 10,000 rows", show_false_alarms),
    "detection": ("Runs in which the one changed column of 35 alarms, 1,000 rows", show_detection),
    "correlated": ("Runs without drift that alarm, rows correlated in time", show_correlated),
    "real": ("Runs that alarm on random splits of the breast cancer set", show_real),
}


def _print(first: str, columns: Sequence[str], tallies: Sequence[Tally], rules: Sequence[str]) -> None:
    rows = [(rule, *(f"{tally.share(rule):.2%}" for tally in tallies)) for rule in rules]
    out.print(table([first, *columns], rows, right=range(1, len(columns) + 1)))


def main() -> int:
    """Run the studies; the exit status says whether every stated bound holds."""
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
        out.print(f"\n{title}; {given.runs:,} runs, seed {given.seed}", style="bold")
        bounds += show(given.runs, given.seed)
    rows = [
        (bound.name, f"{bound.found:.2%}", f"at {'least' if bound.at_least else 'most'} {bound.limit:.1%}", bound.holds)
        for bound in bounds
    ]
    out.print("")
    out.print(table(["bound", "found", "wanted", "holds"], rows, right=(1, 2)))
    return 0 if all(bound.holds for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
