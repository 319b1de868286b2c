"""Nightly evaluation: what is asked of an endpoint, what it answered, and how that compares with what was registered."""

from typing import Annotated, Literal

from pydantic import Field

from muster.contracts.base import Contract, Digest, Items, ModelName, RunId, S3Uri, Text, Time
from muster.contracts.documents import DocumentRef
from muster.contracts.evaluation import HoldoutKind
from muster.contracts.pipeline import JobFragment
from muster.contracts.spec_terms import Metric, ProblemType

Outcome = Literal["unchanged", "regressed", "unavailable", "changing"]
"""``changing``: a rollout was under way, and answers of two models are nobody's; nothing is judged."""
Judgement = Literal["fine", "worse", "not_judged"]
_Count = Annotated[int, Field(ge=0)]


class NightlyRequest(Contract):
    """Which endpoint to ask."""

    endpoint: Text


class AskedHoldout(Contract):
    """A frozen holdout: the registered evaluation measured this one. ``uri`` is its prefix."""

    digest: Digest
    uri: S3Uri
    rows: Annotated[int, Field(ge=1)]


class Nightly(Contract):
    """One night's subject, in every step of its run.

    Attributes
    ----------
    run
        First 20 hex characters of the sha256 of the execution's ARN.
    config_name
        The endpoint configuration that the ledger says serves.
    registered
        evaluation.json of the package's evidence.
    numbers
        Numbers of an answer's line.
    requests, turns
        Requests that all rows take, and most calls of the function that sends them.
    predictions, report
        Prefixes in the work bucket: the answers as a prediction job writes them, and the scoring job's output.
    work
        Prefix where the answers are kept while more are asked for.
    paired
        The registered predictions are at hand (below ``champion``), so that both can be compared row by row.
    """

    run: RunId
    model: ModelName
    endpoint: Text
    package_arn: Text
    evidence_digest: Digest
    config_name: Text
    spec: DocumentRef
    registered: DocumentRef
    problem_type: ProblemType
    numbers: Annotated[int, Field(ge=1)]
    holdouts: Annotated[dict[HoldoutKind, AskedHoldout], Field(min_length=1)]
    requests: Annotated[int, Field(ge=1)]
    turns: Annotated[int, Field(ge=1)]
    rows_per_request: Annotated[int, Field(ge=1)]
    requests_per_second: Annotated[float, Field(gt=0)]
    predictions: S3Uri
    champion: S3Uri
    report: S3Uri
    work: S3Uri
    paired: bool


class NightlyPlan(Contract):
    """`plan_nightly`: what to ask, and the job that scores the answers; neither when nothing serves."""

    status: Literal["ready", "nothing_serves"]
    reason: Text
    endpoint: Text
    nightly: Nightly | None = None
    evaluate: JobFragment | None = None


class Asked(Contract):
    """`question_endpoint`: how far the questions have got.

    Attributes
    ----------
    next
        Requests that are answered, which is the number of the next one.
    turn
        Calls of the function so far.
    retried
        Requests that had to be sent again.
    config_name
        The endpoint configuration that answered; None before the first look.
    """

    status: Literal["more", "answered", "unavailable", "changing"]
    reason: str = ""
    next: _Count = 0
    turn: _Count = 0
    retried: _Count = 0
    config_name: str | None = None


class Answers(Contract):
    """<work>parts/<first>.json: lines of answers, in the order of the requests; ``end`` is the first request not in it."""

    first: _Count
    end: _Count
    lines: Items[Items[float]]


class Interval(Contract):
    """A figure with its interval; null where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


class NightlyFigure(Contract):
    """A metric on a holdout: tonight and as registered.

    ``difference`` is that of the same rows with its interval, positive where tonight is better, whatever the metric;
    None when the registered predictions are not at hand.
    """

    holdout: HoldoutKind
    metric: Metric
    tonight: Interval
    registered: Interval
    difference: Interval | None
    verdict: Judgement
    reason: Text


class AnswersDifference(Contract):
    """Answers beside the registered predictions, row by row. ``largest`` is the largest absolute difference."""

    rows: _Count
    differing: _Count
    largest: Annotated[float, Field(ge=0)]


class NightFigure(Contract):
    """A figure as the history keeps it."""

    holdout: HoldoutKind
    metric: Metric
    value: float | None
    low: float | None
    high: float | None
    worse: bool


class NightlyRecord(Contract):
    """ENDPOINT#<e> / NIGHTLY#<time>#<run>: one night in an endpoint's history."""

    run: RunId
    at: Time
    model: ModelName
    package_arn: Text
    outcome: Outcome
    figures: Items[NightFigure] = ()
    report_uri: S3Uri


class NightlyReport(Contract):
    """nightly.json in the evidence bucket, from which report.html is made.

    ``history`` are the nights before this one, the oldest first.
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    outcome: Outcome
    headline: Text
    reasons: Annotated[Items[str], Field(min_length=1)]
    at: Time
    execution_arn: Text
    nightly: Nightly
    asked: Asked
    primary_metric: Metric
    confidence: float | None
    figures: Items[NightlyFigure] = ()
    answers: AnswersDifference | None = None
    history: Items[NightlyRecord] = ()


class NightlyOutcome(Contract):
    """`judge_nightly`, and with it the output of `nightly_evaluation`.

    ``announce`` is true in the first of successive nights that are worse; ``metrics`` and ``reasons`` are the event's.
    """

    outcome: Outcome
    reasons: Annotated[Items[str], Field(min_length=1)]
    model: ModelName
    endpoint: Text
    package_arn: Text
    metrics: Items[str] = ()
    announce: bool
    report_uri: S3Uri
    evidence_uri: S3Uri
