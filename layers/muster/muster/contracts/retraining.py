"""Retraining: who asks, what the governor answers, and the counters that it keeps."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from muster.contracts.base import Contract, ModelName, Text, Time
from muster.contracts.pipeline import PipelineRequest


class RetrainingRequest(Contract):
    """A wish to retrain. ``verdict`` is the drift report's, when a drift report asks; only ``drift`` is drift.

    ``force`` lets a person (cause ``manual``) skip the cooldown; never the budget, never one at a time.
    """

    model: ModelName
    cause: Literal["drift", "manual", "schedule", "data"]
    reason: str | None = None
    evidence_uri: str | None = None
    event_id: str | None = None
    verdict: str | None = None
    force: bool = False


class RetrainingState(Contract):
    """The counters of one model (ledger: MODEL#<m> / RETRAINING). ``version`` guards the conditional write.

    ``in_flight`` is the ARN of the pipeline execution started last, ``day`` the UTC day that ``started_today`` counts.
    """

    in_flight: str | None = None
    last_started_at: Time | None = None
    day: date | None = None
    started_today: Annotated[int, Field(ge=0)] = 0
    version: Annotated[int, Field(ge=0)] = 0


class RetrainingDecision(Contract):
    """`govern_retraining`. Name and input of the pipeline's execution are set when it may start."""

    decision: Literal["started", "suppressed"]
    reason: Text
    model: ModelName
    pipeline_name: str | None = None
    pipeline_input: PipelineRequest | None = None
