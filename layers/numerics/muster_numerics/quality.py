"""How good a model's live answers are, once their truth is known: Model Monitor's figures, with intervals.

What each figure means is in "Model quality metrics and Amazon CloudWatch monitoring" (developer guide). The best
constant classifier always says the positive class, or of several classes the most frequent one, as that page's examples
do. A binary answer counts as positive from a probability of 0.5, as in the evaluation job.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from muster_jobs.curves import confusion, roc
from muster_jobs.scores import SUM_TOLERANCE, Scores, as_value
from muster_numerics.columns import FloatArray
from muster_numerics.ground_truth import Judged
from muster_numerics.quality_figures import Figure, area_under_curve, f_score, regression_figures, share

ProblemType = Literal["binary", "multiclass", "regression"]
BETAS = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}
CONSTANT = "_best_constant_classifier"
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Problem:
    """What a model decides.

    Attributes
    ----------
    kind
        As in the model's spec.
    classes
        Labels in the order of the prediction fields; binary: the second is positive. Empty for regression.
    """

    kind: ProblemType
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quality:
    """The figures of a window, or why there are none yet.

    Attributes
    ----------
    verdict
        "measured", or "insufficient" with too few usable rows.
    reason
        In words, with the numbers of rows.
    problem
        What was measured.
    rows
        Rows the figures are of.
    unusable
        Rows whose label is no class or number, or whose answer is no probability.
    figures
        By Model Monitor's names; empty if insufficient.
    table
        Rows by true and decided class; empty for regression.
    roc, recalls
        Points of the curves: (false, true positive rate) and (recall, precision); binary only.
    """

    verdict: Literal["measured", "insufficient"]
    reason: str
    problem: Problem
    rows: int
    unusable: int
    figures: Mapping[str, Figure] = field(default_factory=dict)
    table: tuple[tuple[int, ...], ...] = ()
    roc: tuple[tuple[float, float], ...] = ()
    recalls: tuple[tuple[float, float], ...] = ()


def measure(judged: Judged, problem: Problem, *, least_rows: int, confidence: float = 0.95) -> Quality:
    """Measure the answers of a window.

    Parameters
    ----------
    judged
        Answers and labels.
    problem
        How to read them.
    least_rows
        With fewer usable rows the verdict is "insufficient".
    confidence
        Of the intervals, two-sided.

    Raises
    ------
    ValueError
        If the answers have not as many fields as the problem wants.
    """
    scores = scores_of(judged, problem)
    rows, unusable = len(scores), len(judged.truth) - len(scores)
    said = (
        f"{rows} of {judged.rows} rows can be judged: {judged.missing} have no label yet, {judged.mismatched} another "
        f"number of labels than rows, {judged.unanswered} no answer, {unusable} a label or answer that is none"
    )
    if rows < max(least_rows, 1):
        return Quality("insufficient", f"{said}; {least_rows} are needed", problem, rows, unusable)
    if problem.kind == "regression":
        figures = regression_figures(scores.truth, scores.predicted, confidence)
        return Quality("measured", said, problem, rows, unusable, figures)
    counts = confusion(scores)
    table = tuple(tuple(line) for line in counts.tolist())
    if problem.kind == "multiclass":
        figures = multiclass_figures(counts, confidence)
        return Quality("measured", said, problem, rows, unusable, figures, table)
    figures = binary_figures(scores, counts, confidence)
    curves = (tuple(roc(scores)), recalls_of(scores)) if figures["auc"].value is not None else ((), ())
    return Quality("measured", said, problem, rows, unusable, figures, table, *curves)


def scores_of(judged: Judged, problem: Problem) -> Scores:
    """Return the rows that can be used. Unlike a holdout's, live rows that cannot are left out, and counted."""
    return usable_scores(judged, problem)[0]


def usable_scores(judged: Judged, problem: Problem) -> tuple[Scores, Mask]:
    """Return the rows that can be used, and which of the judged ones these are.

    Raises
    ------
    ValueError
        If the answers have not as many fields as the problem wants.
    """
    wanted = len(problem.classes) if problem.kind == "multiclass" else 1
    predicted = judged.predicted.reshape(len(judged.truth), -1) if judged.truth else np.empty((0, wanted))
    if predicted.shape[1] != wanted:
        raise ValueError(f"quality: an answer has {predicted.shape[1]} fields, wanted {wanted} for {problem.kind}")
    if problem.kind == "regression":
        truth = np.array([as_value(label) for label in judged.truth], dtype=np.float64)
        usable = np.isfinite(truth)
        return Scores(problem.kind, (), truth[usable], predicted[usable, 0]), usable
    place = {label: index for index, label in enumerate(problem.classes)}
    index = np.array([place.get(label, -1) for label in judged.truth], dtype=np.int64)
    usable = (index >= 0) & is_probability(predicted)
    chosen = predicted[usable]
    return Scores(problem.kind, problem.classes, index[usable], chosen if wanted > 1 else chosen[:, 0]), usable


def is_probability(predicted: FloatArray) -> Mask:
    """Return which answers are probabilities, and of several classes add up to one."""
    inside: Mask = ((predicted >= 0) & (predicted <= 1)).all(axis=1)
    return inside if predicted.shape[1] == 1 else inside & (np.abs(predicted.sum(axis=1) - 1) <= SUM_TOLERANCE)


def binary_figures(scores: Scores, counts: npt.NDArray[np.int64], confidence: float) -> dict[str, Figure]:
    """Return Model Monitor's figures of a binary model."""
    (right_negative, wrong_positive), (wrong_negative, right_positive) = counts.tolist()
    negatives, positives = right_negative + wrong_positive, wrong_negative + right_positive
    no_positive, no_negative = "no row is of the positive class", "no row is of the negative class"
    rows = negatives + positives
    recall = share(right_positive, positives, confidence, no_positive)
    constant = np.array([[0, negatives], [0, positives]])
    none_said = "no row is decided to be positive"
    figures = {
        "recall": recall,
        "precision": share(right_positive, right_positive + wrong_positive, confidence, none_said),
        "accuracy": share(right_negative + right_positive, rows, confidence, ""),
        "recall" + CONSTANT: share(positives, positives, confidence, no_positive),
        "precision" + CONSTANT: share(positives, rows, confidence, ""),
        "accuracy" + CONSTANT: share(positives, rows, confidence, ""),
        "true_positive_rate": recall,
        "true_negative_rate": share(right_negative, negatives, confidence, no_negative),
        "false_positive_rate": share(wrong_positive, negatives, confidence, no_negative),
        "false_negative_rate": share(wrong_negative, positives, confidence, no_positive),
        "auc": area_under_curve(scores, confidence),
    }
    figures |= {name: f_score(counts, beta, confidence, only=1) for name, beta in BETAS.items()}
    return figures | {name + CONSTANT: f_score(constant, beta, confidence, only=1) for name, beta in BETAS.items()}


def multiclass_figures(counts: npt.NDArray[np.int64], confidence: float) -> dict[str, Figure]:
    """Return Model Monitor's figures of a model of several classes, weighted by the classes' rows."""
    constant = np.zeros_like(counts)
    constant[:, counts.sum(axis=1).argmax()] = counts.sum(axis=1)
    figures = {}
    for table, ending in ((counts, ""), (constant, CONSTANT)):
        accuracy = share(int(np.trace(table)), int(table.sum()), confidence, "")
        figures["accuracy" + ending] = accuracy
        figures["weighted_recall" + ending] = accuracy  # the same, whatever the classes' weights
        figures["weighted_precision" + ending] = f_score(table, 0.0, confidence)
        figures |= {f"weighted_{name}{ending}": f_score(table, beta, confidence) for name, beta in BETAS.items()}
    return figures


def recalls_of(scores: Scores) -> tuple[tuple[float, float], ...]:
    """Return (recall, precision) at each point of the ROC curve at which a row is decided to be positive."""
    positives = int(np.sum(scores.truth == 1))
    negatives = len(scores) - positives
    points = []
    for falls, hits in roc(scores):
        said = falls * negatives + hits * positives
        if said > 0:
            points.append((hits, hits * positives / said))
    return tuple(points)
