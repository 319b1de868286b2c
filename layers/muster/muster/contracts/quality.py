"""How good an endpoint's answers were, once their truth is known: what `measure_quality` finds and hands on."""

from typing import Annotated, Any, Literal

from pydantic import Field

from muster.contracts.base import Contract, Digest, Items, S3Uri, Text
from muster.contracts.monitoring import Window
from muster.contracts.pipeline import JobFragment

Status = Literal["measured", "regressed", "insufficient", "not_measured"]
"""``regressed``: worse than registered, or beyond a bound on bias. ``insufficient``: too few labels to tell, yet.
``not_measured``: no labels, or no answers of this model that are old enough."""
Measure = Literal["positive_proportion", "true_positive_rate", "metric"]


class Registered(Contract):
    """A metric as it was registered: value on the reference holdout, and its interval of the judged confidence."""

    value: float
    low: float
    high: float


class Judged(Contract):
    """One of the spec's metrics on live answers beside what was registered.

    ``low`` and ``high`` are of ``QualityReport.judged_confidence``; null, like ``value``, where the metric is not
    defined.
    """

    name: Text
    value: float | None
    low: float | None
    high: float | None
    registered: Registered | None
    verdict: Literal["fine", "worse", "not_judged"]
    reason: Text


class LiveBias(Contract):
    """A group against all other rows: its share, or its metric, less theirs.

    Attributes
    ----------
    measure
        ``positive_proportion`` needs no labels and is of the window itself, the others are of the labelled answers.
    metric
        The spec's metric for the column, where that is what is compared.
    group
        A value of the column; of a controlled column a digest.
    limit
        The spec's largest accepted difference, where it has one for this.
    """

    column: Text
    measure: Measure
    metric: str | None = None
    group: Text
    rows: Annotated[int, Field(ge=0)]
    value: float | None
    low: float | None
    high: float | None
    limit: float | None
    verdict: Literal["fine", "beyond", "not_judged"]
    reason: Text


class Figure(Contract):
    """A figure with its interval; all null where it is not defined, with the reason."""

    value: float | None
    low: float | None
    high: float | None
    reason: str = ""


class Joined(Contract):
    """What became of the answers and labels that were read. Rows, but for ``own``, ``poison`` and ``label_poison``:
    these are records.

    Attributes
    ----------
    rows
        Of the answers read.
    missing
        Without a label yet.
    mismatched
        With another number of labels than rows in their request.
    unanswered
        Labelled, without a number for an answer.
    unusable
        With a label that is no class or number, or an answer that is no probability.
    changed
        Requests of which a later label said something else than an earlier one; the later holds.
    own
        Muster's own requests, left out.
    poison, label_poison
        What could not be read, by reason.
    """

    rows: int = 0
    missing: int = 0
    mismatched: int = 0
    unanswered: int = 0
    unusable: int = 0
    changed: int = 0
    own: int = 0
    poison: dict[str, int] = Field(default_factory=dict)
    label_poison: dict[str, int] = Field(default_factory=dict)


class FilesRead(Contract):
    """What was read of what was there. ``digest`` is the sha256 of the canonical list of [URI, version]."""

    read: Annotated[int, Field(ge=0)]
    there: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]
    digest: Digest


class Documents(Contract):
    """The same in Model Monitor's schema of model quality."""

    statistics: dict[str, Any]
    constraints: dict[str, Any]
    violations: dict[str, Any]


class QualityReport(Contract):
    """quality.json.

    Attributes
    ----------
    window
        The stretch of time whose answers were judged: older than the monitoring window by the spec's delay, and not
        before the model began to serve. Null: there is none yet.
    rows
        Rows that the figures are of.
    files_read, files
        Capture files: of very many a sample by the hash of their key is read.
    confidence, judged_confidence
        Of the intervals in ``figures``; of those in ``metrics`` and of bounded bias, which share 1 % of false alarms.
    metrics
        The metrics that the spec judges.
    figures
        Model Monitor's figures by its names.
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    status: Status
    reason: Text
    reasons: Annotated[Items[str], Field(min_length=1)]
    window: Window | None
    rows: Annotated[int, Field(ge=0)]
    files_read: Annotated[int, Field(ge=0)]
    files: Annotated[int, Field(ge=0)]
    captured: FilesRead | None = None
    labelled: FilesRead | None = None
    joined: Joined
    confidence: float
    judged_confidence: float
    metrics: Items[Judged] = ()
    bias: Items[LiveBias] = ()
    figures: dict[str, Figure] = Field(default_factory=dict)
    documents: Documents | None = None


class QualityResult(Contract):
    """Output of `measure_quality`. ``metrics`` names what has regressed, for the event ``QualityRegressed``."""

    status: Status
    uri: S3Uri
    metrics: Items[str] = ()
    reasons: Annotated[Items[str], Field(min_length=1)]


class LiveSample(Contract):
    """Output of `sample_rows`: a job that computes the attributions of live rows, or why there is none."""

    status: Literal["ready", "skipped"]
    reason: Text
    rows: Annotated[int, Field(ge=0)] = 0
    job: JobFragment | None = None
    attributions_uri: S3Uri | None = None
