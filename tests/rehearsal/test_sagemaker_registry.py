"""The model registry: versions, who did what, tokens, events, and what an endpoint makes of a package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sagemaker_support import IMAGE, Events

from rehearsal import Rehearsal, sagemaker


@pytest.fixture(scope="module")
def sm(rehearsal: Rehearsal) -> Any:
    return rehearsal.client("sagemaker")


@pytest.fixture(scope="module")
def person(rehearsal: Rehearsal) -> Callable[[str], Any]:
    """Return a function that gives a person's SageMaker client."""
    import json

    iam = rehearsal.client("iam")
    arn = rehearsal.host.arn("iam", "root", region="")
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": arn},
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName="sm-people", AssumeRolePolicyDocument=trust)
    allow = {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName="sm-people", PolicyName="all", PolicyDocument=document)
    return lambda name: rehearsal.client("sagemaker", rehearsal.person(name, "sm-people"))


def package(group: str, **changes: Any) -> dict[str, Any]:
    """Return a CreateModelPackage request."""
    quality = {"ContentType": "application/json", "S3Uri": "s3://b/statistics.json"}
    return {
        "ModelPackageGroupName": group,
        "InferenceSpecification": {
            "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://b/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        "ModelMetrics": {"ModelQuality": {"Statistics": quality}},
        "CustomerMetadataProperties": {"evidence": "sha256:1", "run": "r"},
        "ModelCard": {"ModelCardContent": "{}", "ModelCardStatus": "Draft"},
    } | changes


def test_a_package_keeps_what_it_was_given_and_tells_who_touched_it(
    rehearsal: Rehearsal, sm: Any, person: Callable[[str], Any]
) -> None:
    # Given a package that ann registered
    events = Events(rehearsal, "sm-mp-events", {"detail-type": ["SageMaker Model Package State Change"]})
    sm.create_model_package_group(ModelPackageGroupName="kept")
    arn = person("ann").create_model_package(**package("kept"))["ModelPackageArn"]
    assert arn.endswith(":model-package/kept/1")
    found = sm.describe_model_package(ModelPackageName=arn)
    assert found["ModelApprovalStatus"] == "PendingManualApproval"
    assert found["CreatedBy"]["IamIdentity"]["SourceIdentity"] == "ann"
    assert found["InferenceSpecification"]["Containers"][0]["ImageDigest"].startswith("sha256:")
    assert "LastModifiedBy" not in found
    # When bob approves it
    person("bob").update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="looks good"
    )
    # Then it says so, and has lost nothing
    found = sm.describe_model_package(ModelPackageName=arn)
    identity = found["LastModifiedBy"]["IamIdentity"]
    assert identity["Arn"].endswith(":assumed-role/sm-people/bob")
    assert identity["PrincipalId"].endswith(":bob")
    assert identity["SourceIdentity"] == "bob"
    assert found["LastModifiedTime"] > found["CreationTime"]
    assert found["ApprovalDescription"] == "looks good"
    assert found["CustomerMetadataProperties"] == {"evidence": "sha256:1", "run": "r"}
    assert found["ModelMetrics"] == package("kept")["ModelMetrics"]
    # And the events carry the status and no person
    created, approved = sorted((each["detail"] for each in events.all(2)), key=lambda each: each["LastModifiedTime"])
    if created["ModelApprovalStatus"] == "Approved":  # within one second, and EventBridge keeps no order
        created, approved = approved, created
    assert created["ModelApprovalStatus"] == "PendingManualApproval"
    assert approved["ModelApprovalStatus"] == "Approved"
    assert approved["ModelPackageVersion"] == 1
    assert "LastModifiedBy" not in approved
    # And any later write takes the place of the approver
    person("eve").update_model_package(
        ModelPackageArn=arn, CustomerMetadataProperties={"run": "s"}, CustomerMetadataPropertiesToRemove=["evidence"]
    )
    found = sm.describe_model_package(ModelPackageName=arn)
    assert found["LastModifiedBy"]["IamIdentity"]["SourceIdentity"] == "eve"
    assert found["CustomerMetadataProperties"] == {"run": "s"}
    assert found["ModelApprovalStatus"] == "Approved"


def test_events_can_come_twice(rehearsal: Rehearsal, sm: Any) -> None:
    events = Events(rehearsal, "sm-twice", {"detail": {"ModelPackageGroupName": ["twice"]}})
    sm.create_model_package_group(ModelPackageGroupName="twice")
    sagemaker.duplicate_events()
    try:
        sm.create_model_package(**package("twice"))
    finally:
        sagemaker.duplicate_events(1)
    assert len(events.all(2)) == 2


def test_a_client_token_gives_the_same_version_and_versions_are_not_reused(sm: Any) -> None:
    sm.create_model_package_group(ModelPackageGroupName="versions")
    first = sm.create_model_package(**package("versions", ClientToken="t1"))["ModelPackageArn"]
    assert sm.create_model_package(**package("versions", ClientToken="t1"))["ModelPackageArn"] == first
    second = sm.create_model_package(**package("versions", ClientToken="t2"))["ModelPackageArn"]
    sm.delete_model_package(ModelPackageName=second)
    third = sm.create_model_package(**package("versions"))["ModelPackageArn"]
    assert [each.rsplit("/", 1)[1] for each in (first, second, third)] == ["1", "2", "3"]
    sm.update_model_package(ModelPackageArn=third, ModelApprovalStatus="Approved")
    listed = sm.list_model_packages(ModelPackageGroupName="versions")["ModelPackageSummaryList"]
    assert [each["ModelPackageVersion"] for each in listed] == [3, 1]
    approved = sm.list_model_packages(ModelPackageGroupName="versions", ModelApprovalStatus="Approved")
    assert [each["ModelPackageVersion"] for each in approved["ModelPackageSummaryList"]] == [3]


def test_what_the_registry_refuses(sm: Any) -> None:
    sm.create_model_package_group(ModelPackageGroupName="rules", Tags=[{"Key": "a", "Value": "b"}])
    arn = sm.create_model_package(**package("rules"))["ModelPackageArn"]
    group = sm.describe_model_package_group(ModelPackageGroupName="rules")["ModelPackageGroupArn"]
    assert sm.list_tags(ResourceArn=group)["Tags"] == [{"Key": "a", "Value": "b"}]
    for call, words in (
        (lambda: sm.create_model_package_group(ModelPackageGroupName="rules"), "already exists"),
        (lambda: sm.create_model_package(**package("nobody")), "does not exist"),
        (lambda: sm.create_model_package(**package("rules", Tags=[{"Key": "a", "Value": "b"}])), "Tags cannot"),
        (lambda: sm.describe_model_package(ModelPackageName=arn[:-1] + "9"), "does not exist"),
        (lambda: sm.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Perhaps"), "enum value set"),
        (lambda: sm.delete_model_package_group(ModelPackageGroupName="rules"), "still contains Model Packages"),
        (
            lambda: sm.create_model_package(**package("rules", CustomerMetadataProperties={"k": "v" * 300})),
            "length less than or equal to 256",
        ),
    ):
        with pytest.raises(ClientError, match=words):
            call()
