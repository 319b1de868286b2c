"""Cells: the counts are those of a sort, whatever the numbers are like."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_numerics.cells import BLOCK, FEWEST, cells_of
from muster_numerics.columns import Numeric
from muster_numerics.grid import NumericGrid, feature_grid
from muster_numerics.numeric import FURTHEST, count_numbers
from muster_numerics.sketch import State, state_to_json

ROWS = BLOCK + FEWEST + 100  # a whole block, then one that is counted by cells too
RNG = np.random.default_rng(3)
SHAPES = {
    "normal": RNG.normal(size=ROWS),
    "heavy tails": RNG.standard_cauchy(ROWS) ** 3,
    "over many powers of ten": 10 ** RNG.uniform(-300, 300, ROWS),
    "few whole numbers": RNG.poisson(3, ROWS).astype(float),
    "many whole numbers": RNG.integers(-(10**9), 10**9, ROWS).astype(float),
    "tenths": RNG.integers(0, 50, ROWS) / 10,
    "a mark of the missing": np.where(RNG.random(ROWS) < 0.3, -999.0, RNG.normal(size=ROWS)),
    "one value": np.full(ROWS, 7.25),
    "mostly one value": np.where(RNG.random(ROWS) < 0.01, RNG.normal(size=ROWS), 0.0),
    "seconds since 1970": 1.7e9 + RNG.random(ROWS),
    "tiny": RNG.normal(size=ROWS) * 1e-310,
    "huge": RNG.normal(size=ROWS) * 1e307,
    "zeros of both signs": np.where(RNG.random(ROWS) < 0.5, -0.0, 0.0),
}


def sorted_counts(values: np.ndarray, edges: np.ndarray) -> list[int]:
    """Return the rows below, between and above some edges, by a sort."""
    ordered = np.sort(values[~np.isnan(values)])
    return np.diff(np.searchsorted(ordered, edges, side="right"), prepend=0, append=len(ordered)).tolist()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("odd", [[], [np.nan], [np.nan, np.inf, -np.inf, 1e308, -1e308, 0.5, 3.5]])
def test_counts_are_those_of_a_sort(name, odd):
    # Given a baseline of a shape, and a window like it with some odd values strewn in
    cut = feature_grid(Numeric.of(SHAPES[name][:3_000]), "feature")
    assert isinstance(cut, NumericGrid)
    values = SHAPES[name].copy()
    values[RNG.integers(0, ROWS, 40 * len(odd))] = odd * 40
    # When it is counted
    counts = count_numbers(Numeric.of(values), cut)
    # Then each count is exact
    finite = values[np.isfinite(values)]
    assert list(counts.bins) == sorted_counts(values, np.array(cut.edges))
    assert list(counts.buckets) == sorted_counts(values, cut.bucket_edges[1:-1])
    assert (counts.low, counts.high) == (finite.min(), finite.max())
    assert counts.infinite == np.count_nonzero(np.isinf(values))
    assert counts.missing == np.count_nonzero(np.isnan(values))
    assert counts.fractional == (np.count_nonzero(finite != np.floor(finite)) if cut.integral else 0)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=80),
    st.lists(st.floats(), min_size=1, max_size=80),
)
def test_counts_of_any_numbers_on_any_grid_are_those_of_a_sort(before, after):
    cut = feature_grid(Numeric.of(before), "feature")
    values = np.resize(np.array([*after, *before]), FEWEST)  # enough of them to be counted by cells
    assert isinstance(cut, NumericGrid)
    assert list(count_numbers(Numeric.of(values), cut).bins) == sorted_counts(values, np.array(cut.edges))


def test_whole_numbers_of_a_narrow_range_need_no_search_but_fractions_among_them_do():
    cut = feature_grid(Numeric.of(SHAPES["few whole numbers"]), "feature")
    assert isinstance(cut, NumericGrid)
    assert cells_of(cut).whole is not None
    values = SHAPES["few whole numbers"].copy()
    values[-1] = 2 + 1e-12  # in the last block, so that one is counted each way
    assert list(count_numbers(Numeric.of(values), cut).bins) == sorted_counts(values, np.array(cut.edges))


def test_sums_stay_finite_whatever_is_sent():
    cut = feature_grid(Numeric.of([1.0, 2.0, 3.0]), "feature")
    counts = count_numbers(Numeric.of([1e308, -1e308, 1.7e308, 2.0]), cut)
    assert (counts.total, counts.squares) == (pytest.approx(FURTHEST), pytest.approx(3 * FURTHEST**2))
    json.dumps(state_to_json(State(rows=4, columns={"size": counts})), allow_nan=False)


def test_a_column_of_gaps_has_no_extremes():
    cut = feature_grid(Numeric.of([1.0, 2.0]), "feature")
    counts = count_numbers(Numeric.of(np.full(FEWEST, np.nan)), cut)
    assert (counts.present, counts.missing, counts.low, counts.high) == (0, FEWEST, None, None)
