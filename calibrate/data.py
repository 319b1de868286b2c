"""Synthetic columns: 30 numeric of six shapes and 5 categorical, each with 2 % missing values, independent or correlated in time.

Every column is a monotone function of a Gaussian process, so that a correlation in time is the only difference between
the two kinds; the missing rows follow a process of their own.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from muster_numerics.columns import Categorical, Columns, Numeric

Array = npt.NDArray[np.float64]

SHAPES = ("normal", "lognormal", "gamma", "uniform", "Poisson", "Student's t")
LEVELS = (2, 5, 12, 20, 43)
NUMERIC = 30
MISSING = 0.02
_PROBABILITIES = np.linspace(0.0005, 0.9995, 4000)
_GAMMA = stats.gamma.ppf(_PROBABILITIES, 2)
_POISSON_RATE = 3.0


@dataclass(frozen=True)
class Change:
    """A change to one column.

    Attributes
    ----------
    name
        What it is called in tables.
    shift, stretch
        By how many standard deviations numbers move, and what their distance to the mean is multiplied by.
    missing, new_level
        The share of missing values, and of a word that the baseline does not have.
    shapes
        Which numeric columns are changed, one per run in turn.
    """

    name: str
    shift: float = 0.0
    stretch: float = 1.0
    missing: float = MISSING
    new_level: float = 0.0
    shapes: tuple[str, ...] = SHAPES

    def columns(self) -> tuple[int, ...]:
        """Return the numbers of the columns that the change makes sense for."""
        if self.new_level:
            return tuple(range(NUMERIC, NUMERIC + len(LEVELS)))
        return tuple(number for number in range(NUMERIC) if SHAPES[number % len(SHAPES)] in self.shapes)


def gaussian(rng: np.random.Generator, columns: int, rows: int, correlation: float = 0.0) -> Array:
    """Return standard normal processes, shape (columns, rows): independent rows, or AR(1) with this correlation."""
    noise = rng.standard_normal((columns, rows))
    if correlation == 0:
        return noise
    noise[:, 1:] *= np.sqrt(1 - correlation**2)
    for row in range(1, rows):
        noise[:, row] += correlation * noise[:, row - 1]
    return noise


def synthetic(
    rng: np.random.Generator, rows: int, correlation: float = 0.0, change: Change | None = None, changed: int = -1
) -> Columns:
    """Return 35 columns.

    Parameters
    ----------
    rng
        Where the randomness comes from.
    rows
        Rows of each column.
    correlation
        Of AR(1), from one row to the next.
    change, changed
        What is changed, and the number of the column it is done to.
    """
    values = gaussian(rng, NUMERIC + len(LEVELS), rows, correlation)
    gaps = special.ndtr(gaussian(rng, len(values), rows, correlation))
    columns: Columns = {}
    for number, process in enumerate(values):
        change_here = change if change and number == changed else Change("none")
        missing = gaps[number] < change_here.missing
        if number < NUMERIC:
            column = shape(number % len(SHAPES), process, change_here)
            column[missing] = np.nan
            columns[f"{SHAPES[number % len(SHAPES)]} {number}"] = Numeric.of(column)
        else:
            levels = LEVELS[number - NUMERIC]
            columns[f"words {levels}"] = _words(rng, process, levels, missing, change_here.new_level)
    return columns


def shape(number: int, process: Array, change: Change) -> Array:
    """Give a Gaussian process its shape, then shift it by standard deviations and stretch it about its mean."""
    if number == SHAPES.index("Poisson"):
        rate = _POISSON_RATE + change.shift * np.sqrt(_POISSON_RATE)
        table = stats.poisson.cdf(np.arange(30), rate)
        return np.asarray(np.searchsorted(table, special.ndtr(process)), dtype=np.float64)
    if number == SHAPES.index("normal"):
        values, mean, deviation = process.copy(), 0.0, 1.0
    elif number == SHAPES.index("lognormal"):
        values, mean, deviation = np.exp(process), np.exp(0.5), np.sqrt((np.e - 1) * np.e)
    elif number == SHAPES.index("gamma"):
        values, mean, deviation = np.interp(special.ndtr(process), _PROBABILITIES, _GAMMA), 2.0, np.sqrt(2)
    elif number == SHAPES.index("uniform"):
        values, mean, deviation = special.ndtr(process), 0.5, np.sqrt(1 / 12)
    else:
        values, mean, deviation = _student(special.ndtr(process)), 0.0, np.sqrt(2)
    return np.asarray(mean + (values - mean) * change.stretch + change.shift * deviation)


def _student(probability: Array) -> Array:
    """Return quantiles of Student's t with 4 degrees of freedom (Shaw 2006, Journal of Computational Finance 9:37)."""
    root = np.sqrt(np.clip(4 * probability * (1 - probability), 1e-15, 1.0))
    size = 2 * np.sqrt(np.maximum(0, np.cos(np.arccos(root) / 3) / root - 1))
    return np.asarray(np.sign(probability - 0.5) * size)


def _words(
    rng: np.random.Generator, process: Array, levels: int, missing: npt.NDArray[np.bool_], new: float
) -> Categorical:
    shares = 1 / np.arange(1, levels + 1)
    bounds = np.cumsum(shares / shares.sum())[:-1]
    codes = np.searchsorted(bounds, special.ndtr(process)).astype(np.int32)
    codes[rng.random(len(codes)) < new] = levels
    codes[missing] = -1
    return Categorical(codes, (*(f"word {number}" for number in range(levels)), "new word"))


def wdbc() -> Array:
    """Return the 30 measurements of the breast cancer set of the reference model, shape (569, 30)."""
    path = Path(__file__).parent.parent / "models/breast_cancer/data/wdbc.csv"
    table = np.genfromtxt(path, delimiter=",", skip_header=1, dtype=np.float64)
    return np.asarray(table[:, :-1])  # the last is the diagnosis
