"""What traffic is held against: a baseline document (contract BaselineDocument), read for counting.

The document is plain JSON data. It says which fields a request and an answer have, which of them are controlled, and
what each looked like in training. From an answer's scores the label that the model decides for is derived, and counted
as a column of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from muster_jobs.scores import THRESHOLD
from muster_numerics.baseline import Baseline, from_json
from muster_numerics.capture_schema import CaptureSchema, Field
from muster_numerics.columns import MISSING_CODE, Categorical, Columns, Numeric
from muster_numerics.redaction import Redaction, redacted


@dataclass(frozen=True)
class Reference:
    """How a model's traffic is read and counted.

    Attributes
    ----------
    schema
        The fields of a request and of an answer.
    baseline
        What they looked like.
    redaction
        What hides the words of controlled fields.
    classes, label
        As in `labels`, and the name of that column; empty for regression.
    """

    schema: CaptureSchema
    baseline: Baseline
    redaction: Redaction
    classes: tuple[str, ...] = ()
    label: str = ""

    def columns(self, features: Columns, predictions: Columns) -> Columns:
        """Return what is counted of a chunk: its fields and labels, controlled words replaced."""
        columns = features | predictions
        if self.label:
            columns |= {self.label: labels(predictions, self.classes)}
        return redacted(columns, self.redaction)


def reference(document: Mapping[str, Any], key: bytes = b"") -> Reference:
    """Read a baseline document for counting traffic.

    Parameters
    ----------
    document
        Payload of a BaselineDocument.
    key
        What its controlled words were digested with; of no account when nothing is controlled.

    Raises
    ------
    ValueError
        If it has no predictions, is of another version, or has controlled fields and no key is given.
    """
    if not document["predictions"]:
        raise ValueError(
            "baseline: it counts features only, wanted predictions too: wanted the baseline that a package's evidence "
            "names, not the one that training made"
        )
    controlled = frozenset(document["controlled"])
    label = document["label"] or ""
    schema = CaptureSchema(
        fields(document["features"]), fields(document["predictions"]), controlled=controlled - {label}
    )
    redaction = Redaction(controlled, key if controlled else b"")
    return Reference(schema, baseline_of(document), redaction, tuple(document["classes"]), label)


def baseline_of(document: Mapping[str, Any]) -> Baseline:
    """Return a document's baseline, its columns in the order of the fields.

    Raises
    ------
    ValueError
        If it is of another version, or fields and columns differ.
    """
    found = from_json(document["columns"]).columns
    wanted = [each["name"] for each in (*document["features"], *document["predictions"])]
    wanted += [document["label"]] if document["label"] else []
    if found.keys() != set(wanted):
        differing = ", ".join(sorted(found.keys() ^ set(wanted)))
        raise ValueError(f"baseline: columns: expected those of the fields, found a difference in {differing}")
    return Baseline({name: found[name] for name in wanted})


def fields(listed: Sequence[Mapping[str, Any]]) -> tuple[Field, ...]:
    """Return a document's fields."""
    return tuple(Field(each["name"], each["kind"]) for each in listed)


def labels(predictions: Columns, classes: tuple[str, ...]) -> Categorical:
    """Return the class that each answer decides for, as the evaluation does; missing where a score is.

    Parameters
    ----------
    predictions
        One column with the probability of the second of two classes, or one per class in their order.
    classes
        All labels.
    """
    scores = np.column_stack([each.values for each in predictions.values() if isinstance(each, Numeric)])
    decided = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] >= THRESHOLD)
    codes = np.where(np.isnan(scores).any(axis=1), MISSING_CODE, decided).astype(np.int32)
    return Categorical(codes, classes)
