"""In-memory stand-ins for the AWS services that moto lacks or bends: what Muster's adapters call, and no more.

Every request is checked against botocore's own model, enums and lengths included, so a fake accepts nothing that AWS
would refuse for its shape. Calls are kept in ``calls``; ``fail`` makes the next call of an operation raise.
"""

import base64
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.model import ServiceModel

from checks import shapes


def error(code: str, message: str = "", operation: str = "Operation", status: int = 400, **more: Any) -> ClientError:
    """The ClientError that boto3 raises for a service's error."""
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(response, operation)


@dataclass
class Call:
    operation: str
    request: dict[str, Any]


class Fake:
    """A client whose methods are the ``do_…`` methods of a subclass."""

    service = ""
    _names: dict[str, dict[str, str]] = {}

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._failures: dict[str, list[Exception]] = {}

    def fail(self, operation: str, *problems: Exception) -> None:
        """Let the next calls of an operation raise these, in order."""
        self._failures.setdefault(operation, []).extend(problems)

    def of(self, operation: str) -> list[dict[str, Any]]:
        """The requests of an operation so far."""
        return [call.request for call in self.calls if call.operation == operation]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        work = object.__getattribute__(self, f"do_{name}")

        def call(**request: Any) -> Any:
            self.calls.append(Call(name, request))
            # boto3 itself turns a mapping into the text that the API takes.
            sent = {key: "bucket/key" if key == "CopySource" else value for key, value in request.items()}
            found = shapes.problems(self.service, self._api_name(name), sent)
            assert not found, found
            self.seen(request)
            if self._failures.get(name):
                raise self._failures[name].pop(0)
            return work(**request)

        return call

    def get_paginator(self, name: str) -> "Pages":
        return Pages(getattr(self, name))

    def seen(self, request: dict[str, Any]) -> None:
        """Check what the service's model does not say."""

    def _api_name(self, name: str) -> str:
        if self.service not in Fake._names:
            model = ServiceModel(Loader().load_service_model(self.service, "service-2"), self.service)
            Fake._names[self.service] = {xform_name(each): each for each in model.operation_names}
        return Fake._names[self.service][name]


@dataclass
class Pages:
    call: Callable[..., Any]

    def paginate(self, PaginationConfig: dict[str, int] | None = None, **request: Any) -> Iterator[Any]:
        yield self.call(**request)


def missing(what: str) -> ClientError:
    """SageMaker's answer for something that is not there."""
    return error("ValidationException", f"Could not find {what}.")


class FakeSageMaker(Fake):
    service = "sagemaker"

    def __init__(self, account: str, region: str, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._arn = f"arn:aws-us-gov:sagemaker:{region}:{account}:"
        self._now = now
        self.caller = {
            "Arn": f"arn:aws-us-gov:sts::{account}:assumed-role/muster-register-model/f",
            "PrincipalId": "A:f",
        }
        self.groups: set[str] = set()
        self.packages: dict[str, dict[str, Any]] = {}
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.training_jobs: dict[str, dict[str, Any]] = {}
        self.processing_jobs: dict[str, str] = {}
        self.transform_jobs: dict[str, str] = {}
        self._tokens: dict[str, str] = {}

    # -- registry
    def do_describe_model_package_group(self, ModelPackageGroupName: str) -> Any:
        if ModelPackageGroupName not in self.groups:
            raise error("ValidationException", f"ModelPackageGroup {ModelPackageGroupName} does not exist.")
        return {"ModelPackageGroupName": ModelPackageGroupName}

    def do_create_model_package_group(self, ModelPackageGroupName: str, **_: Any) -> Any:
        if ModelPackageGroupName in self.groups:
            raise error("ValidationException", "Model Package Group already exists")
        self.groups.add(ModelPackageGroupName)
        return {}

    def do_create_model_package(self, **request: Any) -> Any:
        group, token = request["ModelPackageGroupName"], request["ClientToken"]
        if token in self._tokens:
            return {"ModelPackageArn": self._tokens[token]}
        version = 1 + sum(each["ModelPackageGroupName"] == group for each in self.packages.values())
        arn = f"{self._arn}model-package/{group}/{version}"
        self._tokens[token] = arn
        self.packages[arn] = {
            **request,
            "ModelPackageArn": arn,
            "ModelPackageVersion": version,
            "CreationTime": self._now(),
            "LastModifiedBy": None,
        }
        return {"ModelPackageArn": arn}

    def do_describe_model_package(self, ModelPackageName: str) -> Any:
        if ModelPackageName not in self.packages:
            raise error("ValidationException", f"ModelPackage {ModelPackageName} does not exist.")
        return dict(self.packages[ModelPackageName])

    def do_list_model_packages(self, ModelPackageGroupName: str, **_: Any) -> Any:
        found = [arn for arn, each in self.packages.items() if each["ModelPackageGroupName"] == ModelPackageGroupName]
        return {"ModelPackageSummaryList": [{"ModelPackageArn": arn} for arn in reversed(found)]}

    def do_update_model_package(
        self, ModelPackageArn: str, ModelApprovalStatus: str, ApprovalDescription: str = "", **_: Any
    ) -> Any:
        self.packages[ModelPackageArn] |= {
            "ModelApprovalStatus": ModelApprovalStatus,
            "ApprovalDescription": ApprovalDescription,
            "LastModifiedTime": self._now(),
            "LastModifiedBy": {"IamIdentity": dict(self.caller)},
        }
        return {"ModelPackageArn": ModelPackageArn}

    # -- serving
    def do_describe_endpoint(self, EndpointName: str) -> Any:
        if EndpointName not in self.endpoints:
            raise missing(f'endpoint "{EndpointName}"')
        return self.endpoints[EndpointName]

    def do_describe_endpoint_config(self, EndpointConfigName: str) -> Any:
        if EndpointConfigName not in self.configs:
            raise missing(f'endpoint configuration "{EndpointConfigName}"')
        return self.configs[EndpointConfigName]

    def do_describe_model(self, ModelName: str) -> Any:
        if ModelName not in self.models:
            raise missing(f'model "{ModelName}"')
        return self.models[ModelName]

    def serve(self, endpoint: str, config: str, image: str, status: str = "InService", instances: int = 2) -> None:
        """Let an endpoint stand as DescribeEndpoint would show it."""
        self.endpoints[endpoint] = {
            "EndpointName": endpoint,
            "EndpointStatus": status,
            "EndpointConfigName": config,
            "ProductionVariants": [
                {
                    "VariantName": "primary",
                    "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image}],
                    "CurrentWeight": 1.0,
                    "CurrentInstanceCount": instances,
                }
            ],
        }

    # -- jobs
    def do_describe_training_job(self, TrainingJobName: str) -> Any:
        if TrainingJobName not in self.training_jobs:
            raise error("ValidationException", "Requested resource not found.")
        return self.training_jobs[TrainingJobName]

    def do_list_training_jobs(self, NameContains: str, StatusEquals: str) -> Any:
        names = [
            name
            for name, job in self.training_jobs.items()
            if NameContains in name and job["TrainingJobStatus"] == StatusEquals
        ]
        return {"TrainingJobSummaries": [{"TrainingJobName": name} for name in names]}

    def do_list_processing_jobs(self, NameContains: str, StatusEquals: str) -> Any:
        names = [
            name for name, status in self.processing_jobs.items() if NameContains in name and status == StatusEquals
        ]
        return {"ProcessingJobSummaries": [{"ProcessingJobName": name} for name in names]}

    def do_stop_training_job(self, TrainingJobName: str) -> Any:
        if self.training_jobs[TrainingJobName]["TrainingJobStatus"] != "InProgress":
            raise error(
                "ValidationException", "The request was rejected because the training job is in status Completed."
            )
        self.training_jobs[TrainingJobName]["TrainingJobStatus"] = "Stopped"

    def do_stop_processing_job(self, ProcessingJobName: str) -> Any:
        self.processing_jobs[ProcessingJobName] = "Stopped"

    def do_list_transform_jobs(self, NameContains: str, StatusEquals: str) -> Any:
        names = [
            name for name, status in self.transform_jobs.items() if NameContains in name and status == StatusEquals
        ]
        return {"TransformJobSummaries": [{"TransformJobName": name} for name in names]}

    def do_stop_transform_job(self, TransformJobName: str) -> Any:
        self.transform_jobs[TransformJobName] = "Stopped"


class FakeRuntime(Fake):
    service = "sagemaker-runtime"

    def __init__(self) -> None:
        super().__init__()
        self.answer: str | ClientError = "0.93\n"

    def do_invoke_endpoint(self, **_: Any) -> Any:
        if isinstance(self.answer, ClientError):
            raise self.answer
        return {"Body": io.BytesIO(self.answer.encode())}


STARTED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
"""When an execution started, if a test does not say."""


class FakeStepFunctions(Fake):
    service = "stepfunctions"

    def __init__(self) -> None:
        super().__init__()
        self.executions: dict[str, dict[str, Any]] = {}
        self.waiting: set[str] = set()
        self.answers: dict[str, dict[str, Any]] = {}

    def run(self, arn: str, status: str = "RUNNING", **more: Any) -> None:
        self.executions[arn] = {"executionArn": arn, "status": status, **more}

    def do_describe_execution(self, executionArn: str) -> Any:
        if executionArn not in self.executions:
            raise error("ExecutionDoesNotExist", f"Execution Does Not Exist: '{executionArn}'")
        return self.executions[executionArn]

    def do_list_executions(self, stateMachineArn: str, statusFilter: str) -> Any:
        prefix = stateMachineArn.replace(":stateMachine:", ":execution:") + ":"
        found = [each for arn, each in self.executions.items() if arn.startswith(prefix)]
        return {"executions": [{"startDate": STARTED, **each} for each in found if each["status"] == statusFilter]}

    def do_send_task_success(self, taskToken: str, output: str) -> Any:
        self._end(taskToken)
        self.answers[taskToken] = json.loads(output)
        return {}

    def do_send_task_failure(self, taskToken: str, error: str, cause: str) -> Any:
        self._end(taskToken)
        self.answers[taskToken] = {"error": error, "cause": cause}
        return {}

    def _end(self, token: str) -> None:
        if token not in self.waiting:
            raise error("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        self.waiting.discard(token)


class FakeCloudTrail(Fake):
    service = "cloudtrail"

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[datetime, dict[str, Any]]] = []

    def started(self, arn: str, at: datetime, identity: dict[str, Any], **more: Any) -> None:
        """Record who started an execution."""
        record = {
            "eventSource": "states.amazonaws.com",
            "eventName": "StartExecution",
            "userIdentity": identity,
            "responseElements": {"executionArn": arn},
            **more,
        }
        self.events.append((at, record))

    def do_lookup_events(self, LookupAttributes: list[Any], StartTime: datetime, EndTime: datetime) -> Any:
        wanted = LookupAttributes[0]["AttributeValue"]
        found = [each for at, each in self.events if StartTime <= at <= EndTime and each["eventName"] == wanted]
        return {"Events": [{"CloudTrailEvent": json.dumps(each)} for each in found]}


class FakeCloudWatch(Fake):
    service = "cloudwatch"

    def __init__(self) -> None:
        super().__init__()
        self.alarms: list[str] = []

    def do_describe_alarms(self, AlarmNamePrefix: str, AlarmTypes: list[str]) -> Any:
        return {"MetricAlarms": [{"AlarmName": name} for name in self.alarms if name.startswith(AlarmNamePrefix)]}

    def do_delete_alarms(self, AlarmNames: list[str]) -> Any:
        self.alarms = [name for name in self.alarms if name not in AlarmNames]


@dataclass
class Put:
    detail_type: str
    detail: dict[str, Any]


class FakeEvents(Fake):
    service = "events"

    def __init__(self) -> None:
        super().__init__()
        self.put: list[Put] = []
        self.refuse = False

    def do_put_events(self, Entries: list[dict[str, Any]]) -> Any:
        if self.refuse:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "later"}]}
        self.put += [Put(each["DetailType"], json.loads(each["Detail"])) for each in Entries]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in Entries]}


class FakeSns(Fake):
    service = "sns"

    def do_publish(self, **_: Any) -> Any:
        return {"MessageId": "m"}


class FakeKms(Fake):
    """Binds a ciphertext to its encryption context, as KMS does."""

    service = "kms"

    def do_encrypt(self, KeyId: str, Plaintext: bytes, EncryptionContext: dict[str, str]) -> Any:
        blob = json.dumps([KeyId, base64.b64encode(Plaintext).decode(), EncryptionContext]).encode()
        return {"CiphertextBlob": blob}

    def do_decrypt(self, KeyId: str, CiphertextBlob: bytes, EncryptionContext: dict[str, str]) -> Any:
        key, text, context = json.loads(CiphertextBlob)
        if (key, context) != (KeyId, EncryptionContext):
            raise error("InvalidCiphertextException")
        return {"Plaintext": base64.b64decode(text)}


class FakeLogs(Fake):
    service = "logs"

    def __init__(self) -> None:
        super().__init__()
        self.streams: dict[str, list[str]] = {}

    def do_describe_log_streams(self, logGroupName: str, logStreamNamePrefix: str) -> Any:
        names = [name for name in self.streams if name.startswith(logStreamNamePrefix)]
        return {"logStreams": [{"logStreamName": name, "lastEventTimestamp": at} for at, name in enumerate(names)]}

    def do_get_log_events(self, logGroupName: str, logStreamName: str, **_: Any) -> Any:
        return {"events": [{"message": line} for line in self.streams[logStreamName]]}
