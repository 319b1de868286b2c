"""The tests of distribution: as published where there is a published value, and right about their own p-values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from muster_numerics.baseline import make_baseline
from muster_numerics.blocks import coarse_counts, long_run
from muster_numerics.columns import Numeric
from muster_numerics.distribution import anderson_darling_p, chi_square_p, long_run_p, width_p
from muster_numerics.sketch import count_numbers

cells = st.lists(st.integers(0, 400), min_size=2, max_size=12)


@settings(deadline=None)
@given(cells, st.data())
def test_p_values_are_probabilities_and_do_not_depend_on_which_sample_comes_first(one, data):
    other = data.draw(st.lists(st.integers(0, 400), min_size=len(one), max_size=len(one)))
    for p, swapped in (
        (anderson_darling_p(one, other), anderson_darling_p(other, one)),
        (width_p(one, other)[0], width_p(other, one)[0]),
        (chi_square_p(one, other, ordered=True), chi_square_p(other, one, ordered=True)),
        (chi_square_p(one, other, ordered=False), chi_square_p(other, one, ordered=False)),
    ):
        assert 0 <= p <= 1
        assert p == pytest.approx(swapped, rel=1e-6)


@settings(deadline=None)
@given(st.lists(st.integers(20, 400), min_size=2, max_size=12), st.data())
def test_chi_square_of_full_cells_is_scipys(one, data):
    other = data.draw(st.lists(st.integers(20, 400), min_size=len(one), max_size=len(one)))
    expected = stats.chi2_contingency([one, other], correction=False)
    if expected.expected_freq.min() >= 5:
        assert chi_square_p(one, other, ordered=False) == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-200)


def test_cells_that_expect_too_little_are_pooled():
    # Given one row in each of four rare cells: a chi-square of them alone would be wild
    # When compared with a window whose rare rows lie in the other ones, then nothing differs, for the pool is the same
    assert chi_square_p([1000, 1, 0, 1, 0], [1000, 0, 1, 0, 1], ordered=False) == pytest.approx(1.0)
    assert chi_square_p([2, 2, 1000, 2, 2], [2, 2, 1000, 2, 2], ordered=True) == pytest.approx(1.0)
    assert chi_square_p([2, 2], [2, 2], ordered=True) == 1.0


@settings(deadline=None)
@given(cells)
def test_the_same_shares_never_differ(one):
    assert anderson_darling_p(one, one) > 0.99
    assert width_p(one, one) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-9))
    assert chi_square_p(one, one, ordered=True) == pytest.approx(1.0)


def test_no_rows_are_no_difference():
    assert anderson_darling_p([0, 0], [3, 4]) == anderson_darling_p([3, 4], [0, 0]) == 1.0
    assert chi_square_p([0, 0], [3, 4], ordered=False) == 1.0


@pytest.mark.parametrize("shift", [0.15, 0.25, 0.35])
def test_anderson_darling_agrees_with_scipys_of_the_rows(shift):
    # Given two samples, and the same rows on the grid of the first
    rng = np.random.default_rng(11)
    one, other = rng.normal(size=2_000), rng.normal(shift, 1, size=150)
    profile = make_baseline({"x": Numeric.of(one)}).columns["x"]
    found = anderson_darling_p(profile.counts.bins, count_numbers(Numeric.of(other), profile.grid).bins)
    # When SciPy permutes the rows, then both say the same but for what the bins and 2,000 permutations blur
    resampled = stats.PermutationMethod(n_resamples=2_000, random_state=np.random.default_rng(1))
    expected = stats.anderson_ksamp([one, other], variant="midrank", method=resampled).pvalue
    assert found == pytest.approx(expected, rel=0.5, abs=0.004)


def test_without_drift_small_p_values_are_as_frequent_as_they_say():
    rng = np.random.default_rng(1)
    profile = make_baseline({"x": Numeric.of(rng.normal(size=40_000))}).columns["x"]
    windows = [count_numbers(Numeric.of(rng.normal(size=500)), profile.grid) for _ in range(2_000)]
    for p_values in (
        [anderson_darling_p(profile.counts.bins, window.bins) for window in windows],
        [width_p(profile.counts.bins, window.bins)[0] for window in windows],
        [
            chi_square_p(*(coarse_counts(c, profile.grid)[:-1] for c in (profile.counts, window)), ordered=True)
            for window in windows
        ],
    ):
        for level in (0.2, 0.05, 0.01):
            share = np.mean(np.array(p_values) <= level)
            assert share == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 2_000))


@pytest.mark.parametrize("stretch", [0.85, 0.9, 1.1, 1.2])
def test_a_change_of_width_is_measured_and_found_about_as_well_as_by_the_best_test(stretch):
    # Given normal values of another width, of which no test finds more than that of the variances
    rng = np.random.default_rng(4)
    baseline = rng.normal(size=20_000)
    profile = make_baseline({"x": Numeric.of(baseline)}).columns["x"]
    ours, best = [], []
    for _ in range(40):
        values = stretch * rng.normal(size=2_000)
        p, width = width_p(profile.counts.bins, count_numbers(Numeric.of(values), profile.grid).bins)
        ratio = values.var() / baseline.var()
        ours.append((stats.norm.isf(p / 2), width))
        best.append(abs(np.log(ratio)) / np.sqrt(2 / 2_000 + 2 / 20_000))
    # When it is tested for width, then the statistic is nearly as far out, and the width is about right
    assert np.mean([z for z, _ in ours]) > 0.85 * np.mean(best)
    assert np.mean([width for _, width in ours]) == pytest.approx(stretch - 1, abs=0.04)


def test_correlation_in_time_is_allowed_for():
    # Given a column whose rows follow one another closely, and windows of the same
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(120, 1_200))
    walk = np.empty_like(noise)
    walk[:, 0] = noise[:, 0]
    for row in range(1, 1_200):
        walk[:, row] = 0.9 * walk[:, row - 1] + np.sqrt(1 - 0.81) * noise[:, row]
    profile = make_baseline({"x": Numeric.of(walk[:40].ravel())}, time_ordered=True).columns["x"]
    before = coarse_counts(profile.counts, profile.grid)[:-1]
    # When each is compared with the baseline
    careful, naive, wide = [], [], []
    for values in walk[40:]:
        window = count_numbers(Numeric.of(values), profile.grid)
        after = coarse_counts(window, profile.grid)[:-1]
        careful.append(long_run_p(before, after, long_run(profile.blocks, 1_200, "bins"), "ordered"))
        naive.append(anderson_darling_p(profile.counts.bins, window.bins))
        wide.append(long_run_p(before, after, long_run(profile.blocks, 1_200, "bins"), "width"))
    # Then the test that takes rows for independent alarms on most, the one with blocks on few
    assert np.mean(np.array(naive) < 0.01) > 0.5
    assert np.mean(np.array(careful) < 0.01) < 0.06
    assert np.mean(np.array(wide) < 0.01) < 0.06
    # And a shift is still found, and a change of width
    shifted = coarse_counts(count_numbers(Numeric.of(walk[40] + 1.5), profile.grid), profile.grid)[:-1]
    assert long_run_p(before, shifted, long_run(profile.blocks, 1_200, "bins"), "ordered") < 1e-4
    wider = coarse_counts(count_numbers(Numeric.of(walk[40] * 2.0), profile.grid), profile.grid)[:-1]
    assert long_run_p(before, wider, long_run(profile.blocks, 1_200, "bins"), "width") < 1e-4
