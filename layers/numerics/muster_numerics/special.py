"""The tail probabilities that the tests need, without SciPy: importing that alone would take seconds of a cold start.

Every function returns the probability of a value at least as large as the one given. The tests compare with SciPy.
Series and continued fractions are those of Press et al., Numerical Recipes, 3rd edition, sections 6.2 and 6.4.
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

_PRECISION = 1e-15
_TINY = 1e-300
_MOST_STEPS = 20_000


def normal_sf(x: float) -> float:
    """Return P(Z >= x) of the standard normal distribution."""
    return 0.5 * math.erfc(x / math.sqrt(2))


def chi2_sf(x: float, df: float) -> float:
    """Return P(X >= x) of the chi-square distribution; ``df`` need not be whole."""
    return upper_gamma(df / 2, x / 2) if x > 0 else 1.0


def f_sf(x: float, df1: float, df2: float) -> float:
    """Return P(X >= x) of the F distribution; the degrees of freedom need not be whole."""
    if x <= 0:
        return 1.0
    whole = df2 + df1 * x
    return lower_beta(df2 / 2, df1 / 2, df2 / whole, df1 * x / whole)


def quadratic_form_sf(x: float, moments: tuple[float, float, float], scale_df: float = math.inf) -> float:
    """Return P(Q >= x) of Q, a sum of independent chi-squares of one degree with weights, from its first three moments.

    Pearson's three-moment approximation (Imhof 1961, Biometrika 48:419, section 5): a shifted, scaled chi-square of the
    same mean, variance and skewness.

    Parameters
    ----------
    x
        The value of the form.
    moments
        Sums of the weights, of their squares and of their cubes.
    scale_df
        Degrees of freedom per direction with which the weights were estimated; the tail is then that of F, which is
        exact when there is one direction, or when all weights are equal and known but for their scale.
    """
    first, second, third = moments
    if first <= 0 or second <= 0 or third <= 0:
        return 1.0 if x <= 0 else 0.0
    df = second**3 / third**2
    shifted = (x - first) * math.sqrt(df / second) + df
    if math.isinf(scale_df):
        return chi2_sf(shifted, df)
    return f_sf(shifted / df, df, df * scale_df)


def quadratic_form_far_sf(x: float, weights: npt.NDArray[np.float64]) -> float:
    """Return P(Q >= x) of such a sum from its weights, for ``x`` well above its mean.

    Lugannani and Rice's saddlepoint approximation (Kuonen 1999, Biometrika 86:929). Three moments do not say how the
    tail ends: at one in a thousand they are a quarter too low for the weights of Anderson-Darling, and lower beyond.
    """
    weights = weights[weights > 1e-12 * weights.max()]
    low, high = 0.0, 1 / (2 * float(weights.max()))
    for _ in range(60):  # the saddlepoint, where the derivative of the cumulant generating function is x
        point = (low + high) / 2
        if float(np.sum(weights / (1 - 2 * point * weights))) < x:
            low = point
        else:
            high = point
    shrunk = 1 - 2 * low * weights
    signed_root = math.sqrt(max(0.0, 2 * low * x + float(np.sum(np.log(shrunk)))))
    curved = low * math.sqrt(float(np.sum(2 * (weights / shrunk) ** 2)))
    return normal_sf(signed_root + math.log(curved / signed_root) / signed_root)


def upper_gamma(a: float, x: float) -> float:
    """Return the regularised upper incomplete gamma function Q(a, x)."""
    if x <= 0:
        return 1.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for step in range(1, _MOST_STEPS):
            term *= x / (a + step)
            total += term
            if term < total * _PRECISION:
                break
        return max(0.0, 1 - front * total)
    steps = ((-step * (step - a), x + 2 * step + 1 - a) for step in range(1, _MOST_STEPS))
    return front / _continued_fraction(x + 1 - a, steps)


def lower_beta(a: float, b: float, x: float, rest: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b); ``rest`` is 1 - x, with all its digits."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    front = math.exp(logarithm)
    if x < (a + 1) / (a + b + 2):
        return front / (a * _continued_fraction(1.0, _beta_steps(a, b, x)))
    return 1 - front / (b * _continued_fraction(1.0, _beta_steps(b, a, rest)))


def _beta_steps(a: float, b: float, x: float) -> Iterator[tuple[float, float]]:
    for step in range(_MOST_STEPS):
        half = step // 2 + step % 2
        if step % 2:
            yield half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half)), 1.0
        else:
            yield -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1)), 1.0


def _continued_fraction(first: float, steps: Iterator[tuple[float, float]]) -> float:
    """Return ``first`` + a1/(b1 + a2/(b2 + ...)) by the modified method of Lentz."""
    value = first or _TINY
    above, below = value, 0.0
    for numerator, denominator in steps:
        below = 1 / ((denominator + numerator * below) or _TINY)
        above = (denominator + numerator / above) or _TINY
        value *= above * below
        if abs(above * below - 1) < _PRECISION:
            break
    return value


def two_sample_exact(hits: int, rows: int, other_hits: int, other_rows: int) -> float:
    """Return the exact two-sided p-value for a share being the same in two samples.

    Given the hits of both together, those of one are hypergeometric; the smaller tail is doubled (Fisher's exact test
    in the form of Hirji, Tan, Elashoff 1991, Statistics in Medicine 10:1137).
    """
    expected = (hits + other_hits) * rows / max(1, rows + other_rows)
    if hits >= expected:
        tail = _hypergeometric_tail(hits, rows, other_hits, other_rows)
    else:
        tail = _hypergeometric_tail(other_hits, other_rows, hits, rows)
    return min(1.0, 2 * tail)


def excess_exact(hits: int, rows: int, other_hits: int, other_rows: int) -> float:
    """Return the exact one-sided p-value for the share being no larger in the first sample; 1 if it is not larger."""
    if hits * other_rows <= other_hits * rows:
        return 1.0
    return _hypergeometric_tail(hits, rows, other_hits, other_rows)


def _hypergeometric_tail(hits: int, rows: int, other_hits: int, other_rows: int) -> float:
    """Return the chance that, of all hits, this many or more fall into this sample, at or above their mean."""
    total = hits + other_hits
    logarithm = (
        _log_choose(total, hits)
        + _log_choose(rows + other_rows - total, rows - hits)
        - _log_choose(rows + other_rows, rows)
    )
    term = summed = 1.0
    start, last, length = hits, min(total, rows), 64
    while start < last:
        now = np.arange(start, min(last, start + length), dtype=np.float64)
        ratios = (total - now) * (rows - now) / ((now + 1) * (other_rows - total + now + 1))
        terms = term * np.cumprod(ratios)
        summed, term = summed + float(terms.sum()), float(terms[-1])
        if term < summed * 1e-17:
            break
        start, length = start + length, 2 * length
    return math.exp(min(0.0, logarithm + math.log(summed)))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
