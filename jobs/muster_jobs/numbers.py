"""How the report writes numbers."""

import math
from itertools import pairwise


def number(value: float | None) -> str:
    """Return a value as a person reads it: 0.9683, 12.35, 1 204; a dash for nothing."""
    if value is None:
        return "–"
    size = abs(value)
    if size >= 1e6 or 0 < size < 0.00005:
        return f"{value:.2g}".replace("-", "−")
    digits = 4 if size <= 1 else max(0, 3 - math.floor(math.log10(size)))
    return f"{value:,.{digits}f}".replace(",", "\u202f").replace("-", "−")


def short(value: float) -> str:
    """Return a limit as it was given: 0.02, not 0.0200."""
    return f"{value:g}".replace("-", "−")


def signed(value: float | None) -> str:
    """Return a difference with its sign."""
    if value is None:
        return "–"
    return number(value) if value < 0 else f"+{number(value)}"


def interval(low: float | None, high: float | None) -> str:
    """Return an interval in words."""
    return "" if low is None else f"{number(low)} to\u00a0{number(high)}"


def p_value(value: float | None) -> str:
    """Return a p-value; very small ones are only bounded."""
    if value is None:
        return "–"
    return "p\u00a0<\u00a00.0001" if value < 0.0001 else f"p\u00a0=\u00a0{value:.2g}"


def percent(share: float) -> str:
    """Return a share in percent: 95 %, 0.4 %, 99.5 %."""
    value = 100 * share
    return f"{value:.0f}\u00a0%" if abs(value - round(value)) < 0.05 or 10 < value < 90 else f"{value:.1f}\u00a0%"


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers between two bounds, about so many, for an axis."""
    span = high - low
    if span <= 0:
        return [low]
    power = 10 ** math.floor(math.log10(span / about))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if span / (power * factor) <= about)
    first = math.ceil(low / step - 1e-9)
    return [round(step * index, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_text(value: float, all_ticks: list[float]) -> str:
    """Return a tick's label, with as many digits as the steps need."""
    step = min((b - a for a, b in pairwise(all_ticks)), default=1)
    digits = next(each for each in range(13) if math.isclose(round(step, each), step, rel_tol=1e-6))
    return f"{value:,.{digits}f}".replace(",", "\u202f").replace("-", "−") if abs(value) < 1e6 else f"{value:.2g}"
