"""Terms that all parts of a spec use: metrics, limits of SageMaker, the forms of names."""

from typing import Annotated, Literal

from pydantic import Field

ProblemType = Literal["binary", "multiclass", "regression"]
Metric = Literal[
    "auc",
    "average_precision",
    "accuracy",
    "f1",
    "precision",
    "recall",
    "brier",
    "log_loss",
    "macro_f1",
    "rmse",
    "mae",
    "r2",
]

METRICS: dict[ProblemType, tuple[Metric, ...]] = {
    "binary": ("auc", "average_precision", "accuracy", "f1", "precision", "recall", "brier", "log_loss"),
    "multiclass": ("accuracy", "macro_f1", "log_loss"),
    "regression": ("rmse", "mae", "r2"),
}
"""The metrics that Muster computes, per problem type."""
LOWER_IS_BETTER: frozenset[Metric] = frozenset({"brier", "log_loss", "rmse", "mae"})

# SageMaker's own limits (CreateTrainingJob, CreateProcessingJob, UpdateEndpoint in botocore's service model).
# How long anything may take at most is rendered into the workflows (state_machines/limits.py; a test holds the two
# equal).
MAX_PROCESSING_SECONDS = 86_400
MAX_TRAINING_SECONDS = 432_000
MAX_APPROVAL_SECONDS = 2_592_000
MAX_ROLLOUT_SECONDS = 28_800

# These two travel in the payloads of the workflows, whose states hold at most 32 KiB.
MAX_HYPERPARAMETERS_BYTES = 8_192
MAX_ENVIRONMENT_BYTES = 4_096

ProcessingSeconds = Annotated[int, Field(ge=60, le=MAX_PROCESSING_SECONDS)]
TrainingSeconds = Annotated[int, Field(ge=60, le=MAX_TRAINING_SECONDS)]
Instances = Annotated[int, Field(ge=1, le=100)]
VolumeGb = Annotated[int, Field(ge=1, le=16384)]
InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9\-]+\.[a-z0-9]+$")]
ScriptName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+\.py$")]
EnvironmentName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=256)]
Column = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_ .\-]{0,63}$")]
