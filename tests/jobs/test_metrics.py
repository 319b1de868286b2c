"""Metric values, against numbers that scikit-learn 1.9.1 gave for the same rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_jobs.metrics import BY_PROBLEM_TYPE, METRICS, average_precision, value_of, why_undefined
from muster_jobs.scores import Scores

TRUTH = np.array([0, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1])
PREDICTED = np.array([0.1, 0.4, 0.35, 0.8, 0.5, 0.9, 0.35, 0.7, 0.2, 0.05, 0.6, 0.6])
BINARY = Scores("binary", ("no", "yes"), TRUTH, PREDICTED)
MULTICLASS = Scores(
    "multiclass",
    ("a", "b", "c"),
    np.array([0, 1, 2, 1, 0, 2, 2, 1]),
    np.array(
        [
            *([0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6], [0.5, 0.3, 0.2]),
            *([0.4, 0.35, 0.25], [0.2, 0.5, 0.3], [0.05, 0.15, 0.8], [0.1, 0.6, 0.3]),
        ]
    ),
)
REGRESSION = Scores("regression", (), np.array([3.0, -0.5, 2.0, 7.0, 4.2]), np.array([2.5, 0.0, 2.1, 7.8, 3.9]))


@pytest.mark.parametrize(
    ("name", "scores", "expected"),
    [
        ("auc", BINARY, 0.7777777777777778),
        ("average_precision", BINARY, 0.8259259259259258),
        ("accuracy", BINARY, 0.6666666666666666),
        ("f1", BINARY, 0.6666666666666666),
        ("precision", BINARY, 0.6666666666666666),
        ("recall", BINARY, 0.6666666666666666),
        ("brier", BINARY, 0.18895833333333334),
        ("log_loss", BINARY, 0.5469137444956216),
        ("accuracy", MULTICLASS, 0.75),
        ("macro_f1", MULTICLASS, 0.7555555555555555),
        ("log_loss", MULTICLASS, 0.702356657983862),
        ("rmse", REGRESSION, 0.49799598391954925),
        ("mae", REGRESSION, 0.44000000000000006),
        ("r2", REGRESSION, 0.9594665271966527),
    ],
)
def test_values_are_those_of_scikit_learn(name, scores, expected):
    assert value_of(name, scores) == pytest.approx(expected, abs=1e-12)


def test_every_metric_of_the_contract_is_known():
    assert {name for names in BY_PROBLEM_TYPE.values() for name in names} == set(METRICS)


@pytest.mark.parametrize(
    ("name", "truth", "predicted", "reason"),
    [
        ("auc", [0, 0], [0.2, 0.7], "every row is no"),
        ("average_precision", [0, 0], [0.2, 0.7], "no row is yes"),
        ("recall", [0, 0], [0.2, 0.7], "no row is yes"),
        ("precision", [1, 0], [0.2, 0.3], "no row is predicted yes"),
        ("f1", [0, 0], [0.2, 0.3], "no row is yes or predicted yes"),
        ("accuracy", [], [], "no row"),
    ],
)
def test_an_undefined_metric_is_nan_and_says_why(name, truth, predicted, reason):
    scores = Scores("binary", ("no", "yes"), np.array(truth, dtype=int), np.array(predicted, dtype=float))
    assert np.isnan(value_of(name, scores))
    assert why_undefined(name, scores) == reason


def test_r2_of_a_constant_target_is_undefined():
    scores = Scores("regression", (), np.full(4, 2.5), np.arange(4.0))
    assert np.isnan(value_of("r2", scores))
    assert why_undefined("r2", scores) == "the target does not vary"


def test_a_certain_mistake_costs_a_finite_log_loss():
    certain = Scores("binary", ("no", "yes"), np.array([1, 0]), np.array([0.0, 0.0]))
    assert value_of("log_loss", certain) == pytest.approx(-np.log(1e-15) / 2, rel=1e-6)


rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8).map(lambda number: number / 8)), min_size=2, max_size=40)


@settings(max_examples=40, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(pairs, chance):
    shuffled = list(pairs)
    chance.shuffle(shuffled)
    for name in BY_PROBLEM_TYPE["binary"]:
        assert value_of(name, binary(shuffled)) == pytest.approx(value_of(name, binary(pairs)), abs=1e-12, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(rows)
def test_swapping_the_classes_leaves_the_auc(pairs):
    swapped = Scores("binary", ("a", "b"), 1 - binary(pairs).truth, 1 - binary(pairs).predicted)
    assert value_of("auc", swapped) == pytest.approx(value_of("auc", binary(pairs)), abs=1e-12, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(rows, st.lists(st.integers(0, 3), min_size=40, max_size=40))
def test_counting_a_row_twice_is_having_it_twice(pairs, times):
    scores, counts = binary(pairs), np.array(times[: len(pairs)])
    repeated = Scores("binary", scores.classes, np.repeat(scores.truth, counts), np.repeat(scores.predicted, counts))
    counted = average_precision(scores.truth, scores.predicted, counts[None, :].astype(float))[0]
    assert counted == pytest.approx(value_of("average_precision", repeated), abs=1e-12, nan_ok=True)


def binary(pairs):
    return Scores("binary", ("no", "yes"), np.array([t for t, _ in pairs]), np.array([p for _, p in pairs]))
