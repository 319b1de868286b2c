"""Columns from rows of single values, and two sets of columns laid into one another."""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from muster_numerics.capture_schema import Field
from muster_numerics.columns import MISSING_CODE, Categorical, Column, Columns, Numeric
from muster_numerics.payloads_numbers import number

JSON_NUMBERS = {int, float, bool, type(None)}
Order = npt.NDArray[np.int64]


def columns_of_rows(rows: Sequence[Sequence[Any]], fields: Sequence[Field]) -> Columns:
    """Return the columns of rows whose values are text, numbers, truth values or None."""
    columns: Columns = {}
    for index, field in enumerate(fields):
        values = [row[index] for row in rows]
        if field.kind == "number":
            columns[field.name] = numbers_of(values)
        else:
            columns[field.name] = Categorical.of([word_of(value) for value in values])
    return columns


def numbers_of(values: list[Any]) -> Numeric:
    """Return a column of values as numbers."""
    if JSON_NUMBERS.issuperset(map(type, values)):
        with contextlib.suppress(OverflowError):  # whole numbers beyond 1.8e308, which JSON allows
            return Numeric.of(np.array(values, dtype=np.float64))  # None becomes NaN
    numbers = [number_of(value) for value in values]
    return Numeric.of([math.nan if each is None else each for each in numbers], numbers.count(None))


def number_of(value: str | float | bool | None) -> float | None:
    """Return a value as a number: NaN where there is none, None for text that is no number."""
    if value is None or value == "":
        return math.nan
    if isinstance(value, str):
        return number(value)
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def word_of(value: str | float | bool | None) -> str | None:
    """Return a value as a word; whole numbers as a CSV file would hold them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None if value is None else str(value)


def joined(one: Columns, other: Columns, order: Order) -> Columns:
    """Return the rows of both sets of columns in an order: positions in the first, then in the second."""
    return {name: joined_column(one[name], other[name], order) for name in one}


def joined_column(one: Column, other: Column, order: Order) -> Column:
    """Return the rows of two columns of one kind in an order."""
    if isinstance(one, Numeric) and isinstance(other, Numeric):
        values = np.concatenate([one.values, other.values])[order]
        return Numeric(values, one.missing + other.missing, one.unparsed + other.unparsed)
    if isinstance(one, Categorical) and isinstance(other, Categorical):
        table = {word: code for code, word in enumerate(one.levels)}
        # The last place is for the missing: -1 stays -1.
        codes = [*(table.setdefault(word, len(table)) for word in other.levels), MISSING_CODE]
        recoded = np.array(codes, dtype=np.int32)[other.codes]
        return Categorical(np.concatenate([one.codes, recoded])[order], tuple(table))
    raise TypeError("columns: expected both numeric or both categorical, got one of each")
