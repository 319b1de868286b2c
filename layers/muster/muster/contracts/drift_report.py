"""drift_report.json: what a monitoring run found, for programs. `muster_numerics.report_document` writes it.

docs/drift_report.schema.json is its JSON Schema, for readers outside Muster.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from muster.contracts.base import Contract, Digest, Fraction, Items, ModelName, RunId, S3Uri, Text, Time
from muster.contracts.monitoring import DocumentRef, Window, WindowOutcome

Count = Annotated[int, Field(ge=0)]
Number = float | None
ColumnVerdict = Literal["none", "warn", "drift"]


class ReportedBaseline(Contract):
    """The baseline that the window was compared with."""

    uri: S3Uri
    digest: Digest
    rows: Annotated[int, Field(ge=1)]


class ReportedSubject(Contract):
    """Who was watched, and when: the members of `Watched`."""

    subject: Literal["endpoint", "batch"]
    run: RunId
    model: ModelName
    endpoint: Text
    package_arn: Text
    evidence_digest: Digest
    window: Window
    spec: DocumentRef
    baseline: ReportedBaseline


class ReportedGate(Contract):
    """How large a difference had to be to matter: shares, and a ratio of shares."""

    ks: float
    width: float
    missing: float
    level: float
    level_large: float
    level_ratio: float
    new_level: float


class ReportedRules(Contract):
    """The bounds that decided (`muster_numerics.decide.Rules`)."""

    false_alarms: Fraction
    false_warnings: Fraction
    prediction_share: Fraction
    minimum_rows: Count
    poison_limit: Fraction
    type_limit: Fraction
    gate: ReportedGate


class DataFinding(Contract):
    """Something wrong with a column's data; ``breach`` confirms drift at once."""

    kind: Literal["missing_column", "extra_column", "data_type"]
    column: str
    rows: Count
    share: float
    breach: bool
    text: str


class ReportedData(Contract):
    """What was read.

    Attributes
    ----------
    poison
        Records that could not be read, by reason.
    own
        Requests of Muster itself, which are not counted.
    late_files
        Files that belong to an earlier window, which was judged without them.
    gaps
        Stretches of the window without a file.
    """

    records: Count
    rows: Count
    poison: dict[str, int]
    poison_records: Count
    poison_share: Fraction
    without_answer: Count
    own: Count
    files: Count
    bytes: Count
    late_files: Count
    gaps: Items[str]
    findings: Items[DataFinding]


class ReportedEffects(Contract):
    """How far a column moved: descriptive figures, whatever is significant (`muster_numerics.effects`)."""

    ks: Number
    psi: Number
    js: Number
    width: Number
    w1: Number
    linf_robust: Number
    missing_before: Number
    missing_after: Number


class ReportedFinding(Contract):
    """One test of a column; ``word`` of a controlled column is a digest."""

    kind: Literal["distribution", "level", "new_levels", "missing"]
    p: Fraction
    material: bool
    before: float
    after: float
    word: str | None


class ReportedSide(Contract):
    """A column in the baseline or in the window.

    Of words, the last seven are null or 0. Of a controlled column mean, deviation and extremes are null.

    Attributes
    ----------
    distinct
        Different words; null of numbers.
    below, above
        Rows outside the baseline's range.
    unparsed, infinite
        Rows that are no number, and no finite one.
    """

    rows: Count
    missing: Count
    distinct: int | None
    below: Count
    above: Count
    unparsed: Count
    infinite: Count
    mean: Number
    deviation: Number
    low: Number
    high: Number


class ReportedCells(Contract):
    """Rows per cell of the baseline's grid.

    Numbers have one cell more than edges: up to the first, between two, above the last. Words have one more than labels:
    all others. A controlled column of numbers has the tenths of the baseline, without edges.
    """

    edges: Items[float] | None
    labels: Items[str] | None
    baseline: Items[int]
    window: Items[int]


class ReportedColumn(Contract):
    """A column that was compared.

    Attributes
    ----------
    effect
        By which columns of one verdict are ordered: the shift of shares, or that of missing rows if it is greater.
    p, adjusted_p
        Of the column, and after Holm over all columns of its role.
    block_rows
        Length of the baseline's blocks whose variation was allowed for; null: independence of rows is assumed.
    """

    name: str
    role: Literal["feature", "prediction"]
    kind: Literal["numeric", "categorical"]
    controlled: bool
    verdict: ColumnVerdict
    effect: float
    p: Fraction
    adjusted_p: Fraction
    reasons: Items[str]
    block_rows: Number
    effects: ReportedEffects
    findings: Items[ReportedFinding]
    baseline: ReportedSide
    window: ReportedSide
    cells: ReportedCells
    new_words: dict[str, int]


class ReportedConfirmation(Contract):
    """How the verdict became an outcome; ``episode`` is the window that confirmed the open episode."""

    reason: str
    announce: bool
    episode: str | None
    windows: Items[str]
    rule: dict[str, int] | None


class ReportedEstimate(Contract):
    """A figure with its interval."""

    value: Number
    low: Number
    high: Number


class ReportedMetric(Contract):
    """A metric of live answers, beside what was registered."""

    name: str
    value: Number
    low: Number
    high: Number
    registered: ReportedEstimate | None
    verdict: Literal["fine", "worse", "not_judged"] | None
    reason: str | None


class ReportedBias(Contract):
    """A group's share, or its ``metric``, less that of all others."""

    column: str
    measure: Literal["positive_proportion", "true_positive_rate", "metric"]
    metric: str | None
    group: str
    rows: Count
    value: Number
    low: Number
    high: Number
    limit: Number
    verdict: Literal["fine", "beyond", "not_judged"] | None
    reason: str | None


class ReportedQuality(Contract):
    """Model quality over the answers whose truth is known.

    Attributes
    ----------
    metrics
        Those that the spec judges, at ``judged_confidence``.
    figures
        Model Monitor's, by its names, with intervals of ``confidence``.
    """

    status: Literal["measured", "regressed", "insufficient", "not_measured"]
    reason: str | None
    window: Window | None
    rows: int | None
    confidence: Number
    judged_confidence: Number
    files_read: int | None
    files: int | None
    metrics: Items[ReportedMetric]
    figures: dict[str, ReportedEstimate]
    bias: Items[ReportedBias]


class ReportedRank(Contract):
    """A feature's rank by importance, in the baseline and in the window."""

    name: str
    baseline_rank: int | None
    live_rank: int | None
    baseline: Number
    live: Number


class ReportedAttribution(Contract):
    """Whether the model still decides by the same features: agreement of the rankings (NDCG)."""

    status: Literal["measured", "moved", "insufficient", "not_measured"]
    reason: str | None
    rows: int | None
    ndcg: Number
    least: Number
    features: Items[ReportedRank]


class DriftReport(Contract):
    """The document. ``columns`` are ordered by gravity, then effect; empty when nothing was decided.

    Attributes
    ----------
    history
        Summaries of earlier windows, oldest first (`muster_numerics.report_document.summary`).
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    outcome: WindowOutcome
    headline: Text
    reasons: Annotated[Items[str], Field(min_length=1)]
    at: Time
    evidence_uri: S3Uri
    watched: ReportedSubject
    rules: ReportedRules
    data: ReportedData
    columns: Items[ReportedColumn]
    confirmation: ReportedConfirmation | None
    quality: ReportedQuality | None
    attribution: ReportedAttribution | None
    assumptions: Items[str]
    history: Items[dict[str, Any]]
