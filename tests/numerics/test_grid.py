"""Grids: where columns are cut."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_numerics.columns import Categorical, Numeric
from muster_numerics.grid import (
    MOST_LEVELS,
    QUANTILES,
    feature_grid,
    grid_from_json,
    grid_to_json,
)
from muster_numerics.sketch import count_numbers
from tests.numerics.samples import numbers, words

numeric = st.lists(numbers, max_size=200).map(
    lambda values: Numeric.of([np.nan if value is None else value for value in values])
)


@settings(deadline=None)
@given(numeric)
def test_edges_rise_enclose_the_data_and_hold_the_deciles(column):
    grid = feature_grid(column, "feature")
    finite = column.values[np.isfinite(column.values)]
    assert list(grid.edges) == sorted(set(grid.edges))
    assert len(grid.edges) <= QUANTILES + 2
    assert all(0 < index < len(grid.edges) - 1 for index in grid.coarse)
    if len(finite):
        assert grid.edges[0] < finite.min()
        assert grid.edges[-1] == finite.max() == grid.high
    assert json.loads(json.dumps(grid_to_json(grid))) == grid_to_json(grid)
    assert grid_from_json(json.loads(json.dumps(grid_to_json(grid)))) == grid


def test_each_bin_of_a_continuous_column_holds_a_fortieth():
    column = Numeric.of(np.random.default_rng(0).normal(size=8_000))
    bins = count_numbers(column, feature_grid(column, "feature")).bins
    assert bins == (0, *[200] * QUANTILES, 0)


def test_each_value_of_a_column_of_few_values_has_its_bin():
    column = Numeric.of([0.0] * 5 + [1.0] * 3 + [7.0] * 2)
    grid = feature_grid(column, "feature")
    assert count_numbers(column, grid).bins == (0, 5, 3, 2, 0)
    assert count_numbers(Numeric.of([-1.0, 0.5, 9.0]), grid).bins == (1, 0, 1, 0, 1)
    assert grid.integral


def test_a_constant_column_is_cut_below_and_above_its_value():
    grid = feature_grid(Numeric.of([3.5] * 10), "feature")
    assert count_numbers(Numeric.of([3.4, 3.5, 3.5, 3.6]), grid).bins == (1, 2, 1)


@settings(deadline=None)
@given(st.lists(words, max_size=50))
def test_words_are_listed_by_falling_frequency(given_words):
    grid = feature_grid(Categorical.of(given_words), "prediction")
    present = [word for word in given_words if word]
    assert sorted(grid.levels) == sorted(set(present))
    counts = [present.count(word) for word in grid.levels]
    assert counts == sorted(counts, reverse=True)
    assert grid.complete
    assert grid_from_json(grid_to_json(grid)) == grid


def test_of_too_many_words_the_grid_is_incomplete():
    grid = feature_grid(Categorical.of([f"id {number}" for number in range(MOST_LEVELS + 1)]), "feature")
    assert len(grid.levels) == MOST_LEVELS
    assert not grid.complete


def test_an_unknown_kind_of_grid_is_refused():
    with pytest.raises(ValueError, match="'numeric' or 'categorical', got 'date'"):
        grid_from_json({"kind": "date"})
