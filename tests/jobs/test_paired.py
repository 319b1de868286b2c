"""Comparisons of two models on the same rows."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings

from muster_jobs.metrics import BY_PROBLEM_TYPE, METRICS
from muster_jobs.paired import BOOTSTRAPPED, compare, mcnemar, newcombe_paired
from muster_jobs.resampling import Resamples
from muster_jobs.scores import Scores
from tests.jobs.test_metrics import binary, rows


def outcomes(both, wins, losses, neither):
    ours = np.array([True] * (both + wins) + [False] * (losses + neither))
    theirs = np.array([True] * both + [False] * wins + [True] * losses + [False] * neither)
    return ours, theirs


def compared(name, candidate, champion, confidence=0.95):
    pair = None
    if name in BOOTSTRAPPED:
        models = {"candidate": candidate, "champion": champion}
        drawn = Resamples(len(candidate), 1).values([name], models, np.ones(len(candidate), dtype=bool))
        pair = drawn["candidate"][name], drawn["champion"][name]
    return compare(name, candidate, champion, confidence, pair)


def noisy(seed, rows, separation):
    chance = np.random.default_rng(seed)
    truth = (np.arange(rows) % 2).astype(int)
    return truth, 1 / (1 + np.exp(-(chance.normal(0, 1, rows) + separation * (truth - 0.5))))


@pytest.mark.parametrize(
    ("wins", "losses", "expected"),
    [(12, 3, 0.017578125), (3, 7, 0.9453125), (0, 0, 1.0)],  # scipy.stats.binomtest(wins, n, 0.5, "greater")
)
def test_mcnemar_is_the_exact_binomial_test(wins, losses, expected):
    assert mcnemar(*outcomes(20, wins, losses, 5)) == pytest.approx(expected)


def test_mcnemar_of_many_rows_is_close_to_exact():
    wins, losses = 530, 480
    exact = 0.061536637948  # scipy.stats.binomtest(530, 1010, 0.5, "greater").pvalue
    assert mcnemar(*outcomes(0, wins, losses, 0)) == pytest.approx(exact, abs=2e-4)


def test_newcombes_paired_interval_without_correlation_is_the_independent_one():
    # 32 of 40 against 20 of 40; statsmodels 0.14, confint_proportions_2indep(32, 40, 20, 40, method="newcomb")
    found = newcombe_paired(*outcomes(16, 16, 4, 4), confidence=0.95)
    assert found == pytest.approx((0.09099471451786209, 0.47587046318526777))


def test_newcombes_paired_interval_of_a_published_table():
    # Bentur et al. 2009 as in Fagerland, Lydersen, Laake, Statistical Analysis of Contingency Tables, chapter 8:
    # 1, 1, 7 and 12 pairs, -0.507 to -0.026
    assert newcombe_paired(*outcomes(1, 1, 7, 12), confidence=0.95) == pytest.approx((-0.507, -0.026), abs=5e-4)


def test_agreeing_models_leave_a_narrow_interval():
    wide = newcombe_paired(*outcomes(50, 20, 20, 10), confidence=0.95)
    narrow = newcombe_paired(*outcomes(70, 0, 0, 30), confidence=0.95)
    assert narrow[1] - narrow[0] < 0.2 * (wide[1] - wide[0])


def test_delongs_test_is_that_of_the_paper():
    # Variance and test written out from the paper's equations 4 to 7, pair by pair.
    truth, ours = noisy(1, 60, 2.5)
    theirs = noisy(2, 60, 1.0)[1]
    found = compared("auc", Scores("binary", ("a", "b"), truth, ours), Scores("binary", ("a", "b"), truth, theirs))
    tables = [
        (s[truth == 1][:, None] > s[truth == 0]) + 0.5 * (s[truth == 1][:, None] == s[truth == 0])
        for s in (ours, theirs)
    ]
    s10 = np.cov([table.mean(axis=1) for table in tables])
    s01 = np.cov([table.mean(axis=0) for table in tables])
    contrast = np.array([1, -1])
    error = np.sqrt(contrast @ (s10 / 30 + s01 / 30) @ contrast)
    difference = tables[0].mean() - tables[1].mean()
    assert found.difference == pytest.approx(difference)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * error, rel=1e-6)
    assert found.p_better == pytest.approx(1 - NormalDist().cdf(float(difference / error)))


@pytest.mark.parametrize("name", BY_PROBLEM_TYPE["binary"])
def test_a_clearly_better_candidate_is_better_in_every_metric(name):
    truth, ours = noisy(3, 200, 4.0)
    theirs = noisy(4, 200, 0.5)[1]
    found = compared(name, Scores("binary", ("a", "b"), truth, ours), Scores("binary", ("a", "b"), truth, theirs))
    assert found.low > 0
    assert found.p_better < 0.01


@pytest.mark.parametrize("name", BY_PROBLEM_TYPE["binary"])
def test_the_same_predictions_are_no_improvement(name):
    scores = Scores("binary", ("a", "b"), *noisy(5, 60, 1.0))
    found = compared(name, scores, scores)
    assert (found.difference, found.p_better) == (0.0, 1.0)
    assert found.low <= 0 <= found.high


@settings(max_examples=30, deadline=None)
@given(rows, rows)
def test_swapping_the_models_turns_the_sign(first, second):
    size = min(len(first), len(second))
    ours = binary(first[:size])
    theirs = Scores("binary", ours.classes, ours.truth, np.array([p for _, p in second[:size]]))
    for name in BY_PROBLEM_TYPE["binary"]:
        one, other = compared(name, ours, theirs), compared(name, theirs, ours)
        if one.difference is None:
            assert other.difference is None
            assert one.reason
            continue
        assert one.difference == pytest.approx(-other.difference, abs=1e-12)
        assert one.low == pytest.approx(-other.high, abs=1e-9)
        assert one.low - 1e-12 <= one.difference <= one.high + 1e-12
        assert 0 <= one.p_better <= 1
        # A judge refuses a p-value that contradicts its interval.
        assert not (one.low > 0 and one.p_better > 0.5)
        assert not (one.high < 0 and one.p_better < 0.5)


def test_lower_is_better_where_it_is():
    truth = np.linspace(0, 10, 30)
    close, far = (Scores("regression", (), truth, truth + off * np.where(np.arange(30) % 2, 1, -1)) for off in (0.1, 1))
    for name in BY_PROBLEM_TYPE["regression"]:
        assert compared(name, close, far).difference > 0
    assert METRICS["rmse"].lower_is_better
    assert not METRICS["r2"].lower_is_better
