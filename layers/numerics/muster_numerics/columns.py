"""Columns: the values of one feature over the rows of a data set or of a chunk of captured traffic.

What a parser hands to the statistics. Every column of one chunk has the same number of rows, in the order in which
they were read, so that a facet and a label can be taken from the same row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
CodeArray = npt.NDArray[np.int32]

MISSING_CODE = -1
"""The code of a row without a value in a `Categorical`."""


@dataclass(frozen=True, eq=False)
class Numeric:
    """A column of numbers.

    Attributes
    ----------
    values
        One number per row; NaN where the row has none, whether missing or unparsed.
    missing
        Rows whose field was empty, null or NaN.
    unparsed
        Rows whose field was there and was no number. NaN in ``values``, and not counted as missing.
    """

    values: FloatArray
    missing: int = 0
    unparsed: int = 0

    @classmethod
    def of(cls, values: npt.ArrayLike, unparsed: int = 0) -> "Numeric":
        """Make a column of numbers with NaN for "none"; all NaN but ``unparsed`` of them count as missing."""
        numbers = np.asarray(values, dtype=np.float64)
        return cls(numbers, int(np.isnan(numbers).sum()) - unparsed, unparsed)

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Categorical:
    """A column of words, as codes into a table of the words that occur: fast to count and small to keep.

    Attributes
    ----------
    codes
        One index into ``levels`` per row, `MISSING_CODE` where the row has no value.
    levels
        The words, each once.
    """

    codes: CodeArray
    levels: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[str | None]) -> "Categorical":
        """Make a column of words; None and the empty word are missing."""
        table: dict[str | None, int] = {None: MISSING_CODE, "": MISSING_CODE}
        levels: list[str] = []
        for word in dict.fromkeys(values):
            if word:
                table[word] = len(levels)
                levels.append(word)
        codes = np.fromiter(map(table.__getitem__, values), dtype=np.int32, count=len(values))
        return cls(codes, tuple(levels))

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return int(np.count_nonzero(self.codes < 0))

    @property
    def values(self) -> list[str | None]:
        """The words themselves, one per row; None where missing."""
        words = (*self.levels, None)  # index -1 is the last
        return [words[code] for code in self.codes.tolist()]

    def __len__(self) -> int:
        return len(self.codes)


Column = Numeric | Categorical
Columns = dict[str, Column]
"""The columns of one chunk by feature name, all of the same length."""


def row_count(columns: Columns) -> int:
    """Return how many rows the columns have.

    Raises
    ------
    ValueError
        If they differ.
    """
    counts = {name: len(column) for name, column in columns.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"columns: expected the same number of rows in each, got {counts}")
    return next(iter(counts.values()), 0)
