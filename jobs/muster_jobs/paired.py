"""Candidate against champion on the same rows: difference, its interval, and a one-sided paired test.

=================  ====================================================================================================
auc                DeLong, DeLong, Clarke-Pearson 1988 (Biometrics 44:837): normal test and interval of the difference
accuracy, recall   McNemar's test, exact: of the rows that only one model gets right, as many or more are the
                   candidate's (binomial, 1/2); interval by Newcombe 1998, method 10 (Statistics in Medicine 17:2635).
                   Recall looks at the positive rows.
all others         paired bootstrap over rows: percentile interval; the p-value is the share of resamples without an
                   improvement, counted as (1 + k) / (1 + resamples) (Davison, Hinkley 1997, section 4.2)
=================  ====================================================================================================
"""

import math
from dataclasses import dataclass

import numpy as np

from muster_jobs.intervals import auc_variance, percentiles, placements, wilson, z_of
from muster_jobs.metrics import METRICS, value_of, why_undefined
from muster_jobs.scores import Scores

BOOTSTRAPPED = frozenset({"average_precision", "f1", "precision", "brier", "log_loss", "macro_f1", "rmse", "mae", "r2"})
"""Metrics whose comparison needs resamples."""

_BOOTSTRAP = "paired bootstrap over rows."
METHODS = {
    "auc": "DeLong's paired test.",
    "accuracy": "McNemar's exact test, Newcombe's paired interval.",
    "recall": "McNemar's exact test on the positive rows, Newcombe's paired interval.",
    **dict.fromkeys(BOOTSTRAPPED, _BOOTSTRAP),
}
"""What the report says of each metric's comparison."""


@dataclass(frozen=True)
class Difference:
    """How much better the candidate is, or the reason why that cannot be said.

    Attributes
    ----------
    difference
        Positive when the candidate is better, whatever the metric's direction.
    low, high
        Two-sided interval of it.
    p_better
        One-sided p-value of "the candidate is not better"; small means better.
    reason
        Why all four are None; empty otherwise.
    """

    difference: float | None
    low: float | None
    high: float | None
    p_better: float | None
    reason: str = ""

    def as_json(self) -> dict:
        """Return what evaluation.json holds of it."""
        return {"difference": self.difference, "low": self.low, "high": self.high, "p_better": self.p_better}


def compare(
    name: str,
    candidate: Scores,
    champion: Scores,
    confidence: float,
    resampled: tuple[np.ndarray, np.ndarray] | None,
) -> Difference:
    """Compare two models that predicted the same rows.

    Parameters
    ----------
    name
        The metric.
    candidate, champion
        Scores with the same truth, row by row.
    confidence
        Of the interval.
    resampled
        The metric of candidate and champion in the same resamples, for the metrics of `BOOTSTRAPPED`.
    """
    ours, theirs = value_of(name, candidate), value_of(name, champion)
    for value, scores, who in ((ours, candidate, "candidate"), (theirs, champion, "champion")):
        if math.isnan(value):
            return Difference(None, None, None, None, f"{who}: {why_undefined(name, scores)}")
    sign = -1.0 if METRICS[name].lower_is_better else 1.0
    difference = sign * (ours - theirs)
    if name == "auc":
        low, high, p_value = delong(candidate, champion, difference, confidence)
    elif name in ("accuracy", "recall"):
        rows = candidate.truth == 1 if name == "recall" else np.ones(len(candidate), dtype=bool)
        right = [(scores.decided == scores.truth)[rows] for scores in (candidate, champion)]
        low, high = newcombe_paired(right[0], right[1], confidence)
        p_value = mcnemar(right[0], right[1])
    else:
        if resampled is None:
            raise ValueError(f"{name} needs resamples")
        drawn = sign * (resampled[0] - resampled[1])
        low, high, p_value = bootstrap(drawn[np.isfinite(drawn)], difference, confidence)
    return Difference(difference, min(low, difference), max(high, difference), p_value)


def delong(candidate: Scores, champion: Scores, difference: float, confidence: float) -> tuple[float, float, float]:
    """Return interval and p-value of a difference of AUCs on the same rows."""
    ours, theirs = placements(candidate), placements(champion)
    error = math.sqrt(auc_variance(ours[0] - theirs[0], ours[1] - theirs[1]))
    if error < 1e-12:  # the models order the rows alike, or each row speaks for the same model equally
        fewest = min(len(ours[0]), len(ours[1]))
        return difference, difference, 1.0 if difference <= 0 else max(0.5**fewest, 1e-300)
    reach = z_of(confidence) * error
    return (
        max(difference - reach, -1.0),
        min(difference + reach, 1.0),
        0.5 * math.erfc(difference / error / math.sqrt(2)),
    )


def mcnemar(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the exact one-sided p-value: P(X >= wins), X binomial over the rows that only one model gets right."""
    wins, losses = int(np.sum(ours & ~theirs)), int(np.sum(~ours & theirs))
    rows = wins + losses
    if rows > 1000:  # the normal approximation, continuity-corrected, agrees to three digits here
        return 0.5 * math.erfc((wins - 0.5 - rows / 2) / math.sqrt(rows / 4) / math.sqrt(2))
    return sum(math.comb(rows, k) for k in range(wins, rows + 1)) / 2**rows


def newcombe_paired(ours: np.ndarray, theirs: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return Newcombe's method 10: Wilson's intervals of both shares, joined by their correlation."""
    rows = len(ours)
    both, wins = int(np.sum(ours & theirs)), int(np.sum(ours & ~theirs))
    losses, neither = int(np.sum(~ours & theirs)), int(np.sum(~ours & ~theirs))
    first, second = (both + wins) / rows, (both + losses) / rows
    (low1, high1), (low2, high2) = wilson(both + wins, rows, confidence), wilson(both + losses, rows, confidence)
    phi = correlation(both, wins, losses, neither)
    down, up = (first - low1, high2 - second), (high1 - first, second - low2)
    reach_down = math.sqrt(max(0.0, down[0] ** 2 - 2 * phi * down[0] * down[1] + down[1] ** 2))
    reach_up = math.sqrt(max(0.0, up[0] ** 2 - 2 * phi * up[0] * up[1] + up[1] ** 2))
    return max(first - second - reach_down, -1.0), min(first - second + reach_up, 1.0)


def correlation(both: int, wins: int, losses: int, neither: int) -> float:
    """Return Newcombe's phi: the correlation of the two models' successes, corrected for continuity when positive."""
    margins = (both + wins) * (losses + neither) * (both + losses) * (wins + neither)
    if margins == 0:
        return 0.0
    rows = both + wins + losses + neither
    product = both * neither - wins * losses
    if product > 0:
        product = max(product - rows / 2, 0)
    return product / math.sqrt(margins)


def bootstrap(drawn: np.ndarray, difference: float, confidence: float) -> tuple[float, float, float]:
    """Return interval and p-value of a difference from its resamples."""
    if len(drawn) == 0:
        return difference, difference, 1.0
    low, high = percentiles(drawn, (1 - confidence) / 2, (1 + confidence) / 2)
    return low, high, float((1 + np.sum(drawn <= 0)) / (1 + len(drawn)))
