"""record_deployment and move_champion: what is recorded is what the endpoint says."""

from typing import Any

import pytest

from muster import errors, naming
from tests.functions.world import ENDPOINT, IMAGE, MODEL, World, execution


def _history(world: World) -> list[tuple[str, str, str | None]]:
    return [(each.workflow, each.outcome, each.config_name) for each in world.endpoints.history(ENDPOINT)]


def _mark(world: World, planned: dict[str, Any]) -> str:
    claim = planned["claim"]
    found = world.endpoints.mark(ENDPOINT, claim["package_arn"], claim["evidence_digest"])
    assert found is not None
    return found.status


FAULT = {"error": "EndpointStuck", "cause": "it never settled", "kind": "timeout"}


def test_a_deployment_is_recorded_announced_and_freed(world: World) -> None:
    planned = world.planned()
    world.shift(planned["plan"])
    result = world.record(**planned, verification=world.verify(planned["plan"]))
    config = planned["plan"]["config_name"]
    assert (result["outcome"], result["config_name"]) == ("deployed", config)
    assert _history(world) == [("deployment", "deployed", config)]
    live = world.endpoints.live(ENDPOINT)
    assert live is not None
    assert (live.config_name, live.model, live.model_name) == (config, MODEL, config)
    assert live.artifact_digest == planned["plan"]["artifact_digest"]
    assert _mark(world, planned) == "deployed"
    assert world.endpoints.lease(ENDPOINT) is None
    (event,) = world.events.put
    assert event.detail_type == "ModelDeployed"
    assert event.detail["package_arn"] == planned["claim"]["package_arn"]
    assert event.detail["config_name"] == config


def test_recording_again_is_harmless(world: World) -> None:
    planned = world.planned()
    world.shift(planned["plan"])
    verification = world.verify(planned["plan"])
    first = world.record(**planned, verification=verification)
    assert world.record(**planned, verification=verification) == first
    assert len(_history(world)) == 1
    assert _mark(world, planned) == "deployed"


def test_when_the_event_is_not_taken_the_lease_stays_until_the_next_try(world: World) -> None:
    planned = world.planned()
    world.shift(planned["plan"])
    verification = world.verify(planned["plan"])
    world.events.refuse = True
    with pytest.raises(errors.Transient, match="PutEvents: InternalFailure"):
        world.record(**planned, verification=verification)
    assert world.endpoints.lease(ENDPOINT) is not None
    world.events.refuse = False
    world.record(**planned, verification=verification)
    assert world.endpoints.lease(ENDPOINT) is None
    assert len(world.events.put) == 1


class TestASecondDeployment:
    @pytest.fixture
    def first(self, world: World) -> dict[str, Any]:
        return world.deployed()

    @pytest.fixture
    def second(self, world: World, first: dict[str, Any]) -> dict[str, Any]:
        planned = world.planned(world.challenger("two", b"other"), name="two")
        world.shift(planned["plan"])
        return planned

    def test_rolled_back_by_sagemaker(self, world: World, first: dict[str, Any], second: dict[str, Any]) -> None:
        world.sagemaker.serve(ENDPOINT, first["plan"]["config_name"], IMAGE)
        result = world.record("two", **second, verification=world.verify(second["plan"]))
        # Then the first still serves, and is announced as what serves
        assert result["outcome"] == "rolled_back"
        live = world.endpoints.live(ENDPOINT)
        assert live is not None
        assert live.config_name == first["plan"]["config_name"]
        assert _mark(world, second) == "rolled_back"
        event = world.events.put[-1]
        assert (event.detail_type, event.detail["package_arn"]) == ("ModelRolledBack", first["claim"]["package_arn"])
        assert event.detail["config_name"] == first["plan"]["config_name"]

    def test_a_fault_before_the_switch(self, world: World, first: dict[str, Any], second: dict[str, Any]) -> None:
        world.sagemaker.serve(ENDPOINT, first["plan"]["config_name"], IMAGE)
        announced = len(world.events.put)
        result = world.record("two", **second, fault=FAULT)
        assert result["outcome"] == "rolled_back"
        assert "EndpointStuck: it never settled" in result["reasons"][0]
        assert f"InService on {first['plan']['config_name']}" in result["reasons"][1]
        assert _history(world)[0] == ("deployment", "failed", second["plan"]["config_name"])
        live = world.endpoints.live(ENDPOINT)
        assert live is not None
        assert live.config_name == first["plan"]["config_name"]
        assert (_mark(world, second), world.endpoints.lease(ENDPOINT)) == ("failed", None)
        assert len(world.events.put) == announced

    def test_a_fault_after_the_switch(self, world: World, second: dict[str, Any]) -> None:
        """The new one serves, whatever went wrong: the record says so."""
        result = world.record("two", **second, fault=FAULT)
        assert result["outcome"] == "deployed"
        live = world.endpoints.live(ENDPOINT)
        assert live is not None
        assert (live.config_name, live.outcome) == (second["plan"]["config_name"], "failed")

    def test_a_record_that_was_undone_does_not_stay_live(
        self, world: World, first: dict[str, Any], second: dict[str, Any]
    ) -> None:
        # Given a deployment recorded as live, whose recording then failed at the event
        world.events.refuse = True
        with pytest.raises(errors.Transient):
            world.record(**second, verification=world.verify(second["plan"]))
        world.events.refuse = False
        # When the workflow restores the previous configuration and records the fault
        world.sagemaker.serve(ENDPOINT, first["plan"]["config_name"], IMAGE)
        world.record(**second, fault=FAULT)
        # Then the ledger says what serves
        live = world.endpoints.live(ENDPOINT)
        assert live is not None
        assert live.config_name == first["plan"]["config_name"]

    def test_alarms_of_what_serves_and_of_the_last_good_stay(
        self, world: World, first: dict[str, Any], second: dict[str, Any]
    ) -> None:
        # Given three deployments and alarms of a neighbour with a similar name
        neighbour = f"{naming.alarm_prefix('muster-dev', ENDPOINT + '-b')}0123456789ab-error-count"
        world.cloudwatch.alarms.append(neighbour)
        world.record("two", **second, verification=world.verify(second["plan"]))
        third = world.planned(world.challenger("three", b"third"), name="three")
        world.shift(third["plan"])
        world.later(minutes=1)
        world.record("three", **third, verification=world.verify(third["plan"]))
        # Then the first one's alarms are gone, its configuration is not
        kept = {each["AlarmName"] for plan in (second, third) for each in plan["plan"]["alarms"]}
        assert set(world.cloudwatch.alarms) == {*kept, neighbour}
        assert first["plan"]["config_name"] in world.sagemaker.configs

    def test_alarms_stay_while_the_endpoint_changes(self, world: World, second: dict[str, Any]) -> None:
        before = list(world.cloudwatch.alarms)
        world.sagemaker.endpoints[ENDPOINT]["EndpointStatus"] = "Updating"
        world.record("two", **second, fault=FAULT)
        assert world.cloudwatch.alarms == before

    def test_a_rollback_takes_the_deployed_mark_away(
        self, world: World, first: dict[str, Any], second: dict[str, Any]
    ) -> None:
        world.record("two", **second, verification=world.verify(second["plan"]))
        world.later(minutes=5)
        claim = world.claim({"endpoint": ENDPOINT}, "rollback", "back")
        plan = world.call("plan_rollback", {"claim": claim, **world.step("rollback", "back")})
        world.shift(plan)
        result = world.record("back", "rollback", claim=claim, plan=plan, verification=world.verify(plan, "rollback"))
        assert result["outcome"] == "rolled_back"
        assert _mark(world, second) == "rolled_back"
        assert _mark(world, first) == "deployed"
        live = world.endpoints.live(ENDPOINT)
        assert live is not None
        assert (live.workflow, live.config_name) == ("rollback", first["plan"]["config_name"])
        # And from here there is nowhere further to go back to
        world.later(minutes=5)
        claim = world.claim({"endpoint": ENDPOINT}, "rollback", "again")
        plan = world.call("plan_rollback", {"claim": claim, **world.step("rollback", "again")})
        assert plan["status"] == "refused"


def test_a_first_model_that_was_not_fit_leaves_nothing(world: World) -> None:
    planned = world.planned()
    world.shift(planned["plan"])
    world.runtime.answer = "nan"
    verification = world.verify(planned["plan"])
    world.sagemaker.endpoints.clear()
    result = world.record(**planned, verification=verification)
    assert result["outcome"] == "rolled_back"
    assert result["reasons"][-1] == f"there is no endpoint {ENDPOINT}"
    assert world.endpoints.live(ENDPOINT) is None
    assert not world.events.put
    assert _mark(world, planned) == "failed"


def test_a_refused_plan_is_recorded_and_frees_the_endpoint(world: World) -> None:
    approved = world.approved()
    claim = world.claim(world.request(approved))
    world.sagemaker.packages[claim["package_arn"]]["ModelApprovalStatus"] = "Rejected"
    plan = world.call("plan_deployment", {"claim": claim, **world.step()})
    result = world.record(claim=claim, plan=plan)
    assert result["outcome"] == "refused"
    assert "found Rejected in the registry" in result["reasons"][0]
    assert world.endpoints.lease(ENDPOINT) is None
    assert _mark(world, {"claim": claim}) == "failed"
    assert _history(world) == [("deployment", "refused", None)]


def test_a_refused_claim_frees_nobody_elses_lease(world: World) -> None:
    approved = world.approved()
    world.claim(world.request(approved), name="first")
    refused = world.claim(world.request(approved), name="second")
    result = world.record("second", claim=refused)
    assert result["outcome"] == "refused"
    lease = world.endpoints.lease(ENDPOINT)
    assert lease is not None
    assert lease.owner == execution("deployment", "first")["arn"]
    assert _mark(world, {"claim": refused}) == "in_progress"


def test_nothing_verified_is_no_success(world: World) -> None:
    planned = world.planned()
    world.shift(planned["plan"])
    assert world.record(**planned)["outcome"] == "rolled_back"
    assert _history(world)[0][1] == "failed"


def test_a_record_needs_its_claim(world: World) -> None:
    with pytest.raises(errors.ContractError, match="claim: found nothing"):
        world.call("record_deployment", {"workflow": "deployment", **world.step()})


# -- move_champion -----------------------------------------------------------------------------------------------------
def test_the_pointer_names_what_serves(world: World) -> None:
    planned = world.deployed()
    champion = world.item(f"MODEL#{MODEL}", "CHAMPION")
    assert champion is not None
    assert champion["artifact_digest"] == planned["plan"]["artifact_digest"]
    assert (champion["entry_point"], champion["endpoint"]) == ("inference.py", ENDPOINT)
    assert champion["image_uri"] == IMAGE


def test_a_late_event_does_not_move_it_back(world: World) -> None:
    world.deployed()
    early = dict(world.events.put[-1].detail)
    second = world.deployed(world.challenger("two", b"other"), name="two")
    answer = world.call("move_champion", world.event("muster", "ModelDeployed", early))
    assert answer == {"moved": False, "reason": answer["reason"]}
    champion = world.item(f"MODEL#{MODEL}", "CHAMPION")
    assert champion is not None
    assert champion["package_arn"] == second["claim"]["package_arn"]
    # And the same event twice is fine
    assert world.call("move_champion", world.event("muster", "ModelDeployed", world.events.put[-1].detail))["moved"]


def test_what_serves_has_to_be_in_the_registry(world: World) -> None:
    world.deployed()
    event = world.event("muster", "ModelDeployed", world.events.put[-1].detail)
    event["detail"]["evidence_digest"] = "0" * 64
    with pytest.raises(errors.DigestMismatch, match="wanted 0000"):
        world.call("move_champion", event)
    world.sagemaker.packages.clear()
    with pytest.raises(errors.NotFound, match="wanted the one that serves"):
        world.call("move_champion", event)


@pytest.mark.parametrize(
    "event",
    [
        {"detail-type": "ModelApproved", "detail": {}, "time": "2026-11-21T12:00:00Z"},
        {"detail-type": "ModelDeployed", "detail": {"model": MODEL}, "time": "2026-11-21T12:00:00Z"},
        {"detail-type": "ModelDeployed", "detail": None, "time": "2026-11-21T12:00:00Z"},
    ],
)
def test_a_bad_event_moves_nothing(world: World, event: dict[str, Any]) -> None:
    with pytest.raises(errors.ContractError):
        world.call("move_champion", event)
