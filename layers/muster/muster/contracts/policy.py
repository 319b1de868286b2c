"""``policy.yaml``: the platform's floor. A model's spec may tighten it, never loosen it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from muster.contracts.base import Contract, Items
from muster.contracts.spec import Gate
from muster.contracts.spec_terms import InstanceType


class InstanceTypes(Contract):
    """The instance types that may be used, per use."""

    processing: Annotated[Items[InstanceType], Field(min_length=1)]
    training: Annotated[Items[InstanceType], Field(min_length=1)]
    endpoint: Annotated[Items[InstanceType], Field(min_length=1)]


class Runtimes(Contract):
    """Longest runs, in seconds. ``training_wait`` bounds waiting for spot capacity and running together."""

    processing: Annotated[int, Field(ge=60)]
    training: Annotated[int, Field(ge=60)]
    training_wait: Annotated[int, Field(ge=60)]


class RequiredGates(Contract):
    """Gates that every spec of a problem type must have, with the loosest bound that is accepted."""

    binary: Items[Gate] = ()
    multiclass: Items[Gate] = ()
    regression: Items[Gate] = ()


class EvaluationFloor(Contract):
    """How leniently a model may be judged.

    ``small_groups`` says what becomes of a slice or bias group with too few rows: ``report`` it and judge the rest, or
    ``fail``.
    """

    min_confidence: Annotated[float, Field(gt=0.5, lt=1)]
    max_significance: Annotated[float, Field(gt=0, lt=0.5)]
    max_non_inferiority_margin: Annotated[float, Field(ge=0)]
    min_rows: Annotated[int, Field(ge=1)]
    max_min_rows: Annotated[int, Field(ge=1)]
    max_bias_difference: Annotated[float, Field(gt=0)]
    small_groups: Literal["report", "fail"]
    required_gates: RequiredGates

    @model_validator(mode="after")
    def _rows_in_order(self) -> "EvaluationFloor":
        if self.max_min_rows < self.min_rows:
            raise ValueError(f"found max_min_rows {self.max_min_rows}, wanted at least min_rows ({self.min_rows})")
        return self


class ApprovalFloor(Contract):
    """How long an approval may stay open."""

    max_wait_seconds: Annotated[int, Field(ge=60)]


class AlarmFloor(Contract):
    """The loosest alarm that is accepted: largest threshold and longest period."""

    max_threshold: Annotated[float, Field(gt=0)]
    max_period_seconds: Annotated[int, Field(ge=10)]


class AlarmsFloor(Contract):
    """The alarms that every rollout has."""

    error_count: AlarmFloor
    latency_p99_ms: AlarmFloor


class RolloutFloor(Contract):
    """How carelessly traffic may move."""

    strategies: Annotated[Items[Literal["all_at_once", "canary", "linear"]], Field(min_length=1)]
    max_canary_percent: Annotated[int, Field(ge=1, le=50)]
    max_step_percent: Annotated[int, Field(ge=10, le=50)]
    min_wait_seconds: Annotated[int, Field(ge=0, le=3600)]
    min_termination_wait_seconds: Annotated[int, Field(ge=0, le=3600)]
    max_maximum_seconds: Annotated[int, Field(ge=600, le=28800)]
    min_instance_count: Annotated[int, Field(ge=1)]
    max_instance_count: Annotated[int, Field(ge=1)]
    alarms: AlarmsFloor


class CaptureFloor(Contract):
    """Whether endpoints may keep what they are asked and answer."""

    allowed: bool


class RetrainingFloor(Contract):
    """How often retraining may start at most."""

    min_cooldown_seconds: Annotated[int, Field(ge=0)]
    max_daily_budget: Annotated[int, Field(ge=0)]
    max_weekly_budget: Annotated[int, Field(ge=0)]


class MonitoringFloor(Contract):
    """How carelessly a model may be watched, and how its watching is cut into pieces.

    ``inline_baseline_bytes``: up to so much training data the baseline is made in a function, more in a job.
    ``batch_bytes``: captured data that one worker counts. ``quality_bytes``: what is read at most to join labels; of
    more, files are chosen by hash and the report says so. ``input_bytes``: the largest batch that is predicted.
    """

    min_rows: Annotated[int, Field(ge=50)]
    max_poison_share: Annotated[float, Field(ge=0, le=1)]
    max_window_hours: Annotated[int, Field(ge=1)]
    max_requests_per_second: Annotated[float, Field(gt=0)]
    inline_baseline_bytes: Annotated[int, Field(ge=0)]
    batch_bytes: Annotated[int, Field(ge=1)]
    max_batches: Annotated[int, Field(ge=1, le=10_000)]
    quality_bytes: Annotated[int, Field(ge=1)]
    input_bytes: Annotated[int, Field(ge=1)]


class SnapshotLimits(Contract):
    """Sizes of a training set: up to ``max_inline_bytes`` are hashed in the function, more by a job."""

    max_inline_bytes: Annotated[int, Field(ge=0)]
    max_objects: Annotated[int, Field(ge=1)]
    max_bytes: Annotated[int, Field(ge=1)]


class Policy(Contract):
    """The floor."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    instance_types: InstanceTypes
    max_instance_count: Annotated[int, Field(ge=1)]
    max_volume_gb: Annotated[int, Field(ge=1)]
    max_runtime_seconds: Runtimes
    evaluation: EvaluationFloor
    approval: ApprovalFloor
    rollout: RolloutFloor
    capture: CaptureFloor
    monitoring: MonitoringFloor
    retraining: RetrainingFloor
    snapshot: SnapshotLimits
