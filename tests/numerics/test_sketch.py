"""Sketches: counts are right, and adding the states of any partition gives those of a single pass."""

import json
from dataclasses import replace
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_numerics.cells import BLOCK
from muster_numerics.columns import Categorical, Numeric
from muster_numerics.counts import NEW_WORDS_KEPT, NumericCounts
from muster_numerics.grid import make_grid
from muster_numerics.sketch import (
    State,
    merge,
    observe,
    state_from_json,
    state_to_json,
)
from tests.numerics.samples import columns_of, drawn, numbers, words

rows = st.lists(st.tuples(numbers, words), max_size=60)
GRID = make_grid(drawn(0, 500))


def whole_numbers(state: State) -> dict:
    """Return the state without its two floating-point sums."""
    without = {
        name: replace(counts, total=0.0, squares=0.0) if isinstance(counts, NumericCounts) else counts
        for name, counts in state.columns.items()
    }
    return vars(replace(state, columns=without))


@settings(deadline=None)
@given(rows, st.lists(st.integers(0, 60), max_size=5))
def test_any_partition_merges_to_the_counts_of_a_single_pass(given_rows, cuts):
    bounds = sorted({0, len(given_rows), *(cut for cut in cuts if cut < len(given_rows))})
    parts = [given_rows[start:end] for start, end in pairwise(bounds)]
    states = [observe(columns_of(part), GRID, poison=1) for part in parts]

    merged = reduce(merge, states, State())
    backwards = reduce(merge, reversed(states), State())
    single = observe(columns_of(given_rows), GRID, poison=len(parts))

    if given_rows:
        assert whole_numbers(merged) == whole_numbers(single) == whole_numbers(backwards)
        assert merged.columns["size"].total == pytest.approx(single.columns["size"].total, rel=1e-9, abs=1e-6)
        assert merged.columns["size"].squares == pytest.approx(single.columns["size"].squares, rel=1e-9)


@settings(deadline=None)
@given(st.lists(st.integers(0, 500), max_size=400), st.integers(1, 400))
def test_which_new_words_are_kept_does_not_depend_on_the_partition(numbers_of_words, cut):
    def state(chosen):
        column = Categorical.of([f"word {number}" for number in chosen])
        return observe({"colour": column}, {"colour": GRID["colour"]})

    merged = merge(state(numbers_of_words[:cut]), state(numbers_of_words[cut:]))
    single = state(numbers_of_words)
    assert merged == single
    assert len(single.columns["colour"].new) <= NEW_WORDS_KEPT


@settings(deadline=None)
@given(rows)
def test_counts_are_those_of_counting_row_by_row(given_rows):
    state = observe(columns_of(given_rows), GRID)
    values = [number for number, _ in given_rows if number is not None]
    edges = [-np.inf, *GRID["size"].edges, np.inf]
    size, colour = state.columns["size"], state.columns["colour"]
    bins = [sum(low < value <= high for value in values) for low, high in pairwise(edges)]
    bins[0] += sum(value == -np.inf for value in values)
    finite = [value for value in values if np.isfinite(value)]
    assert list(size.bins) == bins
    assert sum(size.buckets) == size.present == len(values)
    assert (size.missing, size.infinite) == (len(given_rows) - len(values), len(values) - len(finite))
    assert (size.low, size.high) == ((min(finite), max(finite)) if finite else (None, None))
    assert size.rows == colour.rows == state.rows == len(given_rows)
    given_words = [word for _, word in given_rows if word]
    assert dict(zip(GRID["colour"].levels, colour.levels, strict=True)) == {
        word: given_words.count(word) for word in GRID["colour"].levels
    }
    assert colour.other == sum(colour.new.values()) == sum(word not in GRID["colour"].levels for word in given_words)


@settings(deadline=None)
@given(rows)
def test_a_state_survives_json(given_rows):
    state = observe(columns_of(given_rows), GRID)
    assert state_from_json(json.loads(json.dumps(state_to_json(state), allow_nan=False))) == state


def test_a_state_of_another_version_is_refused():
    with pytest.raises(ValueError, match="version: expected 1, got 2"):
        state_from_json(state_to_json(State()) | {"version": 2})


def test_mean_and_deviation_keep_their_digits_far_from_zero():
    # Given seconds since 1970 that vary by one
    values = 1.7e9 + np.random.default_rng(3).normal(size=BLOCK + 1_000)
    column = {"time": Numeric.of(values)}
    # When they are counted
    counts = observe(column, make_grid(column)).columns["time"]
    # Then the deviation is that of the values, of which naive squares would keep no digit
    assert counts.deviation == pytest.approx(values.std(), rel=1e-6)
    assert counts.mean(make_grid(column)["time"].centre) == pytest.approx(values.mean(), rel=1e-12)


def test_fractions_are_counted_where_the_baseline_is_whole():
    grid = make_grid({"rooms": Numeric.of([1.0, 2.0, 3.0])})
    counts = observe({"rooms": Numeric.of([1.5, 2.0, np.nan, np.inf], unparsed=1)}, grid).columns["rooms"]
    assert (counts.fractional, counts.infinite, counts.unparsed, counts.missing) == (1, 1, 1, 0)


def test_absent_and_extra_columns_are_counted_by_their_rows():
    first = observe({"size": Numeric.of([1.0, 2.0])}, GRID)
    second = observe(columns_of([(1.0, "red")]) | {"weight": Numeric.of([1.0])}, GRID)
    merged = merge(first, second)
    assert (dict(merged.absent), dict(merged.extra), merged.rows) == ({"colour": 2}, {"weight": 1}, 3)


def test_a_column_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="colour: the baseline has words, the chunk was parsed into Numeric"):
        observe({"colour": Numeric.of([1.0])}, GRID)


def test_states_of_different_grids_are_not_added():
    other = make_grid(drawn(0, 20))
    with pytest.raises(ValueError, match="not of one grid"):
        merge(observe(drawn(1, 5), GRID), observe(drawn(1, 5), other))
    with pytest.raises(ValueError, match="only one has colour"):
        merge(observe(drawn(1, 5), GRID), observe({}, {"size": GRID["size"]}))
