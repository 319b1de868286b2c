"""Figures of model quality: their values by definition, their intervals by how often they hold the truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster_numerics.quality_figures import (
    Figure,
    explained,
    f_score,
    mean_error,
    regression_figures,
    share,
    within_unit,
)

TABLES = (
    st.integers(2, 5)
    .flatmap(lambda k: st.lists(st.lists(st.integers(0, 30), min_size=k, max_size=k), min_size=k, max_size=k))
    .filter(lambda table: sum(map(sum, table)) > 0)
)


def by_definition(table: np.ndarray, beta: float, only: int | None) -> float:
    """F score from precision and recall, class by class."""
    found = []
    for each in range(len(table)):
        hits, true, said = table[each, each], table[each].sum(), table[:, each].sum()
        precision, recall = hits / said if said else 0.0, hits / true if true else 0.0
        below = beta**2 * precision + recall
        found.append((1 + beta**2) * precision * recall / below if below else 0.0)
    return found[only] if only is not None else float(np.average(found, weights=table.sum(axis=1)))


@given(TABLES, st.sampled_from([0.5, 1.0, 2.0]), st.booleans())
def test_f_scores_are_those_of_precision_and_recall(table, beta, weighted):
    counts = np.array(table)
    only = None if weighted else 1
    figure = f_score(counts, beta, 0.95, only)
    if figure.value is None:
        assert counts[1].sum() + counts[:, 1].sum() == 0
        return
    assert figure.value == pytest.approx(by_definition(counts, beta, only), abs=1e-12)
    assert 0 <= figure.low <= figure.value <= figure.high <= 1


@given(TABLES)
def test_beta_zero_is_precision(table):
    counts = np.array(table)
    said = counts.sum(axis=0)
    precision = np.where(said > 0, np.diag(counts) / np.maximum(said, 1), 0.0)
    assert f_score(counts, 0.0, 0.95).value == pytest.approx(np.average(precision, weights=counts.sum(axis=1)))


@pytest.mark.parametrize(
    ("beta", "only"), [(0.0, None), (0.5, 1), (1.0, 1), (2.0, 1), (0.5, None), (1.0, None), (2.0, None)]
)
def test_f_score_s_error_is_that_of_repeated_samples(beta, only):
    # Given the shares of a table of true and decided classes
    chances = np.array([[0.4, 0.06, 0.02], [0.05, 0.2, 0.03], [0.02, 0.04, 0.18]])
    truth = f_score((chances * 1e6).round().astype(int), beta, 0.95, only).value
    draws = np.random.default_rng(11).multinomial(600, chances.ravel(), size=3000).reshape(-1, 3, 3)
    # When samples of 600 rows are drawn
    figures = [f_score(draw, beta, 0.95, only) for draw in draws]
    # Then their spread is the stated error, and 95 % of the intervals hold the truth
    assert np.std([each.value for each in figures]) == pytest.approx(
        np.mean([each.error for each in figures]), rel=0.05
    )
    assert np.mean([each.low <= truth <= each.high for each in figures]) == pytest.approx(0.95, abs=0.015)


def test_regression_s_intervals_hold_the_truth():
    # Given a model that explains 75 % of the variance, with errors of standard deviation 1
    chance = np.random.default_rng(12)
    held, errors, values = {name: [] for name in ("mae", "mse", "rmse", "r2")}, {}, {}
    expected = {"mae": math.sqrt(2 / math.pi), "mse": 1.0, "rmse": 1.0, "r2": 0.75}
    for _ in range(3000):
        predicted = chance.normal(0, math.sqrt(3), 400)
        found = regression_figures(predicted + chance.normal(size=400), predicted, 0.95)
        for name, figure in found.items():
            held[name].append(figure.low <= expected[name] <= figure.high)
            errors.setdefault(name, []).append(figure.error)
            values.setdefault(name, []).append(figure.value)
    # Then 95 % of the intervals hold them, and the errors are those of the figures
    for name in expected:
        assert np.mean(held[name]) == pytest.approx(0.95, abs=0.015)
        assert np.std(values[name]) == pytest.approx(np.mean(errors[name]), rel=0.05)


def test_values_of_regression():
    found = regression_figures(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 3.0]), 0.95)
    assert {name: figure.value for name, figure in found.items()} == pytest.approx(
        {"mae": 2 / 3, "mse": 2 / 3, "rmse": math.sqrt(2 / 3), "r2": 1 - 2 / (14 / 3)}
    )


def test_edges():
    assert share(0, 0, 0.95, "none there") == Figure(None, reason="none there")
    assert share(5, 5, 0.95, "").high == 1
    assert explained(np.full(9, 2.0), np.ones(9), 0.95).reason == "the truth does not vary"
    assert mean_error(np.array([2.0]), 0.95) == Figure(2.0, 0.0, math.inf)
    assert mean_error(np.zeros(5), 0.95) == Figure(0.0, 0.0, 0.0, 0.0)
    assert within_unit(1.0, 0.0, 20, 0.95).low == pytest.approx(0.839, abs=0.001)  # Wilson's of 20 of 20


def test_errors_that_cannot_be_squared_have_no_figures():
    found = regression_figures(np.array([1.0, 2.0]), np.array([1.0, 1e300]), 0.95)
    assert found["mse"] == found["r2"] == Figure(None, reason="an error is too large to be squared")
