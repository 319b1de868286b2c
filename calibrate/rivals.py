"""The rules of other tools, written again from their documents and sources: what they would say of the same columns.

They read the rows themselves, as those tools do. Evidently's and Model Monitor's rules are re-implementations.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from muster_numerics.columns import Categorical, Columns, Numeric
from muster_numerics.comparison import Comparison
from muster_numerics.decide import Decision, benjamini_hochberg
from muster_numerics.effects import population_stability

Array = npt.NDArray[np.float64]

MODEL_MONITOR = 0.1
PSI = 0.2
FALSE_DISCOVERIES = 0.05
EVIDENTLY = 0.1


@dataclass(frozen=True)
class Reference:
    """The baseline's rows, sorted once; and of words, their counts."""

    numbers: dict[str, Array]
    words: dict[str, Categorical]

    @classmethod
    def of(cls, columns: Columns) -> "Reference":
        """Sort the columns."""
        numbers = {name: _sorted(c) for name, c in columns.items() if isinstance(c, Numeric)}
        return cls(numbers, {name: c for name, c in columns.items() if isinstance(c, Categorical)})


def alarms(reference: Reference, window: Columns, decision: Decision) -> dict[str, set[str]]:
    """Return, per rule, the columns on which it alarms."""
    distance, p_value, evidently, stability = {}, {}, {}, {}
    for name, column in window.items():
        if isinstance(column, Numeric):
            gaps, widths, rows = _gaps(reference.numbers[name], _sorted(column))
            distance[name] = float(gaps.max())
            p_value[name] = float(special.kolmogorov(np.sqrt(rows) * distance[name]))
            evidently[name] = float(np.sum(gaps * widths)) / float(reference.numbers[name].std())
            stability[name] = _comparison(decision, name).effects.psi  # over deciles
        else:
            one, other = _counts(reference.words[name], column), _counts(column, reference.words[name])
            distance[name] = float(np.abs(one / one.sum() - other / other.sum()).max())
            p_value[name] = float(stats.chi2_contingency(np.stack([one, other])[:, one + other > 0]).pvalue)
            evidently[name] = _comparison(decision, name).effects.js
            stability[name] = population_stability(one.astype(float), other.astype(float))  # word by word
    return {
        "Muster": {name for name, column in decision.columns.items() if column.verdict == "drift"},
        "Muster, warnings too": {name for name, column in decision.columns.items() if column.verdict != "none"},
        "KS and chi-square, BH at 5 %": benjamini_hochberg(p_value, FALSE_DISCOVERIES),
        "PSI > 0.2": {name for name, value in stability.items() if value > PSI},
        "Model Monitor, Simple > 0.1": {name for name, value in distance.items() if value > MODEL_MONITOR},
        "Model Monitor, Robust > 0.1": {
            name for name in window if _comparison(decision, name).effects.linf_robust > MODEL_MONITOR
        },
        # Of more than 1,000 reference rows: normed Wasserstein distance, or Jensen-Shannon distance of words.
        "Evidently's default": {name for name, value in evidently.items() if value >= EVIDENTLY},
    }


def _comparison(decision: Decision, name: str) -> Comparison:
    return decision.columns[name].comparison


def _sorted(column: Numeric) -> Array:
    return np.sort(column.values[~np.isnan(column.values)])


def _gaps(one: Array, other: Array) -> tuple[Array, Array, float]:
    """Return the differences of the cumulative shares at each value, the way to the next value, and effective rows."""
    points = np.concatenate([one, other])
    order = np.argsort(points, kind="stable")  # of two sorted parts, which this merges
    points, first = points[order], np.cumsum(order < len(one))
    gaps = np.abs(first / len(one) - (np.arange(1, len(points) + 1) - first) / len(other))
    widths = np.diff(points, append=np.inf)
    last = widths > 0  # of equal values
    widths[-1] = 0.0
    return gaps[last], widths[last], len(one) * len(other) / (len(one) + len(other))


def _counts(column: Categorical, other: Categorical) -> npt.NDArray[np.int64]:
    number = max(len(column.levels), len(other.levels))
    return np.bincount(column.codes[column.codes >= 0], minlength=number)
