"""What the SageMaker tests share: a bucket, roles, code archives, requests, and waiting for an end."""

from __future__ import annotations

import io
import json
import tarfile
import time
from typing import Any

from rehearsal import Rehearsal

IMAGE = "414596584902.dkr.ecr.us-gov-west-1.amazonaws.com/sagemaker-xgboost:3.0-5"
BUCKET = "sm-test"
FINAL = ("Completed", "Failed", "Stopped")


def bucket(rehearsal: Rehearsal) -> Any:
    """Return an S3 client; the test bucket exists."""
    s3 = rehearsal.client("s3")
    if BUCKET not in [each["Name"] for each in s3.list_buckets()["Buckets"]]:
        place = {"LocationConstraint": rehearsal.host.region}
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    return s3


def archive(files: dict[str, str | bytes]) -> bytes:
    """Return a tar.gz of texts."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def code(rehearsal: Rehearsal, name: str, files: dict[str, str]) -> str:
    """Put a code archive into the bucket and return the S3 URI of its channel."""
    bucket(rehearsal).put_object(Bucket=BUCKET, Key=f"code/{name}/sourcedir.tar.gz", Body=archive(files))
    return f"s3://{BUCKET}/code/{name}/"


def channel(name: str, uri: str, kind: str = "S3Prefix") -> dict[str, Any]:
    """Return an input channel."""
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def training(rehearsal: Rehearsal, name: str, role: str, script: str, **changes: Any) -> dict[str, Any]:
    """Return a CreateTrainingJob request in script mode."""
    uri = code(rehearsal, name, {"train.py": script})
    request: dict[str, Any] = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": role,
        "HyperParameters": {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": "/opt/ml/input/data/code/sourcedir.tar.gz",
        },
        "InputDataConfig": [channel("code", uri)],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "EnableNetworkIsolation": True,
    }
    request["HyperParameters"] |= changes.pop("HyperParameters", {})
    request["InputDataConfig"] += changes.pop("InputDataConfig", [])
    request["AlgorithmSpecification"] |= changes.pop("AlgorithmSpecification", {})
    return request | changes


def processing(rehearsal: Rehearsal, name: str, role: str, script: str, **changes: Any) -> dict[str, Any]:
    """Return a CreateProcessingJob request that runs a script."""
    bucket(rehearsal).put_object(Bucket=BUCKET, Key=f"code/{name}/run.py", Body=script.encode())
    place = "/opt/ml/processing/input/code"
    source = {
        "S3Uri": f"s3://{BUCKET}/code/{name}/",
        "LocalPath": place,
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    request: dict[str, Any] = {
        "ProcessingJobName": name,
        "RoleArn": role,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", f"{place}/run.py"]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
        },
        "ProcessingInputs": [{"InputName": "code", "S3Input": source}],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/processed/{name}",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "NetworkConfig": {"EnableNetworkIsolation": True},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    request["AppSpecification"] |= changes.pop("AppSpecification", {})
    request["ProcessingInputs"] += changes.pop("ProcessingInputs", [])
    return request | changes


def wait(describe: Any, member: str, wanted: tuple[str, ...] = FINAL, timeout: float = 30.0) -> dict[str, Any]:
    """Describe until `member` is one of `wanted`; real seconds."""
    deadline = time.monotonic() + timeout
    while True:
        answer: dict[str, Any] = describe()
        if answer[member] in wanted:
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.01)


def trained(rehearsal: Rehearsal, request: dict[str, Any]) -> dict[str, Any]:
    """Run a training job to its end and return its description."""
    sm = rehearsal.client("sagemaker")
    sm.create_training_job(**request)
    name = request["TrainingJobName"]
    return wait(lambda: sm.describe_training_job(TrainingJobName=name), "TrainingJobStatus")


def processed(rehearsal: Rehearsal, request: dict[str, Any]) -> dict[str, Any]:
    """Run a processing job to its end and return its description."""
    sm = rehearsal.client("sagemaker")
    sm.create_processing_job(**request)
    name = request["ProcessingJobName"]
    return wait(lambda: sm.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus")


def object_in(rehearsal: Rehearsal, uri: str) -> bytes:
    """Return an object's content."""
    name, _, key = uri.removeprefix("s3://").partition("/")
    body: bytes = rehearsal.client("s3").get_object(Bucket=name, Key=key)["Body"].read()
    return body


def members_of(packed: bytes) -> dict[str, bytes]:
    """Return the files of a tar.gz."""
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        return {item.name: tar.extractfile(item).read() for item in tar.getmembers() if item.isfile()}  # type: ignore[union-attr]


class Events:
    """Collects SageMaker's and CloudWatch's events from the default bus, through a rule to a queue."""

    def __init__(self, rehearsal: Rehearsal, name: str, pattern: dict[str, Any]) -> None:
        self._sqs = rehearsal.client("sqs")
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = rehearsal.host.arn("sqs", name)
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": arn,
                }
            ],
        }
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": json.dumps(policy)})
        events = rehearsal.client("events")
        events.put_rule(Name=name, EventPattern=json.dumps(pattern), State="ENABLED")
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
        self._seen: list[dict[str, Any]] = []

    def all(self, until: int = 1, timeout: float = 5.0) -> list[dict[str, Any]]:
        """Return all events so far, waiting (real seconds) for at least `until`."""
        deadline = time.monotonic() + timeout
        while True:
            got = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
            for message in got:
                self._seen.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            if not got and (len(self._seen) >= until or time.monotonic() > deadline):
                return self._seen
            if not got:
                time.sleep(0.01)
