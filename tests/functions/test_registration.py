"""assemble_evidence, register_model, and the registry's adapter."""

import json
from typing import Any

import pytest

from muster import digests, errors, naming
from muster.aws.registry import SageMakerModelRegistry
from tests.functions import fakes
from tests.functions.world import IMAGE, IMAGE_DIGEST, MODEL, World, bucket


def _event(world: World) -> dict[str, Any]:
    evaluated = world.evaluated()
    return {**evaluated, "evidence": world.call("assemble_evidence", evaluated)}


# -- assemble_evidence -------------------------------------------------------------------------------------------------
def test_the_evidence_is_named_by_its_digest_and_holds_the_facts(world: World) -> None:
    evaluated = world.evaluated()
    found = world.call("assemble_evidence", evaluated)
    data = world.body(found["evidence_uri"])
    assert digests.sha256(data) == found["evidence_digest"]
    assert found["evidence_uri"] == naming.s3_uri(
        bucket("evidence"), naming.evidence_key(MODEL, found["evidence_digest"])
    )
    document = json.loads(data)
    assert document["artifact"]["digest"] == evaluated["training"]["artifact"]["digest"]
    assert document["image"]["digest"] == IMAGE_DIGEST
    assert document["code"]["publisher"] == "paula"
    assert document["approval"]["table"] == world.settings.ledger_table
    stored = world.store.stat(found["evidence_uri"])
    assert stored is not None
    assert stored.held_until is not None


def test_the_same_facts_have_the_same_digest(world: World) -> None:
    evaluated = world.evaluated()
    assert world.call("assemble_evidence", evaluated) == world.call("assemble_evidence", evaluated)


def test_a_candidate_that_did_not_pass_has_no_evidence(world: World) -> None:
    low = {"value": 0.9, "low": 0.88, "high": 0.92}
    evaluated = world.evaluated(candidate__reference__overall__auc=low)
    with pytest.raises(errors.Refused, match="verdict: found failed_gate, wanted passed"):
        world.call("assemble_evidence", evaluated)


@pytest.mark.parametrize(
    ("part", "key"), [("training", "artifact"), ("training", "snapshot"), ("evaluation", "report_uri")]
)
def test_evidence_names_nothing_that_is_not_there(world: World, part: str, key: str) -> None:
    evaluated = world.evaluated()
    found = evaluated[part][key]
    uri = found if isinstance(found, str) else found.get("manifest_uri") or found["uri"]
    name, object_key = naming.split_s3_uri(uri)
    world.s3.put_object(Bucket=name, Key=object_key, Body=b"something else")
    with pytest.raises(errors.DigestMismatch, match="evidence is not written"):
        world.call("assemble_evidence", evaluated)
    world.s3.delete_object(Bucket=name, Key=object_key)
    with pytest.raises(errors.NotFound, match="found nothing there"):
        world.call("assemble_evidence", evaluated)


# -- register_model ----------------------------------------------------------------------------------------------------
def test_a_package_waits_for_approval_with_digests_and_card(world: World) -> None:
    event = _event(world)
    registered = world.call("register_model", event)
    assert (registered["package_group"], registered["version"]) == ("muster-dev-tumour", 1)
    package = world.sagemaker.packages[registered["package_arn"]]
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    container = package["InferenceSpecification"]["Containers"][0]
    assert (container["Image"], container["ImageDigest"]) == (IMAGE, IMAGE_DIGEST)
    assert container["ModelDataUrl"] == event["training"]["artifact"]["uri"]
    assert container["Environment"]["SAGEMAKER_PROGRAM"] == "inference.py"
    statistics = package["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert statistics["ContentDigest"] == f"sha256:{event['evaluation']['evaluation_digest']}"
    metadata = package["CustomerMetadataProperties"]
    assert metadata["evidence_digest"] == event["evidence"]["evidence_digest"]
    assert metadata["artifact_digest"] == event["training"]["artifact"]["digest"]
    card = json.loads(package["ModelCard"]["ModelCardContent"])
    assert package["ModelCard"]["ModelCardStatus"] == "Draft"
    assert card["intended_uses"]["intended_uses"] == "second reader"
    assert card["additional_information"]["custom_details"]["owner"] == "imaging"


def test_a_run_registers_once(world: World) -> None:
    event = _event(world)
    first = world.call("register_model", event)
    assert world.call("register_model", event) == first
    # Also long after, when the registry has forgotten the client's token
    world.sagemaker._tokens.clear()
    assert world.call("register_model", event) == first
    assert len(world.sagemaker.packages) == 1


def test_the_next_version_joins_the_group(world: World) -> None:
    world.registered()
    world.later(hours=1)
    second = world.registered(world.evaluated(world.trained(world.resolved(name="two"), b"other")))
    assert second["registered"]["version"] == 2
    assert len(world.sagemaker.of("create_model_package_group")) == 1


def test_two_runs_may_make_the_group_at_once(world: World) -> None:
    # Given a group that comes into being between the look and the creation
    def made_meanwhile(**_: Any) -> Any:
        world.sagemaker.groups.add("muster-dev-tumour")
        raise fakes.error("ValidationException", "Model Package Group already exists")

    world.sagemaker.do_create_model_package_group = made_meanwhile  # type: ignore[method-assign]
    SageMakerModelRegistry(world.sagemaker).ensure_group("muster-dev-tumour")


def test_a_group_that_cannot_be_made_is_an_error(world: World) -> None:
    world.sagemaker.fail("create_model_package_group", fakes.error("AccessDeniedException", "no"))
    with pytest.raises(Exception, match="AccessDeniedException"):
        world.call("register_model", _event(world))


def test_a_candidate_that_did_not_pass_is_not_registered(world: World) -> None:
    event = _event(world)
    event["evaluation"]["verdict"] = "kept_champion"
    with pytest.raises(errors.Refused, match="found kept_champion, wanted passed"):
        world.call("register_model", event)
    assert not world.sagemaker.packages


def test_evidence_that_was_tampered_with_is_not_registered(world: World) -> None:
    event = _event(world)
    name, key = naming.split_s3_uri(event["evidence"]["evidence_uri"])
    world.s3.put_object(Bucket=name, Key=key, Body=b"{}")
    with pytest.raises(errors.DigestMismatch):
        world.call("register_model", event)
    assert not world.sagemaker.packages


def test_long_texts_of_the_card_are_cut_to_the_registrys_limits(world: World) -> None:
    world.publish(card__limitations="x" * 5000)
    registered = world.registered()["registered"]
    content = world.sagemaker.packages[registered["package_arn"]]["ModelCard"]["ModelCardContent"]
    assert len(json.loads(content)["additional_information"]["caveats_and_recommendations"]) == 2048


def test_a_package_of_somebody_else_is_shown_with_what_it_has(world: World) -> None:
    # Given a package that Muster did not register
    world.sagemaker.packages["arn"] = {
        "ModelPackageArn": "arn",
        "CreationTime": world.now,
        "ModelApprovalStatus": "Approved",
    }
    package = SageMakerModelRegistry(world.sagemaker).describe("arn")
    assert package is not None
    assert package.evidence_digest is None
    assert package.answer.identity is None
    assert SageMakerModelRegistry(world.sagemaker).describe("other") is None


def test_the_clients_token_fits(world: World) -> None:
    world.registered()
    (request,) = world.sagemaker.of("create_model_package")
    assert len(request["ClientToken"]) == 36
