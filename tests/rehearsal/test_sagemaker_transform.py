"""Batch transform: a model's container over objects in S3; batching, filters, joins, failures, stop, the .sync task."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from sagemaker_support import BUCKET, IMAGE, Events, archive, bucket, object_in, wait

from rehearsal import Rehearsal, sagemaker
from rehearsal.sagemaker import control, transform_data
from rehearsal.sagemaker.transform_data import BadRecord, Filter

#: Answers each row with the sum of its numbers and how many rows the request had; tells its environment.
INFERENCE = """
import os, time
def model_fn(model_dir):
    return {k: v for k, v in os.environ.items() if k.startswith("SAGEMAKER_") or k == "OWN"}
def input_fn(data, content_type):
    assert content_type == "text/csv", content_type
    return [line.split(",") for line in bytes(data).decode().splitlines()]
def predict_fn(rows, model):
    if any("env" in row for row in rows):
        return [";".join(f"{k}={v}" for k, v in sorted(model.items()))]
    if any("slow" in row for row in rows):
        time.sleep(60)
    if any("fail" in row for row in rows):
        raise ValueError("cannot predict this")
    if any("less" in row for row in rows):
        return []
    return [f"{sum(map(float, row))},{len(rows)}" for row in rows]
def output_fn(lines, accept):
    assert accept == "text/csv", accept
    return "\\n".join(lines), accept
"""
STRICT = INFERENCE.replace(
    "raise ValueError", "raise type('Refused', (Exception,), {'status_code': 400, 'message': 'no'})"
)


@pytest.fixture(scope="module")
def sm(rehearsal: Rehearsal) -> Any:
    sagemaker.warm_up()
    return rehearsal.client("sagemaker")


@pytest.fixture(autouse=True)
def _no_orders() -> Iterator[None]:
    yield
    control.reset()


@pytest.fixture(scope="module")
def model(rehearsal: Rehearsal, role: Callable[..., str], sm: Any) -> Callable[..., str]:
    """Return a function that makes a model, with a role that may do everything unless one is given."""
    everything = role("sm-transform", "sagemaker.amazonaws.com")

    def make(name: str, code: str = INFERENCE, role_arn: str = "") -> str:
        key = f"models/{name}.tar.gz"
        bucket(rehearsal).put_object(Bucket=BUCKET, Key=key, Body=archive({"code/inference.py": code}))
        sm.create_model(
            ModelName=name,
            ExecutionRoleArn=role_arn or everything,
            EnableNetworkIsolation=True,
            PrimaryContainer={
                "Image": IMAGE,
                "ModelDataUrl": f"s3://{BUCKET}/{key}",
                "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "OWN": "model"},
            },
        )
        return name

    return make


@pytest.fixture(scope="module")
def summing(model: Callable[..., str]) -> str:
    return model("summing")


def put(rehearsal: Rehearsal, name: str, **files: str | bytes) -> str:
    """Put files (``a__csv`` is a.csv) and return their prefix."""
    s3 = bucket(rehearsal)
    for file, text in files.items():
        body = text.encode() if isinstance(text, str) else text
        s3.put_object(Bucket=BUCKET, Key=f"in/{name}/{file.replace('__', '.')}", Body=body)
    return f"s3://{BUCKET}/in/{name}/"


def request(name: str, model_name: str, source: str, **changes: Any) -> dict[str, Any]:
    """Return a CreateTransformJob request over lines of CSV; members of `changes` are merged one level deep."""
    made: dict[str, Any] = {
        "TransformJobName": name,
        "ModelName": model_name,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out/{name}", "Accept": "text/csv", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    for member, value in changes.items():
        made[member] = {**made.get(member, {}), **value} if isinstance(value, dict) else value
    return {member: value for member, value in made.items() if value is not None}


def transformed(sm: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Run a job to its end and return its description."""
    sm.create_transform_job(**job)
    name = job["TransformJobName"]
    return wait(lambda: sm.describe_transform_job(TransformJobName=name), "TransformJobStatus")


def out(rehearsal: Rehearsal, name: str, file: str) -> str:
    return object_in(rehearsal, f"s3://{BUCKET}/out/{name}/{file}.out").decode()


def test_every_object_gets_a_file_of_answers_and_the_bus_hears_of_it(
    rehearsal: Rehearsal, sm: Any, summing: str
) -> None:
    # Given two objects and a rule on transform events
    events = Events(rehearsal, "sm-transform-events", {"detail-type": ["SageMaker Transform Job State Change"]})
    source = put(rehearsal, "two", a__csv="1,2\n3,4\n5,6\n", b__csv="7,8")
    job = request("two", summing, source, Tags=[{"Key": "room", "Value": "batch"}], Environment={"OWN": "job"})
    # When a job transforms them
    done = transformed(sm, job)
    # Then each has its answers, many rows in one request
    assert done["TransformJobStatus"] == "Completed", done
    assert out(rehearsal, "two", "a.csv") == "3.0,3\n7.0,3\n11.0,3\n"
    assert out(rehearsal, "two", "b.csv") == "15.0,1\n"
    assert done["TransformStartTime"] <= done["TransformEndTime"]
    assert done["ModelName"] == summing
    # And events say what became of it
    seen = events.all(until=3)
    assert [event["detail"]["TransformJobStatus"] for event in seen] == ["InProgress", "InProgress", "Completed"]
    last = seen[-1]
    assert last["source"] == "aws.sagemaker"
    assert last["resources"] == [done["TransformJobArn"]]
    assert last["detail"]["Tags"] == {"room": "batch"}
    assert isinstance(last["detail"]["TransformEndTime"], int)
    assert sm.list_tags(ResourceArn=done["TransformJobArn"])["Tags"] == [{"Key": "room", "Value": "batch"}]
    # And both logs are where AWS puts them
    streams = rehearsal.client("logs").describe_log_streams(
        logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix="two/"
    )["logStreams"]
    assert sorted(stream["logStreamName"].endswith("/data-log") for stream in streams) == [False, True]


def test_input_filter_join_and_output_filter_of_csv(rehearsal: Rehearsal, sm: Any, summing: str) -> None:
    # Given rows that begin with an identity
    source = put(rehearsal, "joined", rows__csv='one,1,2\n"two, or so",3,4\nthree,5,6\n')
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$"}
    # When the identity is kept from the model and the input joined to the answer
    assert (
        transformed(sm, request("joined", summing, source, DataProcessing=processing))["TransformJobStatus"]
        == "Completed"
    )
    # Then every row has identity, features and answer
    assert out(rehearsal, "joined", "rows.csv") == ('one,1,2,3.0,3\n"two, or so",3,4,7.0,3\nthree,5,6,11.0,3\n')
    # And a filter can leave identity and answer
    processing["OutputFilter"] = "$[0,-2]"
    transformed(sm, request("joined-two", summing, source, DataProcessing=processing))
    assert out(rehearsal, "joined-two", "rows.csv") == 'one,3.0\n"two, or so",7.0\nthree,11.0\n'


def test_single_records_and_small_payloads_make_more_requests(rehearsal: Rehearsal, sm: Any, summing: str) -> None:
    source = put(rehearsal, "batches", rows__csv="".join(f"{number},0\n" for number in range(5)))
    transformed(sm, request("single", summing, source, BatchStrategy="SingleRecord"))
    assert out(rehearsal, "single", "rows.csv") == "".join(f"{number}.0,1\n" for number in range(5))
    # One megabyte holds half of these rows
    rows = "".join(f"{number},{'0' * 1000}\n" for number in range(2000))
    source = put(rehearsal, "large", rows__csv=rows)
    transformed(sm, request("large", summing, source, MaxPayloadInMB=1, BatchStrategy="MultiRecord"))
    counts = [line.split(",")[1] for line in out(rehearsal, "large", "rows.csv").splitlines()]
    assert len(counts) == 2000
    assert len(set(counts)) == 2


def test_whole_objects_gzip_and_the_variables_of_a_batch(rehearsal: Rehearsal, sm: Any, summing: str) -> None:
    source = put(rehearsal, "whole", rows__csv__gz=gzip.compress(b"1,1\n2,2"))
    job = request(
        "whole",
        summing,
        source,
        TransformInput={"SplitType": "None", "CompressionType": "Gzip"},
        TransformOutput={"AssembleWith": "None"},
    )
    transformed(sm, job)
    assert out(rehearsal, "whole", "rows.csv.gz") == "2.0,2\n4.0,2"
    # And a container in a batch transform is told so
    source = put(rehearsal, "variables", rows__csv="env")
    transformed(sm, request("variables", summing, source, Environment={"OWN": "job"}, MaxPayloadInMB=2))
    told = dict(pair.split("=") for pair in out(rehearsal, "variables", "rows.csv").strip().split(";"))
    assert told["OWN"] == "job"
    assert told["SAGEMAKER_BATCH"] == "true"
    assert told["SAGEMAKER_MAX_PAYLOAD_IN_MB"] == "2"
    assert told["SAGEMAKER_BATCH_STRATEGY"] == "MULTI_RECORD"
    assert told["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] == "1"


@pytest.mark.parametrize(
    ("code", "kind", "status"), [(INFERENCE, "AlgorithmError", 500), (STRICT, "ClientError", 400)], ids=["5xx", "4xx"]
)
def test_a_bad_file_has_no_output_fails_the_job_and_the_others_are_done(
    rehearsal: Rehearsal, sm: Any, model: Callable[..., str], code: str, kind: str, status: int
) -> None:
    # Given a bad file between two good ones
    name = f"bad-{status}"
    source = put(rehearsal, name, a__csv="1,1", b__csv="1,1\nfail,1", c__csv="2,2")
    # When a job transforms them
    done = transformed(sm, request(name, model(name, code), source))
    # Then it has failed, the good files are there, and the data log has the container's words
    assert (done["TransformJobStatus"], done["FailureReason"]) == (
        "Failed",
        f"{kind}: See job logs for more information",
    )
    assert out(rehearsal, name, "a.csv") == "2.0,1\n"
    assert out(rehearsal, name, "c.csv") == "4.0,1\n"
    with pytest.raises(ClientError, match="NoSuchKey"):
        out(rehearsal, name, "b.csv")
    logs = rehearsal.client("logs")
    group = "/aws/sagemaker/TransformJobs"
    [stream] = [
        each["logStreamName"]
        for each in logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
        if each["logStreamName"].endswith("/data-log")
    ]
    lines = [event["message"] for event in logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]]
    assert any(f"{BUCKET}/in/{name}/b.csv: Bad HTTP status received from algorithm: {status}" in line for line in lines)


def test_an_answer_with_another_number_of_lines_cannot_be_joined(rehearsal: Rehearsal, sm: Any, summing: str) -> None:
    source = put(rehearsal, "fewer", rows__csv="less,1\n")
    done = transformed(sm, request("fewer", summing, source, DataProcessing={"JoinSource": "Input"}))
    assert done["FailureReason"] == "ClientError: See job logs for more information"
    assert "cannot be joined" in (sagemaker.log_file("transform", "fewer").parent / "data-log.txt").read_text()


def test_what_keeps_a_job_from_beginning(
    rehearsal: Rehearsal, sm: Any, model: Callable[..., str], summing: str
) -> None:
    # No objects
    done = transformed(sm, request("nothing", summing, f"s3://{BUCKET}/in/nothing-here/"))
    assert "No S3 objects found under S3 URL" in done["FailureReason"]
    # A container that does not start
    done = transformed(sm, request("broken", model("broken", "raise RuntimeError"), put(rehearsal, "x", a__csv="1")))
    assert done["FailureReason"].startswith("AlgorithmError: Model container failed to respond to ping")
    # No capacity
    control.fail_capacity_next("crowded")
    done = transformed(sm, request("crowded", summing, put(rehearsal, "x", a__csv="1")))
    assert done["FailureReason"].startswith("CapacityError")


def test_the_models_role_reads_and_writes(
    rehearsal: Rehearsal, sm: Any, model: Callable[..., str], role: Callable[..., str]
) -> None:
    # Given a role that may read but not write
    reader = role("sm-reads", "sagemaker.amazonaws.com", "s3:GetObject", "s3:ListBucket", "logs:*")
    source = put(rehearsal, "reading", a__csv="1,2")
    # When a job runs with its model
    done = transformed(sm, request("reading", model("reading", role_arn=reader), source))
    # Then the upload is refused, and the failure says so
    assert done["FailureReason"].startswith("ClientError: Failed to upload")
    assert "AccessDenied" in done["FailureReason"]


def test_a_stopped_job_writes_nothing_more(rehearsal: Rehearsal, sm: Any, summing: str) -> None:
    # Given a job whose container takes a minute over the first file
    source = put(rehearsal, "halted", a__csv="slow,1", b__csv="1,2")
    sm.create_transform_job(**request("halted", summing, source))

    def describe() -> dict[str, Any]:
        told: dict[str, Any] = sm.describe_transform_job(TransformJobName="halted")
        return {**told, "began": str("TransformStartTime" in told)}

    wait(describe, "began", ("True",))
    # When it is stopped
    sm.stop_transform_job(TransformJobName="halted")
    # Then it ends soon, without results, and cannot be stopped again
    assert wait(describe, "TransformJobStatus")["TransformJobStatus"] == "Stopped"
    assert "Contents" not in rehearsal.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="out/halted/")
    with pytest.raises(ClientError, match="in status Stopped"):
        sm.stop_transform_job(TransformJobName="halted")
    [listed] = sm.list_transform_jobs(NameContains="halted", StatusEquals="Stopped")["TransformJobSummaries"]
    assert listed["TransformJobName"] == "halted"


def test_what_sagemaker_refuses_or_the_rehearsal_lacks_is_refused_at_once(sm: Any, summing: str) -> None:
    good = request("refused", summing, f"s3://{BUCKET}/in/x/")
    for change, words in (
        ({"ModelName": "no-such-model"}, "Could not find model"),
        ({"TransformInput": {"SplitType": "RecordIO"}}, "rehearsal: SplitType RecordIO"),
        ({"TransformInput": {"SplitType": "None"}, "BatchStrategy": "MultiRecord"}, "requires a SplitType"),
        ({"MaxPayloadInMB": 60, "MaxConcurrentTransforms": 2}, "must not exceed 100 MB"),
        ({"MaxPayloadInMB": 0}, "rehearsal: MaxPayloadInMB 0"),
        ({"DataProcessing": {"InputFilter": "$.features"}}, "rehearsal: the filter '\\$.features'"),
        ({"DataProcessing": {"JoinSource": "Input"}, "TransformOutput": {"AssembleWith": "None"}}, "AssembleWith Line"),
        ({"DataProcessing": {"JoinSource": "Input"}, "TransformOutput": {"Accept": "application/json"}}, "rehearsal: "),
        ({"DataCaptureConfig": {"DestinationS3Uri": f"s3://{BUCKET}/c"}}, "rehearsal: CreateTransformJob with Data"),
    ):
        with pytest.raises(ClientError, match=words):
            sm.create_transform_job(
                **{**good, **{k: {**good.get(k, {}), **v} if isinstance(v, dict) else v for k, v in change.items()}}
            )
    with pytest.raises(ClientError, match="not found"):
        sm.describe_transform_job(TransformJobName="refused")


def test_the_sync_task_waits_for_the_job_and_gives_its_description(
    rehearsal: Rehearsal, sm: Any, summing: str, machine: Callable[..., str]
) -> None:
    # Given a machine that runs a job whose name it is given
    source = put(rehearsal, "task", good__csv="1,2", bad__csv="fail,1")
    parameters = request("", summing, f"{source}good")
    del parameters["TransformJobName"]
    state = {
        "Type": "Task",
        "Resource": "arn:aws-us-gov:states:::sagemaker:createTransformJob.sync",
        "Parameters": {**parameters, "TransformJobName.$": "$.name"},
        "End": True,
    }
    arn = machine({"StartAt": "T", "States": {"T": state}})
    # When it runs
    done = rehearsal.wait_for(rehearsal.start_execution(arn, {"name": "task"}))
    # Then the result is the job's description
    assert done["output"]["TransformJobStatus"] == "Completed", done
    assert isinstance(done["output"]["TransformEndTime"], int)
    # And a failed job fails the task, with the description as cause
    state["Parameters"]["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] = f"{source}bad"
    rehearsal.client("stepfunctions").update_state_machine(
        stateMachineArn=arn, definition=json.dumps({"StartAt": "T", "States": {"T": state}})
    )
    done = rehearsal.wait_for(rehearsal.start_execution(arn, {"name": "task-bad"}))
    assert done["error"] == "States.TaskFailed"
    assert json.loads(done["cause"])["FailureReason"].startswith("AlgorithmError")


# ---- the rules on data


@pytest.mark.parametrize(
    ("path", "row", "selected"),
    [
        ("$", "a,b,c", "a,b,c"),
        ("$[0]", "a,b,c", "a"),
        ("$[-1]", "a,b,c", "c"),
        ("$[0,-1]", "a,b,c", "a,c"),
        ("$[1:]", "a,b,c", "b,c"),
        ("$[:-1]", "a,b,c", "a,b"),
        ("$[1:2]", "a,b,c", "b"),
        ("$[1:]", 'x,"say ""hi"", you",2', '"say ""hi"", you",2'),
    ],
)
def test_filters(path: str, row: str, selected: str) -> None:
    assert transform_data.filtered(row, Filter.of(path)) == selected


def test_a_filter_on_a_column_that_is_not_there() -> None:
    with pytest.raises(BadRecord, match="a row of 2 columns"):
        transform_data.filtered("a,b", Filter.of("$[2]"))


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=30)), st.integers(1, 60))
def test_batches_keep_every_record_in_order_and_within_the_payload(lines: list[str], payload: int) -> None:
    lines = [line for line in lines if len(line.encode()) < payload]
    for single in (False, True):
        found = list(transform_data.batches(lines, payload, single))
        assert [line for batch in found for line in batch] == lines
        assert all(sum(len(line.encode()) + 1 for line in batch) <= payload for batch in found)
        assert not single or all(len(batch) == 1 for batch in found)


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8), min_size=2)))
def test_a_row_survives_writing_and_reading(rows: list[list[str]]) -> None:
    assert [transform_data.fields(transform_data.line_of(row)) for row in rows] == rows
