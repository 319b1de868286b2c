"""Measures the answers of a stretch of time: from files of captures and labels to figures, verdicts and Model Monitor's
documents. Needs the numerics layer; knows nothing of AWS.

Files are read piece by piece, captures twice: first for their ids, so that of the labels only the wanted ones are kept.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from muster import quality as rules
from muster.contracts.base import iso
from muster.contracts.evaluation import EvaluationReport
from muster.contracts.policy import Policy
from muster.contracts.quality import Documents, Figure, Joined, Judged, LiveBias, QualityReport
from muster.contracts.spec import ModelSpec
from muster.contracts.spec_terms import LOWER_IS_BETTER
from muster.live_bias import facets_in, labelled_bias
from muster.naming import OWN_REQUEST
from muster_jobs.scores import Scores
from muster_numerics import formats_quality
from muster_numerics.capture import Batch, Tally, read_capture
from muster_numerics.capture_lines import ByteSource
from muster_numerics.columns import Categorical
from muster_numerics.ground_truth import ids_in, join, read_labels
from muster_numerics.poison import Quarantine
from muster_numerics.quality import Problem, Quality, measure, usable_scores
from muster_numerics.quality_figures import Figure as Estimated
from muster_numerics.quality_metrics import figure_of
from muster_numerics.reference import Reference

Files = Iterable[tuple[str, ByteSource]]


@dataclass(frozen=True)
class Measured:
    """What the labelled answers of a stretch are like.

    Attributes
    ----------
    quality
        Model Monitor's figures, or that there are too few rows.
    scores
        The rows that can be judged.
    facets
        Of the same rows.
    joined
        What became of the others.
    records, label_records
        That could be read.
    """

    quality: Quality
    scores: Scores
    facets: Mapping[str, Categorical]
    joined: Joined
    records: int
    label_records: int


def problem_of(spec: ModelSpec) -> Problem:
    """Return what the model decides."""
    return Problem(spec.problem_type, tuple(spec.classes or ()))


def measured(
    captures: Callable[[], Files], labels: Files, reference: Reference, spec: ModelSpec, quarantine: Quarantine
) -> Measured:
    """Join answers and labels, and measure them.

    Parameters
    ----------
    captures
        Opens the capture files; called twice.
    labels
        Label files, in the order of their keys.
    reference
        How traffic is read.
    quarantine
        Takes what cannot be read, of both.

    Raises
    ------
    ValueError
        If an answer is a word, or has another number of fields than the model's classes.
    """
    # The quarantine shows no text of labels when any field is controlled: a label is often the most controlled of all.
    masked = bool(reference.redaction.controlled)
    known = read_labels(labels, quarantine, masked=masked, wanted=ids_in(captures(), skip=OWN_REQUEST))
    tally = Tally()

    def batches() -> Iterator[Batch]:
        nonlocal tally
        for batch in read_capture(captures(), reference.schema, quarantine, named=True, skip=OWN_REQUEST):
            tally += batch.tally
            yield batch

    judged = join(batches(), known, facets_in(spec, reference))
    problem, asked = problem_of(spec), spec.monitoring.quality
    found = measure(judged, problem, least_rows=asked.min_rows, confidence=asked.confidence)
    scores, usable = usable_scores(judged, problem)
    facets = {name: Categorical(each.codes[usable], each.levels) for name, each in judged.facets.items()}
    joined = Joined(
        rows=judged.rows,
        missing=judged.missing,
        mismatched=judged.mismatched,
        unanswered=judged.unanswered,
        unusable=found.unusable,
        changed=len(known.changed),
        own=tally.own,
        poison=dict(tally.poison),
        label_poison=dict(known.poison),
    )
    return Measured(found, scores, facets, joined, tally.records, known.records)


# -- the report --------------------------------------------------------------------------------------------------------
def report(
    found: Measured,
    spec: ModelSpec,
    policy: Policy,
    reference: Reference,
    *,
    registered: Callable[[], EvaluationReport],
    bias: tuple[LiveBias, ...],
    sources: rules.Sources,
    evaluated_at: str,
) -> QualityReport:
    """Conclude from what was measured.

    Parameters
    ----------
    found
        Of `measured`.
    registered
        Gets the evaluation that the model was registered with; called when there is something to compare with it.
    bias
        Of the window's own answers (`live_bias.proportions`).
    sources, evaluated_at
        What the report rests on, and when.
    """
    most = spec.monitoring.max_poison_share
    why = rules.poisoned("captured records", found.joined.poison, found.records, most)
    why = why or rules.poisoned("label records", found.joined.label_poison, found.label_records, most)
    if why is None and found.quality.verdict == "insufficient":
        why = found.quality.reason
    if why is not None:
        return rules.unmeasured(spec, "insufficient", why, bias=bias, joined=found.joined, sources=sources)
    metrics, confidence = judged(found.scores, spec, registered())
    bias += labelled_bias(found.scores, found.facets, reference, spec, policy)
    status, reasons = rules.conclude(metrics, bias, found.quality.rows)
    blank = rules.unmeasured(spec, status, reasons[0], joined=found.joined, sources=sources)
    return blank.model_copy(
        update={
            "reasons": (*reasons, found.quality.reason),
            "rows": found.quality.rows,
            "judged_confidence": confidence,
            "metrics": metrics,
            "bias": bias,
            "figures": {name: as_figure(each) for name, each in found.quality.figures.items()},
            "documents": documents(found.quality, metrics, sources, evaluated_at),
        }
    )


# -- metrics -----------------------------------------------------------------------------------------------------------
def judged(scores: Scores, spec: ModelSpec, report: EvaluationReport) -> tuple[tuple[Judged, ...], float]:
    """Return the spec's metrics beside the registered ones, and the confidence of their intervals."""
    metrics = rules.judged_metrics(spec)
    confidence = rules.judged_confidence(len(metrics), spec.monitoring.quality.confidence)
    found = tuple(
        rules.compare(each, as_figure(figure_of(each, scores, confidence)), rules.registered(report, each, confidence))
        for each in metrics
    )
    return found, confidence


def as_figure(found: Estimated) -> Figure:
    """Return a figure as JSON holds it: an end that is infinite is none."""
    ends = (found.value, found.low, found.high)
    if any(each is not None and not math.isfinite(each) for each in ends):
        return Figure(value=None, low=None, high=None, reason=found.reason or "its interval has no end")
    return Figure(value=found.value, low=found.low, high=found.high, reason=found.reason)


# -- Model Monitor's documents -----------------------------------------------------------------------------------------
def documents(
    quality: Quality, metrics: Iterable[Judged], sources: rules.Sources, evaluated_at: str
) -> Documents | None:
    """Return statistics, constraints and violations in Model Monitor's schema.

    The constraint of a metric is the unfavourable end of its registered interval; it is violated by what is worse.
    """
    if sources.window is None:
        return None
    constraints, violated = [], []
    for each in metrics:
        if each.registered is None:
            continue
        lower = each.name in LOWER_IS_BETTER
        operator = formats_quality.OPERATORS[lower]
        threshold = each.registered.high if lower else each.registered.low
        constraints.append(formats_quality.QualityConstraint(each.name, threshold, operator))  # type: ignore[arg-type]
        if each.verdict == "worse":
            text = f"{each.reason}: {operator} '{threshold:.6g}'"
            violated.append(formats_quality.QualityViolation(operator, text, each.name))  # type: ignore[arg-type]
    times = formats_quality.Times(iso(sources.window.start), iso(sources.window.end), evaluated_at)
    return Documents(
        statistics=formats_quality.statistics(quality, times),
        constraints=formats_quality.constraints_to_json(tuple(constraints), quality.problem.kind),
        violations=formats_quality.violations_to_json(tuple(violated)),
    )
