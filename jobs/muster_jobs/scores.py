"""What is measured: true labels and predictions of the same rows, as arrays."""

from dataclasses import dataclass

import numpy as np

from muster_jobs.failure import JobError, several

THRESHOLD = 0.5
"""A binary prediction counts as the second class from this probability on."""
SUM_TOLERANCE = 0.001
"""How far the probabilities of a multiclass row may be from a sum of one."""


@dataclass(frozen=True)
class Scores:
    """The truth and one model's predictions.

    Attributes
    ----------
    problem_type
        ``binary``, ``multiclass`` or ``regression``.
    classes
        Labels in the order of the prediction columns; empty for regression.
    truth
        Shape (n,): index into `classes`, or the value.
    predicted
        Shape (n,) for binary (probability of the second class) and regression; (n, classes) for multiclass.
    """

    problem_type: str
    classes: tuple[str, ...]
    truth: np.ndarray
    predicted: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def decided(self) -> np.ndarray:
        """Index of the class that the model decides for."""
        if self.problem_type == "binary":
            return (self.predicted >= THRESHOLD).astype(int)
        return self.predicted.argmax(axis=1)

    def only(self, mask: np.ndarray) -> "Scores":
        """Return the rows where `mask` is true."""
        return Scores(self.problem_type, self.classes, self.truth[mask], self.predicted[mask])


def prediction_columns(problem_type: str, classes: tuple[str, ...]) -> int:
    """Return how many numbers a model has to return per row."""
    return len(classes) if problem_type == "multiclass" else 1


def encode_truth(
    labels: list[str], ids: list[str], problem_type: str, classes: tuple[str, ...], what: str
) -> np.ndarray:
    """Return labels as class indexes or values; JobError names the first rows with a label that is neither."""
    if problem_type == "regression":
        values = [as_value(text) for text in labels]
        wrong = [
            f"{row_id} ({text!r})"
            for row_id, text, value in zip(ids, labels, values, strict=True)
            if not np.isfinite(value)
        ]
        if wrong:
            raise JobError(f"{what}: the label is no finite number in row {several(wrong)}")
        return np.array(values)
    index = {label: number for number, label in enumerate(classes)}
    wrong = [f"{row_id} ({text!r})" for row_id, text in zip(ids, labels, strict=True) if text not in index]
    if wrong:
        raise JobError(f"{what}: the label is not one of {', '.join(classes)} in row {several(wrong)}")
    return np.array([index[text] for text in labels])


def as_value(text: str) -> float:
    """Return a number, or NaN for text that is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def make_scores(
    problem_type: str, classes: tuple[str, ...], truth: np.ndarray, predictions: np.ndarray, ids: list[str], what: str
) -> Scores:
    """Return the scores of one model; JobError names the first rows whose probabilities are none."""
    if problem_type != "regression":
        outside = ((predictions < 0) | (predictions > 1)).any(axis=1)
        if outside.any():
            rows = several([row_id for row_id, bad in zip(ids, outside, strict=True) if bad])
            raise JobError(f"{what}: the prediction is no probability (0 to 1) in row {rows}")
    if problem_type == "multiclass":
        off = np.abs(predictions.sum(axis=1) - 1) > SUM_TOLERANCE
        if off.any():
            rows = several([row_id for row_id, bad in zip(ids, off, strict=True) if bad])
            raise JobError(f"{what}: the probabilities of the classes do not add up to 1 in row {rows}")
        return Scores(problem_type, classes, truth, predictions)
    return Scores(problem_type, classes, truth, predictions[:, 0])
