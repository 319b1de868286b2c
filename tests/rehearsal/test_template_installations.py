"""Two installations of Muster in one account: one that makes all it needs, and one whose owner brings it along."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.stage import ROOT
from rehearsal import Rehearsal
from rehearsal.host import Host
from rehearsal.template import Stack, deploy

KEYS = ("DataKeyArn", "ModelsKeyArn", "EvidenceKeyArn", "LedgerKeyArn", "LogsKeyArn")
MADE, BROUGHT = "alpha", "beta"
PATH = "/programme/ml/"


@pytest.fixture(scope="module")
def host(rehearsal: Rehearsal) -> Host:
    return rehearsal.host


@pytest.fixture(scope="module")
def network(host: Host) -> dict[str, str]:
    ec2 = host.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="two", Description="Two installations")["GroupId"]
    return {"SubnetIds": subnet, "SecurityGroupIds": group}


@pytest.fixture(scope="module")
def made(host: Host, network: dict[str, str]) -> Stack:
    """An installation that says no more than it must."""
    return deploy(host, ROOT / "template.yaml", {"Prefix": MADE, **network}, MADE)


@pytest.fixture(scope="module")
def brought(host: Host, network: dict[str, str], made: Stack) -> Stack:
    """An installation with keys, boundary, path and access-log bucket of its owner."""
    anything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    boundary = host.client("iam").create_policy(PolicyName="programme-boundary", PolicyDocument=json.dumps(anything))
    keys = deploy(host, ROOT / "stacks" / "keys.yaml", {"Prefix": BROUGHT, **dict.fromkeys(KEYS, "")}, "owner-keys")
    host.client("s3").create_bucket(
        Bucket="programme-access-logs", CreateBucketConfiguration={"LocationConstraint": host.region}
    )
    _let_s3_deliver(host, "programme-access-logs")
    given = {
        "Prefix": BROUGHT,
        "PermissionsBoundary": boundary["Policy"]["Arn"],
        "RolePath": PATH,
        "AccessLogBucketName": "programme-access-logs",
        "ObjectLock": "none",
        **network,
        **keys.outputs,
    }
    return deploy(host, ROOT / "template.yaml", given, BROUGHT)


def _let_s3_deliver(host: Host, bucket: str) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{host.arn('s3', bucket, region='', account='')}/{BROUGHT}/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": host.account}},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    host.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))


def test_two_installations_share_nothing(made: Stack, brought: Stack) -> None:
    # Given two installations in one account and region ; When their resources are compared ; Then none is both's
    names = [
        {(each.type, each.physical_id) for inner in stack.walk() for each in inner.resources.values()}
        for stack in (made, brought)
    ]
    assert not names[0] & names[1]


def test_keys_that_are_brought_are_used_and_none_is_made(host: Host, made: Stack, brought: Stack) -> None:
    assert len(made.physical("AWS::KMS::Key")) == len(KEYS)
    assert not brought.physical("AWS::KMS::Key")
    s3, buckets = host.client("s3"), brought.physical("AWS::S3::Bucket")
    given = brought.parameters
    for name, key in {
        "DataBucket": "DataKeyArn",
        "RecordsBucket": "ModelsKeyArn",
        "EvidenceBucket": "EvidenceKeyArn",
    }.items():
        rules = s3.get_bucket_encryption(Bucket=buckets[name])["ServerSideEncryptionConfiguration"]["Rules"]
        assert rules[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == given[key], name


def test_access_is_logged_to_the_bucket_that_is_brought(host: Host, made: Stack, brought: Stack) -> None:
    assert "AccessLogBucket" in made.physical("AWS::S3::Bucket")
    buckets = brought.physical("AWS::S3::Bucket")
    assert "AccessLogBucket" not in buckets
    for name, bucket in buckets.items():
        logging = host.client("s3").get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
        assert logging["TargetBucket"] == "programme-access-logs", name
        assert logging["TargetPrefix"].startswith(f"{BROUGHT}/"), name


def test_boundary_and_path_hold_for_every_role_and_policy(host: Host, brought: Stack) -> None:
    # Given the installation with a boundary and a path ; When IAM is asked ; Then every role has both, every policy the path
    iam, roles = host.client("iam"), brought.physical("AWS::IAM::Role")
    for name in roles.values():
        role = iam.get_role(RoleName=name)["Role"]
        assert role["Path"] == PATH
        assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == brought.parameters["PermissionsBoundary"]
    policies = brought.physical("AWS::IAM::ManagedPolicy")
    assert all(f":policy{PATH}" in arn for arn in policies.values())
    assert len(roles) > 20


@pytest.mark.parametrize("prefix", [MADE, BROUGHT])
def test_a_function_runs_in_either(host: Host, made: Stack, brought: Stack, prefix: str) -> None:
    # Given its sample event ; When a function is invoked ; Then it answers, with its role, its key and its log group
    event = (ROOT / "events" / "explain_failure.json").read_text()
    answer: dict[str, Any] = host.client("lambda").invoke(FunctionName=f"{prefix}-explain-failure", Payload=event)
    assert "FunctionError" not in answer, answer["Payload"].read()
