"""Model quality of a window, in Model Monitor's terms."""

import math

import numpy as np
import pytest

from muster_numerics.ground_truth import Judged
from muster_numerics.quality import Problem, measure

BINARY = Problem("binary", ("benign", "malignant"))
THREE = Problem("multiclass", ("a", "b", "c"))


def judged(truth: list[str], predicted: list, **counts: int) -> Judged:
    known = {"rows": len(truth), "missing": 0, "mismatched": 0, "unanswered": 0} | counts
    return Judged(tuple(truth), np.array(predicted, dtype=float).reshape(len(truth), -1 if truth else 1), {}, **known)


def test_binary_figures():
    # Given 3 of 4 malignant rows found, and 1 of 6 benign ones called malignant
    truth = ["malignant"] * 4 + ["benign"] * 6
    scores = [0.9, 0.8, 0.7, 0.3, 0.6, 0.2, 0.1, 0.1, 0.1, 0.1]
    # When they are measured
    found = measure(judged(truth, scores), BINARY, least_rows=10)
    # Then the figures are Model Monitor's
    values = {name: figure.value for name, figure in found.figures.items()}
    assert values == pytest.approx(
        {
            "recall": 0.75,
            "precision": 0.75,
            "accuracy": 0.8,
            "recall_best_constant_classifier": 1.0,
            "precision_best_constant_classifier": 0.4,
            "accuracy_best_constant_classifier": 0.4,
            "true_positive_rate": 0.75,
            "true_negative_rate": 5 / 6,
            "false_positive_rate": 1 / 6,
            "false_negative_rate": 0.25,
            "auc": 23 / 24,
            "f0_5": 0.75,
            "f1": 0.75,
            "f2": 0.75,
            "f0_5_best_constant_classifier": 1.25 * 0.4 / (0.25 * 0.4 + 1),
            "f1_best_constant_classifier": 2 * 0.4 / 1.4,
            "f2_best_constant_classifier": 5 * 0.4 / (4 * 0.4 + 1),
        }
    )
    assert found.table == ((5, 1), (1, 3))
    assert found.roc[0] == (0, 0)
    assert found.roc[-1] == (1, 1)
    assert found.recalls[-1] == pytest.approx((1.0, 0.4))
    assert all(each.low <= each.value <= each.high for each in found.figures.values())


def test_several_classes():
    # Given five rows of each class, and one row of class b taken for c
    truth = ["a"] * 5 + ["b"] * 5 + ["c"] * 5
    predicted = np.eye(3).repeat(5, axis=0)
    predicted[5] = [0.1, 0.2, 0.7]
    found = measure(judged(truth, predicted), THREE, least_rows=1)
    assert found.figures["accuracy"].value == found.figures["weighted_recall"].value == pytest.approx(14 / 15)
    assert found.figures["weighted_precision"].value == pytest.approx((1 + 1 + 5 / 6) / 3)
    assert found.figures["accuracy_best_constant_classifier"].value == pytest.approx(1 / 3)
    assert found.figures["weighted_precision_best_constant_classifier"].value == pytest.approx(1 / 9)
    assert found.table == ((5, 0, 0), (0, 4, 1), (0, 0, 5))


def test_regression():
    found = measure(judged(["1", "2", "4"], [1, 3, 3]), Problem("regression"), least_rows=3)
    assert found.figures["mae"].value == pytest.approx(2 / 3)
    assert (found.table, found.roc) == ((), ())


@pytest.mark.parametrize(
    ("problem", "truth", "predicted"),
    [
        (BINARY, ["benign", "maligant", "malignant", "malignant"], [0.1, 0.9, 1.2, 0.8]),
        (THREE, ["a", "d", "b", "c"], [[1, 0, 0], [1, 0, 0], [0.5, 0.1, 0.1], [0, 0, 1]]),
        (Problem("regression"), ["1", "one", "nan", "3"], [1, 1, 1, 3]),
    ],
)
def test_what_is_no_class_or_probability_is_left_out_and_counted(problem, truth, predicted):
    found = measure(judged(truth, predicted), problem, least_rows=2)
    assert (found.verdict, found.rows, found.unusable) == ("measured", 2, 2)
    assert "2 a label or answer that is none" in found.reason


@pytest.mark.parametrize("truth", [[], ["benign"] * 9])
def test_too_few_rows_are_insufficient(truth):
    found = measure(judged(truth, [0.1] * len(truth), rows=50, missing=50 - len(truth)), BINARY, least_rows=10)
    assert (found.verdict, found.figures) == ("insufficient", {})
    assert f"{len(truth)} of 50 rows can be judged: {50 - len(truth)} have no label yet" in found.reason
    assert found.reason.endswith("10 are needed")


def test_one_class_alone_has_no_auc_and_no_recall():
    found = measure(judged(["benign"] * 9, [0.1] * 9), BINARY, least_rows=1)
    assert found.figures["auc"].reason == "all rows are of one class"
    assert found.figures["recall"].reason == "no row is of the positive class"
    assert found.figures["precision"].reason == "no row is decided to be positive"
    assert found.figures["accuracy"].value == 1
    assert (found.roc, found.recalls) == ((), ())


def test_answers_of_another_width_are_refused():
    with pytest.raises(ValueError, match="2 fields, wanted 1 for binary"):
        measure(judged(["benign"], [[0.1, 0.9]]), BINARY, least_rows=1)


def test_intervals_narrow_with_rows():
    chance = np.random.default_rng(3)
    widths = []
    for rows in (200, 3200):
        truth = chance.random(rows) < 0.4
        scores = np.clip(0.35 + 0.3 * truth + chance.normal(0, 0.2, rows), 0, 1)
        labels = np.where(truth, "malignant", "benign").tolist()
        found = measure(judged(labels, scores), BINARY, least_rows=100)
        widths.append({name: each.high - each.low for name, each in found.figures.items() if each.error})
    assert all(math.isclose(widths[0][name] / widths[1][name], 4, rel_tol=0.35) for name in widths[1])
