"""How often any test at all can find a stretched column: the most powerful one, which knows baseline and change.

Neyman and Pearson's likelihood ratio of one column's rows at the level that is left to one of 35 columns, when nobody
says which has changed. A real test knows neither the change nor, but from its rows, the baseline, and finds less.
"""

import math

import numpy as np
from scipy import stats

from calibrate.data import MISSING, NUMERIC, Array

COLUMNS = NUMERIC + 5
_LOG_RATIOS = 60_000
_AT_ONCE = 2_000


def most_found(stretch: float, rows: int, false_alarms: float, seed: int) -> dict[str, float]:
    """Return the power of the best test by shape of the column, for those that can be stretched.

    Parameters
    ----------
    stretch
        What the distance to the mean is multiplied by, above 1.
    rows
        Of the window, `MISSING` of which have no value.
    false_alarms
        Per run over all columns.
    seed
        Of the random numbers.
    """
    present, level = round(rows * (1 - MISSING)), false_alarms / COLUMNS
    # Of normal values the likelihood ratio rises with the sum of squares, which is chi-square.
    normal = float(stats.chi2.sf(stats.chi2.isf(level, present) / stretch**2, present))
    return {
        "normal": normal,
        "lognormal": _by_support(float(stats.lognorm.cdf(math.exp(0.5) * (1 - 1 / stretch), 1)), present),
        "gamma": _by_support(float(stats.gamma.cdf(2 * (1 - 1 / stretch), 2)), present),
        "uniform": _by_support(1 - 1 / stretch, present),
        "Student's t": _student(stretch, present, level, seed),
    }


def _by_support(outside: float, rows: int) -> float:
    """Return the chance that a row lies where the baseline can have none, which settles it: a lower bound, near 1."""
    return 1 - (1 - outside) ** rows


def _student(stretch: float, rows: int, level: float, seed: int) -> float:
    rng = np.random.default_rng((seed, rows))

    def ratios(number: int, factor: float) -> Array:
        found = []
        for _ in range(number // _AT_ONCE):
            values = rng.standard_t(4, (_AT_ONCE, rows)) * factor
            each = 2.5 * (np.log1p(values**2 / 4) - np.log1p((values / stretch) ** 2 / 4)) - math.log(stretch)
            found.append(each.sum(axis=1))
        return np.concatenate(found)

    critical = np.quantile(ratios(_LOG_RATIOS, 1.0), 1 - level)
    return float(np.mean(ratios(_LOG_RATIOS // 10, stretch) > critical))
