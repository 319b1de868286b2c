"""Confidence intervals: published and independently computed numbers, and what must hold for any rows."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_jobs.intervals import (
    BOOTSTRAPPED,
    auc_variance,
    bootstrap_interval,
    estimate,
    newcombe_auc,
    placements,
    wilson,
)
from muster_jobs.metrics import BY_PROBLEM_TYPE, value_of
from muster_jobs.resampling import Resamples
from muster_jobs.scores import Scores
from tests.jobs.test_metrics import BINARY, MULTICLASS, REGRESSION, binary, rows


@pytest.mark.parametrize(
    ("hits", "rows", "confidence", "expected"),
    [  # statsmodels 0.14, proportion_confint(method="wilson"); 81 of 263 is Newcombe's own example
        (47, 48, 0.95, (0.8910078200474814, 0.9963128890224893)),
        (0, 10, 0.95, (0.0, 0.2775327998628892)),
        (81, 263, 0.95, (0.2552885198782742, 0.36620957698280004)),
        (15, 148, 0.90, (0.06744326224687144, 0.14957293174640032)),
    ],
)
def test_wilson(hits, rows, confidence, expected):
    assert wilson(hits, rows, confidence) == pytest.approx(expected, abs=1e-9)


def test_f1_uses_wilson_of_its_share():
    found = estimate("f1", BINARY, 0.95, None)  # 4 true positives, 2 false positives, 2 false negatives
    low, high = wilson(4, 8, 0.95)
    assert (found.low, found.high) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))


def test_the_variance_of_the_auc_is_delongs():
    positive, negative = placements(BINARY)
    pairs = [
        [1.0 if above > below else 0.5 if above == below else 0.0 for below in BINARY.predicted[BINARY.truth == 0]]
        for above in BINARY.predicted[BINARY.truth == 1]
    ]
    assert positive == pytest.approx(np.mean(pairs, axis=1))
    assert negative == pytest.approx(np.mean(pairs, axis=0))
    assert auc_variance(positive, negative) == pytest.approx(0.02191358024691358)


def test_a_perfect_auc_has_an_honest_lower_bound():
    perfect = Scores("binary", ("no", "yes"), np.repeat([0, 1], 20), np.linspace(0, 1, 40))
    found = estimate("auc", perfect, 0.95, None)
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.80 < found.low < 0.95
    # Newcombe's method 5: at the bound, one is the value away by exactly z standard errors.
    bound, middle = found.low, 20
    bracket = 1 + (middle - 1) * ((1 - bound) / (2 - bound) + bound / (1 + bound))
    assert (1 - bound) / math.sqrt(bound * (1 - bound) * bracket / 400) == pytest.approx(1.959964, abs=1e-5)


def test_newcombes_interval_for_the_auc_mirrors():
    low, high = newcombe_auc(0.3, 12, 30, 0.95)
    assert newcombe_auc(0.7, 12, 30, 0.95) == pytest.approx((1 - high, 1 - low))


def test_bca_is_scipys():
    # scipy 1.15 stats.bootstrap(mean, method="BCa", n_resamples=200000) gives 0.80876 to 1.29683 for these 60 values.
    errors = np.round(np.random.RandomState(0).exponential(1, 60), 3)
    scores = Scores("regression", (), np.zeros(60), errors)
    drawn = Resamples(60, seed=1).values(["mae"], {"m": scores}, np.ones(60, dtype=bool))["m"]["mae"]
    assert bootstrap_interval("mae", scores, 1.01305, 0.95, drawn) == pytest.approx((0.80876, 1.29683), abs=0.02)


def test_the_same_seed_gives_the_same_interval():
    everything = np.ones(12, dtype=bool)
    first, again = (Resamples(12, 5).values(["brier"], {"m": BINARY}, everything)["m"]["brier"] for _ in range(2))
    assert (first == again).all()


def test_resamples_shrink_for_many_rows_but_not_below_two_hundred():
    assert [Resamples(n, 0).count for n in (100, 10_000, 60_000)] == [2000, 500, 200]


def test_an_undefined_metric_has_no_numbers_but_a_reason():
    one_class = Scores("binary", ("no", "yes"), np.zeros(5, dtype=int), np.linspace(0, 1, 5))
    found = estimate("auc", one_class, 0.95, None)
    assert found.as_json() == {"value": None, "low": None, "high": None}
    assert found.reason == "every row is no"


@settings(max_examples=40, deadline=None)
@given(rows, st.sampled_from([0.9, 0.95, 0.99]))
def test_any_interval_contains_its_value_and_stays_in_range(pairs, confidence):
    scores = binary(pairs)
    drawn = Resamples(len(scores), 3).values(
        [name for name in BY_PROBLEM_TYPE["binary"] if name in BOOTSTRAPPED], {"m": scores}, np.ones(len(scores), bool)
    )["m"]
    for name in BY_PROBLEM_TYPE["binary"]:
        found = estimate(name, scores, confidence, drawn.get(name))
        if found.value is None:
            assert found.reason
            assert np.isnan(value_of(name, scores))
        else:
            assert 0 <= found.low <= found.value <= found.high
            assert found.high <= 1 or name == "log_loss"


@pytest.mark.parametrize(("scores", "kind"), [(MULTICLASS, "multiclass"), (REGRESSION, "regression")])
def test_other_problem_types_have_intervals(scores, kind):
    everything = np.ones(len(scores), dtype=bool)
    names = list(BY_PROBLEM_TYPE[kind])
    drawn = Resamples(len(scores), 3).values(names, {"m": scores}, everything)["m"]
    for name in names:
        found = estimate(name, scores, 0.95, drawn[name])
        assert found.low <= found.value <= found.high
        assert found.low < found.high


def test_a_perfect_score_is_not_certain():
    right = Scores("multiclass", ("a", "b", "c"), np.arange(30) % 3, np.eye(3)[np.arange(30) % 3])
    drawn = Resamples(30, 3).values(["macro_f1"], {"m": right}, np.ones(30, dtype=bool))["m"]["macro_f1"]
    assert estimate("macro_f1", right, 0.95, drawn).low < 0.95
    perfect = Scores("binary", ("no", "yes"), np.arange(30) % 2, (np.arange(30) % 2) * 0.8 + 0.1)
    drawn = Resamples(30, 3).values(["average_precision"], {"m": perfect}, np.ones(30, dtype=bool))["m"]
    assert estimate("average_precision", perfect, 0.95, drawn["average_precision"]).low < 0.95
