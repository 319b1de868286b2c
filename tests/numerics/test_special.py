"""Tail probabilities: as SciPy's, and what must hold of them anywhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from muster_numerics.special import (
    chi2_sf,
    excess_exact,
    f_sf,
    normal_sf,
    quadratic_form_far_sf,
    quadratic_form_sf,
    two_sample_exact,
)

degrees = st.floats(0.5, 300)
tails = st.floats(-12, -0.001).map(lambda power: 10**power)


@settings(deadline=None)
@given(degrees, tails)
def test_chi_square_is_scipys(df, p):
    x = float(stats.chi2.isf(p, df))
    assert chi2_sf(x, df) == pytest.approx(stats.chi2.sf(x, df), rel=1e-9)


@settings(deadline=None)
@given(st.floats(0.5, 100), st.floats(2, 2000), tails)
def test_f_is_scipys(df1, df2, p):
    x = float(stats.f.isf(p, df1, df2))
    assert f_sf(x, df1, df2) == pytest.approx(stats.f.sf(x, df1, df2), rel=1e-8)


@settings(deadline=None)
@given(st.floats(-8, 30))
def test_normal_is_scipys(x):
    assert normal_sf(x) == pytest.approx(stats.norm.sf(x), rel=1e-9)


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.data())
def test_exact_test_doubles_the_smaller_hypergeometric_tail(rows, other_rows, data):
    hits, other = data.draw(st.integers(0, rows)), data.draw(st.integers(0, other_rows))
    law = stats.hypergeom(rows + other_rows, hits + other, rows)
    expected = min(1.0, 2 * min(law.sf(hits - 1), law.cdf(hits)))
    assert two_sample_exact(hits, rows, other, other_rows) == pytest.approx(expected, rel=1e-6, abs=1e-290)


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.data())
def test_excess_is_the_upper_hypergeometric_tail(rows, other_rows, data):
    hits, other = data.draw(st.integers(0, rows)), data.draw(st.integers(0, other_rows))
    law = stats.hypergeom(rows + other_rows, hits + other, rows)
    expected = law.sf(hits - 1) if hits / rows > other / other_rows else 1.0
    assert excess_exact(hits, rows, other, other_rows) == pytest.approx(expected, rel=1e-6, abs=1e-290)


@pytest.mark.parametrize(("hits", "rows", "other", "other_rows"), [(0, 0, 3, 10), (0, 10, 0, 10), (10, 10, 10, 10)])
def test_exact_test_finds_nothing_where_nothing_can_differ(hits, rows, other, other_rows):
    assert two_sample_exact(hits, rows, other, other_rows) == pytest.approx(1.0)


def test_exact_test_of_ten_million_rows_is_finite_and_quick():
    # The normal approximation is good here: 10.05 against 10.00 % of 1e7 and 1e7 rows, z = 3.7.
    p = two_sample_exact(1_005_000, 10_000_000, 1_000_000, 10_000_000)
    z = 0.0005 / np.sqrt(2 * 0.10025 * 0.89975 / 1e7)
    assert p == pytest.approx(2 * stats.norm.sf(z), rel=0.01)


@settings(deadline=None)
@given(st.lists(st.floats(0.05, 5), min_size=1, max_size=1))
def test_a_form_of_one_weight_is_a_chi_square(weights):
    weight = weights[0]
    moments = (weight, weight**2, weight**3)
    assert quadratic_form_sf(6.5 * weight, moments) == pytest.approx(chi2_sf(6.5, 1), rel=1e-6)
    assert quadratic_form_sf(6.5 * weight, moments, 19) == pytest.approx(f_sf(6.5, 1, 19), rel=1e-6)


ANDERSON_DARLING = np.array([1 / (j * (j + 1)) for j in range(1, 30)])


@pytest.fixture(scope="module")
def draws():
    return np.random.default_rng(1).chisquare(1, (400_000, len(ANDERSON_DARLING))) @ ANDERSON_DARLING


def test_a_form_of_many_weights_has_its_tail_by_moments(draws):
    moments = tuple(float(np.sum(ANDERSON_DARLING**power)) for power in (1, 2, 3))
    for level, tolerance in ((0.5, 0.1), (0.1, 0.1), (0.05, 0.1)):
        assert quadratic_form_sf(float(np.quantile(draws, 1 - level)), moments) == pytest.approx(level, rel=tolerance)


def test_a_form_of_many_weights_has_its_far_tail_by_saddlepoint(draws):
    for level, tolerance in ((0.01, 0.1), (0.001, 0.15), (0.0002, 0.3)):
        critical = float(np.quantile(draws, 1 - level))
        assert quadratic_form_far_sf(critical, ANDERSON_DARLING) == pytest.approx(level, rel=tolerance)


@settings(deadline=None)
@given(st.floats(6, 600), st.floats(0.01, 100))
def test_the_saddlepoint_of_one_weight_is_nearly_a_chi_square(x, weight):
    assert quadratic_form_far_sf(x * weight, np.array([weight])) == pytest.approx(chi2_sf(x, 1), rel=0.15)


def test_a_form_without_weight_is_zero():
    assert quadratic_form_sf(0.0, (0.0, 0.0, 0.0)) == 1.0
    assert quadratic_form_sf(0.1, (0.0, 0.0, 0.0)) == 0.0
