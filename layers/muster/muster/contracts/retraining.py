"""Retraining: who asks, what the governor answers, and the counters that it keeps."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from muster.contracts.base import Contract, Items, ModelName, Text, Time
from muster.contracts.events import DriftDetected, QualityRegressed
from muster.contracts.pipeline import PipelineRequest

Cause = Literal["drift", "quality", "manual", "schedule", "data"]


class RetrainingRequest(Contract):
    """A wish to retrain.

    Attributes
    ----------
    cause
        ``drift`` and ``quality`` come from the monitoring, ``manual`` from a person.
    verdict
        The drift report's, when a drift report asks; only ``drift`` is drift.
    drift, quality
        The event that asks, whole: what has moved, of which package.
    force
        Lets a person (cause ``manual``) skip the cooldown and the need of new data; never a budget or one at a time.
    """

    model: ModelName
    cause: Cause
    reason: str | None = None
    evidence_uri: str | None = None
    event_id: str | None = None
    verdict: str | None = None
    force: bool = False
    drift: DriftDetected | None = None
    quality: QualityRegressed | None = None

    @property
    def package_arn(self) -> str | None:
        """The package that the monitoring looked at."""
        event = self.drift or self.quality
        return event.package_arn if event else None

    @model_validator(mode="after")
    def _event_of_its_cause_and_model(self) -> "RetrainingRequest":
        for name in ("drift", "quality"):
            event = getattr(self, name)
            if event is not None and self.cause != name:
                raise ValueError(f"found cause {self.cause!r} with the event {name}, wanted cause {name!r}")
            if event is not None and event.model != self.model:
                raise ValueError(f"found an event of model {event.model!r}, wanted one of {self.model!r}")
        return self


class RetrainingStart(Contract):
    """A retraining that was granted.

    Attributes
    ----------
    execution
        ARN of the pipeline execution.
    endpoint, episode
        The episode of drift that asked for it; None: something else did.
    champion
        The package that served at that time.
    """

    at: Time
    execution: Text
    cause: Cause
    endpoint: str | None = None
    episode: str | None = None
    champion: str | None = None


class RetrainingState(Contract):
    """The counters of one model (ledger: MODEL#<m> / RETRAINING). ``version`` guards the conditional write.

    Attributes
    ----------
    in_flight
        ARN of the pipeline execution started last.
    day, started_today
        The UTC day that is counted, and how often it was started on it.
    starts
        What was started in the seven days before the last start, the last one included, oldest first.
    escalated, told
        ARN of the pipeline execution whose end a person has to look at, and whether the message to people went out.
    """

    in_flight: str | None = None
    last_started_at: Time | None = None
    day: date | None = None
    started_today: Annotated[int, Field(ge=0)] = 0
    starts: Items[RetrainingStart] = ()
    escalated: str | None = None
    told: bool = False
    version: Annotated[int, Field(ge=0)] = 0


class RetrainingDecision(Contract):
    """`govern_retraining`. Name and input of the pipeline's execution are set when it may start.

    Attributes
    ----------
    features, effects, windows, episode
        What the drift was that asked: the features that moved most, how far each, and the windows that confirmed it.
    """

    decision: Literal["started", "suppressed"]
    reason: Text
    model: ModelName
    pipeline_name: str | None = None
    pipeline_input: PipelineRequest | None = None
    features: Items[str] = ()
    effects: dict[str, str] = Field(default_factory=dict)
    windows: Items[str] = ()
    episode: str | None = None
