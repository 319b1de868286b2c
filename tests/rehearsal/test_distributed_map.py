"""Distributed Map: items from S3, Express children, results in S3, tolerated failures, rights; shapes as AWS documents them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal import Rehearsal
from rehearsal.host import ACCOUNT, REGION
from rehearsal.interpreter import After, TaskFailure, run
from rehearsal.stepfunctions import api_errors, distributed, validation
from rehearsal.stepfunctions.permissions import map_needs

BASE = "arn:aws-us-gov:states:::"
BUCKET = "map-runs"
PASS = {"Type": "Pass", "End": True}


def each(children: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A machine with one Map in distributed mode; a member that is None is left out."""
    state = {
        "Type": "Map",
        "Label": "Each",
        "MaxConcurrency": 2,
        "ItemReader": {
            "Resource": f"{BASE}s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": BUCKET, "Key.$": "$.key"},
        },
        "ItemSelector": {"n.$": "$$.Map.Item.Value.n", "place.$": "$$.Map.Item.Index", "run.$": "$.run"},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "Do",
            "States": {"Do": children},
        },
        "ResultWriter": {"Resource": f"{BASE}s3:putObject", "Parameters": {"Bucket": BUCKET, "Prefix.$": "$.run"}},
        "End": True,
        **members,
    }
    return {"StartAt": "Each", "States": {"Each": {name: value for name, value in state.items() if value is not None}}}


#: A child that tells of itself.
TELL = {**PASS, "Parameters": {"id.$": "$$.Execution.Id", "machine.$": "$$.StateMachine.Id", "input.$": "$"}}


@pytest.fixture(scope="module")
def items(rehearsal: Rehearsal) -> Callable[[str, Any], dict[str, str]]:
    """Return a function that puts a data set and returns the input of an execution that reads it."""
    s3 = rehearsal.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": rehearsal.host.region})

    def put(name: str, data: Any) -> dict[str, str]:
        body = data if isinstance(data, str) else json.dumps(data)
        s3.put_object(Bucket=BUCKET, Key=f"{name}.json", Body=body.encode())
        return {"key": f"{name}.json", "run": name}

    return put


def read(rehearsal: Rehearsal, key: str) -> Any:
    return json.loads(rehearsal.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())


def test_every_item_has_an_execution_of_its_own_and_results_are_written_as_aws_does(
    rehearsal: Rehearsal, machine: Callable[..., str], items: Callable[..., dict[str, str]]
) -> None:
    # Given five items in S3
    given = items("five", [{"n": number} for number in range(5)])
    arn = machine(each(TELL))
    # When the machine runs
    done = rehearsal.wait_for(rehearsal.start_execution(arn, given))
    # Then the state's result names the Map Run and its manifest
    assert done["status"] == "SUCCEEDED", done
    run_arn = done["output"]["MapRunArn"]
    name = arn.rpartition(":")[2]
    assert run_arn.startswith(f"arn:aws-us-gov:states:{REGION}:{ACCOUNT}:mapRun:{name}/Each:")
    folder = f"five/{run_arn.rpartition(':')[2]}"
    assert done["output"]["ResultWriterDetails"] == {"Bucket": BUCKET, "Key": f"{folder}/manifest.json"}
    # And the manifest names one file of successes, whose size is right
    manifest = read(rehearsal, f"{folder}/manifest.json")
    assert set(manifest) == {"DestinationBucket", "MapRunArn", "ResultFiles"}
    assert manifest["ResultFiles"]["FAILED"] == manifest["ResultFiles"]["PENDING"] == []
    [file] = manifest["ResultFiles"]["SUCCEEDED"]
    size = rehearsal.client("s3").head_object(Bucket=BUCKET, Key=f"{folder}/SUCCEEDED_0.json")["ContentLength"]
    assert file == {"Key": f"{folder}/SUCCEEDED_0.json", "Size": size}
    # And the file holds an execution for every item, with members as DescribeExecution has them
    entries = read(rehearsal, file["Key"])
    assert [set(entry) for entry in entries] == [
        {
            "ExecutionArn",
            "Input",
            "InputDetails",
            "Name",
            "Output",
            "OutputDetails",
            "RedriveCount",
            "RedriveStatus",
            "RedriveStatusReason",
            "StartDate",
            "StateMachineArn",
            "Status",
            "StopDate",
        }
    ] * 5
    outputs = [json.loads(entry["Output"]) for entry in entries]
    assert [output["input"] for output in outputs] == [{"n": n, "place": n, "run": "five"} for n in range(5)]
    assert [output["id"] for output in outputs] == [entry["ExecutionArn"] for entry in entries]
    assert len({entry["ExecutionArn"] for entry in entries}) == 5
    assert all(f":express:{name}/Each:" in entry["ExecutionArn"] for entry in entries)
    assert {output["machine"] for output in outputs} == {f"{arn}/Each"}
    # And the service tells of the Map Run
    sfn = rehearsal.client("stepfunctions")
    [listed] = sfn.list_map_runs(executionArn=done["executionArn"])["mapRuns"]
    told = sfn.describe_map_run(mapRunArn=listed["mapRunArn"])
    assert (told["status"], told["maxConcurrency"], told["itemCounts"]["succeeded"]) == ("SUCCEEDED", 2, 5)
    history = [e["type"] for e in sfn.get_execution_history(executionArn=done["executionArn"])["events"]]
    assert history == [
        "ExecutionStarted",
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]


def test_without_a_writer_the_result_is_the_outputs_in_the_order_of_the_items(
    rehearsal: Rehearsal, machine: Callable[..., str]
) -> None:
    definition = each(PASS, ItemReader=None, ResultWriter=None, ItemSelector=None, ItemsPath="$.list")
    done = rehearsal.wait_for(rehearsal.start_execution(machine(definition), {"list": [3, 1, 2]}))
    assert done["output"] == [3, 1, 2]


@pytest.mark.parametrize(("percentage", "status"), [(None, "FAILED"), (19, "FAILED"), (20, "SUCCEEDED")])
def test_more_failures_than_tolerated_fail_the_state(
    rehearsal: Rehearsal,
    machine: Callable[..., str],
    items: Callable[..., dict[str, str]],
    percentage: int | None,
    status: str,
) -> None:
    # Given ten items, of which the last two fail
    given = items(f"failing-{percentage}", [{"n": number} for number in range(10)])
    states = {
        "Do": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericGreaterThanEquals": 8, "Next": "Bad"}],
            "Default": "Good",
        },
        "Bad": {"Type": "Fail", "Error": "BadItem", "Cause": "it is odd"},
        "Good": PASS,
    }
    definition = each({}, ToleratedFailurePercentage=percentage, MaxConcurrency=1)
    definition["States"]["Each"]["ItemProcessor"]["States"] = states
    # When the machine runs
    done = rehearsal.wait_for(rehearsal.start_execution(machine(definition), given))
    # Then the bound decides
    assert done["status"] == status, done
    folders = rehearsal.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{given['run']}/")["Contents"]
    [manifest] = [read(rehearsal, each["Key"]) for each in folders if each["Key"].endswith("manifest.json")]
    [failed] = manifest["ResultFiles"]["FAILED"]
    entry = read(rehearsal, failed["Key"])[0]
    assert (entry["Status"], entry["Error"], entry["Cause"]) == ("FAILED", "BadItem", "it is odd")
    assert entry["RedriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
    if status == "FAILED":
        assert done["error"] == "States.ExceedToleratedFailureThreshold"
        assert "BadItem" in done["cause"]


@pytest.mark.parametrize(
    ("data", "cause"),
    [('{"n": 1}', "holds no JSON array"), ("[1", "is no JSON"), (None, "failed: An error occurred")],
    ids=["object", "half", "none"],
)
def test_unreadable_items_fail_the_state_by_name(
    rehearsal: Rehearsal, machine: Callable[..., str], items: Callable[..., dict[str, str]], data: Any, cause: str
) -> None:
    given = items("unreadable", data) if data else {"key": "nothing-there.json", "run": "unreadable"}
    arn = machine(each(PASS, ItemSelector=None))
    done = rehearsal.wait_for(rehearsal.start_execution(arn, given))
    assert (done["status"], done["error"]) == ("FAILED", "States.ItemReaderFailed")
    assert cause in done["cause"]


@pytest.mark.parametrize(
    ("missing", "error", "word"),
    [
        ("states:StartExecution", "States.Permissions", "states:StartExecution"),
        ("s3:GetObject", "States.ItemReaderFailed", "s3:GetObject"),
        ("s3:PutObject", "States.ResultWriterFailed", "s3:PutObject"),
        ("", None, ""),
    ],
    ids=["start", "read", "write", "all"],
)
def test_the_machines_role_needs_what_aws_documents(
    rehearsal: Rehearsal,
    machine: Callable[..., str],
    role: Callable[..., str],
    items: Callable[..., dict[str, str]],
    missing: str,
    error: str | None,
    word: str,
) -> None:
    # Given a role without one of the permissions
    needed = {"states:StartExecution", "s3:GetObject", "s3:ListBucket", "s3:PutObject"} - {missing}
    name = f"maps-{missing.partition(':')[2] or 'all'}"
    arn = machine(each(PASS), role(name, "states.amazonaws.com", *sorted(needed)))
    # When the machine runs
    done = rehearsal.wait_for(rehearsal.start_execution(arn, items("rights", [{"n": 1}])))
    # Then it fails for that
    assert done.get("error") == error
    assert word in (done.get("cause") or "")


def test_stopping_the_parent_stops_its_children(
    rehearsal: Rehearsal, machine: Callable[..., str], items: Callable[..., dict[str, str]]
) -> None:
    # Given children that wait for an hour
    arn = machine(each({"Type": "Wait", "Seconds": 3600, "End": True}))
    execution = rehearsal.start_execution(arn, items("stopped", [{"n": 1}, {"n": 2}, {"n": 3}]))
    sfn, clock = rehearsal.client("stepfunctions"), rehearsal.host.clock
    assert clock.wait_for(lambda: sfn.list_map_runs(executionArn=execution)["mapRuns"], 60)
    [found] = sfn.list_map_runs(executionArn=execution)["mapRuns"]
    # When the parent is stopped
    sfn.stop_execution(executionArn=execution)
    # Then the Map Run ends too
    assert clock.wait_for(lambda: sfn.describe_map_run(mapRunArn=found["mapRunArn"])["status"] == "ABORTED", 60)
    assert sfn.describe_execution(executionArn=execution)["status"] == "ABORTED"


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({"ItemBatcher": {"MaxItemsPerBatch": 2}}, "/ItemBatcher"),
        ({"ToleratedFailurePercentage": 101}, "from 0 to 100"),
        ({"ItemsPath": "$.x"}, "ItemReader gives the items"),
        ({"ResultWriter": None, "ToleratedFailureCount": 1}, "without a ResultWriter"),
        ({"ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}}}, "aws-us-gov"),
        ({"ItemReader": {"Resource": f"{BASE}s3:listObjectsV2", "Parameters": {"Bucket": "b"}}}, "listObjectsV2"),
    ],
)
def test_what_aws_refuses_or_the_rehearsal_lacks_is_refused_when_the_machine_is_made(
    members: dict[str, Any], word: str
) -> None:
    found = validation.problems(json.dumps(each(PASS, **members)))
    assert any(word in f"{problem.message} {problem.location}" for problem in found), found


def test_express_children_cannot_wait_for_jobs_or_tokens() -> None:
    waits = {"Type": "Task", "Resource": f"{BASE}sqs:sendMessage.waitForTaskToken", "End": True}
    waits["Parameters"] = {"QueueUrl": "u", "MessageBody.$": "$$.Task.Token"}
    [problem] = validation.problems(json.dumps(each(waits)))
    assert "no .waitForTaskToken" in problem.message


def test_an_inline_map_has_none_of_the_members() -> None:
    inline = each(PASS)
    inline["States"]["Each"]["ItemProcessor"]["ProcessorConfig"] = {"Mode": "INLINE"}
    assert {problem.location.rpartition("/")[2] for problem in validation.problems(json.dumps(inline))} == {
        "ItemReader",
        "ResultWriter",
        "Label",
    }


def test_refusal_reaches_who_creates_the_machine(machine: Callable[..., str]) -> None:
    with pytest.raises(ClientError, match="ItemBatcher"):
        machine(each(PASS, ItemBatcher={"MaxItemsPerBatch": 2}))
    assert api_errors.InvalidDefinition


def test_needs_of_a_distributed_map(rehearsal: Rehearsal) -> None:
    own = "arn:aws-us-gov:states:us-gov-west-1:123456789012:stateMachine:monitoring"
    state = each(PASS)["States"]["Each"]
    state["ResultWriter"]["Parameters"]["Prefix.$"] = "States.Format('monitoring/{}/map', $.run)"
    needs = {(need.action, need.resource) for need in map_needs(rehearsal.host, state, own)}
    children = "arn:aws-us-gov:states:us-gov-west-1:123456789012:execution:monitoring:*"
    place = f"arn:aws-us-gov:s3:::{BUCKET}/monitoring/*/map/*"
    assert needs == {
        ("states:StartExecution", own),
        ("states:DescribeExecution", children),
        ("states:StopExecution", children),
        ("s3:GetObject", f"arn:aws-us-gov:s3:::{BUCKET}/*"),
        *((f"s3:{action}", place) for action in ("PutObject", "GetObject")),
        *((f"s3:{action}", place) for action in ("ListMultipartUploadParts", "AbortMultipartUpload")),
    }
    assert map_needs(rehearsal.host, PASS, own) == []


# ---- in virtual time, with scripted tasks


def scripted(**members: Any) -> dict[str, Any]:
    task = {"Type": "Task", "Resource": f"{BASE}lambda:invoke", "End": True}
    return each({**task, "Parameters": {"FunctionName": "f", "Payload.$": "$"}}, **members)


def test_children_run_so_many_at_once_as_the_state_allows() -> None:
    # Given 20 items of 2 seconds, 5 at once
    answers = {"Each": [[{"n": number} for number in range(20)]], "Do": After(2, {"done": True})}
    # When it runs
    trace = run(scripted(MaxConcurrency=5), {"key": "k", "run": "r"}, answers)
    # Then four rounds take eight seconds, and every child has been there
    assert (trace.status, trace.seconds) == ("SUCCEEDED", 8)
    assert trace.calls[0].parameters == {"Bucket": BUCKET, "Key": "k"}
    assert sorted(call["Payload"]["n"] for call in trace.parameters("Do")) == list(range(20))


def test_the_first_failure_stops_the_others_and_can_be_caught() -> None:
    # Given one child of four that fails at once, and a catcher
    def do(parameters: dict[str, Any]) -> Any:
        return TaskFailure("Boom", "x") if parameters["Payload"]["n"] == 0 else After(100, {})

    catch = [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "Sorry"}]
    definition = scripted(MaxConcurrency=4, Catch=catch)
    definition["States"]["Sorry"] = PASS
    trace = run(definition, {"key": "k", "run": "r"}, {"Each": [[{"n": number} for number in range(9)]], "Do": do})
    # Then nobody waits for the hundred seconds, and no other item is begun
    assert trace.status == "SUCCEEDED"
    assert trace.seconds == 0
    assert trace.catches == [("Each", "States.ExceedToleratedFailureThreshold", 0)]
    assert len(trace.parameters("Do")) <= 4


def test_an_express_child_has_five_minutes() -> None:
    answers = {"Each": [[{"n": 1}]], "Do": After(301, {})}
    trace = run(scripted(), {"key": "k", "run": "r"}, answers)
    assert (trace.status, trace.seconds) == ("FAILED", 300)
    assert "States.Timeout" in (trace.cause or "")


def test_a_reader_can_be_scripted_to_fail() -> None:
    trace = run(scripted(), {"key": "k", "run": "r"}, {"Each": TaskFailure("States.ItemReaderFailed", "gone")})
    assert (trace.error, trace.cause) == ("States.ItemReaderFailed", "gone")


def test_settings_count_and_percentage() -> None:
    assert distributed.Settings().exceeded(1, 100)
    assert not distributed.Settings(count=2).exceeded(2, 3)
    assert distributed.Settings(count=2).exceeded(3, 100)
    assert distributed.Settings(percentage=50, count=1).exceeded(2, 100)
