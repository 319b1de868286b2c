"""The spec's metrics on live answers: the evaluation job's values, intervals that hold what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_jobs.metrics import BY_PROBLEM_TYPE, METRICS, value_of
from muster_jobs.scores import Scores
from muster_numerics.quality_bias import difference
from muster_numerics.quality_metrics import difference_between, figure_of

CLASSES = {"binary": ("0", "1"), "multiclass": ("a", "b", "c"), "regression": ()}
EVERY = [(kind, name) for kind, names in BY_PROBLEM_TYPE.items() for name in names]


def scores(kind: str, rows: int, chance: np.random.Generator) -> Scores:
    if kind == "binary":
        predicted = 1 / (1 + np.exp(1 - 1.5 * chance.normal(size=rows)))
        return Scores(kind, CLASSES[kind], (chance.random(rows) < predicted).astype(int), predicted)
    if kind == "multiclass":
        predicted = chance.dirichlet([1, 1, 1], rows)
        return Scores(kind, CLASSES[kind], (predicted.cumsum(axis=1) < chance.random((rows, 1))).sum(axis=1), predicted)
    truth = chance.normal(size=rows)
    return Scores(kind, (), truth, truth + 0.5 * chance.normal(size=rows))


@pytest.mark.parametrize(("kind", "name"), EVERY)
@settings(deadline=None)
@given(rows=st.integers(0, 40), seed=st.integers(0, 2**32))
def test_values_are_the_evaluation_job_s(kind, name, rows, seed):
    found = scores(kind, rows, np.random.default_rng(seed))
    figure, value = figure_of(name, found, 0.95), value_of(name, found)
    if np.isnan(value):
        assert figure.value is None
        assert figure.reason
    elif figure.value is not None:  # r2 of one row has a value there, but no interval
        assert figure.value == pytest.approx(value, abs=1e-9)
        assert figure.low <= figure.value <= figure.high
        if METRICS[name].share:
            assert 0 <= figure.low <= figure.high <= 1


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_intervals_cover(kind, name):
    # Given the value in a population, and 400 windows of 400 rows each
    chance = np.random.default_rng(8)
    true = value_of(name, scores(kind, 400_000, chance))
    figures = [figure_of(name, scores(kind, 400, chance), 0.95) for _ in range(400)]
    # Then 95 % of the intervals hold it, give or take three standard errors
    covered = np.mean([each.low <= true <= each.high for each in figures])
    assert 0.917 <= covered <= 0.985


@settings(deadline=None)
@given(rows=st.integers(60, 200), seed=st.integers(0, 2**32), least=st.integers(1, 60))
def test_difference_of_shares_is_newcombe_s(rows, seed, least):
    chance = np.random.default_rng(seed)
    found, group = scores("binary", rows, chance), chance.random(rows) < 0.4
    right = found.decided == found.truth
    pairs = [(int(right[mask].sum()), int(mask.sum())) for mask in (group, ~group)]
    wanted, figure = difference(*pairs, least, 0.99), difference_between("accuracy", found, group, 0.99, least)
    for name in ("value", "low", "high"):
        assert getattr(figure, name) == (None if wanted.value is None else pytest.approx(getattr(wanted, name)))


def test_a_group_without_the_metric_is_not_compared():
    found = Scores("binary", CLASSES["binary"], np.array([0, 0, 1, 0]), np.array([0.1, 0.2, 0.9, 0.3]))
    figure = difference_between("auc", found, np.array([True, True, False, False]), 0.95, 1)
    assert (figure.value, figure.reason) == (None, "all rows are of one class")


def test_perfect_answers_have_an_interval_still():
    found = Scores("binary", CLASSES["binary"], np.array([0, 1] * 50), np.array([0.1, 0.9] * 50))
    for name in ("auc", "average_precision", "accuracy", "f1", "precision", "recall"):
        figure = figure_of(name, found, 0.95)
        assert figure.value == 1
        assert figure.low < 1
