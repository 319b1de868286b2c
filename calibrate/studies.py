"""The studies: many runs of baseline and window, with and without drift; what each rule says of them is counted."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from calibrate.data import SHAPES, Array, Change, Traffic, synthetic, wdbc
from calibrate.rivals import Reference, alarms
from muster_numerics.baseline import Baseline, make_baseline
from muster_numerics.columns import Columns, Numeric
from muster_numerics.decide import Decision, Rules, decide
from muster_numerics.sketch import observe

WINDOWS_PER_BASELINE = 10
CONTINUOUS = tuple(shape for shape in SHAPES if shape != "Poisson")
"""Counts that are stretched would no longer be whole numbers, and found for that."""
CHANGES = (
    Change("mean + 0.2 sd", shift=0.2),
    Change("the same, normal", shift=0.2, shapes=("normal",)),
    Change("sd x 1.25", stretch=1.25, shapes=CONTINUOUS),
    Change("variance x 1.25", stretch=1.25**0.5, shapes=CONTINUOUS),
    Change("missing 2 to 5 %", missing=0.05),
    Change("new word, 10 rows", new_level=0.01, exactly=True),
    Change("new word, 1 % chance", new_level=0.01),
)


@dataclass
class Tally:
    """Of how many runs each rule did what is counted."""

    runs: int = 0
    hits: Counter[str] = field(default_factory=Counter)

    def add(self, rules: Sequence[str]) -> None:
        """Count one run."""
        self.runs += 1
        self.hits.update(rules)

    def share(self, rule: str = "Muster") -> float:
        """Return the share of the runs."""
        return self.hits[rule] / self.runs


def assess(baseline: Baseline, window: Columns) -> Decision:
    """Reduce the window to its state and decide, as the product does."""
    return decide(observe(window, baseline.grid), baseline, Rules())


def false_alarms(rows: int, runs: int, seed: int, baseline_rows: int = 10_000) -> Tally:
    """Count the runs without drift in which a rule alarms on any column."""
    tally, rng = Tally(), np.random.default_rng((seed, rows))
    for reference, baseline in _baselines(rng, runs, baseline_rows):
        for _ in range(WINDOWS_PER_BASELINE):
            window = synthetic(rng, rows)
            found = alarms(reference, window, assess(baseline, window))
            tally.add([rule for rule, columns in found.items() if columns])
    return tally


def detection(change: Change, rows: int, runs: int, seed: int, baseline_rows: int = 10_000) -> Tally:
    """Count the runs with one changed column in which a rule alarms on it."""
    tally, rng = Tally(), np.random.default_rng((seed, rows, *change.name.encode()))
    candidates = change.columns()
    for reference, baseline in _baselines(rng, runs, baseline_rows):
        for _ in range(WINDOWS_PER_BASELINE):
            changed = candidates[tally.runs % len(candidates)]
            window = synthetic(rng, rows, change=change, changed=changed)
            found = alarms(reference, window, assess(baseline, window))
            tally.add([rule for rule, columns in found.items() if list(window)[changed] in columns])
    return tally


def _baselines(rng: np.random.Generator, runs: int, rows: int) -> Iterator[tuple[Reference, Baseline]]:
    for _ in range(runs // WINDOWS_PER_BASELINE):
        columns = synthetic(rng, rows)
        yield Reference.of(columns), make_baseline(columns)


def in_time(traffic: Traffic, rows: int, runs: int, seed: int, baseline_rows: int = 20_000) -> Tally:
    """Count false alarms on rows related in time, with the baseline taken as it came, and as in the order of time."""
    key = (seed, rows, round(1000 * traffic.correlation), round(1000 * traffic.cycle))
    tally, rng = Tally(), np.random.default_rng(key)
    for _ in range(runs // WINDOWS_PER_BASELINE):
        columns = synthetic(rng, baseline_rows, traffic)
        baselines = {
            "Muster": make_baseline(columns, time_ordered=True),
            "independence assumed": make_baseline(columns),
        }
        for _ in range(WINDOWS_PER_BASELINE):
            window = synthetic(rng, rows, traffic)
            verdicts = {rule: assess(baseline, window).verdict for rule, baseline in baselines.items()}
            tally.add([rule for rule, verdict in verdicts.items() if verdict == "drift"])
    return tally


def real_splits(rows: int, runs: int, seed: int) -> Tally:
    """Count false alarms on random splits of the breast cancer set: one part is the baseline, the other the window."""
    tally, values, rng = Tally(), wdbc(), np.random.default_rng((seed, rows))
    for _ in range(runs):
        order = rng.permutation(len(values))
        before, window = _numeric(values[order[rows:]]), _numeric(values[order[:rows]])
        found = alarms(Reference.of(before), window, assess(make_baseline(before), window))
        tally.add([rule for rule, columns in found.items() if columns])
    return tally


def _numeric(table: Array) -> Columns:
    return {str(number): Numeric.of(column) for number, column in enumerate(table.T)}
