"""The `rollback` workflow: the same steps as a deployment, with another aim."""

from typing import Any

import pytest

from rehearsal.interpreter import Trace
from tests.state_machines.harness import broken, definition, execute, function_calls, transitions
from tests.state_machines.scenes import claim_refused, endpoint, plan_refused, rollback_scene


def _recorded(trace: Trace, state: str) -> dict[str, Any]:
    (sent,) = trace.parameters(state)
    return sent["Payload"]


def test_goes_back_to_the_last_known_good_and_proves_it() -> None:
    trace = execute("rollback", *rollback_scene())
    assert trace.parameters("UpdateEndpoint")[0]["EndpointConfigName"] == "muster-tumour-old"
    assert _recorded(trace, "VerifyDeployment")["phase"] == "rollback"
    record = _recorded(trace, "RecordDeployment")
    assert (record["workflow"], record["verification"]["verdict"]) == ("rollback", "rolled_back")
    assert (trace.status, trace.output["outcome"]) == ("SUCCEEDED", "rolled_back")
    assert (transitions(trace), function_calls(trace)) == (25, 4)


def test_it_makes_no_model_no_configuration_and_no_endpoint() -> None:
    states = set(definition("rollback")["States"])
    assert not states & {"CreateModel", "CreateEndpointConfig", "CreateEndpoint", "DeleteEndpoint"}


def test_it_shares_its_states_with_deployment() -> None:
    # Given the states that both have
    mine, theirs = definition("rollback")["States"], definition("deployment")["States"]
    shared = {"NextWait", "WaitForEndpoint", "DescribeEndpoint", "EndpointSettled?", "CreateAlarms", "VerifyRestore"}
    # Then they are the same, state by state
    for name in shared:
        for field in ("Parameters", "Choices", "Resource", "SecondsPath", "Retry", "ItemProcessor"):
            assert mine[name].get(field) == theirs[name].get(field), name


@pytest.mark.parametrize(
    "change", [{"ClaimEndpoint": claim_refused("busy")}, {"PlanRollback": plan_refused("no history")}]
)
def test_an_endpoint_that_is_busy_or_has_no_past_is_an_outcome(change: dict[str, Any]) -> None:
    input_, script = rollback_scene()
    trace = execute("rollback", input_, {**script, **change})
    assert (trace.status, trace.output["outcome"]) == ("SUCCEEDED", "refused")
    assert "UpdateEndpoint" not in trace.states


def test_a_target_that_is_good_no_more_puts_things_back_and_is_a_failure() -> None:
    # Given a last known good model that answers wrongly
    trace = execute("rollback", *rollback_scene(verdict="unhealthy"))
    # Then what served before serves again, and somebody has to look: nothing was gained
    assert trace.parameters("RestorePrevious")[0]["EndpointConfigName"] == "muster-tumour-new"
    assert (trace.status, trace.error) == ("FAILED", "TargetUnhealthy")
    assert "muster-tumour-new serves again" in trace.cause
    assert _recorded(trace, "RecordFault")["fault"]["error"] == "TargetUnhealthy"


def test_when_neither_serves_well_the_cause_says_so() -> None:
    trace = execute("rollback", *rollback_scene(verdict="unhealthy", restored="unhealthy"))
    assert (trace.status, trace.error) == ("FAILED", "RestoreUnhealthy")


def test_a_fault_after_the_switch_puts_things_back_and_keeps_its_own_cause() -> None:
    input_, script = rollback_scene()
    trace = execute("rollback", input_, {**script, "VerifyDeployment": broken("Boom")})
    assert "VerifyRestore" in trace.states
    assert (trace.status, trace.error) == ("FAILED", "Boom")


def test_an_endpoint_that_never_settles_is_a_failure() -> None:
    input_, script = rollback_scene()
    trace = execute("rollback", input_, {**script, "DescribeEndpoint": endpoint("Updating")})
    assert (trace.status, trace.error) == ("FAILED", "EndpointStuck")


def test_what_cannot_be_put_back_is_tried_once() -> None:
    input_, script = rollback_scene()
    faults = {"VerifyDeployment": broken("Boom"), "RestorePrevious": broken("InUse")}
    trace = execute("rollback", input_, {**script, **faults})
    assert "UndoFailed" in trace.states
    assert (trace.status, trace.error) == ("FAILED", "InUse")


def test_what_cannot_be_explained_or_recorded_still_ends_with_its_fault() -> None:
    input_, script = rollback_scene()
    faults = {
        "VerifyDeployment": broken("Boom", "raw"),
        "ExplainFailure": broken("Worse"),
        "RecordFault": broken("Gone"),
    }
    trace = execute("rollback", input_, {**script, **faults})
    assert (trace.status, trace.error, trace.cause) == ("FAILED", "Boom", "raw")
