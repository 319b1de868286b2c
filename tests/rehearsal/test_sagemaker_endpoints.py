"""Endpoints: serving, routing, errors, metrics, capture, blue/green updates and every way back."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sagemaker_support import BUCKET, IMAGE, Events, archive, bucket, wait

from rehearsal import Rehearsal, sagemaker
from rehearsal.sagemaker import capture, control, deployment
from rehearsal.sagemaker.errors import ValidationException

INFERENCE = """
import json, os
def model_fn(model_dir):
    with open(os.path.join(model_dir, "answer.json")) as file:
        return json.load(file)
def input_fn(data, content_type):
    assert isinstance(data, bytearray), type(data)
    return data.decode(), content_type
def predict_fn(data, model):
    if "crash" in data[0]:
        os._exit(7)
    if model == "fails" or "fail" in data[0]:
        raise ValueError("cannot predict " + data[0])
    return model
def output_fn(prediction, accept):
    return json.dumps({"answer": prediction, "accept": accept})
"""
BUSY = ("Creating", "Updating", "RollingBack", "Deleting")


@pytest.fixture(scope="module")
def sm_role(rehearsal: Rehearsal, role: Callable[..., str]) -> str:
    sagemaker.warm_up()
    return role("sm-endpoints", "sagemaker.amazonaws.com")


class World:
    """Makes models, configurations and endpoints with short calls."""

    def __init__(self, rehearsal: Rehearsal, role: str) -> None:
        self.rehearsal, self.role = rehearsal, role
        self.sm, self.runtime = rehearsal.client("sagemaker"), rehearsal.client("sagemaker-runtime")

    def config(self, name: str, answer: str, count: int = 2, code: str = INFERENCE, **changes: Any) -> str:
        """Make a model that answers `answer`, and an endpoint configuration of the same name."""
        packed = archive({"answer.json": json.dumps(answer), "code/inference.py": code})
        bucket(self.rehearsal).put_object(Bucket=BUCKET, Key=f"models/{name}.tar.gz", Body=packed)
        self.sm.create_model(
            ModelName=name,
            ExecutionRoleArn=self.role,
            EnableNetworkIsolation=True,
            PrimaryContainer={
                "Image": IMAGE,
                "ModelDataUrl": f"s3://{BUCKET}/models/{name}.tar.gz",
                "Environment": {
                    "SAGEMAKER_PROGRAM": "inference.py",
                    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                },
            },
        )
        variant = {
            "VariantName": "main",
            "ModelName": name,
            "InitialInstanceCount": count,
            "InstanceType": "ml.m5.large",
            **changes.pop("variant", {}),
        }
        self.sm.create_endpoint_config(EndpointConfigName=name, **{"ProductionVariants": [variant], **changes})
        return name

    def describe(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sm.describe_endpoint(EndpointName=name)
        return found

    def settled(self, name: str) -> dict[str, Any]:
        """Wait until nothing is in progress."""
        deadline = time.monotonic() + 30
        while (found := self.describe(name))["EndpointStatus"] in BUSY:
            assert time.monotonic() < deadline, found
            time.sleep(0.005)
        return found

    def endpoint(self, name: str, config: str) -> dict[str, Any]:
        self.sm.create_endpoint(EndpointName=name, EndpointConfigName=config)
        return self.settled(name)

    def update(self, name: str, config: str, policy: dict[str, Any] | None = None, **more: Any) -> None:
        given = {"DeploymentConfig": policy} if policy else {}
        self.sm.update_endpoint(EndpointName=name, EndpointConfigName=config, **given, **more)

    def ask(self, name: str, body: bytes = b"1,2", **more: Any) -> Any:
        answer = self.runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=body, **more)
        return json.loads(answer["Body"].read())["answer"]


@pytest.fixture(scope="module")
def hosting(rehearsal: Rehearsal, sm_role: str) -> World:
    return World(rehearsal, sm_role)


@pytest.fixture(autouse=True)
def _no_orders() -> Iterator[None]:
    yield
    control.reset()


def policy(kind: str, wait: int = 60, term: int = 60, alarms: tuple[str, ...] = (), **size: Any) -> dict[str, Any]:
    """Return a DeploymentConfig."""
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **size}
    config: dict[str, Any] = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": term,
            "MaximumExecutionTimeoutInSeconds": 3600,
        }
    }
    if alarms:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    return config


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def test_an_endpoint_answers_and_says_what_it_runs(hosting: World) -> None:
    # Given a rule on endpoint events
    events = Events(hosting.rehearsal, "sm-ep-events", {"detail-type": ["SageMaker Endpoint State Change"]})
    # When an endpoint is created from an image named by tag
    hosting.config("first", "one")
    found = hosting.endpoint("ep-first", "first")
    # Then it serves, with the image by digest
    assert found["EndpointStatus"] == "InService", found
    variant = found["ProductionVariants"][0]
    assert (variant["CurrentWeight"], variant["CurrentInstanceCount"]) == (1.0, 2)
    assert "@sha256:" in variant["DeployedImages"][0]["ResolvedImage"]
    # And passes body, types and variant through
    answer = hosting.runtime.invoke_endpoint(
        EndpointName="ep-first",
        ContentType="text/csv",
        Accept="application/json",
        Body=b"\xff\x00".replace(b"\xff", b"3"),
    )
    assert answer["InvokedProductionVariant"] == "main"
    assert answer["ContentType"] == "application/json"
    assert json.loads(answer["Body"].read()) == {"answer": "one", "accept": "application/json"}
    # And events spell the status their way
    statuses = {each["detail"]["EndpointStatus"] for each in events.all(2)}
    assert statuses == {"CREATING", "IN_SERVICE"}
    with pytest.raises(ClientError, match="Could not find endpoint"):
        hosting.describe("ep-nobody")


def test_an_error_of_the_container_is_a_model_error_and_a_crash_is_survived(hosting: World) -> None:
    hosting.config("errs", "one")
    hosting.endpoint("ep-errs", "errs")
    # When predict_fn raises
    with pytest.raises(ClientError) as caught:
        hosting.ask("ep-errs", b"fail")
    # Then the caller gets ModelError, 424, with the container's words
    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 500
    assert response["OriginalMessage"] == "cannot predict fail"
    assert "/aws/sagemaker/Endpoints/ep-errs" in response["LogStreamArn"]
    # When the container dies
    with pytest.raises(ClientError, match="ModelError"):
        hosting.ask("ep-errs", b"crash")
    # Then it is started again
    assert hosting.ask("ep-errs") == "one"
    assert sagemaker.requests("ep-errs") == {"errs": {"ok": 1, "failed": 2}}
    # And the metrics say so
    from datetime import timedelta

    now = hosting.rehearsal.clock.now()
    dimensions = [{"Name": "EndpointName", "Value": "ep-errs"}, {"Name": "VariantName", "Value": "main"}]
    points = hosting.rehearsal.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=dimensions,
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=7200,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    assert sum(each["Sum"] for each in points) == 2
    assert sum(each["SampleCount"] for each in points) == 3
    with pytest.raises(ClientError, match="ValidationError"):
        hosting.ask("ep-nobody")


def test_variants_get_their_share_and_can_be_named(hosting: World) -> None:
    hosting.config("va", "a")
    hosting.config("vb", "b")
    variants = [
        {
            "VariantName": name,
            "ModelName": model,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "InitialVariantWeight": weight,
        }
        for name, model, weight in (("a", "va", 3), ("b", "vb", 1))
    ]
    hosting.sm.create_endpoint_config(EndpointConfigName="both", ProductionVariants=variants)
    hosting.endpoint("ep-both", "both")
    answers = [hosting.ask("ep-both") for _ in range(40)]
    assert 20 < answers.count("a") < 40
    assert hosting.ask("ep-both", TargetVariant="b") == "b"
    with pytest.raises(ClientError, match="Variant z not found"):
        hosting.ask("ep-both", TargetVariant="z")
    hosting.sm.update_endpoint_weights_and_capacities(
        EndpointName="ep-both", DesiredWeightsAndCapacities=[{"VariantName": "a", "DesiredWeight": 0}]
    )
    hosting.settled("ep-both")
    assert {hosting.ask("ep-both") for _ in range(10)} == {"b"}


def test_capture_writes_sagemakers_records_by_hour(hosting: World) -> None:
    # Given an endpoint that captures all, CSV as text
    config = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
    }
    hosting.config("cap", "one", DataCaptureConfig=config)
    found = hosting.endpoint("ep-cap", "cap")
    assert found["DataCaptureConfig"]["CaptureStatus"] == "Started"
    # When it is asked, once with an id, once with a body that fails
    hosting.ask("ep-cap", b"4,5\n", InferenceId="case-1")
    with pytest.raises(ClientError):
        hosting.ask("ep-cap", b"fail")
    before = hosting.rehearsal.clock.now()
    capture.flush("ep-cap")
    # Then one record is in the folder of the hour
    s3 = bucket(hosting.rehearsal)
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET, Prefix="capture/")["Contents"]]
    assert len(keys) == 1
    assert keys[0].startswith(f"capture/ep-cap/main/{before.strftime('%Y/%m/%d')}/")
    assert keys[0].endswith(".jsonl")
    record = json.loads(s3.get_object(Bucket=BUCKET, Key=keys[0])["Body"].read())
    assert record["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv",
        "mode": "INPUT",
        "data": "4,5\n",
        "encoding": "CSV",
    }
    output = record["captureData"]["endpointOutput"]
    assert output["encoding"] == "BASE64"
    assert json.loads(base64.b64decode(output["data"]))["answer"] == "one"
    assert record["eventMetadata"]["inferenceId"] == "case-1"
    assert record["eventVersion"] == "0"


@pytest.mark.parametrize(
    ("kind", "size", "count", "expected"),
    [
        ("ALL_AT_ONCE", {}, 3, [3]),
        ("CANARY", {"CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}, 3, [1, 3]),
        ("CANARY", {"CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10}}, 10, [1, 10]),
        ("LINEAR", {"LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 20}}, 5, [1, 2, 3, 4, 5]),
        ("LINEAR", {"LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 33}}, 10, [4, 8, 10]),
    ],
)
def test_traffic_moves_by_whole_instances(kind: str, size: dict[str, Any], count: int, expected: list[int]) -> None:
    routing = {"Type": kind, "WaitIntervalInSeconds": 0, **size}
    assert deployment.steps({"TrafficRoutingConfiguration": routing}, count) == expected


@pytest.mark.parametrize(
    ("kind", "size", "count"),
    [
        ("CANARY", {"CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 60}}, 10),
        ("CANARY", {"CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}, 1),
        ("LINEAR", {"LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 5}}, 10),
        ("LINEAR", {}, 10),
    ],
)
def test_impossible_steps_are_refused(kind: str, size: dict[str, Any], count: int) -> None:
    routing = {"Type": kind, "WaitIntervalInSeconds": 0, **size}
    with pytest.raises(ValidationException):
        deployment.steps({"TrafficRoutingConfiguration": routing}, count)


def test_a_canary_update_shifts_traffic_without_a_failed_request(hosting: World) -> None:
    # Given an endpoint with traffic
    events = Events(hosting.rehearsal, "sm-dep-events", {"detail-type": ["SageMaker Endpoint Deployment State Change"]})
    hosting.config("blue", "blue", count=10)
    hosting.config("green", "green", count=10)
    hosting.endpoint("ep-canary", "blue")
    # When it is updated with a canary of 10 percent
    hosting.update("ep-canary", "green", policy("CANARY", 60, 60, CanarySize=percent(10)))
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        hosting.update("ep-canary", "green")
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        hosting.sm.delete_endpoint(EndpointName="ep-canary")
    pending, answers = None, []
    while (found := hosting.describe("ep-canary"))["EndpointStatus"] == "Updating":
        # Invocations let time pass, other calls count as work: mostly ask, sometimes look
        answers += [hosting.ask("ep-canary") for _ in range(8)]
        summary = found["PendingDeploymentSummary"]["ProductionVariants"][0]
        if summary.get("VariantStatus", [{}])[0].get("Status") == "Baking":
            pending = pending or found
    # Then the new configuration serves, and every request had an answer
    assert found["EndpointStatus"] == "InService"
    assert found["EndpointConfigName"] == "green"
    assert found["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TerminationWaitInSeconds"] == 60
    assert "PendingDeploymentSummary" not in found
    assert hosting.ask("ep-canary") == "green"
    assert {"blue", "green"} == set(answers)
    counts = sagemaker.requests("ep-canary")
    assert counts["blue"]["failed"] == counts["green"]["failed"] == 0
    assert [share for _, share in sagemaker.traffic("ep-canary")] == [0, 10, 100]
    # And meanwhile it said what it did
    assert pending is not None
    assert pending["EndpointConfigName"] == "blue"
    assert pending["PendingDeploymentSummary"]["EndpointConfigName"] == "green"
    own = [each["detail"] for each in events.all(7) if each["detail"]["EndpointName"] == "ep-canary"]
    own = [each for each in own if each["EndpointStatus"] == "UPDATING"]
    stages = [
        each["PendingDeploymentSummary"]["ProductionVariants"][0].get("VariantStatus", [{}])[0].get("Status", "over")
        for each in own
    ]
    expected = ["Creating", "ActivatingTraffic", "Baking", "ActivatingTraffic", "Baking", "over"]
    assert sorted(stages) == sorted(expected)  # EventBridge keeps no order


def test_an_alarm_on_the_new_fleet_gives_the_traffic_back(hosting: World) -> None:
    # Given an alarm on 5xx errors of the new endpoint configuration
    hosting.config("good", "good")
    hosting.config("bad", "fails")
    hosting.endpoint("ep-alarm", "good")
    dimensions = {"EndpointName": "ep-alarm", "VariantName": "main", "EndpointConfigName": "bad"}
    hosting.rehearsal.client("cloudwatch").put_metric_alarm(
        AlarmName="ep-alarm-5xx",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.2,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    # When the endpoint is updated and the new fleet fails
    config = policy("CANARY", 1800, 0, ("ep-alarm-5xx",), CanarySize=percent(50))
    hosting.update("ep-alarm", "bad", config)
    failed = 0
    while (found := hosting.describe("ep-alarm"))["EndpointStatus"] != "InService":
        for _ in range(8):
            try:
                assert hosting.ask("ep-alarm") == "good"
            except ClientError:
                failed += 1
    # Then the old configuration serves again, and the reason is given
    assert failed > 0
    assert found["EndpointConfigName"] == "good"
    assert "CloudWatch alarms are in ALARM state: [ep-alarm-5xx]" in found["FailureReason"]
    assert [share for _, share in sagemaker.traffic("ep-alarm")] == [0, 50, 0]
    assert hosting.ask("ep-alarm") == "good"
    # And while the alarm is on, another update ends at once
    hosting.config("other", "other")
    hosting.update("ep-alarm", "other", policy("CANARY", 1800, 0, ("ep-alarm-5xx",), CanarySize=percent(50)))
    assert hosting.settled("ep-alarm")["EndpointConfigName"] == "good"


def test_a_fleet_that_does_not_start_changes_nothing(hosting: World) -> None:
    hosting.config("up", "one")
    hosting.config("down", "two", code="def model_fn(d):\n    raise RuntimeError('no model')\n")
    hosting.endpoint("ep-down", "up")
    hosting.update("ep-down", "down")
    found = hosting.settled("ep-down")
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "up")
    assert "did not pass the ping health check" in found["FailureReason"]
    assert hosting.ask("ep-down") == "one"
    # And a first fleet that does not start leaves an endpoint that can only be deleted
    assert hosting.endpoint("ep-never", "down")["EndpointStatus"] == "Failed"
    with pytest.raises(ClientError, match="in status Failed"):
        hosting.update("ep-never", "up")
    hosting.sm.delete_endpoint(EndpointName="ep-never")


def test_a_rollback_can_fail_and_the_next_update_mends_it(hosting: World) -> None:
    for name in ("r1", "r2", "r3"):
        hosting.config(name, name)
    hosting.endpoint("ep-stuck", "r1")
    alarm = {
        "Namespace": "N",
        "MetricName": "m",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "ignore",
    }
    hosting.rehearsal.client("cloudwatch").put_metric_alarm(AlarmName="stuck", **alarm)
    sagemaker.fail_rollback_next("ep-stuck")
    hosting.update("ep-stuck", "r2", policy("CANARY", 3000, 0, ("stuck",), CanarySize=percent(50)))
    while 50 not in [share for _, share in sagemaker.traffic("ep-stuck")]:
        time.sleep(0.005)
    # When an alarm is deleted while it bakes, and the rollback does not work
    hosting.rehearsal.client("cloudwatch").delete_alarms(AlarmNames=["stuck"])
    found = hosting.settled("ep-stuck")
    # Then both fleets serve
    assert found["EndpointStatus"] == "UpdateRollbackFailed"
    assert {hosting.ask("ep-stuck") for _ in range(40)} == {"r1", "r2"}
    # And the next update ends that
    hosting.update("ep-stuck", "r3")
    assert hosting.settled("ep-stuck")["EndpointStatus"] == "InService"
    assert {hosting.ask("ep-stuck") for _ in range(10)} == {"r3"}


def test_what_an_update_may_not_be(hosting: World, role: Callable[..., str]) -> None:
    hosting.config("u1", "one")
    hosting.config("u2", "two", variant={"VariantName": "another"})
    hosting.config("u3", "three")
    hosting.endpoint("ep-rules", "u1")
    with pytest.raises(ClientError, match="must have the same names"):
        hosting.update("ep-rules", "u2")
    with pytest.raises(ClientError, match="does not exist"):
        hosting.update("ep-rules", "u3", policy("ALL_AT_ONCE", alarms=("nobody",)))
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        hosting.update("ep-rules", "u9")
    long = policy("CANARY", 3600, 3600, CanarySize=percent(50))
    with pytest.raises(ClientError, match="must be larger than the total waiting time"):
        hosting.update("ep-rules", "u3", long)
    # And a model's artifact must be there, and its role must read it
    blind = role("sm-blind-ep", "sagemaker.amazonaws.com", "s3:ListBucket")
    for changes, words in (
        ({"ExecutionRoleArn": blind}, "Could not access model data"),
        ({}, "Could not find model data"),
    ):
        key = "u1" if changes else "nothing"
        container = {
            "Image": IMAGE,
            "ModelDataUrl": f"s3://{BUCKET}/models/{key}.tar.gz",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
        }
        request = {"ModelName": "x", "ExecutionRoleArn": hosting.role, "PrimaryContainer": container}
        with pytest.raises(ClientError, match=words):
            hosting.sm.create_model(**{**request, **changes})


def test_a_model_can_come_from_the_registry_and_its_environment_is_added_to(hosting: World) -> None:
    # Given a registered package
    hosting.config("reg", "registered")
    hosting.sm.create_model_package_group(ModelPackageGroupName="ep-group")
    container = {
        "Image": IMAGE,
        "ModelDataUrl": f"s3://{BUCKET}/models/reg.tar.gz",
        "Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
    }
    package = hosting.sm.create_model_package(
        ModelPackageGroupName="ep-group",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    # When a model names it and adds the program
    own = {"ModelPackageName": package, "Environment": {"SAGEMAKER_PROGRAM": "inference.py"}}
    hosting.sm.create_model(ModelName="from-reg", ExecutionRoleArn=hosting.role, PrimaryContainer=own)
    variant = {
        "VariantName": "main",
        "ModelName": "from-reg",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    hosting.sm.create_endpoint_config(EndpointConfigName="from-reg", ProductionVariants=[variant])
    # Then an endpoint serves it
    assert hosting.endpoint("ep-reg", "from-reg")["EndpointStatus"] == "InService"
    assert hosting.ask("ep-reg") == "registered"


def test_a_deleted_endpoint_is_gone_with_its_processes(hosting: World) -> None:
    hosting.config("gone", "one")
    before = set(hosting.rehearsal.host.children.living())
    hosting.endpoint("ep-gone", "gone")
    assert set(hosting.rehearsal.host.children.living()) - before
    hosting.sm.delete_endpoint(EndpointName="ep-gone")
    deadline = time.monotonic() + 5
    while set(hosting.rehearsal.host.children.living()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(hosting.rehearsal.host.children.living()) - before
    wait(lambda: {"gone": "ep-gone" not in str(hosting.sm.list_endpoints()["Endpoints"])}, "gone", (True,))  # type: ignore[arg-type]
