"""Bars of histograms: rows per cell of the baseline's grid, cut anew, lose no row and move none to the other side."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from muster_numerics.baseline import make_baseline
from muster_numerics.columns import Numeric
from muster_numerics.report_shapes import bars, steps, words
from muster_numerics.sketch import observe


def cells(before, after):
    baseline = make_baseline({"x": Numeric.of(np.asarray(before, dtype=float))})
    state = observe({"x": Numeric.of(np.asarray(after, dtype=float))}, baseline.grid)
    profile = baseline.columns["x"]
    return {
        "edges": list(profile.grid.edges),
        "labels": None,
        "baseline": list(profile.counts.bins),
        "window": list(state.columns["x"].bins),
    }


numbers = st.lists(st.one_of(st.integers(-5, 5).map(float), st.floats(-1e9, 1e9)), min_size=1, max_size=200)


@settings(max_examples=150, deadline=None)
@example([0.0, 2.2e-311], [0.0])
@given(numbers, numbers)
def test_both_sides_add_up_to_one_on_the_same_bars(before, after):
    found = bars(cells(before, after))
    assert len(found.baseline) == len(found.window) >= 1
    assert sum(found.baseline) == pytest.approx(1, abs=0.002)  # an end with next to nothing is left out
    assert sum(found.window) == pytest.approx(1, abs=0.002)
    assert all(share >= 0 for share in (*found.baseline, *found.window))
    assert all(0 <= place <= 1 for place, _ in found.labels)


def test_a_normal_column_looks_normal_and_a_shift_shows():
    rng = np.random.default_rng(1)
    found = bars(cells(rng.normal(0, 1, 20_000), rng.normal(0.5, 1, 20_000)))
    middle = len(found.baseline) // 2
    assert found.baseline[middle] == max(found.baseline[3:-3])
    assert sum(found.window[middle + 1 :]) > sum(found.baseline[middle + 1 :]) + 0.1


def test_few_whole_numbers_have_a_bar_each():
    found = bars(cells([0] * 50 + [1] * 30 + [2] * 20, [0] * 10 + [1] * 10 + [2] * 20 + [7] * 10))
    assert found.baseline == (0.5, 0.3, 0.2, 0.0)
    assert found.window == (0.2, 0.2, 0.4, 0.2)
    assert found.high_end
    assert not found.low_end


def test_a_constant_column_is_one_bar():
    found = bars(cells([3.5] * 40, [3.5] * 30))
    assert (found.baseline, found.window) == ((1.0,), (1.0,))


def test_a_long_tail_is_gathered_at_the_end():
    rng = np.random.default_rng(2)
    found = bars(cells(rng.lognormal(0, 2, 20_000), rng.lognormal(0, 2, 5_000)))
    assert found.high_end
    assert found.baseline[0] < 0.9


def test_a_controlled_column_has_tenths_and_no_numbers():
    found = bars({"edges": None, "labels": None, "baseline": [10] * 10, "window": [20] + [10] * 8 + [0]})
    assert found.baseline == (0.1,) * 10
    assert [text for _, text in found.labels] == ["lowest", "highest"]


def test_words_that_differ_or_are_frequent_are_shown_and_the_rest_together():
    labels = [f"w{number}" for number in range(20)]
    column = {
        "cells": {"labels": labels, "baseline": [50] * 20 + [0], "window": [50] * 18 + [0, 120, 30]},
        "new_words": {"fresh": 25},
    }
    shown, rest = words(column)
    names = [word.label for word in shown]
    assert {"w18", "w19", "fresh", "all others"} <= set(names)
    assert next(word for word in shown if word.label == "fresh").new
    assert rest == 21 - 8
    assert sum(word.baseline for word in shown) == pytest.approx(1)
    assert sum(word.window for word in shown) == pytest.approx(1)


def test_a_stepped_line_begins_and_ends_on_the_base():
    points = steps((0.2, 0.5), 10, 100, 90, 100)
    assert points[0] == (10, 90)
    assert points[-1] == (110, 90)
    assert (60.0, 70.0) in points
    assert (60.0, 40.0) in points
