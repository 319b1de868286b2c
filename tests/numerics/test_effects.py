"""Effects: as SciPy computes them of the rows, wherever the bins lose nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from muster_numerics.baseline import make_baseline
from muster_numerics.columns import Categorical, Numeric
from muster_numerics.effects import effects
from muster_numerics.sketch import count

few_values = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=80)


def effects_of(before, after):
    """Compare two columns."""
    profile = make_baseline({"x": before}).columns["x"]
    return effects(profile.counts, count(after, profile.grid), profile.grid)


@settings(deadline=None)
@given(few_values, few_values)
def test_of_few_values_all_are_exact(one, other):
    other = [value for value in other if min(one) <= value <= max(one) and value in one] or one
    found = effects_of(Numeric.of(one), Numeric.of(other))
    values = sorted(set(one))
    shares = [[rows.count(value) / len(rows) for value in values] for rows in (one, other)]
    assert found.ks == pytest.approx(np.abs(np.cumsum(shares[0]) - np.cumsum(shares[1])).max(), abs=1e-12)
    assert found.js == pytest.approx(jensenshannon(*shares, base=2), abs=1e-6)
    assert found.linf_robust <= found.ks


def test_wasserstein_is_in_standard_deviations_of_the_baseline():
    rng = np.random.default_rng(0)
    before, after = rng.gamma(2, 3, 5_000), rng.gamma(2, 3, 3_000) + 1
    found = effects_of(Numeric.of(before), Numeric.of(after))
    assert found.w1 == pytest.approx(stats.wasserstein_distance(before, after) / before.std(), rel=0.1)
    assert effects_of(Numeric.of([2.0, 2.0]), Numeric.of([3.0])).w1 is None
    assert effects_of(Categorical.of(["a"]), Categorical.of(["b"])).w1 is None


def test_psi_is_the_published_sum():
    # Given ten equal bins, of which the window moves half of one to another
    before = Numeric.of(np.repeat(np.arange(10.0), 10))
    after = Numeric.of([0.0] * 5 + [9.0] * 15 + np.repeat(np.arange(1.0, 9.0), 10).tolist())
    assert effects_of(before, after).psi == pytest.approx(-0.05 * np.log(0.5) + 0.05 * np.log(1.5))


def test_robust_distance_allows_for_sampling():
    found = effects_of(Numeric.of(np.arange(1_000.0)), Numeric.of(np.arange(1_000.0)[500:]))
    assert found.linf_robust == pytest.approx(found.ks - 1.8 * np.sqrt(1_500 / 500_000))


def test_without_any_value_only_the_missing_share_is_known():
    found = effects_of(Numeric.of([1.0, 2.0]), Numeric.of([np.nan, np.nan]))
    assert (found.ks, found.psi, found.missing_before, found.missing_after) == (0.0, 0.0, 0.0, 1.0)


def test_a_column_of_one_value_has_no_tenths_and_its_stability_is_that_of_its_cells():
    found = effects_of(Numeric.of([1.0] * 130), Numeric.of([1.0] * 42 + [0.6] * 30 + [1.6] * 28))
    assert found.psi > 5
    assert effects_of(Numeric.of([1.0] * 130), Numeric.of([1.0] * 50)).psi == pytest.approx(0.0, abs=1e-12)
