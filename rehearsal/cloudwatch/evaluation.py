"""How an alarm's state follows from data points, missing ones included.

"Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data", CloudWatch user guide.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"
#: Data points that are looked at beyond the evaluation periods, for the missing ones among them.
EXTRA = 2

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
WORDS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}


@dataclass(frozen=True)
class Rule:
    """What an alarm says about its data points.

    Attributes
    ----------
    comparison, threshold
        A data point breaches when ``point <comparison> threshold``.
    periods
        EvaluationPeriods, N.
    needed
        DatapointsToAlarm, M: how many of N must breach.
    missing
        TreatMissingData: missing, ignore, breaching or notBreaching.
    """

    comparison: str
    threshold: float
    periods: int
    needed: int
    missing: str = "missing"

    def breaches(self, value: float) -> bool:
        """Whether a data point breaches."""
        return _COMPARE[self.comparison](value, self.threshold)

    @property
    def range(self) -> int:
        """How many periods are looked at."""
        return self.periods + EXTRA


def evaluate(rule: Rule, points: Sequence[float | None], state: str) -> str:
    """Return the state that follows.

    Parameters
    ----------
    points
        One per period of the evaluation range, oldest first; None where data is missing.
    state
        The state so far.
    """
    real = [point for point in points if point is not None]
    if len(real) >= rule.periods:
        breaching = sum(rule.breaches(point) for point in real[-rule.periods :])
        return ALARM if breaching >= rule.needed else OK
    if rule.missing in ("breaching", "notBreaching"):
        filled = rule.periods - len(real) if rule.missing == "breaching" else 0
        return ALARM if sum(map(rule.breaches, real)) + filled >= rule.needed else OK
    if not real:
        return state if rule.missing == "ignore" else INSUFFICIENT
    if not all(map(rule.breaches, real)):
        return ALARM if sum(map(rule.breaches, real)) >= rule.needed else OK
    if rule.missing == "ignore":
        return state
    return _only_breaching(rule, points, state)


def _only_breaching(rule: Rule, points: Sequence[float | None], state: str) -> str:
    """All points that are there breach, but they are too few, and missing ones count as missing.

    "when the oldest available breaching datapoint in the evaluation range is at least as old as the value of Datapoints
    to Alarm, and all other more recent data points are breaching or missing": ALARM, else no premature transition.
    """
    oldest = next(number for number, point in enumerate(points) if point is not None)
    age = len(points) - oldest
    return ALARM if age >= rule.needed else state
