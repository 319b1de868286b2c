"""Model Monitor's model-quality files: statistics, constraints, violations.

The schema of the statistics is that of "Model quality metrics and Amazon CloudWatch monitoring" (developer guide), of
the other two that of the files of AWS's samples. Two things are Muster's: `standard_deviation` is the figure's
standard error in closed form (Model Monitor took that of five samples of 80 % of the rows, which is smaller), and a
constraint is violated only if the whole interval is on its wrong side.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from muster_numerics.formats_statistics import NOT_A_NUMBER, VERSION
from muster_numerics.quality import CONSTANT, ProblemType, Quality
from muster_numerics.quality_figures import Figure

Operator = Literal["LessThanThreshold", "GreaterThanThreshold"]
OPERATORS = ("LessThanThreshold", "GreaterThanThreshold")
NAMES: dict[ProblemType, str] = {
    "binary": "binary_classification",
    "multiclass": "multiclass_classification",
    "regression": "regression",
}
HIGHER_IS_WORSE = frozenset({"false_positive_rate", "false_negative_rate", "mae", "mse", "rmse"})
LEAST_ROWS = 200
"""With fewer rows Model Monitor writes no standard deviation."""


@dataclass(frozen=True)
class Times:
    """The window's begin and end, and when it was evaluated, in ISO 8601 with Z."""

    start_time: str
    end_time: str
    evaluation_time: str


@dataclass(frozen=True)
class QualityConstraint:
    """A figure's threshold; the operator says which side of it is wrong."""

    metric: str
    threshold: float
    comparison_operator: Operator


@dataclass(frozen=True)
class QualityViolation:
    """A figure that is beyond its threshold with its whole interval."""

    constraint_check_type: Operator
    description: str
    metric_name: str


def statistics(quality: Quality, times: Times) -> dict[str, Any]:
    """Return the content of the statistics; without figures if the verdict is "insufficient"."""
    dataset = {"item_count": quality.rows} | vars(times)
    if quality.verdict == "insufficient":
        return {"version": VERSION, "dataset": dataset}
    figures: dict[str, Any] = {}
    if quality.table:
        figures["confusion_matrix"] = confusion_matrix(quality)
    figures |= {name: written(figure, quality.rows) for name, figure in quality.figures.items()}
    if quality.roc:
        falls, hits = zip(*quality.roc, strict=True)
        recalls, precisions = zip(*quality.recalls, strict=True)
        figures["receiver_operating_characteristic_curve"] = {
            "false_positive_rates": list(falls),
            "true_positive_rates": list(hits),
        }
        figures["precision_recall_curve"] = {"precisions": list(precisions), "recalls": list(recalls)}
    return {"version": VERSION, "dataset": dataset, f"{NAMES[quality.problem.kind]}_metrics": figures}


def confusion_matrix(quality: Quality) -> dict[str, dict[str, int]]:
    """Return rows by true and decided class: "0" and "1" of a binary model, else the labels."""
    labels = ("0", "1") if quality.problem.kind == "binary" else quality.problem.classes
    return {true: dict(zip(labels, line, strict=True)) for true, line in zip(labels, quality.table, strict=True)}


def written(figure: Figure, rows: int) -> dict[str, float | str]:
    """Return a figure as Model Monitor writes it, "NaN" for what is not there."""
    told = rows >= LEAST_ROWS and figure.error is not None and math.isfinite(figure.error)
    return {
        "value": NOT_A_NUMBER if figure.value is None else figure.value,
        "standard_deviation": figure.error if told and figure.error is not None else NOT_A_NUMBER,
    }


def suggested(quality: Quality) -> tuple[QualityConstraint, ...]:
    """Return the constraints that a baseline's quality suggests: the unfavourable end of each figure's interval.

    So a model that is as good as the baseline shows is not held against its luck there.
    """
    found = []
    for name, figure in quality.figures.items():
        worse = name in HIGHER_IS_WORSE
        bound = figure.high if worse else figure.low
        if bound is not None and math.isfinite(bound) and not name.endswith(CONSTANT):
            found.append(QualityConstraint(name, bound, OPERATORS[worse]))  # type: ignore[arg-type]
    return tuple(found)


def violations(quality: Quality, constraints: tuple[QualityConstraint, ...]) -> tuple[QualityViolation, ...]:
    """Return the constraints that the window's figures violate; none when there are none yet."""
    found = []
    for each in constraints:
        figure = quality.figures.get(each.metric)
        if figure is None or figure.value is None or figure.low is None or figure.high is None:
            continue
        low, high = figure.low, figure.high
        beyond = high < each.threshold if each.comparison_operator == OPERATORS[0] else low > each.threshold
        if beyond:
            interval = f"{figure.value:.4g} ({low:.4g} to {high:.4g})"
            text = f"Metric {each.metric} with {interval} was {each.comparison_operator} '{each.threshold:.6g}'"
            found.append(QualityViolation(each.comparison_operator, text, each.metric))
    return tuple(found)


def constraints_to_json(constraints: tuple[QualityConstraint, ...], kind: ProblemType) -> dict[str, Any]:
    """Return the content of the constraints."""
    by_metric = {
        each.metric: {"threshold": each.threshold, "comparison_operator": each.comparison_operator}
        for each in constraints
    }
    return {"version": VERSION, f"{NAMES[kind]}_constraints": by_metric}


def constraints_from_json(found: Mapping[str, Any], kind: ProblemType) -> tuple[QualityConstraint, ...]:
    """Read the constraints; ValueError names the metric that is of another form."""
    key = f"{NAMES[kind]}_constraints"
    listed = found.get(key)
    if not isinstance(listed, Mapping):
        raise ValueError(f"quality constraints: {key}: found {type(listed).__name__}, wanted an object")  # noqa: TRY004
    read = []
    for metric, each in listed.items():
        match each:
            case {"threshold": int() | float() as threshold, "comparison_operator": operator} if operator in OPERATORS:
                read.append(QualityConstraint(metric, float(threshold), operator))
            case _:
                wanted = f"a threshold, and {' or '.join(OPERATORS)} as comparison_operator"
                raise ValueError(f"quality constraints: {key}: {metric}: wanted {wanted}")
    return tuple(read)


def violations_to_json(found: tuple[QualityViolation, ...]) -> dict[str, Any]:
    """Return the content of the violations."""
    return {"violations": [dict(vars(each)) for each in found]}
