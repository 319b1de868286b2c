"""The baseline of a model's answers: its predictions on the reference holdout, joined to that of the features."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from muster_jobs.scores import prediction_columns
from muster_numerics.baseline import make_baseline, to_json
from muster_numerics.columns import Columns, row_count
from muster_numerics.redaction import Redaction, redacted
from muster_numerics.reference import baseline_of, labels
from muster_numerics.table_rows import Table, TableError

SCORE, LABEL = "prediction", "predicted_label"


def with_answers(
    document: Mapping[str, Any],
    opener: Callable[[], BinaryIO],
    *,
    request: Sequence[str],
    problem_type: str,
    classes: tuple[str, ...],
    target: str,
    redaction: Redaction,
) -> dict[str, Any]:
    """Join the features' baseline and that of the answers.

    Parameters
    ----------
    document
        Payload of the features' BaselineDocument.
    opener
        The prediction job's file of the reference holdout: row_id, prediction_0, ...
    request
        The columns of the holdout: the fields of a request in their order, and perhaps fewer than the training data has.
    problem_type, classes, target
        Of the spec. When the target is controlled, so is the answer, and no column is called by a class.
    redaction
        As that of the features.

    Returns
    -------
    dict
        The members of the joined document that differ: ``features``, ``predictions``, ``classes``, ``label``,
        ``columns`` and ``controlled``.

    Raises
    ------
    TableError
        If a column of the holdout is not in the training data, or the file is not that of this problem.
    """
    features = {each["name"]: each for each in document["features"]}
    strange = [each for each in request if each not in features]
    if strange:
        raise TableError(f"reference holdout: found column {strange[0]!r}, wanted columns of the training data")
    hidden = target in redaction.controlled
    wanted = prediction_columns(problem_type, classes)
    names = [f"{SCORE}_{index if hidden else classes[index]}" for index in range(wanted)] if wanted > 1 else [SCORE]
    names = free(names, request)
    label = free([LABEL], [*request, *names])[0] if classes else None
    answers = read_answers(opener, names)
    if label:
        answers |= {label: labels(answers, classes)}
    controlled = [each for each in request if each in redaction.controlled]
    controlled += [*names, *([label] if label else [])] if hidden else []
    counted = make_baseline(redacted(answers, Redaction(frozenset(controlled), redaction.key)), "prediction")
    kept = {name: each for name, each in baseline_of(document).columns.items() if name in request}
    joined = to_json(counted)
    joined["columns"] |= {name: document["columns"]["columns"][name] for name in kept}
    return {
        "features": [features[name] for name in request],
        "predictions": [{"name": name, "kind": "number"} for name in names],
        "classes": list(classes),
        "label": label,
        "columns": joined,
        "controlled": controlled,
    }


def free(names: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Return the names, with underscores added until none of them is taken."""
    found = list(names)
    while set(found) & set(taken):
        found = [f"{each}_" for each in found]
    return found


def read_answers(opener: Callable[[], BinaryIO], names: Sequence[str]) -> Columns:
    """Return the predictions of a holdout, by new names.

    Raises
    ------
    TableError
        If the file has another number of predictions, no row, or a prediction that is no number.
    """
    file = "reference.csv"
    positions = [f"prediction_{index}" for index in range(len(names))]
    only = next(Table([(file, opener)], "row_id", "", chunk_fields=10**9).chunks(), None)
    if only is None or list(only.header) != ["row_id", *positions]:
        found = "no row" if only is None else f"the columns {', '.join(only.header)}"
        raise TableError(f"{file}: found {found}, wanted row_id, {', '.join(positions)}")
    columns, none = only.columns(positions, set())
    if none or any(each.missing for each in columns.values()):
        raise TableError(f"{file}: found a prediction that is no number, wanted {row_count(columns)} rows of numbers")
    return dict(zip(names, columns.values(), strict=True))
