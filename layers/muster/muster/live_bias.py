"""How differently a model answers for the groups of a facet, on live traffic. Needs the numerics layer; knows nothing of
AWS.

Positive proportions (DPPL) need no labels and are of the monitoring window itself; true-positive rates, and the metric
that the spec bounds for a column (``evaluation.bias_groups``), are of the labelled answers. A bound is on the metric that
it was declared for: a difference in accuracy says nothing about how large one in proportions may be, which follows the
groups' own rates.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from muster import quality as rules
from muster.contracts.policy import Policy
from muster.contracts.quality import LiveBias
from muster.contracts.spec import ModelSpec
from muster.naming import OWN_REQUEST
from muster_jobs.scores import THRESHOLD, Scores
from muster_numerics.capture import Batch, read_capture
from muster_numerics.capture_lines import ByteSource
from muster_numerics.columns import MISSING_CODE, Categorical, FloatArray, Numeric
from muster_numerics.ground_truth import facet_words
from muster_numerics.quality_bias import (
    EMPTY,
    MOST_GROUPS,
    MOST_KEPT,
    REST,
    Difference,
    GroupCounts,
    add_groups,
    count_groups,
    differences,
    largest,
)
from muster_numerics.quality_figures import Figure as Estimated
from muster_numerics.quality_metrics import difference_between
from muster_numerics.redaction import Redaction
from muster_numerics.reference import Reference

LEAST_GROUP_ROWS = 30
"""Rows of a group, and beside it, below which a difference says nothing; the spec's own number goes first."""
Mask = npt.NDArray[np.bool_]


def facets_in(spec: ModelSpec, reference: Reference) -> list[str]:
    """Return the spec's facets that a request has."""
    there = {each.name for each in reference.schema.features}
    return [name for name in spec.monitoring.facets if name in there]


def proportions(
    captures: Iterable[tuple[str, ByteSource]], reference: Reference, spec: ModelSpec, policy: Policy
) -> tuple[LiveBias, ...]:
    """Compare the groups of each facet by how often the model decides for the positive class; binary models only.

    What cannot be read is passed over: the workers that count the window's files set it aside. Of a facet with more than
    1,000 values the rarest so far are one group.
    """
    facets = facets_in(spec, reference)
    groups: dict[str, dict[str, GroupCounts]] = {name: {} for name in facets}
    for batch in read_capture(captures, reference.schema, lambda _: None, skip=OWN_REQUEST):
        chances = positive(batch)
        answered = np.flatnonzero(np.isfinite(chances))
        for name in facets:
            counted = count_groups(facet_words(batch.features[name], answered), chances[answered] >= THRESHOLD)
            groups[name] = largest(add_groups(groups[name], counted), MOST_KEPT)
    return tuple(
        rules.beyond(as_bias(name, each, reference.redaction, limit=None))
        for name in facets
        for each in differences(
            groups[name], least_rows=least_rows(name, spec, policy), confidence=spec.monitoring.quality.confidence
        )
        if each.measure == "positive_proportion"
    )


def positive(batch: Batch) -> FloatArray:
    """Return the probability of the positive class in each row's answer, NaN where there is none."""
    (column,) = batch.predictions.values()
    assert isinstance(column, Numeric)
    return column.values


def labelled_bias(
    scores: Scores, facets: Mapping[str, Categorical], reference: Reference, spec: ModelSpec, policy: Policy
) -> tuple[LiveBias, ...]:
    """Compare the groups of each facet by true-positive rate and by the metric that the spec bounds for it."""
    declared = {group.column: group for group in spec.evaluation.bias_groups}
    cells = {name: groups_of(column) for name, column in facets.items()}
    tests = sum(len(cells[name]) for name in cells if name in declared)
    sure, shown = rules.judged_confidence(tests, spec.monitoring.quality.confidence), spec.monitoring.quality.confidence
    found: list[LiveBias] = []
    for name, groups in cells.items():
        least, bound = least_rows(name, spec, policy), declared.get(name)
        if spec.problem_type == "binary":
            limit = rules.bounded(bound, "true_positive_rate", None)
            counts = count_groups(facets[name].values, scores.decided == 1, scores.truth == 1)
            found += [
                as_bias(name, each, reference.redaction, limit=limit)
                for each in differences(counts, least_rows=least, confidence=sure if limit is not None else shown)
                if each.measure == "true_positive_rate"
            ]
        if bound is not None and not (spec.problem_type == "binary" and bound.metric == "recall"):
            for group, mask in groups.items():
                figure = difference_between(bound.metric, scores, mask, sure, least)
                each = Difference("true_positive_rate", group, int(mask.sum()), figure)
                found.append(as_bias(name, each, reference.redaction, limit=bound.max_difference, metric=bound.metric))
    return tuple(rules.beyond(each) for each in found)


def groups_of(column: Categorical) -> dict[str, Mask]:
    """Return the rows of each value of a facet; of very many values the smallest are one group."""
    sizes = np.bincount(column.codes[column.codes != MISSING_CODE], minlength=len(column.levels))
    there = [code for code in np.argsort(-sizes, kind="stable").tolist() if sizes[code]]
    groups = {column.levels[code]: column.codes == code for code in there[:MOST_GROUPS]}
    if len(there) > MOST_GROUPS:
        groups[REST] = np.isin(column.codes, there[MOST_GROUPS:])
    if (column.codes == MISSING_CODE).any():
        groups[EMPTY] = column.codes == MISSING_CODE
    return groups


def least_rows(column: str, spec: ModelSpec, policy: Policy) -> int:
    """Return how many rows a group has to have: the spec's number for the column, the platform's at least."""
    declared = [group.min_rows for group in spec.evaluation.bias_groups if group.column == column]
    return max([*declared, policy.evaluation.min_rows] if declared else [LEAST_GROUP_ROWS, policy.evaluation.min_rows])


def as_bias(
    column: str, found: Difference, redaction: Redaction, *, limit: float | None, metric: str | None = None
) -> LiveBias:
    """Return a difference as the report has it, a controlled group as its digest."""
    hidden = column in redaction.controlled and found.group not in (EMPTY, REST)
    figure: Estimated = found.difference
    return LiveBias(
        column=column,
        measure="metric" if metric else found.measure,
        metric=metric,
        group=redaction.word(column, found.group) if hidden else found.group,
        rows=found.rows,
        value=figure.value,
        low=figure.low,
        high=figure.high,
        limit=limit,
        verdict="not_judged",
        reason=figure.reason or "not judged",
    )
