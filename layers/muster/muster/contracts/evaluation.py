"""What Muster's evaluation job is told, what it reports, and what is concluded from it."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from muster.contracts.base import Contract, Digest, ImageDigest, Items, ModelName, RunId, S3Uri, Text, Time
from muster.contracts.pipeline import JobFragment
from muster.contracts.spec import EvaluationSpec
from muster.contracts.spec_terms import Metric, ProblemType

HoldoutKind = Literal["reference", "recent"]
"""``reference``: frozen, for "not worse". ``recent``: newly labelled rows, for "better"."""


class HoldoutRef(Contract):
    """A holdout that has been put (ledger: MODEL#<m> / HOLDOUT#<kind>). ``uri`` is its prefix."""

    digest: Digest
    uri: S3Uri
    rows: Annotated[int, Field(ge=1)]
    put_by: str | None = None
    put_at: Time | None = None


class HoldoutManifest(Contract):
    """holdouts/<model>/<digest>/manifest.json; the digest is the sha256 of its canonical form."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    model: ModelName
    kind: HoldoutKind
    rows: Annotated[int, Field(ge=1)]
    columns: Annotated[Items[str], Field(min_length=2)]
    features_sha256: Digest
    labels_sha256: Digest


class Champion(Contract):
    """The model in production that a candidate is compared with (ledger: MODEL#<m> / CHAMPION).

    ``entry_point`` is its inference script, ``code_digest`` the code that it was published with.
    """

    package_arn: Text
    evidence_digest: Digest
    artifact_uri: S3Uri
    artifact_digest: Digest
    image_uri: Text
    image_digest: ImageDigest
    entry_point: Text
    content_type: Text = "text/csv"
    environment: dict[str, str] = Field(default_factory=dict)
    endpoint: Text
    since: Time


class EvaluationPlan(Contract):
    """evaluation_plan.json: all that `evaluate.py` is told. ``seed`` makes its resampling repeatable."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    run: RunId
    model: ModelName
    problem_type: ProblemType
    target: Text
    classes: Items[str] | None
    row_id: Text
    evaluation: EvaluationSpec
    metrics: Items[Metric]
    holdouts: dict[HoldoutKind, Digest]
    snapshot_digest: Digest
    candidate_artifact_digest: Digest
    champion_artifact_digest: Digest | None
    seed: Annotated[int, Field(ge=0)]


class ChampionFragment(Contract):
    """The champion's prediction job, or that there is no champion: then every other member is null."""

    present: bool
    package_arn: str | None = None
    artifact_digest: Digest | None = None
    image_uri: str | None = None
    inputs: Items[dict[str, object]] | None = None
    outputs: Items[dict[str, object]] | None = None
    entrypoint: Items[str] | None = None
    arguments: Items[str] | None = None
    instance_type: str | None = None
    instance_count: int | None = None
    volume_gb: int | None = None
    max_runtime_seconds: int | None = None
    environment: dict[str, str] | None = None
    vpc_config: dict[str, object] | None = None


class EvaluationJobs(Contract):
    """`plan_evaluation`: three jobs, and what `judge_candidate` has to know of them."""

    candidate: JobFragment
    champion: ChampionFragment
    evaluate: JobFragment
    report_prefix: S3Uri
    holdouts: dict[HoldoutKind, Digest]
    champion_package_arn: str | None


# -- the report --------------------------------------------------------------------------------------------------------
class _Reported(Contract):
    """Figures from the job. NaN gets in, so that the judge can name the metric that is NaN."""

    model_config = ConfigDict(allow_inf_nan=True)


class Estimate(_Reported):
    """A metric with its confidence interval; null where it is not defined (one class only, for example)."""

    value: float | None
    low: float | None
    high: float | None


class SliceReport(_Reported):
    """A slice of the holdout."""

    rows: Annotated[int, Field(ge=0)]
    metrics: dict[str, Estimate]


class GroupValue(_Reported):
    """A metric in one group."""

    rows: Annotated[int, Field(ge=0)]
    value: float | None


class BiasReport(_Reported):
    """A metric compared over the groups of a column; ``difference`` is the largest minus the smallest group value."""

    metric: str
    groups: dict[str, GroupValue]
    difference: Estimate | None


class HoldoutMetrics(_Reported):
    """One model on one holdout. Slices are keyed ``column=value``, bias by column."""

    overall: dict[str, Estimate]
    slices: dict[str, SliceReport] = Field(default_factory=dict)
    bias: dict[str, BiasReport] = Field(default_factory=dict)


class Difference(_Reported):
    """Candidate against champion on the same rows; positive means the candidate is better, whatever the metric.

    ``p_better`` is the p-value of the one-sided paired test of "the candidate is not better": small means better.
    """

    difference: float | None
    low: float | None
    high: float | None
    p_better: float | None = None


class HoldoutComparison(_Reported):
    """Differences on one holdout."""

    overall: dict[str, Difference]
    slices: dict[str, dict[str, Difference]] = Field(default_factory=dict)


class HoldoutFacts(_Reported):
    """A holdout as it was read. ``overlap_rows`` counts its rows that are in the training snapshot."""

    digest: Digest
    rows: Annotated[int, Field(ge=0)]
    overlap_rows: Annotated[int, Field(ge=0)]


class Attribution(_Reported):
    """How much a feature moves the predictions (mean absolute contribution)."""

    feature: str
    importance: float | None


class EvaluationReport(_Reported):
    """evaluation.json, written by jobs/evaluate.py."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    problem_type: ProblemType
    primary_metric: Metric
    confidence: float
    holdouts: dict[HoldoutKind, HoldoutFacts]
    candidate: dict[HoldoutKind, HoldoutMetrics]
    champion: dict[HoldoutKind, HoldoutMetrics] | None
    comparison: dict[HoldoutKind, HoldoutComparison] | None
    attributions: Items[Attribution] = ()


# -- the verdict -------------------------------------------------------------------------------------------------------
class Verdict(Contract):
    """What `gates.judge` concludes; reasons are sentences with numbers, the decisive ones first."""

    verdict: Literal["passed", "failed_gate", "kept_champion"]
    reasons: Annotated[Items[str], Field(min_length=1)]


class PrimaryScore(Contract):
    """The primary metric on the holdout that decided: recent when there is a champion, else reference."""

    metric: Metric
    candidate: float
    champion: float | None = None


class EvaluationResult(Contract):
    """Output of `evaluation`."""

    verdict: Literal["passed", "failed_gate", "kept_champion"]
    reasons: Items[str]
    report_uri: S3Uri
    report_digest: Digest
    evaluation_uri: S3Uri
    evaluation_digest: Digest
    primary: PrimaryScore
    champion_package_arn: str | None = None
    holdouts: dict[HoldoutKind, Digest]
