"""Synthetic columns: 30 numeric of six shapes and 5 categorical, each with 2 % missing values, independent or related in time.

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
    exactly
        Whether just so many rows have that word; otherwise each has it with that chance.
    shapes
        Which numeric columns are changed, one per run in turn.
    """

    name: str
    shift: float = 0.0
    stretch: float = 1.0
    missing: float = MISSING
    new_level: float = 0.0
    exactly: bool = False
    shapes: tuple[str, ...] = SHAPES

    def columns(self) -> tuple[int, ...]:
        """Return the numbers of the columns that the change makes sense for."""
        if self.new_level:
            return tuple(range(NUMERIC, NUMERIC + len(LEVELS)))
        return tuple(number for number in range(NUMERIC) if SHAPES[number % len(SHAPES)] in self.shapes)


@dataclass(frozen=True)
class Traffic:
    """How rows that follow one another are related.

    Attributes
    ----------
    correlation
        Of AR(1), from one row to the next.
    cycle
        The share of the variance that is a sine over `DAY` rows, in another phase for each column.
    """

    correlation: float = 0.0
    cycle: float = 0.0


INDEPENDENT = Traffic()
DAY = 2_400
"""Rows of a day, where traffic has a daily cycle."""


def gaussian(rng: np.random.Generator, columns: int, rows: int, traffic: Traffic = INDEPENDENT) -> Array:
    """Return processes of mean 0 and variance 1, shape (columns, rows); a cycle begins at any time of the day."""
    noise = rng.standard_normal((columns, rows))
    if traffic.correlation:
        noise[:, 1:] *= np.sqrt(1 - traffic.correlation**2)
        for row in range(1, rows):
            noise[:, row] += traffic.correlation * noise[:, row - 1]
    if traffic.cycle:
        days = (rng.random() + np.arange(rows) / DAY)[None, :] + np.arange(columns)[:, None] / columns
        noise *= np.sqrt(1 - traffic.cycle)
        noise += np.sqrt(2 * traffic.cycle) * np.sin(2 * np.pi * days)
    return noise


def synthetic(
    rng: np.random.Generator,
    rows: int,
    traffic: Traffic = INDEPENDENT,
    change: Change | None = None,
    changed: int = -1,
) -> Columns:
    """Return 35 columns.

    Parameters
    ----------
    rng
        Where the randomness comes from.
    rows
        Rows of each column.
    traffic
        How the rows are related.
    change, changed
        What is changed, and the number of the column it is done to.
    """
    values = gaussian(rng, NUMERIC + len(LEVELS), rows, traffic)
    gaps = special.ndtr(gaussian(rng, len(values), rows, traffic))
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
            columns[f"words {levels}"] = _words(rng, process, levels, missing, change_here)
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
    rng: np.random.Generator, process: Array, levels: int, missing: npt.NDArray[np.bool_], change: Change
) -> Categorical:
    shares = 1 / np.arange(1, levels + 1)
    bounds = np.cumsum(shares / shares.sum())[:-1]
    codes = np.searchsorted(bounds, special.ndtr(process)).astype(np.int32)
    codes[missing] = -1
    if change.exactly:
        codes[rng.choice(np.flatnonzero(~missing), round(change.new_level * len(codes)), replace=False)] = levels
    elif change.new_level:
        codes[~missing & (rng.random(len(codes)) < change.new_level)] = levels
    return Categorical(codes, (*(f"word {number}" for number in range(levels)), "new word"))


def wdbc() -> Array:
    """Return the 30 measurements of the breast cancer set of the reference model, shape (569, 30)."""
    path = Path(__file__).parent.parent / "models/breast_cancer/data/wdbc.csv"
    table = np.genfromtxt(path, delimiter=",", skip_header=1, dtype=np.float64)
    return np.asarray(table[:, :-1])  # the last is the diagnosis
