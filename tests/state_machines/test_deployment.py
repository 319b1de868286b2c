"""The `deployment` workflow: whatever happens, the endpoint serves what it should, and the record says so."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muster.contracts.base import parse
from muster.contracts.deployment import DeploymentResult
from rehearsal.interpreter import TaskFailure, TimeOut, Trace
from tests.state_machines import scenes
from tests.state_machines.harness import broken, definition, execute, function_calls, transitions
from tests.state_machines.scenes import claim_refused, deployment_scene, endpoint, plan_refused


def _recorded(trace: Trace, state: str) -> dict[str, Any]:
    (sent,) = trace.parameters(state)
    return sent["Payload"]


# ---- what goes well
def test_an_approved_model_is_switched_to_verified_and_recorded() -> None:
    # Given an endpoint that serves, and a rollout that three looks see settle
    trace = execute("deployment", *deployment_scene())
    # Then model, configuration and alarms are made before the switch, and the record after the proof
    order = [call.state for call in trace.calls if call.state not in ("PutAlarm", "PutPercentileAlarm")]
    assert order == [
        "ClaimEndpoint",
        "PlanDeployment",
        "CreateModel",
        "CreateEndpointConfig",
        "UpdateEndpoint",
        *["DescribeEndpoint"] * 3,
        "VerifyDeployment",
        "RecordDeployment",
    ]
    assert parse(DeploymentResult, trace.output).outcome == "deployed"
    assert (transitions(trace), function_calls(trace)) == (29, 4)


def test_the_switch_is_blue_green_behind_the_alarms_that_were_just_made() -> None:
    trace = execute("deployment", *deployment_scene())
    request = trace.parameters("UpdateEndpoint")[0]
    routing = request["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "CANARY"
    guarding = {each["AlarmName"] for each in request["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]}
    made = [*trace.parameters("PutAlarm"), *trace.parameters("PutPercentileAlarm")]
    assert guarding == {each["AlarmName"] for each in made}
    assert trace.parameters("PutPercentileAlarm")[0]["ExtendedStatistic"] == "p99"
    assert trace.parameters("PutAlarm")[0]["Statistic"] == "Sum"


def test_the_first_model_of_an_endpoint_creates_it() -> None:
    trace = execute("deployment", *deployment_scene(first=True))
    assert "UpdateEndpoint" not in trace.states
    assert trace.parameters("CreateEndpoint")[0]["Tags"] == [{"Key": "muster:prefix", "Value": "muster"}]
    assert trace.output["outcome"] == "deployed"


@pytest.mark.parametrize("enabled", [True, False])
def test_what_is_asked_and_answered_is_kept_only_if_the_spec_asks_for_it(*, enabled: bool) -> None:
    trace = execute("deployment", *deployment_scene(capture__enabled=enabled))
    made = trace.parameters("CreateCapturingConfig") + trace.parameters("CreateEndpointConfig")
    assert ["DataCaptureConfig" in each for each in made] == [enabled]


def test_the_waits_are_the_plan_s_and_grow() -> None:
    # Given a rollout that takes eight looks
    trace = execute("deployment", *deployment_scene(looks=8))
    plan = scenes.deployment_plan()
    # Then there is one wait of the plan before each
    looked = [call.time for call in trace.calls if call.state == "DescribeEndpoint"]
    assert looked == [sum(plan["wait_steps"][: number + 1]) for number in range(8)]


@pytest.mark.parametrize("status", ["Creating", "Updating", "RollingBack", "SystemUpdating"])
def test_what_still_changes_is_waited_for(status: str) -> None:
    input_, script = deployment_scene()
    looks = [endpoint(status, "muster-tumour-old"), endpoint("InService", "muster-tumour-new")]
    trace = execute("deployment", input_, {**script, "DescribeEndpoint": looks})
    assert len(trace.parameters("DescribeEndpoint")) == 2


@pytest.mark.parametrize("status", ["InService", "Failed", "UpdateRollbackFailed", "OutOfService"])
def test_what_has_settled_is_verified_whatever_it_is(status: str) -> None:
    input_, script = deployment_scene()
    looks = [endpoint(status, "muster-tumour-new")]
    trace = execute("deployment", input_, {**script, "DescribeEndpoint": looks})
    assert _recorded(trace, "VerifyDeployment")["endpoint"]["EndpointStatus"] == status


# ---- refusals are outcomes
def test_a_busy_endpoint_or_a_second_start_is_refused_and_nothing_is_touched() -> None:
    input_, script = deployment_scene()
    trace = execute("deployment", input_, {**script, "ClaimEndpoint": claim_refused("already deployed")})
    result = parse(DeploymentResult, trace.output)
    assert (trace.status, result.outcome, result.reasons) == ("SUCCEEDED", "refused", ("already deployed",))
    assert trace.states == ["ClaimEndpoint", "Claimed?", "Refused"]


def test_a_preflight_that_says_no_is_recorded_and_frees_the_lease() -> None:
    input_, script = deployment_scene()
    trace = execute("deployment", input_, {**script, "PlanDeployment": plan_refused("rejected in the registry")})
    assert (trace.status, trace.output["outcome"]) == ("SUCCEEDED", "refused")
    assert _recorded(trace, "RecordRefusal")["plan"]["reason"] == "rejected in the registry"
    assert "CreateModel" not in trace.states


# ---- a model that does not serve well
def test_sagemaker_s_own_rollback_is_an_outcome_and_needs_no_undoing() -> None:
    # Given an alarm that made SageMaker go back by itself: InService, on the old configuration
    trace = execute("deployment", *deployment_scene(verdict="rolled_back"))
    # Then that is what is recorded
    assert trace.output["outcome"] == "rolled_back"
    assert "RestorePrevious" not in trace.states


def test_a_model_that_answers_wrongly_is_taken_back_and_the_reasons_are_kept() -> None:
    # Given golden records that get bad answers after the switch
    trace = execute("deployment", *deployment_scene(verdict="unhealthy"))
    # Then the previous configuration comes back, all at once and without alarms, and is verified too
    back = trace.parameters("RestorePrevious")[0]
    assert back["EndpointConfigName"] == "muster-tumour-old"
    assert back["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"
    assert "AutoRollbackConfiguration" not in back["DeploymentConfig"]
    assert _recorded(trace, "VerifyRestore")["phase"] == "restore"
    # and the outcome names why the new model does not serve
    assert (trace.status, trace.output["outcome"]) == ("SUCCEEDED", "rolled_back")
    assert _recorded(trace, "RecordRolledBack")["verification"] == {
        "verdict": "rolled_back",
        "reasons": ["it is unhealthy"],
    }


def test_a_first_model_that_answers_wrongly_leaves_no_endpoint() -> None:
    trace = execute("deployment", *deployment_scene(first=True, verdict="unhealthy"))
    assert trace.parameters("DeleteEndpoint") == [{"EndpointName": scenes.ENDPOINT}]
    assert "RestorePrevious" not in trace.states
    assert trace.output["outcome"] == "rolled_back"


def test_when_neither_configuration_serves_well_somebody_is_told() -> None:
    trace = execute("deployment", *deployment_scene(verdict="unhealthy", restored="unhealthy"))
    assert (trace.status, trace.error) == ("FAILED", "RestoreUnhealthy")
    assert len(trace.parameters("RestorePrevious")) == 1
    assert _recorded(trace, "RecordFault")["fault"]["error"] == "RestoreUnhealthy"


# ---- faults
@pytest.mark.parametrize("task", ["DescribeEndpoint", "VerifyDeployment", "RecordDeployment"])
def test_a_fault_after_the_switch_puts_the_previous_configuration_back(task: str) -> None:
    # Given something that breaks when the endpoint has been told to change
    input_, script = deployment_scene()
    first = [broken("Boom"), endpoint("Updating"), endpoint("InService", "muster-tumour-old")]
    change = {"DescribeEndpoint": first} if task == "DescribeEndpoint" else {task: broken("Boom")}
    trace = execute("deployment", input_, {**script, **change})
    # Then the old configuration serves again and is verified, the fault is recorded, and the execution fails with it
    assert trace.parameters("RestorePrevious")[0]["EndpointConfigName"] == "muster-tumour-old"
    assert "VerifyRestore" in trace.states
    assert _recorded(trace, "RecordFault")["fault"]["error"] == "Boom"
    assert (trace.status, trace.error) == ("FAILED", "Boom")


def test_a_fault_after_the_switch_of_a_first_model_deletes_the_endpoint() -> None:
    input_, script = deployment_scene(first=True)
    trace = execute("deployment", input_, {**script, "VerifyDeployment": broken("Boom")})
    assert len(trace.parameters("DeleteEndpoint")) == 1
    assert _recorded(trace, "RecordFault")["fault"]["error"] == "Boom"


@pytest.mark.parametrize("task", ["PlanDeployment", "CreateModel", "PutAlarm", "UpdateEndpoint"])
def test_a_fault_before_the_switch_undoes_nothing_and_is_recorded(task: str) -> None:
    input_, script = deployment_scene()
    trace = execute("deployment", input_, {**script, task: broken("Boom")})
    assert not {"RestorePrevious", "DeleteEndpoint"} & set(trace.states)
    assert _recorded(trace, "RecordFault")["fault"]["error"] == "Boom"


def test_without_a_claim_there_is_nothing_to_record() -> None:
    input_, script = deployment_scene()
    trace = execute("deployment", input_, {**script, "ClaimEndpoint": broken("Boom")})
    assert "RecordFault" not in trace.states
    assert (trace.status, trace.error) == ("FAILED", "Boom")


def test_an_endpoint_that_never_settles_ends_with_the_plan_s_waits() -> None:
    # Given an endpoint that goes on updating for ever
    input_, script = deployment_scene()
    trace = execute("deployment", input_, {**script, "DescribeEndpoint": endpoint("Updating", "muster-tumour-old")})
    # Then it is looked at once per wait, is not told to change while it changes, and the cause says what was seen
    steps = script["PlanDeployment"]["wait_steps"]
    assert len(trace.parameters("DescribeEndpoint")) == len(steps)
    assert trace.seconds == sum(steps)
    assert "RestorePrevious" not in trace.states
    assert (trace.status, trace.error) == ("FAILED", "EndpointStuck")
    assert f"found Updating after all {len(steps)} waits" in trace.cause
    assert _recorded(trace, "RecordFault")["fault"]["error"] == "EndpointStuck"


@pytest.mark.parametrize("first", [True, False])
def test_what_cannot_be_undone_is_tried_once_and_recorded(*, first: bool) -> None:
    input_, script = deployment_scene(first=first)
    task = "DeleteEndpoint" if first else "RestorePrevious"
    refused = broken("SageMaker.ResourceInUse", "Cannot update in-progress endpoint")
    trace = execute("deployment", input_, {**script, "VerifyDeployment": broken("Boom"), task: refused})
    assert len(trace.parameters(task)) == 1
    assert "UndoFailed" in trace.states
    assert _recorded(trace, "RecordFault")["fault"]["cause"] == "because Cannot update in-progress endpoint"
    assert trace.status == "FAILED"


def test_what_cannot_be_recorded_still_ends_with_its_own_fault() -> None:
    input_, script = deployment_scene()
    faults = {"VerifyDeployment": broken("Boom"), "RecordFault": broken("LedgerGone")}
    trace = execute("deployment", input_, {**script, **faults})
    assert "VerifyRestore" in trace.states
    assert (trace.status, trace.error) == ("FAILED", "Boom")


def test_what_cannot_be_explained_is_undone_all_the_same() -> None:
    input_, script = deployment_scene()
    faults = {"VerifyDeployment": broken("Boom", "raw"), "ExplainFailure": TimeOut()}
    trace = execute("deployment", input_, {**script, **faults})
    assert "VerifyRestore" in trace.states
    assert _recorded(trace, "RecordFault")["fault"] == {"error": "Boom", "cause": "raw", "kind": "other"}
    assert (trace.status, trace.error, trace.cause) == ("FAILED", "Boom", "raw")


# ---- whatever happens
FAULT, HANG, BAD, WAITING = "fault", "hang", "bad", "waiting"


class World:
    """An endpoint, and what goes wrong: for each state the ends of its first calls; later ones go well."""

    def __init__(self, trouble: dict[str, list[str]], *, first: bool) -> None:
        self.trouble = {state: list(ends) for state, ends in trouble.items()}
        self.script = deployment_scene(first=first)[1]
        self.serves = None if first else "muster-tumour-old"
        self.records: list[str] = []

    def act(self, resource: str, state: str, parameters: Mapping[str, Any], attempt: int) -> Any:
        ends = self.trouble.get(state)
        end = ends.pop(0) if ends else ""
        if end == FAULT:
            return TaskFailure("Boom", "it broke")
        if end == HANG:
            return TimeOut()
        return getattr(self, f"_{state}", lambda _: self._answer(state, parameters))(end)

    def _answer(self, state: str, parameters: Mapping[str, Any]) -> Any:
        if state.startswith("Record"):
            self.records.append(state)
        if state == "ExplainFailure":
            return {"error": parameters["Payload"]["error"], "cause": "explained", "kind": "other"}
        answer = self.script.get(state)
        return answer(parameters) if callable(answer) else answer

    def _UpdateEndpoint(self, end: str) -> Any:
        self.serves = self.script["PlanDeployment"]["config_name"]
        return {"EndpointArn": "arn"}

    _CreateEndpoint = _UpdateEndpoint

    def _RestorePrevious(self, end: str) -> Any:
        self.serves = "muster-tumour-old"
        return {"EndpointArn": "arn"}

    def _DeleteEndpoint(self, end: str) -> Any:
        self.serves = None
        return {}

    def _DescribeEndpoint(self, end: str) -> Any:
        return endpoint({WAITING: "Updating", BAD: "Failed"}.get(end, "InService"), self.serves)

    def _VerifyDeployment(self, end: str) -> Any:
        return scenes.verified("unhealthy" if end == BAD else "deployed")

    def _VerifyRestore(self, end: str) -> Any:
        return scenes.verified("unhealthy" if end == BAD else "rolled_back")


TROUBLE = st.dictionaries(
    st.sampled_from([name for name, state in definition("deployment")["States"].items() if state["Type"] == "Task"]),
    st.lists(st.sampled_from([FAULT, BAD, HANG, WAITING]), min_size=1, max_size=3),
    max_size=4,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trouble=TROUBLE, first=st.booleans())
def test_whatever_happens_it_ends_and_what_served_before_serves(trouble: dict[str, list[str]], *, first: bool) -> None:
    # Given any few tasks that fail, hang, find the model bad or the endpoint still changing
    world = World(trouble, first=first)
    trace = execute("deployment", deployment_scene(first=first)[0], world.act)
    # Then the execution ends by itself, having undone at most once
    assert trace.status in ("SUCCEEDED", "FAILED")
    assert trace.states.count("RestorePrevious") + trace.states.count("DeleteEndpoint") <= 1
    assert len(world.records) <= 2
    before = None if first else "muster-tumour-old"
    outcome = trace.output["outcome"] if trace.status == "SUCCEEDED" else None
    if outcome == "deployed":
        assert world.serves == world.script["PlanDeployment"]["config_name"]
        assert world.records == ["RecordDeployment"]
    elif not {"UndoFailed", "EndpointStuck"} & set(trace.states):
        # Unless it could not be undone: what served before serves now, whatever the reason.
        assert world.serves == before
    if outcome == "rolled_back":
        assert world.records == ["RecordRolledBack"]
    # and what failed after the claim was recorded, unless recording is what failed
    if trace.status == "FAILED" and "Claimed?" in trace.states:
        assert "RecordFault" in trace.states
