"""govern_retraining, settle_execution and explain_failure."""

import json
from typing import Any

import pytest

from muster import errors, naming
from tests.functions import fakes
from tests.functions.world import ENDPOINT, MODEL, World, execution

DAY = 86400


# -- govern_retraining -------------------------------------------------------------------------------------------------
def _govern(world: World, name: str = "one", **request: Any) -> dict[str, Any]:
    wish = {"model": MODEL, "cause": "drift", **request}
    return world.call("govern_retraining", {"request": wish, **world.step("retraining", name)})


def _decisions(world: World) -> list[tuple[str, str]]:
    items = world.ledger.below(f"MODEL#{MODEL}", "DECISION#")
    return [(str(each["decision"]), str(each["cause"])) for each in items]


def test_drift_starts_the_pipeline(world: World) -> None:
    world.publish()
    decision = _govern(world, evidence_uri="s3://b/report.json", event_id="e-1", reason="scanner moved")
    assert decision["decision"] == "started"
    assert decision["pipeline_name"] == naming.retrained_pipeline_name(execution("retraining")["arn"])
    assert decision["pipeline_input"]["trigger"] == "drift"
    state = world.item(f"MODEL#{MODEL}", "RETRAINING")
    assert state is not None
    assert state["in_flight"] == execution("pipeline", decision["pipeline_name"])["arn"]
    assert (state["started_today"], state["version"]) == (1, 1)
    assert _decisions(world) == [("started", "drift")]


def test_a_second_wish_is_suppressed_with_its_reason(world: World) -> None:
    world.publish()
    first = _govern(world)
    world.stepfunctions.run(execution("pipeline", first["pipeline_name"])["arn"])
    world.later(minutes=10)
    second = _govern(world, "two", event_id="e-2")
    assert second["decision"] == "suppressed"
    assert "a retraining is in flight" in second["reason"]
    assert (second["pipeline_name"], second["pipeline_input"]) == (None, None)
    assert _decisions(world) == [("started", "drift"), ("suppressed", "drift")]


def test_what_is_recorded_as_in_flight_is_described_not_believed(world: World) -> None:
    # Given a retraining that failed long ago, without anybody noting it
    world.publish()
    first = _govern(world)
    arn = execution("pipeline", first["pipeline_name"])["arn"]
    world.stepfunctions.run(arn, "FAILED")
    # When a person asks after the cooldown
    world.later(seconds=DAY + 1)
    assert _govern(world, "two", cause="manual")["decision"] == "started"


def test_what_was_granted_but_is_not_started_yet_counts_as_running(world: World) -> None:
    world.publish()
    _govern(world)
    world.later(minutes=1)
    forced = {"cause": "manual", "force": True}
    assert "in flight" in _govern(world, "two", **forced)["reason"]
    # And what never came to life does not block for ever
    world.later(minutes=10)
    assert "daily budget" in _govern(world, "three", **forced)["reason"]


def test_the_cooldown_counts_from_the_last_start(world: World) -> None:
    world.publish()
    first = _govern(world)
    world.stepfunctions.run(execution("pipeline", first["pipeline_name"])["arn"], "SUCCEEDED")
    world.later(hours=13)
    assert "cooldown: 46800 of 86400 seconds" in _govern(world, "two")["reason"]


def test_the_same_execution_gets_the_same_answer(world: World) -> None:
    world.publish()
    first = _govern(world)
    assert _govern(world) == first
    assert len(_decisions(world)) == 1


def test_a_function_that_died_before_recording_gets_the_same_answer(world: World) -> None:
    world.publish()
    first = _govern(world)
    for key in [key for key in world.dynamodb.items if key[1].startswith("DECISION#")]:
        del world.dynamodb.items[key]
    again = _govern(world)
    assert (again["decision"], again["pipeline_name"]) == ("started", first["pipeline_name"])
    state = world.item(f"MODEL#{MODEL}", "RETRAINING")
    assert state is not None
    assert state["started_today"] == 1


def test_two_at_the_same_moment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given another execution that is granted between the read and the write of this one
    world.publish()
    put, others = world.dynamodb.do_put_item, []

    def faster(**request: Any) -> Any:
        if not others and request["Item"]["sk"]["S"] == "RETRAINING":
            others.append(None)
            others.append(_govern(world, "faster"))
        return put(**request)

    monkeypatch.setattr(world.dynamodb, "do_put_item", faster)
    # Then only one is granted
    assert _govern(world)["decision"] == "suppressed"
    assert others[1]["decision"] == "started"


def test_a_crowd_is_an_error_and_not_a_grant(world: World) -> None:
    world.publish()
    world.dynamodb.fail("put_item", *[fakes.error("ConditionalCheckFailedException")] * 5)
    with pytest.raises(errors.Conflict, match="5 other requests were faster"):
        _govern(world)


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        ({"model": "unknown"}, errors.NotFound, "found no publication of 'unknown'"),
        ({"cause": "boredom"}, errors.ContractError, "cause: found 'boredom', wanted"),
        ({"surprise": 1}, errors.ContractError, "surprise: found an unknown field"),
    ],
)
def test_a_bad_wish_ends_in_one_line(
    world: World, request_: dict[str, Any], error: type[Exception], words: str
) -> None:
    world.publish()
    with pytest.raises(error, match=words):
        _govern(world, **request_)
    assert not _decisions(world)


def test_a_failed_job_is_never_drift(world: World) -> None:
    world.publish()
    decision = _govern(world, verdict="error")
    assert decision["decision"] == "suppressed"
    assert "not 'drift'" in decision["reason"]


# -- settle_execution --------------------------------------------------------------------------------------------------
def _ended(world: World, workflow: str, name: str = "one", status: str = "TIMED_OUT", **more: Any) -> dict[str, Any]:
    arn = execution(workflow, name)["arn"]
    world.stepfunctions.run(arn, status, **more)
    detail = {"executionArn": arn, "status": status, "name": name}
    return world.event("aws.states", "Step Functions Execution Status Change", detail)


def _settle(world: World, *arguments: Any, **more: Any) -> list[str]:
    return world.call("settle_execution", _ended(world, *arguments, **more))["settled"]


def test_a_stopped_deployment_frees_its_endpoint(world: World) -> None:
    claim = world.claim(world.request(world.approved()))
    settled = _settle(world, "deployment", status="ABORTED")
    assert settled == [f"deployment of {claim['package_arn']} to {ENDPOINT}: failed", f"lease of {ENDPOINT}: freed"]
    assert world.endpoints.lease(ENDPOINT) is None
    mark = world.endpoints.mark(ENDPOINT, claim["package_arn"], claim["evidence_digest"])
    assert mark is not None
    assert mark.status == "failed"
    # And again there is nothing to do
    assert _settle(world, "deployment", status="ABORTED") == []


def test_nobody_elses_lease_is_freed(world: World) -> None:
    world.claim(world.request(world.approved()), name="other")
    assert _settle(world, "deployment", "one") == []
    assert world.endpoints.lease(ENDPOINT) is not None


@pytest.mark.parametrize("workflow", ["pipeline", "approval"])
def test_an_approval_nobody_waits_for_is_void(world: World, workflow: str) -> None:
    registered = world.asked()
    arn = registered["registered"]["package_arn"]
    assert f"approval of {arn}: void" in _settle(world, workflow, status="ABORTED")
    approval = world.approvals.get(arn)
    assert approval is not None
    assert (approval.status, approval.reason) == ("void", "the execution that waited is over: ABORTED")
    assert world.stepfunctions.answers["token-1"]["error"] == "ExecutionOver"
    # And a late approval is refused and set back
    world.later(minutes=1)
    assert world.call("record_decision", world.answer(arn))["outcome"] == "refused"


def test_a_failed_run_is_recorded_and_its_jobs_are_stopped(world: World) -> None:
    run = world.resolved()["run"]
    names = (f"{run}-train-1", f"{run}-evaluate-1", f"x{run}-predict-1")
    world.sagemaker.training_jobs[names[0]] = {"TrainingJobStatus": "InProgress"}
    world.sagemaker.training_jobs[f"{run}-train-0"] = {"TrainingJobStatus": "Completed"}
    world.sagemaker.processing_jobs |= {names[1]: "InProgress", names[2]: "InProgress"}
    settled = _settle(world, "pipeline", status="FAILED", error="States.TaskFailed", cause="boom")
    assert settled == [f"job {names[0]}: stopped", f"job {names[1]}: stopped", f"run {run}: error recorded"]
    assert world.sagemaker.processing_jobs[names[2]] == "InProgress"
    item = world.item(f"RUN#{run}", "RUN")
    assert item is not None
    assert item["error"] == "States.TaskFailed: boom"


def test_a_stopped_child_stops_the_jobs_of_its_run(world: World) -> None:
    run = "0123456789abcdef0123"
    world.sagemaker.training_jobs[f"{run}-train-1"] = {"TrainingJobStatus": "InProgress"}
    assert _settle(world, "training", f"{run}-training-ab", "ABORTED") == [f"job {run}-train-1: stopped"]
    assert _settle(world, "training", "started-by-hand", "ABORTED") == []


@pytest.mark.parametrize("workflow", ["monitoring", "batch_inference", "nightly_evaluation"])
def test_a_stopped_run_of_its_own_stops_its_jobs(world: World, workflow: str) -> None:
    run = naming.run_id(execution(workflow, "by-hand")["arn"])
    world.sagemaker.transform_jobs |= {f"{run}-batch-1": "InProgress", f"{run}-batch-0": "Completed"}
    world.sagemaker.processing_jobs[f"{run}-predict-1"] = "InProgress"
    assert _settle(world, workflow, "by-hand", "ABORTED") == [
        f"job {run}-predict-1: stopped",
        f"job {run}-batch-1: stopped",
    ]
    assert world.sagemaker.transform_jobs == {f"{run}-batch-1": "Stopped", f"{run}-batch-0": "Completed"}


def test_a_job_that_ended_by_itself_meanwhile_is_no_error(world: World) -> None:
    run = "0123456789abcdef0123"
    world.sagemaker.training_jobs[f"{run}-train-1"] = {"TrainingJobStatus": "InProgress"}
    world.sagemaker.fail("stop_training_job", fakes.error("ValidationException", "is in status Completed"))
    assert _settle(world, "training", f"{run}-training-ab", "ABORTED") == []


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_an_event_of_an_execution_that_was_redriven_is_void(world: World, status: str) -> None:
    world.claim(world.request(world.approved()))
    event = _ended(world, "deployment")
    world.stepfunctions.run(execution("deployment")["arn"], status)
    assert world.call("settle_execution", event) == {"settled": []}
    assert world.endpoints.lease(ENDPOINT) is not None


def test_other_peoples_executions_are_left_alone(world: World) -> None:
    event = _ended(world, "pipeline")
    arn = event["detail"]["executionArn"]
    event["detail"]["executionArn"] = arn.replace("muster-dev-", "billing-")
    assert world.call("settle_execution", event) == {"settled": []}
    event["detail"]["executionArn"] = arn + "-unknown"
    assert world.call("settle_execution", event) == {"settled": []}


@pytest.mark.parametrize("change", [{"detail": {}}, {"detail": None}, {"detail-type": "Other"}, {"time": None}])
def test_a_bad_event_settles_nothing(world: World, change: dict[str, Any]) -> None:
    with pytest.raises(errors.ContractError):
        world.call("settle_execution", {**_ended(world, "pipeline"), **change})


# -- explain_failure ---------------------------------------------------------------------------------------------------
def test_the_scripts_own_message_reaches_the_person(world: World) -> None:
    job = {
        "TrainingJobName": "x",
        "TrainingJobStatus": "Failed",
        "FailureReason": 'AlgorithmError: ExecuteUserScriptError:\nErrorMessage "ValueError: no rows in part1.csv"',
    }
    child = {"Error": "States.TaskFailed", "Cause": json.dumps(job)}
    answer = world.call(
        "explain_failure",
        {"error": "States.TaskFailed", "cause": json.dumps(child), "workflow": "pipeline", "execution_arn": "arn"},
    )
    assert answer["kind"] == "job"
    assert "no rows in part1.csv" in answer["cause"]
    assert "\n" not in answer["cause"]


@pytest.mark.parametrize("event", [{}, {"error": None, "cause": None}, {"error": "X", "cause": "y", "more": 1}])
def test_explaining_does_not_fail_itself(world: World, event: dict[str, Any]) -> None:
    assert set(world.call("explain_failure", event)) == {"error", "cause", "kind"}


def test_explaining_needs_no_settings(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUSTER_PREFIX")
    answer = world.call("explain_failure", {"error": "States.Timeout", "cause": ""})
    assert answer["kind"] == "timeout"


# CloudWatch Logs has the script's own words where SageMaker reports nothing but the command that failed.
SILENT = {
    "TrainingJobName": "0123456789abcdef0123-train-ab",
    "TrainingJobStatus": "Failed",
    "FailureReason": 'AlgorithmError: ExecuteUserScriptError:\nCommand "/usr/bin/python3 train.py", exit code: 1',
}


def _explain(world: World) -> dict[str, Any]:
    return world.call("explain_failure", {"error": "States.TaskFailed", "cause": json.dumps(SILENT)})


def test_a_script_that_sagemaker_does_not_quote_is_quoted_from_its_log(world: World) -> None:
    name = SILENT["TrainingJobName"]
    world.logs.streams[f"{name}/algo-1-1"] = ["starting", "ValueError: no rows in part1.csv"]
    assert _explain(world)["cause"] == "ValueError: no rows in part1.csv"


@pytest.mark.parametrize("problem", [None, fakes.error("ResourceNotFoundException"), fakes.error("AccessDenied")])
def test_without_a_log_the_explanation_says_where_it_would_be(world: World, problem: Exception | None) -> None:
    if problem:
        world.logs.fail("describe_log_streams", problem)
    assert "see the log /aws/sagemaker/TrainingJobs" in _explain(world)["cause"]


@pytest.mark.parametrize(
    ("container", "wanted"),
    [
        (
            ["Traceback (most recent call last):", "ValueError: scanner X is unknown", "POST /invocations 500"],
            "ValueError",
        ),
        (["POST /invocations 500"], "Bad HTTP status received from algorithm: 500. Message: scanner X is unknown"),
    ],
)
def test_a_failed_transform_job_is_quoted_from_its_logs(world: World, container: list[str], wanted: str) -> None:
    # Given a transform job, of which SageMaker says only that there is a log, and that has two streams
    name = "0123456789abcdef0123-batch-ab"
    told = "AlgorithmError: See job logs for more information"
    job = {"TransformJobName": name, "TransformJobStatus": "Failed", "FailureReason": told}
    event = {"error": "States.TaskFailed", "cause": json.dumps(job)}
    assert f"see the log /aws/sagemaker/TransformJobs, {name}/" in world.call("explain_failure", event)["cause"]
    world.logs.streams[f"{name}/i-1"] = container
    said = "Bad HTTP status received from algorithm: 500. Message: scanner X is unknown"
    world.logs.streams[f"{name}/i-1/data-log"] = [f"2026-11-21T12:00:00.000:[sagemaker logs]: {said}"]
    # Then the container's error is told, or what came of its file
    found = world.call("explain_failure", event)
    assert (found["error"], found["kind"]) == ("AlgorithmError", "job")
    assert wanted in found["cause"]
    assert "scanner X is unknown" in found["cause"]
