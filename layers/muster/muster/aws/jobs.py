"""SageMaker's jobs: what one did, and stopping those that a run left behind."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from muster.aws.clients import Call, Client, client, code_of
from muster.errors import NotFound


@dataclass(frozen=True)
class TrainingJob:
    """A training job as DescribeTrainingJob shows it; times in seconds."""

    name: str
    arn: str
    status: str
    artifact_uri: str | None
    seconds: int
    billable_seconds: int
    spot: bool
    hyperparameters: dict[str, str] = field(default_factory=dict)
    instance_type: str | None = None
    failure_reason: str | None = None


class Jobs:
    """SageMaker's jobs."""

    def __init__(self, sagemaker: Client = None) -> None:
        self._sagemaker = sagemaker or client("sagemaker")

    def training(self, name: str) -> TrainingJob:
        """Describe a training job.

        Raises
        ------
        NotFound
            When there is none of that name.
        """
        try:
            answer = self._sagemaker.describe_training_job(TrainingJobName=name)
        except ClientError as error:
            if code_of(error) in ("ValidationException", "ResourceNotFound"):
                raise NotFound(
                    f"training_job_name: found no job {name!r}, wanted the one that trained the model"
                ) from error
            raise
        return TrainingJob(
            name=name,
            arn=answer["TrainingJobArn"],
            status=answer["TrainingJobStatus"],
            artifact_uri=(answer.get("ModelArtifacts") or {}).get("S3ModelArtifacts"),
            seconds=int(answer.get("TrainingTimeInSeconds", 0)),
            billable_seconds=int(answer.get("BillableTimeInSeconds", answer.get("TrainingTimeInSeconds", 0))),
            spot=bool(answer.get("EnableManagedSpotTraining", False)),
            hyperparameters=dict(answer.get("HyperParameters") or {}),
            instance_type=(answer.get("ResourceConfig") or {}).get("InstanceType"),
            failure_reason=answer.get("FailureReason"),
        )

    def stop_all(self, prefix: str) -> list[str]:
        """Stop every running job whose name begins so, and return the names of those that were told to stop."""
        training = self._running("list_training_jobs", "TrainingJobSummaries", "TrainingJobName", prefix)
        processing = self._running("list_processing_jobs", "ProcessingJobSummaries", "ProcessingJobName", prefix)
        transform = self._running("list_transform_jobs", "TransformJobSummaries", "TransformJobName", prefix)
        return [
            *(name for name in training if _stop(self._sagemaker.stop_training_job, TrainingJobName=name)),
            *(name for name in processing if _stop(self._sagemaker.stop_processing_job, ProcessingJobName=name)),
            *(name for name in transform if _stop(self._sagemaker.stop_transform_job, TransformJobName=name)),
        ]

    def _running(self, operation: str, summaries: str, key: str, prefix: str) -> Iterator[str]:
        pages = self._sagemaker.get_paginator(operation).paginate(NameContains=prefix, StatusEquals="InProgress")
        for page in pages:
            # NameContains is not "begins with": another run's name could hold this one in its middle.
            yield from (each[key] for each in page[summaries] if each[key].startswith(prefix))


def _stop(call: Call, **arguments: str) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        # It ended by itself between the listing and now: SageMaker refuses to stop what does not run.
        if code_of(error) in ("ValidationException", "ResourceNotFound"):
            return False
        raise
    return True
