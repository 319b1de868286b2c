"""What an installation has made outside its stacks: how each kind is found, and how it is removed.

Everything is found by the installation's prefix, which no other installation's names begin with, or is in a bucket or
table of its own. A removal never stops at the first fault: it returns one line for each, and the rest is removed.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.installation import Installation

_OBJECTS_AT_ONCE = 1000
"""Versions that one DeleteObjects takes (S3 API reference)."""
_ALARM = re.compile(r"-[0-9a-f]{12}-[a-z0-9-]+$")
"""The end of an alarm's name that `deployment` made; alarms of the stacks have no digest in theirs."""
_RUN = re.compile(r"^[0-9a-f]{20}$")


@dataclass(frozen=True)
class Found:
    """Things of one kind.

    Attributes
    ----------
    kind
        What they are, in the plural.
    names
        What a person would call them.
    remove
        Removes them, and returns one line for each that could not be.
    """

    kind: str
    names: Sequence[str]
    remove: Callable[[], list[str]]


def executions(installation: Installation) -> Found:
    """Find running executions of all workflows; pipelines come first, since they would go on when a child is stopped."""
    states, machines = installation.client("stepfunctions"), installation.state_machines
    arns = [
        each["executionArn"]
        for machine in (machines[name] for name in sorted(machines, key=lambda name: name != "pipeline"))
        for each in _pages(states, "list_executions", "executions", stateMachineArn=machine, statusFilter="RUNNING")
    ]

    def stop(arn: str) -> None:
        states.stop_execution(executionArn=arn, error="Cleaned", cause="muster clean")

    return _each("running executions", arns, stop)


def jobs(installation: Installation) -> Found:
    """Find jobs that run for runs of this installation; SageMaker keeps the records of jobs that are over."""
    sagemaker, runs = installation.client("sagemaker"), _runs(installation)
    training = _pages(sagemaker, "list_training_jobs", "TrainingJobSummaries", StatusEquals="InProgress")
    processing = _pages(sagemaker, "list_processing_jobs", "ProcessingJobSummaries", StatusEquals="InProgress")
    transform = _pages(sagemaker, "list_transform_jobs", "TransformJobSummaries", StatusEquals="InProgress")
    stops: dict[str, Callable[[], object]] = (
        {
            each["TrainingJobName"]: partial(sagemaker.stop_training_job, TrainingJobName=each["TrainingJobName"])
            for each in training
        }
        | {
            each["ProcessingJobName"]: partial(
                sagemaker.stop_processing_job, ProcessingJobName=each["ProcessingJobName"]
            )
            for each in processing
        }
        | {
            each["TransformJobName"]: partial(sagemaker.stop_transform_job, TransformJobName=each["TransformJobName"])
            for each in transform
        }
    )
    mine = [name for name in stops if name.partition("-")[0] in runs]
    return _each("running jobs", mine, lambda name: stops[name]())


def endpoints(installation: Installation) -> Found:
    """Find endpoints; removing them waits until they are gone, since their configurations are needed until then."""
    sagemaker = installation.client("sagemaker")
    names = _named(installation, "list_endpoints", "Endpoints", "EndpointName")

    def remove() -> list[str]:
        faults = _each("endpoints", names, lambda name: sagemaker.delete_endpoint(EndpointName=name)).remove()
        gone = sagemaker.get_waiter("endpoint_deleted")
        every_five_seconds_for_ten_minutes = {"Delay": 5, "MaxAttempts": 120}
        deleted = [name for name in names if not any(fault.startswith(f"{name}: ") for fault in faults)]

        def wait(name: str) -> None:
            gone.wait(EndpointName=name, WaiterConfig=every_five_seconds_for_ten_minutes)

        return faults + _each("endpoints", deleted, wait).remove()

    return Found("endpoints", names, remove)


def endpoint_configs(installation: Installation) -> Found:
    """Find endpoint configurations."""
    sagemaker = installation.client("sagemaker")
    names = _named(installation, "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName")
    return _each(
        "endpoint configurations", names, lambda name: sagemaker.delete_endpoint_config(EndpointConfigName=name)
    )


def models(installation: Installation) -> Found:
    """Find models, in SageMaker's sense: what an endpoint configuration serves."""
    sagemaker = installation.client("sagemaker")
    names = _named(installation, "list_models", "Models", "ModelName")
    return _each("models", names, lambda name: sagemaker.delete_model(ModelName=name))


def alarms(installation: Installation) -> Found:
    """Find the alarms that guard endpoints; those of the stacks are left alone."""
    cloudwatch = installation.client("cloudwatch")
    found = _pages(cloudwatch, "describe_alarms", "MetricAlarms", AlarmNamePrefix=f"{installation.prefix}-")
    names = [each["AlarmName"] for each in found if _ALARM.search(each["AlarmName"])]
    return _each("alarms", names, lambda name: cloudwatch.delete_alarms(AlarmNames=[name]))


def packages(installation: Installation) -> Found:
    """Find the versions in every model package group."""
    sagemaker = installation.client("sagemaker")
    arns = [
        each["ModelPackageArn"]
        for group in _groups(installation)
        for each in _pages(sagemaker, "list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=group)
    ]
    return _each("model packages", arns, lambda arn: sagemaker.delete_model_package(ModelPackageName=arn))


def groups(installation: Installation) -> Found:
    """Find model package groups, one for each model."""
    sagemaker = installation.client("sagemaker")
    return _each(
        "model package groups",
        _groups(installation),
        lambda name: sagemaker.delete_model_package_group(ModelPackageGroupName=name),
    )


def objects(installation: Installation, bucket: str) -> Found:
    """Find every version of every object of one bucket, and the delete markers."""
    s3 = installation.client("s3")
    versions = [
        {"Key": each["Key"], "VersionId": each["VersionId"]}
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    ]

    def remove() -> list[str]:
        faults: list[str] = []
        for first in range(0, len(versions), _OBJECTS_AT_ONCE):
            batch = {"Objects": versions[first : first + _OBJECTS_AT_ONCE], "Quiet": True}
            try:
                answer = s3.delete_objects(Bucket=bucket, Delete=batch)
            except (ClientError, BotoCoreError) as error:
                faults.append(f"{bucket}: {error}")
                continue
            faults += [f"s3://{bucket}/{each['Key']}: {each['Message']}" for each in answer.get("Errors", [])]
        return faults

    return Found(f"object versions in {bucket}", [each["Key"] for each in versions], remove)


def items(installation: Installation) -> Found:
    """Find every item of the ledger."""
    dynamodb = installation.client("dynamodb")
    keys = {f"{each['pk']['S']} / {each['sk']['S']}": each for each in _keys(installation)}
    return _each(
        "ledger items", list(keys), lambda name: dynamodb.delete_item(TableName=installation.ledger, Key=keys[name])
    )


def locked(installation: Installation, bucket: str) -> bool:
    """Tell whether Object Lock is on for a bucket: versions in it may be retained, and it cannot be switched off."""
    try:
        answer = installation.client("s3").get_object_lock_configuration(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError":
            return False
        raise
    return bool(answer["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled")


def _each(kind: str, names: Sequence[str], call: Callable[[str], object]) -> Found:
    """Return things that one call each removes."""

    def remove() -> list[str]:
        faults = []
        for name in names:
            try:
                call(name)
            except (ClientError, BotoCoreError) as error:
                faults.append(f"{name}: {error}")
        return faults

    return Found(kind, names, remove)


def _pages(client: Any, operation: str, member: str, **arguments: object) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[member]


def _named(installation: Installation, operation: str, member: str, name: str) -> list[str]:
    """Return names that begin with the prefix; SageMaker's NameContains finds it anywhere in them."""
    begins = f"{installation.prefix}-"
    found = _pages(installation.client("sagemaker"), operation, member, NameContains=begins)
    return sorted(each[name] for each in found if each[name].startswith(begins))


def _groups(installation: Installation) -> list[str]:
    return _named(installation, "list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName")


def _keys(installation: Installation) -> Iterator[dict[str, Any]]:
    return _items(installation, "pk, sk")


def _items(installation: Installation, members: str, **names: Any) -> Iterator[dict[str, Any]]:
    return _pages(
        installation.client("dynamodb"),
        "scan",
        "Items",
        TableName=installation.ledger,
        ProjectionExpression=members,
        ConsistentRead=True,
        **names,
    )


def _runs(installation: Installation) -> set[str]:
    """Return the runs that the ledger knows, those of batches among them: the names of jobs begin with one."""
    found = _items(installation, "pk, #run", ExpressionAttributeNames={"#run": "run"})
    keys = {key for each in found for key in (each["pk"]["S"].removeprefix("RUN#"), each.get("run", {}).get("S", ""))}
    return {key for key in keys if _RUN.match(key)}
