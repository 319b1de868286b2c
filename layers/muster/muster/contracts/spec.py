"""``models/<name>/model.yaml``: all that an author says about a model. The platform's floor is in ``policy.py``."""

import json
import math
import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from muster.contracts.base import Contract, Items, ModelName, Text
from muster.contracts.spec_monitoring import CaptureSpec, MonitoringSpec, RetrainingSpec
from muster.contracts.spec_terms import (
    LOWER_IS_BETTER,
    MAX_APPROVAL_SECONDS,
    MAX_ENVIRONMENT_BYTES,
    MAX_HYPERPARAMETERS_BYTES,
    MAX_ROLLOUT_SECONDS,
    METRICS,
    Column,
    EnvironmentName,
    Instances,
    InstanceType,
    Metric,
    ProblemType,
    ProcessingSeconds,
    ScriptName,
    TrainingSeconds,
    VolumeGb,
)

ValuesT = TypeVar("ValuesT", bound=Mapping[str, object])


def _fits(values: ValuesT, limit: int) -> ValuesT:
    size = len(json.dumps(values).encode())
    if size > limit:
        raise ValueError(
            f"found {size} bytes as JSON, wanted at most {limit}: put large values into a file of the code"
        )
    return values


class DataSpec(Contract):
    """Where the training data is: every object below the prefix, in the data bucket."""

    training: Annotated[str, Field(pattern=r"^raw/[A-Za-z0-9_\-/]+/$")]
    format: Literal["csv"]


class ImageSpec(Contract):
    """A framework image of SageMaker, by name and version; `publish` pins it by digest."""

    framework: Annotated[str, Field(pattern=r"^[a-z][a-z0-9\-]*$")]
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.\-]+$")]


class PreprocessSpec(Contract):
    """The Processing job that turns the snapshot into a training and a validation set."""

    entry_point: ScriptName
    instance_type: InstanceType
    instance_count: Instances = 1
    volume_gb: VolumeGb
    max_runtime_seconds: ProcessingSeconds


class SpotSpec(Contract):
    """Managed spot training. ``max_wait_seconds`` covers waiting for capacity and running."""

    enabled: bool
    max_wait_seconds: TrainingSeconds
    fall_back_to_on_demand: bool


class TrainingSpec(Contract):
    """The training job, in SageMaker's script mode."""

    entry_point: ScriptName
    instance_type: InstanceType
    instance_count: Instances = 1
    volume_gb: VolumeGb
    max_runtime_seconds: TrainingSeconds
    spot: SpotSpec
    hyperparameters: dict[
        Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_\-]{0,63}$")], str | int | float | bool
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _spot_waits_at_least_the_runtime(self) -> "TrainingSpec":
        if self.spot.max_wait_seconds < self.max_runtime_seconds:
            raise ValueError(
                f"found spot.max_wait_seconds {self.spot.max_wait_seconds}, "
                f"wanted at least max_runtime_seconds ({self.max_runtime_seconds})"
            )
        return self

    @field_validator("hyperparameters")
    @classmethod
    def _names_are_free(cls, value: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
        taken = sorted(name for name in value if name.startswith("sagemaker_") or name == "checkpoint_dir")
        if taken:
            raise ValueError(f"names other than {', '.join(taken)}: Muster sets sagemaker_* and checkpoint_dir itself")
        if len(value) > 90:
            raise ValueError("at most 90 hyperparameters (SageMaker takes 100, Muster adds its own)")
        long = sorted(name for name, each in value.items() if len(str(each)) > 2400)
        if long:
            raise ValueError(f"values of at most 2400 characters: {', '.join(long)}")
        return _fits(value, MAX_HYPERPARAMETERS_BYTES)


class InferenceSpec(Contract):
    """The endpoint's container and instances. ``explain_fn`` in the entry point is optional."""

    entry_point: ScriptName
    content_type: Literal["text/csv"]
    instance_type: InstanceType
    instance_count: Instances
    environment: dict[EnvironmentName, Annotated[str, Field(max_length=256)]] = Field(default_factory=dict)

    @field_validator("environment")
    @classmethod
    def _names_are_free(cls, value: dict[str, str]) -> dict[str, str]:
        taken = sorted(name for name in value if name.startswith(("SAGEMAKER_", "SM_", "AWS_", "MUSTER_")))
        if taken:
            raise ValueError(f"names without the prefixes SAGEMAKER_, SM_, AWS_ and MUSTER_, not {', '.join(taken)}")
        if len(value) > 90:
            raise ValueError("at most 90 variables (SageMaker takes 100, Muster adds its own)")
        return _fits(value, MAX_ENVIRONMENT_BYTES)


class Gate(Contract):
    """A bound on one metric.

    Judged on the unfavourable end of the metric's confidence interval, or on its point estimate with ``bound: value``.
    """

    metric: Metric
    min: float | None = None
    max: float | None = None
    bound: Literal["interval", "value"] = "interval"

    @model_validator(mode="after")
    def _one_bound_in_the_metric_s_direction(self) -> "Gate":
        wanted = "max" if self.metric in LOWER_IS_BETTER else "min"
        if (self.min is None) == (self.max is None) or getattr(self, wanted) is None:
            given = ", ".join(name for name in ("min", "max") if getattr(self, name) is not None) or "neither"
            raise ValueError(f"found {given}, wanted exactly {wanted!r} for {self.metric}")
        return self


class SliceGates(Contract):
    """Gates for every value of a column. A slice with fewer than ``min_rows`` rows is not judged."""

    column: Column
    gates: Annotated[Items[Gate], Field(min_length=1)]
    min_rows: Annotated[int, Field(ge=1)] = 30


class BiasGroup(Contract):
    """The largest accepted difference of a metric between the groups of a column."""

    column: Column
    metric: Metric
    max_difference: Annotated[float, Field(gt=0)]
    min_rows: Annotated[int, Field(ge=1)] = 30


class EvaluationSpec(Contract):
    """How the model is judged."""

    primary_metric: Metric
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    gates: Annotated[Items[Gate], Field(min_length=1)]
    slices: Items[SliceGates] = ()
    bias_groups: Items[BiasGroup] = ()
    non_inferiority_margin: Annotated[float, Field(ge=0)]
    significance: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    instance_type: InstanceType
    max_runtime_seconds: ProcessingSeconds

    @model_validator(mode="after")
    def _nothing_twice(self) -> "EvaluationSpec":
        used: dict[str, list[str]] = {
            "gates": [each.metric for each in self.gates],
            "slices": [each.column for each in self.slices],
            "bias_groups": [each.column for each in self.bias_groups],
        }
        for name, values in used.items():
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"found {', '.join(twice)} twice in {name}, wanted once")
        return self


class ApprovalSpec(Contract):
    """How long a person may take to answer."""

    wait_seconds: Annotated[int, Field(ge=60, le=MAX_APPROVAL_SECONDS)]


class ErrorCountAlarm(Contract):
    """Tripped by this many failed invocations (5xx) in one period."""

    threshold: Annotated[int, Field(ge=1)]
    period_seconds: Annotated[int, Field(ge=10)] = 60


class LatencyAlarm(Contract):
    """Tripped when the 99th percentile of the model's latency in one period is above this, in milliseconds."""

    threshold: Annotated[float, Field(gt=0)]
    period_seconds: Annotated[int, Field(ge=10)] = 60


class AlarmsSpec(Contract):
    """Alarms that roll a deployment back."""

    error_count: ErrorCountAlarm
    latency_p99_ms: LatencyAlarm

    @model_validator(mode="after")
    def _periods_that_cloudwatch_takes(self) -> "AlarmsSpec":
        for name in ("error_count", "latency_p99_ms"):
            period = getattr(self, name).period_seconds
            if period not in (10, 20, 30) and period % 60:
                raise ValueError(f"found {name}.period_seconds {period}, wanted 10, 20, 30 or a multiple of 60")
        return self


class RolloutSpec(Contract):
    """How traffic moves to a new model (blue/green).

    ``wait_seconds`` passes after each shift, ``termination_wait_seconds`` before the old instances go away.
    """

    endpoint: Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$", max_length=63)] | None = None
    strategy: Literal["all_at_once", "canary", "linear"]
    canary_percent: Annotated[int, Field(ge=1, le=50)] | None = None
    step_percent: Annotated[int, Field(ge=10, le=50)] | None = None
    wait_seconds: Annotated[int, Field(ge=0, le=3600)]
    termination_wait_seconds: Annotated[int, Field(ge=0, le=3600)]
    maximum_seconds: Annotated[int, Field(ge=600, le=MAX_ROLLOUT_SECONDS)]
    alarms: AlarmsSpec
    golden_records: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]+\.jsonl$")] = "golden.jsonl"

    @property
    def shifts(self) -> int:
        """How often traffic moves."""
        if self.strategy == "linear":
            assert self.step_percent is not None
            return math.ceil(100 / self.step_percent)
        return 2 if self.strategy == "canary" else 1

    @property
    def waiting_seconds(self) -> int:
        """All waits of a rollout that goes well."""
        return self.shifts * self.wait_seconds + self.termination_wait_seconds

    @model_validator(mode="after")
    def _shift_matches_strategy(self) -> "RolloutSpec":
        wanted = {"canary": "canary_percent", "linear": "step_percent"}.get(self.strategy)
        for name in ("canary_percent", "step_percent"):
            given = getattr(self, name)
            if (given is not None) != (name == wanted):
                rule = "a value" if name == wanted else "no value"
                raise ValueError(f"found {name} {given}, wanted {rule} with strategy {self.strategy}")
        if self.maximum_seconds <= self.waiting_seconds:
            raise ValueError(
                f"found maximum_seconds {self.maximum_seconds}, wanted more than the rollout's waits: "
                f"{self.shifts} x {self.wait_seconds} + {self.termination_wait_seconds} = {self.waiting_seconds}"
            )
        return self


_AI_RMF = re.compile(r"^(GOVERN|MAP|MEASURE|MANAGE) [1-9][0-9]?\.[0-9]{1,2}$")


class CardSpec(Contract):
    """What an assessor asks first."""

    owner: Text
    intended_use: Text
    limitations: Text
    ai_rmf_functions: Annotated[Items[str], Field(min_length=1)]

    @field_validator("ai_rmf_functions")
    @classmethod
    def _known_functions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [each for each in value if not _AI_RMF.match(each)]
        if wrong:
            raise ValueError(f"NIST AI RMF subcategories such as 'GOVERN 1.6', not {', '.join(map(repr, wrong))}")
        return value


class ModelSpec(Contract):
    """A model, as its author describes it."""

    name: ModelName
    problem_type: ProblemType
    target: Column
    classes: Items[Annotated[str, Field(min_length=1, max_length=64)]] | None = None
    row_id: Column
    data: DataSpec
    image: ImageSpec
    preprocess: PreprocessSpec
    training: TrainingSpec
    inference: InferenceSpec
    evaluation: EvaluationSpec
    approval: ApprovalSpec
    rollout: RolloutSpec
    capture: CaptureSpec = CaptureSpec()
    monitoring: MonitoringSpec = MonitoringSpec()
    retraining: RetrainingSpec
    card: CardSpec

    @model_validator(mode="after")
    def _classes_fit_the_problem(self) -> "ModelSpec":
        wanted = {"binary": (2, 2), "multiclass": (3, 1000), "regression": (0, 0)}[self.problem_type]
        count = len(self.classes or ())
        if not wanted[0] <= count <= wanted[1] or len(set(self.classes or ())) != count:
            text = {"binary": "2 different ones", "multiclass": "3 or more different ones", "regression": "none"}
            raise ValueError(f"found {count} classes, wanted {text[self.problem_type]} for {self.problem_type}")
        return self

    @model_validator(mode="after")
    def _metrics_fit_the_problem(self) -> "ModelSpec":
        evaluation, known = self.evaluation, METRICS[self.problem_type]
        used: dict[str, list[Metric]] = {"evaluation.primary_metric": [evaluation.primary_metric]}
        used["evaluation.gates"] = [gate.metric for gate in evaluation.gates]
        used["evaluation.slices"] = [gate.metric for each in evaluation.slices for gate in each.gates]
        used["evaluation.bias_groups"] = [each.metric for each in evaluation.bias_groups]
        for field, metrics in used.items():
            wrong = [metric for metric in metrics if metric not in known]
            if wrong:
                raise ValueError(
                    f"found {wrong[0]} in {field}, wanted a metric for {self.problem_type}: {', '.join(known)}"
                )
        return self

    @model_validator(mode="after")
    def _target_and_row_id_are_no_features(self) -> "ModelSpec":
        columns = {
            "a slice": [each.column for each in self.evaluation.slices],
            "a bias column": [each.column for each in self.evaluation.bias_groups],
            "categorical": self.monitoring.categorical,
            "a facet": self.monitoring.facets,
        }
        for use, names in columns.items():
            for taken in (self.target, self.row_id):
                if taken in names:
                    raise ValueError(f"found {taken} as {use}, wanted a column other than target and row_id")
        if self.target == self.row_id:
            raise ValueError(f"found {self.target} as target and as row_id, wanted two columns")
        return self
