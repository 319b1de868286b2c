"""reconcile: what no event reported, and what came of executions that are over."""

import json
from datetime import datetime
from typing import Any

import pytest

from muster import errors
from tests.functions import fakes
from tests.functions.world import ENDPOINT, World, execution


def _reconcile(world: World) -> list[str]:
    return world.call("reconcile", {"time": world.at})["mended"]


def test_nothing_to_mend(world: World) -> None:
    world.deployed()
    assert _reconcile(world) == []
    assert _reconcile(world) == []


def test_an_answer_whose_event_never_came(world: World) -> None:
    registered = world.asked()
    arn = registered["registered"]["package_arn"]
    world.answer(arn)
    (mended,) = _reconcile(world)
    assert mended.startswith(f"approval of {arn}: accepted: approved by anna")
    assert world.stepfunctions.answers["token-1"]["decision"] == "approved"
    assert _reconcile(world) == []


def test_a_self_approval_whose_event_never_came(world: World) -> None:
    registered = world.asked()
    arn = registered["registered"]["package_arn"]
    world.answer(arn, by="sam")
    assert "refused: sam started this run" in _reconcile(world)[0]
    assert world.sagemaker.packages[arn]["ModelApprovalStatus"] == "Rejected"


def test_a_decision_that_nobody_was_told(world: World) -> None:
    registered = world.asked()
    event = world.answer(registered["registered"]["package_arn"])
    world.stepfunctions.fail("send_task_success", fakes.error("KmsInvalidStateException"))
    with pytest.raises(Exception, match="KmsInvalidState"):
        world.call("record_decision", event)
    assert "execution told" in _reconcile(world)[0]
    assert world.stepfunctions.answers["token-1"]["decision"] == "approved"
    assert _reconcile(world) == []


@pytest.mark.parametrize("status", ["FAILED", None])
def test_an_approval_whose_execution_is_over(world: World, status: str | None) -> None:
    registered = world.asked()
    arn = registered["registered"]["package_arn"]
    if status:
        world.stepfunctions.run(execution("pipeline")["arn"], status)
    else:
        world.stepfunctions.executions.clear()
    assert _reconcile(world) == [f"approval of {arn}: void"]
    assert _reconcile(world) == []


def test_people_who_were_not_told(world: World) -> None:
    world.sns.fail("publish", fakes.error("InternalError", status=500))
    registered = world.asked()
    arn = registered["registered"]["package_arn"]
    assert _reconcile(world) == [f"approval of {arn}: people were told"]
    assert _reconcile(world) == []


def test_one_that_cannot_be_mended_does_not_keep_the_others_waiting(world: World) -> None:
    # Given two answers, one of which AWS fails to describe
    first, second = world.asked(), None
    world.later(hours=1)
    second = world.asked(world.registered(world.evaluated(world.trained(world.resolved(name="two"), b"x"))), "token-2")
    for each in (first, second):
        world.answer(each["registered"]["package_arn"])
    world.sagemaker.fail("describe_model_package", fakes.error("ThrottlingException"))
    # When the sweep runs
    assert len(_reconcile(world)) == 1
    # Then the other one is mended, and the next sweep mends the first
    assert len(_reconcile(world)) == 1


def test_what_a_dead_execution_holds_is_freed(world: World) -> None:
    claim = world.claim(world.request(world.approved()))
    assert _reconcile(world) == []
    world.stepfunctions.run(execution("deployment")["arn"], "ABORTED")
    assert _reconcile(world) == [
        f"deployment of {claim['package_arn']} to {ENDPOINT}: failed",
        f"lease of {ENDPOINT}: freed, {execution('deployment')['arn']} is over",
    ]
    assert world.endpoints.lease(ENDPOINT) is None


def test_a_lease_of_an_execution_that_nobody_knows_is_freed_when_it_ends(world: World) -> None:
    world.claim(world.request(world.approved()))
    world.stepfunctions.executions = {
        arn: each for arn, each in world.stepfunctions.executions.items() if "deployment" not in arn
    }
    assert _reconcile(world) == []
    world.later(hours=12)
    assert any("freed" in each for each in _reconcile(world))


def _stopped(world: World, name: str, workflow: str = "deployment") -> None:
    """What a stop leaves: the execution is over, and `settle_execution` has freed the endpoint."""
    arn = execution(workflow, name)["arn"]
    world.stepfunctions.run(arn, "ABORTED")
    world.call(
        "settle_execution", world.event("aws.states", "Step Functions Execution Status Change", {"executionArn": arn})
    )


def _second_planned(world: World) -> dict[str, Any]:
    world.deployed()
    world.later(hours=1)
    return world.planned(world.challenger("two", b"better"), "two")


def test_a_stopped_deployment_that_serves_after_all_is_recorded_and_announced(world: World) -> None:
    # Given a deployment that was stopped while SageMaker shifted the traffic
    planned = _second_planned(world)
    world.shift(planned["plan"])
    config, claim = planned["plan"]["config_name"], planned["claim"]
    world.sagemaker.endpoints[ENDPOINT]["EndpointStatus"] = "Updating"
    _stopped(world, "two")
    assert _reconcile(world) == []
    # When the endpoint has settled on the new configuration
    world.sagemaker.endpoints[ENDPOINT]["EndpointStatus"] = "InService"
    assert _reconcile(world) == [f"deployment of {config} to {ENDPOINT}: it serves, recorded"]
    # Then ledger and listeners know
    live = world.endpoints.live(ENDPOINT)
    assert live is not None
    assert (live.config_name, live.outcome) == (config, "deployed")
    assert live.reasons[0] == "the execution ended ABORTED without recording it"
    mark = world.endpoints.mark(ENDPOINT, claim["package_arn"], claim["evidence_digest"])
    assert mark is not None
    assert mark.status == "deployed"
    told = world.events.put[-1]
    assert (told.detail_type, told.detail["config_name"]) == ("ModelDeployed", config)
    assert _reconcile(world) == []


def test_a_stopped_deployment_that_does_not_serve_is_recorded_as_failed(world: World) -> None:
    planned = _second_planned(world)
    before, announced = world.endpoints.live(ENDPOINT), len(world.events.put)
    _stopped(world, "two")
    assert _reconcile(world) == [f"deployment of {planned['plan']['config_name']} to {ENDPOINT}: failed, recorded"]
    assert world.endpoints.history(ENDPOINT)[0].outcome == "failed"
    assert (world.endpoints.live(ENDPOINT), len(world.events.put)) == (before, announced)


def test_what_a_stopped_deployment_left_waits_while_another_holds_the_endpoint(world: World) -> None:
    claim = _second_planned(world)["claim"]
    _stopped(world, "two")
    again = {"model_package_arn": claim["package_arn"], "evidence_digest": claim["evidence_digest"]}
    assert world.claim(again, name="three")["status"] == "claimed"
    assert _reconcile(world) == []


def test_a_stopped_rollback_that_serves_after_all_is_announced_as_one(world: World) -> None:
    first = world.deployed()
    world.deployed(world.challenger("two", b"better"), "two")
    claim = world.claim({"endpoint": ENDPOINT}, name="back", workflow="rollback")
    plan = world.call("plan_rollback", {"claim": claim, **world.step("rollback", "back")})
    assert plan["config_name"] == first["plan"]["config_name"]
    world.shift(plan)
    _stopped(world, "back", "rollback")
    assert _reconcile(world) == [f"rollback of {plan['config_name']} to {ENDPOINT}: it serves, recorded"]
    live = world.endpoints.live(ENDPOINT)
    assert live is not None
    assert (live.config_name, live.outcome) == (plan["config_name"], "rolled_back")
    assert world.events.put[-1].detail_type == "ModelRolledBack"


def test_a_sweep_needs_its_time(world: World) -> None:
    with pytest.raises(errors.ContractError, match="time: found 'now', wanted an ISO 8601 time"):
        world.call("reconcile", {"time": "now"})


# -- what is measured after a sweep
def _measured(world: World, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    _reconcile(world)
    (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines() if '"_aws"' in each]
    return line


def test_a_quiet_installation_measures_zeros_and_names_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given an endpoint that serves ; When a sweep has passed ; Then CloudWatch gets zeros, so that silence means trouble
    world.deployed()
    world.stepfunctions.executions.clear()
    line = _measured(world, capsys)
    described = line.pop("_aws")["CloudWatchMetrics"]
    units = [("ApprovalWaitUsed", "Percent"), ("LeaseOverdue", "Seconds"), ("StuckExecutions", "Count")]
    assert described == [
        {
            "Namespace": "Muster",
            "Dimensions": [["service"]],
            "Metrics": [{"Name": name, "Unit": unit} for name, unit in units],
        }
    ]
    assert line == {"service": "muster", "ApprovalWaitUsed": [0.0], "LeaseOverdue": [0.0], "StuckExecutions": [0.0]}


def test_an_open_question_and_its_pipeline(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    # Given a question that nobody answers
    registered = world.asked()
    approval = world.approvals.standing(registered["registered"]["package_arn"])
    # When it has expired, and what should have ended its execution did not
    world.later(seconds=(approval.expires_at - world.now).total_seconds())
    assert _measured(world, capsys)["StuckExecutions"] == [0.0]
    world.later(days=9)
    # Then it has used up its wait, and the pipeline that waits for it is stuck
    line = _measured(world, capsys)
    assert (line["ApprovalWaitUsed"], line["StuckExecutions"]) == ([100.0], [1.0])


def test_a_lease_past_its_end_whose_owner_runs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    claim = world.claim(world.request(world.approved()))
    lease = world.endpoints.lease(ENDPOINT)
    assert lease is not None
    assert claim["lease_expires_at"] == lease.expires_at
    world.later(hours=12)
    line = _measured(world, capsys)
    assert line["LeaseOverdue"][0] == (world.now - datetime.fromisoformat(lease.expires_at)).total_seconds() > 0
    assert world.endpoints.lease(ENDPOINT) is not None


def test_an_execution_that_was_redriven_is_as_young_as_its_redrive(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.later(days=3)
    machine = execution("retraining")["arn"]
    world.stepfunctions.run(machine)
    assert _measured(world, capsys)["StuckExecutions"] == [1.0]
    world.stepfunctions.run(machine, redriveDate=world.now, redriveCount=1)
    assert _measured(world, capsys)["StuckExecutions"] == [0.0]
