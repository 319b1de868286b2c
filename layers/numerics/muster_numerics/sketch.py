"""Sketches: a chunk of rows reduced to a state of a few kilobytes, whatever its number of rows.

`observe` reads a chunk, `merge` adds two states. For numbers of rows, merging the states of any partition gives the
state of a single pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from muster_numerics.cells import Scratch
from muster_numerics.columns import Categorical, Column, Columns, Numeric, row_count
from muster_numerics.counts import (
    LONGEST_WORD,
    CategoricalCounts,
    Counts,
    NumericCounts,
    add,
    counts_from_json,
    counts_to_json,
    keep_new,
)
from muster_numerics.grid import BUCKETS, CategoricalGrid, FeatureGrid, Grid, NumericGrid
from muster_numerics.numeric import count_numbers

VERSION = 1


@dataclass(frozen=True)
class State:
    """What was seen of a window, or of a part of it.

    Attributes
    ----------
    rows
        Rows that were read.
    poison
        Records that could not be read; none of their rows is in ``rows``. The parser counts them.
    columns
        The counts of every column of the grid.
    absent
        Rows whose chunk had no such column, for the columns of the grid of which that is so.
    extra
        Rows with a column that is not in the grid.
    """

    rows: int = 0
    poison: int = 0
    columns: Mapping[str, Counts] = field(default_factory=dict)
    absent: Mapping[str, int] = field(default_factory=dict)
    extra: Mapping[str, int] = field(default_factory=dict)


def observe(columns: Columns, grid: Grid, poison: int = 0) -> State:
    """Count the rows of a chunk on the grid.

    Raises
    ------
    ValueError
        If the columns differ in length, or one is numeric in the grid and categorical here, or the other way round.
    """
    rows = row_count(columns)
    scratch = Scratch(rows)
    return State(
        rows=rows,
        poison=poison,
        columns={
            name: count(columns[name], cut, name, scratch) if name in columns else empty(cut)
            for name, cut in grid.items()
        },
        absent={name: rows for name in grid if name not in columns and rows},
        extra={name: rows for name in columns if name not in grid and rows},
    )


def merge(one: State, other: State) -> State:
    """Add two states that were made on the same grid.

    Raises
    ------
    ValueError
        If they were not.
    """
    if not one.columns or not other.columns:
        columns = one.columns or other.columns
    elif one.columns.keys() == other.columns.keys():
        columns = {name: add(one.columns[name], other.columns[name]) for name in one.columns}
    else:
        differing = sorted(one.columns.keys() ^ other.columns.keys())
        raise ValueError(f"states: expected the same columns in both, only one has {', '.join(differing)}")
    return State(
        rows=one.rows + other.rows,
        poison=one.poison + other.poison,
        columns=columns,
        absent=_add_rows(one.absent, other.absent),
        extra=_add_rows(one.extra, other.extra),
    )


def count(column: Column, cut: FeatureGrid, name: str = "column", scratch: Scratch | None = None) -> Counts:
    """Count one column on its grid; ``name`` is for the error, ``scratch`` as in `count_numbers`."""
    if isinstance(column, Numeric) and isinstance(cut, NumericGrid):
        return count_numbers(column, cut, scratch)
    if isinstance(column, Categorical) and isinstance(cut, CategoricalGrid):
        return count_words(column, cut)
    wanted = "numbers" if isinstance(cut, NumericGrid) else "words"
    raise ValueError(f"{name}: the baseline has {wanted}, the chunk was parsed into {type(column).__name__}")


def count_words(column: Categorical, cut: CategoricalGrid) -> CategoricalCounts:
    """Count a column of words."""
    missing, *rows = np.bincount(column.codes + 1, minlength=len(column.levels) + 1).tolist()
    by_word = {word: number for word, number in zip(column.levels, rows, strict=True) if number}
    levels = tuple(by_word.pop(word, 0) for word in cut.levels)
    new: dict[str, int] = {}
    for word, number in by_word.items():
        new[word[:LONGEST_WORD]] = new.get(word[:LONGEST_WORD], 0) + number
    return CategoricalCounts(levels, sum(new.values()), keep_new(new), missing)


def empty(cut: FeatureGrid) -> Counts:
    """Return the counts of no row."""
    if isinstance(cut, NumericGrid):
        return NumericCounts((0,) * (len(cut.edges) + 1), (0,) * BUCKETS)
    return CategoricalCounts((0,) * len(cut.levels))


def state_to_json(state: State) -> dict[str, Any]:
    """Return the state as a dictionary of JSON types."""
    return {
        "version": VERSION,
        "rows": state.rows,
        "poison": state.poison,
        "columns": {name: counts_to_json(counts) for name, counts in state.columns.items()},
        "absent": dict(state.absent),
        "extra": dict(state.extra),
    }


def state_from_json(found: Mapping[str, Any]) -> State:
    """Read what `state_to_json` wrote.

    Raises
    ------
    ValueError
        If it is of another version.
    """
    if found.get("version") != VERSION:
        raise ValueError(f"state: version: expected {VERSION}, got {found.get('version')!r}")
    return State(
        rows=found["rows"],
        poison=found["poison"],
        columns={name: counts_from_json(counts) for name, counts in found["columns"].items()},
        absent=dict(found["absent"]),
        extra=dict(found["extra"]),
    )


def _add_rows(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted(one.keys() | other.keys())}
