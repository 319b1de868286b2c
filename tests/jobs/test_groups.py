"""Slices and bias groups."""

import numpy as np
import pytest

from muster_jobs.failure import JobError
from muster_jobs.groups import bias_of, masks_of
from muster_jobs.measuring import Wanted, measure
from muster_jobs.resampling import Resamples
from muster_jobs.scores import Scores
from muster_jobs.tables import Features

METRICS = ["auc", "accuracy", "brier"]


def features(*columns):
    rows = [list(row) for row in zip(*columns, strict=True)]
    names = [f"c{number}" for number in range(len(columns))]
    return Features("recent", names, [f"r{number}" for number in range(len(rows))], rows)


def decided(truth, right):
    """Return binary scores that decide right or wrong as told."""
    truth, right = np.array(truth), np.array(right, dtype=bool)
    return Scores("binary", ("no", "yes"), truth, np.where((truth == 1) == right, 0.9, 0.1))


def test_slices_are_the_values_of_a_column():
    found = measure(
        features(list("aabbbb")), {"candidate": decided([0, 1, 0, 0, 0, 0], [1] * 6)}, Wanted(METRICS, 0.95, ["c0"])
    )
    slices = found.models["candidate"].slices
    assert {name: rows for name, (rows, _) in slices.items()} == {"c0=a": 2, "c0=b": 4}
    assert slices["c0=a"][1]["auc"].value == 1.0
    assert slices["c0=b"][1]["auc"].value is None
    assert slices["c0=b"][1]["auc"].reason == "every row is no"
    assert slices["c0=b"][1]["accuracy"].value == 1.0


def test_an_empty_field_is_a_group_of_its_own():
    assert sorted(masks_of(features(["a", "", " "]), "c0")) == ["(empty)", "a"]


def test_a_column_that_is_missing_or_has_too_many_values_is_refused():
    with pytest.raises(JobError, match=r"holdout recent: column age is missing; the columns are c0"):
        masks_of(features(list("ab")), "age")
    with pytest.raises(JobError, match=r"column c0 has 51 values; a slice or bias column may have 50"):
        masks_of(features([str(number) for number in range(51)]), "c0")


def test_the_difference_of_shares_is_newcombes():
    # 56 of 70 against 48 of 80: 0.0524 to 0.3339 in Newcombe 1998, Statistics in Medicine 17:873, table II
    scores = decided([1] * 150, [1] * 56 + [0] * 14 + [1] * 48 + [0] * 32)
    masks = masks_of(features(["x"] * 70 + ["y"] * 80), "c0")
    found = bias_of("recall", scores, masks, 30, 0.95, Resamples(150, 0))
    assert found.groups == {"x": (70, 0.8), "y": (80, 0.6)}
    assert found.difference.value == pytest.approx(0.2)
    assert (found.difference.low, found.difference.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_small_groups_are_shown_but_not_compared():
    scores = decided([1] * 25, [1] * 10 + [0] * 5 + [1] * 10)
    masks = masks_of(features(["x"] * 10 + ["tiny"] * 5 + ["y"] * 10), "c0")
    found = bias_of("accuracy", scores, masks, 10, 0.95, Resamples(25, 0))
    assert found.groups["tiny"] == (5, 0.0)
    assert found.difference.value == 0.0
    alone = bias_of("accuracy", scores, masks, 11, 0.95, Resamples(25, 0)).difference
    assert (alone.value, alone.reason) == (None, "fewer than two groups with 11 rows or more and a value")


@pytest.mark.parametrize("metric", ["auc", "brier", "f1", "log_loss"])
def test_any_metric_can_be_compared_between_groups(metric):
    chance = np.random.default_rng(0)
    truth = np.arange(120) % 2
    scores = Scores("binary", ("no", "yes"), truth, np.clip(chance.normal(0.3 + 0.4 * truth, 0.2), 0.01, 0.99))
    found = bias_of(metric, scores, masks_of(features(list("xy" * 30 + "yx" * 30)), "c0"), 30, 0.95, Resamples(120, 0))
    assert found.difference.low <= found.difference.value <= found.difference.high
    assert found.difference.value >= 0
