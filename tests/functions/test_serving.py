"""claim_endpoint, plan_deployment, plan_rollback and verify_deployment."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from checks import shapes
from muster import errors, naming
from muster.contracts.base import iso
from tests.functions import fakes
from tests.functions.world import ENDPOINT, IMAGE, MODEL, World, bucket, execution

LEASE = f"ENDPOINT#{ENDPOINT}"


# -- claim_endpoint: deployment ----------------------------------------------------------------------------------------
def test_an_approved_package_claims_its_endpoint(world: World) -> None:
    approved = world.approved()
    claim = world.claim(world.request(approved))
    assert (claim["status"], claim["endpoint"], claim["model"]) == ("claimed", ENDPOINT, MODEL)
    lease = world.endpoints.lease(ENDPOINT)
    assert lease is not None
    assert lease.owner == execution("deployment")["arn"]
    assert lease.expires_at == claim["lease_expires_at"] > iso(world.now)
    mark = world.endpoints.mark(ENDPOINT, claim["package_arn"], claim["evidence_digest"])
    assert mark is not None
    assert mark.status == "in_progress"


def test_the_spec_may_name_the_endpoint(world: World) -> None:
    world.publish(rollout__endpoint="second-reader")
    assert world.claim(world.request(world.approved()))["endpoint"] == "second-reader"


def test_the_same_execution_may_claim_again(world: World) -> None:
    request = world.request(world.approved())
    first = world.claim(request)
    world.later(seconds=30)
    again = world.claim(request)
    assert again["status"] == "claimed"
    assert again["lease_expires_at"] > first["lease_expires_at"]


def test_a_second_start_is_refused_in_progress_then_deployed(world: World) -> None:
    approved = world.approved()
    world.claim(world.request(approved), name="first")
    second = world.claim(world.request(approved), name="second")
    assert second["status"] == "refused"
    assert "already in progress" in second["reason"]
    assert execution("deployment", "first")["arn"] in second["reason"]


def test_a_late_duplicate_of_the_event_is_refused_deployed(world: World) -> None:
    approved = world.approved()
    world.deployed(approved)
    world.later(days=90)
    late = world.claim(world.request(approved), name="late")
    assert late["status"] == "refused"
    assert "already deployed" in late["reason"]
    assert late["package_arn"] == approved["registered"]["package_arn"]


def test_what_was_rolled_back_comes_back_by_hand_only(world: World) -> None:
    # Given a deployment that SageMaker rolled back
    approved = world.approved()
    request = world.request(approved)
    planned = world.planned(approved)
    verdict = {"verdict": "rolled_back", "reasons": ["alarm"]}
    world.record(**planned, verification=verdict)
    # When the event that approved it is delivered once more
    late = world.claim({**request, "run": approved["run"]["run"]}, name="late")
    # Then it stays out; a person may try it again
    assert late["status"] == "refused"
    assert "deployed and rolled back (start a deployment by hand" in late["reason"]
    assert world.claim(request, name="by-hand")["status"] == "claimed"


def test_a_busy_endpoint_is_refused_and_may_be_asked_again(world: World) -> None:
    # Given a deployment that holds the endpoint
    first = world.approved()
    world.claim(world.request(first), name="first")
    # When another version wants it
    second = _other_package(world, first)
    refused = world.claim(second, name="second")
    # Then it is refused, and nothing of it stays
    assert refused["status"] == "refused"
    assert "is busy: deployment" in refused["reason"]
    mark = world.endpoints.mark(ENDPOINT, second["model_package_arn"], second["evidence_digest"])
    assert mark is not None
    assert mark.status == "failed"
    # And when the endpoint is free, it may have it
    world.endpoints.release(ENDPOINT, execution("deployment", "first")["arn"])
    assert world.claim(second, name="third")["status"] == "claimed"


def test_a_lease_past_its_end_is_free(world: World) -> None:
    first = world.approved()
    world.claim(world.request(first), name="first")
    world.later(hours=12)
    assert world.claim(_other_package(world, first), name="second")["status"] == "claimed"


def _other_package(world: World, approved: dict[str, Any]) -> dict[str, Any]:
    """The request of another approved package of the same model."""
    arn = approved["registered"]["package_arn"]
    package = dict(world.sagemaker.packages[arn])
    other = arn.rpartition("/")[0] + "/9"
    package |= {"ModelPackageArn": other, "ModelPackageVersion": 9}
    world.sagemaker.packages[other] = package
    return {**world.request(approved), "model_package_arn": other}


def test_a_package_that_is_not_there_is_refused(world: World) -> None:
    request = world.request(world.approved())
    request["model_package_arn"] = request["model_package_arn"].replace("/1", "/7")
    claim = world.claim(request)
    assert (claim["status"], claim["endpoint"]) == ("refused", ENDPOINT)
    assert "found none in the registry" in claim["reason"]
    assert world.endpoints.lease(ENDPOINT) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"evidence_digest": "0" * 64}, "evidence: found"), ({"model": "other"}, "model: found tumour, wanted other")],
)
def test_another_package_than_asked_for_is_refused(world: World, changes: dict[str, Any], words: str) -> None:
    claim = world.claim({**world.request(world.approved()), **changes})
    assert claim["status"] == "refused"
    assert words in claim["reason"]


def test_a_package_without_evidence_is_refused(world: World) -> None:
    approved = world.approved()
    name, key = naming.split_s3_uri(approved["registered"]["evidence_uri"])
    world.s3.put_object(Bucket=name, Key=key, Body=b"{}")
    claim = world.claim(world.request(approved))
    assert claim["status"] == "refused"
    assert "evidence.json: found sha256" in claim["reason"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"request": {}}, "DeploymentRequest: model_package_arn: found nothing"),
        ({"request": None}, "request: found null, wanted a mapping"),
        ({"workflow": "party"}, "workflow: found 'party', wanted 'deployment' or 'rollback'"),
        ({"entered_at": None}, "entered_at"),
    ],
)
def test_a_bad_claim_ends_in_one_line(world: World, changes: dict[str, Any], words: str) -> None:
    event = {"request": {"endpoint": ENDPOINT}, "workflow": "deployment", **world.step(), **changes}
    with pytest.raises(errors.ContractError, match=words):
        world.call("claim_endpoint", event)


# -- claim_endpoint: rollback ------------------------------------------------------------------------------------------
def test_a_rollback_claims_an_endpoint_that_muster_deployed(world: World) -> None:
    world.deployed()
    claim = world.claim({"endpoint": ENDPOINT, "reason": "complaints"}, "rollback")
    assert (claim["status"], claim["model"]) == ("claimed", MODEL)
    assert claim["package_arn"] is None


def test_nothing_to_roll_back(world: World) -> None:
    claim = world.claim({"endpoint": "unknown"}, "rollback")
    assert claim["status"] == "refused"
    assert "found nothing that Muster deployed" in claim["reason"]


def test_a_rollback_waits_for_nobody(world: World) -> None:
    first = world.approved()
    world.deployed(first)
    world.claim(_other_package(world, first), name="two")
    claim = world.claim({"endpoint": ENDPOINT}, "rollback", "back")
    assert claim["status"] == "refused"
    assert "is busy: deployment" in claim["reason"]


def test_only_an_alarm_of_what_serves_rolls_back(world: World) -> None:
    planned = world.deployed()
    (alarm, _) = (each["AlarmName"] for each in planned["plan"]["alarms"])
    stale = alarm.replace(planned["plan"]["config_name"].rpartition("-")[2], "0123456789ab")
    refused = world.claim({"endpoint": ENDPOINT, "reason": f"alarm {stale}"}, "rollback", "stale")
    assert refused["status"] == "refused"
    assert "watches a configuration that does not serve" in refused["reason"]
    assert world.claim({"endpoint": ENDPOINT, "reason": f"alarm {alarm}"}, "rollback", "real")["status"] == "claimed"


# -- plan_deployment ---------------------------------------------------------------------------------------------------
def test_a_first_deployment_creates_the_endpoint(world: World) -> None:
    plan = world.planned()["plan"]
    assert (plan["status"], plan["endpoint_exists"], plan["previous_config"]) == ("ready", False, None)
    assert plan["model_request"]["PrimaryContainer"]["Image"] == IMAGE
    for operation, request in (
        ("CreateModel", plan["model_request"]),
        ("CreateEndpointConfig", plan["config_request"]),
        *(("PutMetricAlarm", each) for each in plan["alarms"]),
    ):
        service = "cloudwatch" if operation == "PutMetricAlarm" else "sagemaker"
        assert not shapes.problems(service, operation, request)


def test_a_second_deployment_updates_it(world: World) -> None:
    first = world.deployed()
    plan = world.planned(world.challenger("two", b"other"), name="two")["plan"]
    assert (plan["endpoint_exists"], plan["previous_config"]) == (True, first["plan"]["config_name"])


class TestPreflight:
    """Registry and ledger both have to say yes to exactly what is there."""

    @pytest.fixture
    def claimed(self, world: World) -> dict[str, Any]:
        return {"claim": world.claim(world.request(world.approved())), **world.step()}

    @pytest.fixture
    def package(self, world: World, claimed: dict[str, Any]) -> dict[str, Any]:
        return world.sagemaker.packages[claimed["claim"]["package_arn"]]

    def _refused(self, world: World, claimed: dict[str, Any]) -> str:
        plan = world.call("plan_deployment", claimed)
        assert plan["status"] == "refused"
        assert plan["model_request"] is None
        return plan["reason"]

    def test_the_registry_says_no(self, world: World, claimed: dict[str, Any], package: dict[str, Any]) -> None:
        package["ModelApprovalStatus"] = "Rejected"
        assert "found Rejected in the registry, wanted Approved" in self._refused(world, claimed)

    @pytest.mark.parametrize("status", ["pending", "rejected", "expired", "void"])
    def test_the_ledger_says_no(self, world: World, claimed: dict[str, Any], status: str) -> None:
        key = (f"PACKAGE#{claimed['claim']['package_arn']}", "APPROVAL")
        world.dynamodb.items[key]["status"] = {"S": status}
        assert f"found {status} in the ledger" in self._refused(world, claimed)

    def test_the_ledger_says_nothing(self, world: World, claimed: dict[str, Any]) -> None:
        del world.dynamodb.items[(f"PACKAGE#{claimed['claim']['package_arn']}", "APPROVAL")]
        assert "found no approval in the ledger" in self._refused(world, claimed)

    def test_the_ledger_approved_other_evidence(self, world: World, claimed: dict[str, Any]) -> None:
        key = (f"PACKAGE#{claimed['claim']['package_arn']}", "APPROVAL")
        world.dynamodb.items[key]["evidence_digest"] = {"S": "0" * 64}
        assert "found evidence 0000" in self._refused(world, claimed)

    def test_the_evidence_is_gone(self, world: World, claimed: dict[str, Any], package: dict[str, Any]) -> None:
        name, key = naming.split_s3_uri(package["CustomerMetadataProperties"]["evidence_uri"])
        world.s3.delete_object(Bucket=name, Key=key)
        assert "found nothing there" in self._refused(world, claimed)
        del package["CustomerMetadataProperties"]["evidence_uri"]
        assert "found no evidence, wanted a package that Muster registered" in self._refused(world, claimed)

    def test_the_package_is_gone(self, world: World, claimed: dict[str, Any]) -> None:
        world.sagemaker.packages.clear()
        assert "found none in the registry" in self._refused(world, claimed)

    def test_the_package_names_other_evidence(
        self, world: World, claimed: dict[str, Any], package: dict[str, Any]
    ) -> None:
        package["CustomerMetadataProperties"]["evidence_digest"] = "0" * 64
        assert "found evidence 0000" in self._refused(world, claimed)

    def test_the_artifact_is_another(self, world: World, claimed: dict[str, Any], package: dict[str, Any]) -> None:
        uri = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
        name, key = naming.split_s3_uri(uri)
        world.s3.put_object(Bucket=name, Key=key, Body=b"exchanged")
        assert "found sha256" in self._refused(world, claimed)
        world.s3.delete_object(Bucket=name, Key=key)
        assert "found nothing there" in self._refused(world, claimed)

    @pytest.mark.parametrize(("member", "value"), [("ModelDataUrl", "s3://elsewhere/model"), ("Image", "other")])
    def test_the_package_points_elsewhere(
        self, world: World, claimed: dict[str, Any], package: dict[str, Any], member: str, value: str
    ) -> None:
        package["InferenceSpecification"]["Containers"][0][member] = value
        assert f"found {value}, wanted" in self._refused(world, claimed)

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            ("Updating", "it is busy"),
            ("RollingBack", "it is busy"),
            ("UpdateRollbackFailed", "a person"),
            ("Failed", "a person"),
        ],
    )
    def test_the_endpoint_cannot_be_updated(
        self, world: World, claimed: dict[str, Any], status: str, words: str
    ) -> None:
        world.sagemaker.serve(ENDPOINT, "config", IMAGE, status)
        reason = self._refused(world, claimed)
        assert f"found status {status}, wanted InService" in reason
        assert words in reason

    def test_there_would_be_no_way_back(self, world: World, claimed: dict[str, Any]) -> None:
        world.sagemaker.serve(ENDPOINT, "deleted-config", IMAGE)
        assert "deleted-config was deleted, so there would be no way back" in self._refused(world, claimed)


def test_a_claim_without_package_cannot_be_planned(world: World) -> None:
    claim = {"status": "claimed", "endpoint": ENDPOINT}
    with pytest.raises(errors.ContractError, match="claim: found no package_arn"):
        world.call("plan_deployment", {"claim": claim, **world.step()})


# -- plan_rollback -----------------------------------------------------------------------------------------------------
def _plan_back(world: World) -> dict[str, Any]:
    claim = world.claim({"endpoint": ENDPOINT}, "rollback", "back")
    return world.call("plan_rollback", {"claim": claim, **world.step("rollback", "back")})


def test_the_way_back_leads_to_the_last_known_good(world: World) -> None:
    first = world.deployed()
    second = world.deployed(world.challenger("two", b"other"), name="two")
    plan = _plan_back(world)
    assert (plan["status"], plan["config_name"]) == ("ready", first["plan"]["config_name"])
    assert plan["previous_config"] == second["plan"]["config_name"]
    assert plan["model_request"] is None
    assert plan["expected"]["image_digest"] == first["plan"]["expected"]["image_digest"]


def test_the_first_deployment_has_no_way_back(world: World) -> None:
    world.deployed()
    plan = _plan_back(world)
    assert plan["status"] == "refused"
    assert "found no last known good" in plan["reason"]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("config", "its endpoint configuration was deleted"),
        ("model", "was deleted"),
        ("revoked", "found Rejected in the registry"),
        ("artifact", "found nothing there"),
    ],
)
def test_a_good_one_that_cannot_serve_any_more_is_no_way_back(world: World, what: str, words: str) -> None:
    first = world.deployed()
    world.deployed(world.challenger("two", b"other"), name="two")
    if what == "config":
        del world.sagemaker.configs[first["plan"]["config_name"]]
    elif what == "model":
        del world.sagemaker.models[first["plan"]["model_request"]["ModelName"]]
    elif what == "revoked":
        world.sagemaker.packages[first["claim"]["package_arn"]]["ModelApprovalStatus"] = "Rejected"
    else:
        world.s3.delete_object(Bucket=bucket("records"), Key=naming.artifact_key(first["plan"]["artifact_digest"]))
    plan = _plan_back(world)
    assert plan["status"] == "refused"
    assert words in plan["reason"]


def test_the_next_good_one_is_taken(world: World) -> None:
    # Given three deployments, the middle one revoked
    first = world.deployed()
    second = world.deployed(world.challenger("two", b"second"), name="two")
    world.deployed(world.challenger("three", b"third"), name="three")
    world.sagemaker.packages[second["claim"]["package_arn"]]["ModelApprovalStatus"] = "Rejected"
    # Then the way back leads to the first
    assert _plan_back(world)["config_name"] == first["plan"]["config_name"]


@pytest.mark.parametrize("status", ["Updating", None])
def test_an_endpoint_that_cannot_be_rolled_back_now(world: World, status: str | None) -> None:
    world.deployed()
    claim = world.claim({"endpoint": ENDPOINT}, "rollback", "back")
    if status:
        world.sagemaker.endpoints[ENDPOINT]["EndpointStatus"] = status
    else:
        world.sagemaker.endpoints.clear()
    plan = world.call("plan_rollback", {"claim": claim, **world.step("rollback", "back")})
    assert plan["status"] == "refused"


# -- verify_deployment -------------------------------------------------------------------------------------------------
@pytest.fixture
def plan(world: World) -> dict[str, Any]:
    found = world.planned()["plan"]
    world.shift(found)
    return found


def test_what_was_planned_serves(world: World, plan: dict[str, Any]) -> None:
    verification = world.verify(plan)
    assert verification["verdict"] == "deployed"
    (asked,) = world.runtime.of("invoke_endpoint")
    assert asked["InferenceId"] == "muster-golden-1"  # captured, it is no traffic
    assert (asked["EndpointName"], asked["ContentType"], asked["Body"]) == (ENDPOINT, "text/csv", b"1.0,2.0\n")


def test_a_silent_rollback_is_no_success(world: World) -> None:
    first = world.deployed()
    plan = world.planned(world.challenger("two", b"other"), name="two")["plan"]
    world.shift(plan)
    world.sagemaker.serve(ENDPOINT, first["plan"]["config_name"], IMAGE)
    verification = world.verify(plan)
    assert verification["verdict"] == "rolled_back"
    assert "still serves the previous configuration" in verification["reasons"][0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("0.1\n", "found 0.1, wanted 0.5 to 1"),
        ("nan\n", "found nan"),
        ("sorry", "found 'sorry', wanted 1 number"),
        ("0.9,0.1\n", "found 2 numbers, wanted 1"),
        (fakes.error("ModelError", OriginalStatusCode=500, OriginalMessage="boom"), "found HTTP status 500"),
        (fakes.error("ModelNotReadyException", "no instance", status=429), "found HTTP status 503"),
        (fakes.error("ValidationError", "body"), "found HTTP status 400"),
    ],
)
def test_insane_answers_are_unhealthy(world: World, plan: dict[str, Any], answer: Any, words: str) -> None:
    world.runtime.answer = answer
    verification = world.verify(plan)
    assert verification["verdict"] == "unhealthy"
    assert words in verification["reasons"][0]


def test_a_fault_of_the_runtime_is_transient(world: World, plan: dict[str, Any]) -> None:
    world.runtime.answer = fakes.error("ServiceUnavailable", "later", status=503)
    with pytest.raises(errors.Transient, match="ServiceUnavailable"):
        world.verify(plan)


def test_another_image_artifact_or_weight_is_unhealthy(world: World, plan: dict[str, Any]) -> None:
    variant = world.sagemaker.endpoints[ENDPOINT]["ProductionVariants"][0]
    variant["DeployedImages"] = [{"ResolvedImage": "repository@sha256:" + "2" * 64}]
    variant["CurrentWeight"] = 0.5
    variant["CurrentInstanceCount"] = 1
    world.sagemaker.models[plan["model_request"]["ModelName"]] = {"PrimaryContainer": {"ModelDataUrl": "s3://other/x"}}
    reasons = " ".join(world.verify(plan)["reasons"])
    for words in ("image: found sha256:2222", "weight of primary", "instances of primary", "artifact of primary"):
        assert words in reasons


def test_an_endpoint_or_configuration_that_is_gone_is_unhealthy(world: World, plan: dict[str, Any]) -> None:
    world.sagemaker.configs.clear()
    assert "it was deleted" in world.verify(plan)["reasons"][0]
    world.sagemaker.endpoints.clear()
    assert world.verify(plan)["reasons"] == [f"endpoint {ENDPOINT}: found none, wanted one InService"]


def test_an_endpoint_that_failed_is_not_asked(world: World, plan: dict[str, Any]) -> None:
    world.sagemaker.serve(ENDPOINT, plan["config_name"], IMAGE, "Failed")
    assert world.verify(plan)["verdict"] == "unhealthy"
    assert not world.runtime.of("invoke_endpoint")


def test_a_restored_model_is_asked_for_sane_answers_only(world: World) -> None:
    first = world.deployed()
    plan = world.planned(world.challenger("two", b"other"), name="two")["plan"]
    world.shift(plan)
    world.sagemaker.serve(ENDPOINT, first["plan"]["config_name"], IMAGE)
    world.runtime.answer = "0.1\n"
    assert world.verify(plan, "restore")["verdict"] == "rolled_back"
    world.runtime.answer = "nan"
    assert world.verify(plan, "restore")["verdict"] == "unhealthy"


def test_a_plan_that_expects_nothing_cannot_be_verified(world: World) -> None:
    refused = {"status": "refused", "reason": "no", "endpoint": ENDPOINT}
    with pytest.raises(errors.ContractError, match="plan: expected: found nothing"):
        world.verify(refused)


def test_a_plan_without_golden_records_cannot_be_verified(world: World, plan: dict[str, Any]) -> None:
    with pytest.raises(errors.ContractError, match="plan: found no golden_uri"):
        world.verify({**plan, "golden_uri": None})


@pytest.mark.parametrize("service", ["describe_endpoint", "describe_endpoint_config"])
def test_a_fault_in_describing_is_not_taken_for_absence(world: World, plan: dict[str, Any], service: str) -> None:
    world.sagemaker.fail(service, fakes.error("AccessDeniedException", "no"))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        world.verify(plan)
