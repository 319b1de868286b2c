"""The interpreter for tests of state machines: what it runs, what it says, and that its time is virtual and exact."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from rehearsal.coverage import Coverage, table
from rehearsal.interpreter import After, TaskFailure, TimeOut, Trace, Waiting, render, run
from rehearsal.stepfunctions import integrations

LAMBDA = "arn:${Partition}:states:::lambda:invoke"
PLACES = {"Partition": "aws-us-gov"}


def task(resource: str = LAMBDA, **members: Any) -> dict[str, Any]:
    """A Task state that ends, unless `members` say otherwise."""
    state = {"Type": "Task", "Resource": resource, "Parameters": {"FunctionName": "f", "Payload.$": "$"}, **members}
    return state if "Next" in members else {**state, "End": True}


def machine(start: str, /, **states: dict[str, Any]) -> dict[str, Any]:
    """A definition."""
    return {"StartAt": start, "States": states}


def go(definition: dict[str, Any], integrations: Any, data: Any = None, **rest: Any) -> Trace:
    """Run with the substitution that every definition here uses, if it does."""
    places = PLACES if "${Partition}" in json.dumps(definition) else {}
    return run(definition, {} if data is None else data, integrations, places, **rest)


def retry(*errors: str, **members: Any) -> list[dict[str, Any]]:
    """A Retry with one retrier."""
    return [{"ErrorEquals": list(errors), **members}]


# ---- results, failures, order


def test_a_run_tells_states_parameters_and_output() -> None:
    # Given two tasks, the second using the first one's result
    definition = machine(
        "First",
        First=task(ResultSelector={"n.$": "$.Payload.n"}, ResultPath="$.first", Next="Second"),
        Second=task(Parameters={"FunctionName": "g", "Payload": {"n.$": "$.first.n"}}, OutputPath="$.Payload"),
    )
    # When it runs
    trace = go(definition, {"First": {"Payload": {"n": 3}}, "Second": {"Payload": "done"}}, {"a": 1})
    # Then
    assert (trace.status, trace.output, trace.seconds) == ("SUCCEEDED", "done", 0)
    assert trace.states == ["First", "Second"]
    assert [visit.type for visit in trace.visits] == ["Task", "Task"]
    assert trace.parameters("First") == [{"FunctionName": "f", "Payload": {"a": 1}}]
    assert trace.parameters("Second") == [{"FunctionName": "g", "Payload": {"n": 3}}]
    assert trace.calls[0].resource == "lambda:invoke"


def test_integrations_can_be_a_function() -> None:
    seen: list[Any] = []

    def script(resource: str, state: str, parameters: dict[str, Any], attempt: int) -> Any:
        seen.append((resource, state, parameters["Payload"], attempt))
        if attempt == 0:
            raise TaskFailure("Boom", {"why": "first"})
        return {"Payload": attempt}

    trace = go(machine("T", T=task(Retry=retry("Boom"))), script, {"x": 1})
    assert trace.output == {"Payload": 1}
    assert seen == [("lambda:invoke", "T", {"x": 1}, 0), ("lambda:invoke", "T", {"x": 1}, 1)]
    assert trace.failures == [("T", "Boom", '{"why": "first"}')]


def test_an_uncaught_failure_fails_the_run_with_error_and_cause() -> None:
    trace = go(machine("T", T=task()), {"T": TaskFailure("MyError", "my cause")})
    assert (trace.status, trace.error, trace.cause, trace.output) == ("FAILED", "MyError", "my cause", None)


def test_a_caught_failure_goes_where_the_catcher_says() -> None:
    definition = machine(
        "T",
        T=task(Catch=[
            {"ErrorEquals": ["Other"], "Next": "Bad"},
            {"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "Bad"},
        ]),
        Bad={"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"},
    )  # fmt: skip
    trace = go(definition, {"T": TaskFailure("States.TaskFailed", {"Status": "FAILED"})})
    assert trace.catches == [("T", "States.TaskFailed", 1)]
    assert (trace.status, trace.error, trace.cause) == ("FAILED", "States.TaskFailed", '{"Status": "FAILED"}')


# ---- retries, timeouts and waits in virtual time


def test_retries_wait_with_backoff_and_a_longest_delay() -> None:
    policy = retry("E", IntervalSeconds=2, MaxAttempts=4, BackoffRate=3, MaxDelaySeconds=10, JitterStrategy="FULL")
    trace = go(machine("T", T=task(Retry=policy)), {"T": [TaskFailure("E")] * 4 + [{"ok": 1}]})
    assert [each.wait for each in trace.retries] == [2, 6, 10, 10]
    assert [call.time for call in trace.calls] == [0, 2, 8, 18, 28]
    assert [call.attempt for call in trace.calls] == [0, 1, 2, 3, 4]
    assert (trace.status, trace.seconds) == ("SUCCEEDED", 28)


def test_retries_run_out() -> None:
    trace = go(machine("T", T=task(Retry=retry("States.ALL", MaxAttempts=2))), {"T": TaskFailure("E")})
    assert (trace.status, trace.error, len(trace.calls)) == ("FAILED", "E", 3)


@pytest.mark.parametrize("where", ["TimeoutSeconds", "TimeoutSecondsPath"])
def test_a_task_times_out_after_its_seconds(where: str) -> None:
    value: Any = 300 if where == "TimeoutSeconds" else "$.limit"
    definition = machine("T", T=task(**{where: value}))
    trace = go(definition, {"T": TimeOut()}, {"limit": 300})
    assert (trace.status, trace.error, trace.seconds) == ("FAILED", "States.Timeout", 300)


def test_a_timeout_is_retried_and_caught_by_its_name_but_not_as_task_failed() -> None:
    caught = [{"ErrorEquals": ["States.TaskFailed"], "Next": "Wrong"}, {"ErrorEquals": ["States.ALL"], "Next": "Right"}]
    definition = machine(
        "T",
        T=task(TimeoutSeconds=10, Retry=retry("States.Timeout", MaxAttempts=1, IntervalSeconds=5), Catch=caught),
        Wrong={"Type": "Fail"},
        Right={"Type": "Succeed"},
    )
    trace = go(definition, {"T": TimeOut()})
    assert trace.states == ["T", "Right"]
    assert trace.seconds == 25


def test_a_task_may_take_time() -> None:
    trace = go(machine("T", T=task(TimeoutSeconds=100)), {"T": After(99, {"ok": 1})})
    assert (trace.output, trace.seconds) == ({"ok": 1}, 99)
    trace = go(machine("T", T=task(TimeoutSeconds=100)), {"T": After(101, {"ok": 1})})
    assert (trace.error, trace.seconds) == ("States.Timeout", 100)


def test_waits_take_what_they_say() -> None:
    definition = machine(
        "A",
        A={"Type": "Wait", "Seconds": 60, "Next": "B"},
        B={"Type": "Wait", "SecondsPath": "$.days", "Next": "C"},
        C={"Type": "Wait", "TimestampPath": "$.when", "End": True},
    )
    trace = go(definition, {}, {"days": 7 * 86400, "when": "2026-02-01T00:00:00Z"})
    assert [visit.time for visit in trace.visits] == [0, 60, 604860]
    assert trace.seconds == 31 * 86400


def test_a_week_takes_milliseconds() -> None:
    definition = machine("A", A={"Type": "Wait", "Seconds": 604800, "End": True})
    go(definition, {})
    began = time.monotonic()
    for _ in range(10):
        go(definition, {})
    assert (time.monotonic() - began) / 10 < 0.05


def test_the_whole_machine_times_out() -> None:
    definition = {**machine("T", T=task(TimeoutSeconds=1000)), "TimeoutSeconds": 100}
    trace = go(definition, {"T": TimeOut()})
    assert (trace.status, trace.seconds, trace.error, trace.catches) == ("TIMED_OUT", 100, None, [])


# ---- tokens


def wait_state(**members: Any) -> dict[str, Any]:
    """A task that waits for its token."""
    parameters = {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}
    return task(f"{LAMBDA}.waitForTaskToken", Parameters=parameters, **members)


def test_a_token_is_answered_after_some_time() -> None:
    definition = machine("Ask", Ask=wait_state(TimeoutSeconds=86400))
    trace = go(definition, {"Ask": Waiting(3600, {"decision": "approved"})})
    assert (trace.output, trace.seconds) == ({"decision": "approved"}, 3600)
    assert len(trace.parameters("Ask")[0]["Payload"]["token"]) > 40


def test_a_token_is_answered_with_a_failure() -> None:
    trace = go(machine("Ask", Ask=wait_state()), {"Ask": Waiting(10, TaskFailure("Rejected", "no"))})
    assert (trace.status, trace.error, trace.cause, trace.seconds) == ("FAILED", "Rejected", "no", 10)


def test_a_token_that_is_never_answered_expires() -> None:
    trace = go(machine("Ask", Ask=wait_state(TimeoutSeconds=604800)), {"Ask": Waiting()})
    assert (trace.error, trace.seconds) == ("States.Timeout", 604800)


def test_each_attempt_has_a_token_of_its_own() -> None:
    definition = machine("Ask", Ask=wait_state(TimeoutSeconds=100, Retry=retry("States.Timeout", MaxAttempts=1)))
    trace = go(definition, {"Ask": [Waiting(), Waiting(50, "yes")]})
    first, second = (each["Payload"]["token"] for each in trace.parameters("Ask"))
    assert first != second
    assert (trace.output, trace.seconds) == ("yes", 151)


def test_heartbeats_keep_a_token_alive_and_their_absence_ends_it() -> None:
    state = wait_state(TimeoutSeconds=1000, HeartbeatSeconds=60)
    trace = go(machine("Ask", Ask=state), {"Ask": Waiting(150, "late", beats=(50, 100))})
    assert (trace.output, trace.seconds) == ("late", 150)
    trace = go(machine("Ask", Ask=state), {"Ask": Waiting(150, "late", beats=(50,))})
    assert (trace.error, trace.seconds) == ("States.Timeout", 110)


def test_waiting_without_a_token_is_a_mistake_of_the_script() -> None:
    with pytest.raises(LookupError, match="waits for no token"):
        go(machine("T", T=task()), {"T": Waiting(1, {})})


# ---- nested executions and jobs


def test_sync_resources_give_what_the_script_says() -> None:
    definition = machine(
        "Train",
        Train=task(
            "arn:${Partition}:states:::sagemaker:createTrainingJob.sync",
            Parameters={
                "TrainingJobName.$": "States.Format('{}-{}', $.run, $$.State.RetryCount)",
                "RoleArn": "role",
                "OutputDataConfig": {"S3OutputPath": "s3://b/k"},
            },
            Retry=retry("SageMaker.AmazonSageMakerException", MaxAttempts=1),
            ResultPath="$.job",
            Next="Child",
        ),
        Child=task(
            "arn:${Partition}:states:::states:startExecution.sync:2",
            Parameters={"StateMachineArn": "arn", "Input.$": "$"},
            OutputPath="$.Output",
        ),
    )
    script = {
        "sagemaker:createTrainingJob.sync": [
            TaskFailure("SageMaker.AmazonSageMakerException", "Rate exceeded"),
            After(600, {"TrainingJobStatus": "Completed"}),
        ],
        "Child": {"Output": {"outcome": "passed"}, "Status": "SUCCEEDED"},
    }
    trace = go(definition, script, {"run": "r"})
    assert [each["TrainingJobName"] for each in trace.parameters("Train")] == ["r-0", "r-1"]
    assert trace.parameters("Child")[0]["Input"]["job"] == {"TrainingJobStatus": "Completed"}
    assert trace.output == {"outcome": "passed"}
    assert trace.seconds == 601


# ---- choices, context, intrinsics


@pytest.mark.parametrize(("n", "branch", "last"), [(1, 0, "One"), (2, 1, "Two"), (3, "default", "Other")])
def test_the_branch_of_a_choice_is_told(n: int, branch: int | str, last: str) -> None:
    definition = machine(
        "C",
        C={
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.n", "NumericEquals": 1, "Next": "One"},
                {
                    "And": [{"Variable": "$.n", "IsPresent": True}, {"Variable": "$.n", "NumericEquals": 2}],
                    "Next": "Two",
                },
            ],
            "Default": "Other",
        },
        One={"Type": "Succeed"},
        Two={"Type": "Succeed"},
        Other={"Type": "Pass", "End": True},
    )
    trace = go(definition, {}, {"n": n})
    assert trace.choices == [("C", branch)]
    assert trace.states[-1] == last


def test_a_choice_without_a_match_has_its_own_error() -> None:
    definition = machine(
        "C",
        C={"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "E"}]},
        E={"Type": "Succeed"},
    )
    assert go(definition, {}, {"n": 2}).error == "States.NoChoiceMatched"


def test_the_context_object() -> None:
    definition = machine(
        "W",
        W={"Type": "Wait", "Seconds": 1, "Next": "P"},
        P={
            "Type": "Pass",
            "Parameters": {
                "id.$": "$$.Execution.Id", "name.$": "$$.Execution.Name", "input.$": "$$.Execution.Input.a",
                "role.$": "$$.Execution.RoleArn", "start.$": "$$.Execution.StartTime",
                "redrive.$": "$$.Execution.RedriveCount", "entered.$": "$$.State.EnteredTime",
                "state.$": "$$.State.Name", "retry.$": "$$.State.RetryCount", "machine.$": "$$.StateMachine.Name",
            },
            "End": True,
        },
    )  # fmt: skip
    output = go(definition, {}, {"a": 5}, context={"Execution": {"Name": "run-1"}}).output
    assert output["id"].startswith("arn:aws-us-gov:states:us-gov-west-1:")
    assert {**output, "id": "", "role": ""} == {
        "id": "", "role": "", "name": "run-1", "input": 5, "start": "2026-01-01T00:00:00.000Z", "redrive": 0,
        "entered": "2026-01-01T00:00:01.000Z", "state": "P", "retry": 0, "machine": "machine",
    }  # fmt: skip


def test_intrinsics_and_paths() -> None:
    definition = machine(
        "P",
        P={
            "Type": "Pass",
            "Parameters": {
                "format.$": "States.Format('{}/{}', $.a, $.list[0].x)",
                "sum.$": "States.MathAdd($.n, -1)",
                "item.$": "States.ArrayGetItem($.list, 1)",
                "length.$": "States.ArrayLength($.list)",
                "parsed.$": "States.StringToJson('{\"k\": [1]}')",
                "text.$": "States.JsonToString($.list)",
                "hash.$": "States.Hash($.a, 'SHA-256')",
                "last.$": "$.list[-1].x",
                "every.$": "$.list[*].x",
                "some.$": "$.list[?(@.x > 1)].x",
                "none.$": "$.list[?(@.x > 9)].x",
            },
            "End": True,
        },
    )
    output = go(definition, {}, {"a": "b", "n": 3, "list": [{"x": 1}, {"x": 2}]}).output
    assert len(output.pop("hash")) == 64
    assert output == {
        "format": "b/1", "sum": 2, "item": {"x": 2}, "length": 2, "parsed": {"k": [1]}, "text": '[{"x":1},{"x":2}]',
        "last": 2, "every": [1, 2], "some": [2], "none": [],
    }  # fmt: skip


def test_a_path_that_selects_nothing_fails_for_good() -> None:
    definition = machine(
        "P",
        P=task(
            Parameters={"FunctionName": "f", "Payload": {"x.$": "$.missing"}},
            Retry=retry("States.ALL"),
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "E"}],
        ),
        E={"Type": "Succeed"},
    )
    trace = go(definition, {"P": {}})
    assert (trace.status, trace.error, trace.retries, trace.catches) == ("FAILED", "States.Runtime", [], [])
    assert "'$.missing'" in str(trace.cause)


# ---- parallel and map


def test_branches_run_at_the_same_time() -> None:
    definition = machine(
        "P",
        P={
            "Type": "Parallel",
            "Branches": [machine("A", A=task()), machine("B", B=task(Next="B2"), B2=task())],
            "End": True,
        },
    )
    trace = go(definition, {"A": After(100, 1), "B": After(30, 2), "B2": After(30, 3)})
    assert (trace.output, trace.seconds) == ([1, 3], 100)
    assert [visit.time for visit in trace.visits if visit.state == "B2"] == [30]


def test_a_failing_branch_ends_the_others() -> None:
    definition = machine(
        "P",
        P={
            "Type": "Parallel",
            "Branches": [machine("A", A=task(TimeoutSeconds=1000)), machine("B", B=task())],
            "Catch": [{"ErrorEquals": ["Boom"], "ResultPath": "$.error", "Next": "E"}],
            "End": True,
        },
        E={"Type": "Pass", "Parameters": {"cause.$": "$.error.Cause"}, "End": True},
    )
    trace = go(definition, {"A": TimeOut(), "B": After(5, TaskFailure("Boom", "b"))})
    assert (trace.status, trace.output, trace.seconds) == ("SUCCEEDED", {"cause": "b"}, 5)
    assert trace.catches == [("P", "Boom", 0)]


def test_half_a_request_is_not_sent() -> None:
    # Given a task of a branch whose sibling fails while its parameters are evaluated: moto leaves out what is left
    running = [True]

    class Environment:
        @staticmethod
        def is_running() -> bool:
            return running[0]

    class Task:
        @staticmethod
        def _eval_parameters(env: Environment) -> dict[str, Any]:
            running[0] = False
            return {"first": 1}

    # When the request would be sent, Then the task is aborted instead
    with pytest.raises(integrations.Aborted):
        integrations._whole_parameters(Task, Environment)


def test_a_reserved_error_of_a_branch_keeps_its_name() -> None:
    definition = machine("P", P={"Type": "Parallel", "Branches": [machine("A", A=task(TimeoutSeconds=7))], "End": True})
    trace = go(definition, {"A": TimeOut()})
    assert (trace.error, trace.seconds) == ("States.Timeout", 7)


def test_map_runs_its_items_with_limited_concurrency() -> None:
    definition = machine(
        "M",
        M={
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 2,
            "ItemSelector": {"item.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index"},
            "ItemProcessor": {**machine("T", T=task(OutputPath="$.Payload")), "ProcessorConfig": {"Mode": "INLINE"}},
            "End": True,
        },
    )
    trace = go(definition, {"T": lambda sent: After(10, {"Payload": sent["Payload"]})}, {"items": ["a", "b", "c"]})
    assert trace.output == [{"item": "a", "index": 0}, {"item": "b", "index": 1}, {"item": "c", "index": 2}]
    assert trace.seconds == 20


def test_a_failing_item_fails_the_map() -> None:
    definition = machine(
        "M", M={"Type": "Map", "ItemProcessor": machine("T", T=task()), "Retry": retry("E", MaxAttempts=1), "End": True}
    )
    trace = go(definition, {"T": lambda sent: TaskFailure("E") if sent["Payload"] == 2 else {}}, [1, 2, 3])
    assert (trace.status, trace.error) == ("FAILED", "E")
    assert [each.state for each in trace.retries] == ["M"]


# ---- mistakes are not results


def test_an_unscripted_task_is_a_mistake_not_a_failure() -> None:
    caught = task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "E"}])
    with pytest.raises(LookupError, match="nothing is scripted for state 'T'"):
        go(machine("T", T=caught, E={"Type": "Succeed"}), {"U": {}})
    with pytest.raises(LookupError, match="called 2 times, 1 are scripted"):
        go(machine("T", T=task(Retry=retry("E"))), {"T": [TaskFailure("E")]})


def test_an_assertion_in_a_script_reaches_the_test() -> None:
    def script(*_: Any) -> Any:
        raise AssertionError("not like this")

    with pytest.raises(AssertionError, match="not like this"):
        go(machine("T", T=task()), script)


def test_substitutions_must_fit() -> None:
    with pytest.raises(ValueError, match=r"missing \['Partition'\], unused \['Other'\]"):
        render(machine("T", T=task()), {"Other": "x"})


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (machine("T", T={"Type": "Pass", "Next": "Gone"}), "Missing 'Next' target: Gone"),
        (machine("Gone", T={"Type": "Pass", "End": True}), "Missing 'StartAt' target: Gone"),
        (machine("T", T={"Type": "Pass", "End": True}, U={"Type": "Succeed"}), '"U" is not reachable'),
        (machine("T", T={"Type": "Pass", "End": True, "Foo": 1}), "SCHEMA_VALIDATION_FAILED"),
        (machine("T", T=task(Parameters={"FunctionName": "f", "Pay": 1})), 'The field "Pay" is not supported'),
        (machine("T", T=task(Parameters={"Payload": 1})), 'The field "FunctionName" is required but was missing'),
        (machine("T", T=task("arn:${Partition}:states:::aws-sdk:s3:doNothing", Parameters={})), "is not recognized"),
        (machine("T", T=task("arn:${Partition}:states:::aws-sdk:foo:bar", Parameters={})), "is not recognized"),
    ],
)
def test_a_definition_that_aws_refuses_is_refused(definition: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        go(definition, {})


# ---- coverage


def test_coverage_tells_what_no_run_has_taken() -> None:
    definition = machine(
        "C",
        C={"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "T"}], "Default": "E"},
        T=task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "E"}]),
        E={"Type": "Succeed"},
    )
    coverage = Coverage("demo", definition)
    coverage.add(go(definition, {"T": {}}, {"n": 1}))
    assert coverage.missing() == {"states": ["E"], "branches": ["C[default]"], "catches": ["T[0]"]}
    assert not coverage.complete()
    coverage.add(go(definition, {}, {"n": 2}))
    assert coverage.complete()
    assert not coverage.complete(["catches"])
    assert table([coverage]).splitlines() == [
        "state machine    states  branches   catches",
        "-------------  --------  --------  --------",
        "demo           3/3 100%  2/2 100%  0/1   0%",
        "demo: catches never taken: T[0]",
    ]
