"""The first pass: any partition finds the same grid, and for small data it is the grid of the data in memory."""

from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_numerics.columns import Categorical, Columns, Numeric
from muster_numerics.grid import QUANTILES, make_grid
from muster_numerics.survey import MOST_WORDS, SAMPLE, grid_of, merge_surveys, survey
from tests.numerics.samples import columns_of, drawn, numbers, words


def part(columns: Columns, start: int, end: int) -> Columns:
    """Return some rows of columns."""
    return {
        name: Numeric.of(column.values[start:end])
        if isinstance(column, Numeric)
        else Categorical(column.codes[start:end], column.levels)
        for name, column in columns.items()
    }


def surveyed(columns: Columns, bounds):
    """Survey columns in parts."""
    pairs = pairwise(bounds)
    return reduce(merge_surveys, (survey(part(columns, start, end), start) for start, end in pairs))


@settings(deadline=None)
@given(st.lists(st.tuples(numbers, words), min_size=1, max_size=60), st.integers(0, 60))
def test_small_data_give_the_grid_of_the_data_in_memory(rows, cut):
    columns = columns_of(rows)
    found = surveyed(columns, [0, min(cut, len(rows)), len(rows)])
    assert grid_of(found, "feature") == make_grid(columns, "feature")
    assert found.rows == len(rows)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 3 * SAMPLE - 1), min_size=1, max_size=4, unique=True))
def test_any_partition_of_large_data_gives_the_same_grid(cuts):
    columns = drawn(5, 3 * SAMPLE)
    grid = grid_of(surveyed(columns, [0, *sorted(cuts), 3 * SAMPLE]), "feature")
    assert grid == grid_of(survey(columns, 0), "feature")
    assert (grid["size"].low, grid["size"].high) == (columns["size"].values.min(), columns["size"].values.max())


def test_a_sample_cuts_near_the_quantiles():
    columns = drawn(6, 4 * SAMPLE)
    edges = np.array(grid_of(survey(columns, 0), "feature")["size"].edges[1:-1])
    shares = np.searchsorted(np.sort(columns["size"].values), edges) / (4 * SAMPLE)
    assert np.abs(shares - np.arange(1, QUANTILES) / QUANTILES).max() < 0.015


def test_a_column_of_too_many_words_is_incomplete_and_keeps_the_frequent_ones():
    names = [f"id {number}" for number in range(MOST_WORDS)] + ["often"] * 50
    grid = grid_of(survey({"name": Categorical.of(names)}, 0), "feature")["name"]
    assert grid.levels[0] == "often"
    assert not grid.complete


def test_parts_of_different_columns_are_refused():
    with pytest.raises(ValueError, match="only one has a, b"):
        merge_surveys(survey({"a": Numeric.of([1.0])}, 0), survey({"b": Numeric.of([1.0])}, 1))
    with pytest.raises(ValueError, match="a: one part is numeric"):
        merge_surveys(survey({"a": Numeric.of([1.0])}, 0), survey({"a": Categorical.of(["x"])}, 1))
