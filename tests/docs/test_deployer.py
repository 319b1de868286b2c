"""`docs/deployer.yaml` grants what CloudFormation needs for the stacks, and no more than a bounded deployer may have.

What a resource type needs is what AWS's own resource schema says of its handlers (bundled with cfn-lint, per region).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from samtranslator.yaml_helper import yaml_parse

from tests.template.translated import REGION, ROOT, STACKS, translate

TEMPLATE = yaml_parse((ROOT / "docs" / "deployer.yaml").read_text(encoding="utf-8"))
ROLE_POLICIES = ("ComputePolicy", "StatePolicy", "RolesPolicy")

# What the schemas list for members that Muster's templates do not use, and what is withheld on purpose.
LEFT_OUT = {
    r"elasticfilesystem:|s3files:": "no function mounts a file system",
    r"lambda:.*CodeSigningConfig|lambda:PutFunctionScalingConfig|lambda:PassCapacityProvider|lambda:AssociateRuntimeAlias": "no code signing, no capacity provider, no runtime alias",
    r"kinesis:|dynamodb:.*KinesisStreamingDestination|dynamodb:ImportTable|dynamodb:DescribeImport": "the ledger streams to nobody and is not imported",
    r"dynamodb:(AssociateTableReplica|CreateTableReplica|BatchWriteItem|DeleteItem|GetItem|PutItem|UpdateItem|Query|Scan)": "replication copies items: the ledger has no replica",
    r"dynamodb:(UpdateContributorInsights|PutResourcePolicy|DeleteResourcePolicy)": "not set on the ledger",
    r"logs:(CreateLogStream|DescribeLogStreams|PutLogEvents)|s3:GetObjectMetadata": "of a table's import",
    r"iam:CreateServiceLinkedRole": "of a table's replication",
    r"firehose:|logs:CreateLogDelivery|logs:PutBearerTokenAuthentication|s3:REST.PUT.OBJECT": "log groups deliver to nobody",
    r"logs:.*(DataProtectionPolicy|IndexPolicy|ResourcePolicy|DeletionProtection)$": "not set on log groups",
    r"iam:.*(Group|User)Policy": "policies are attached to roles",
    r"iam:(PutRolePolicy|DeleteRolePolicy)": "no inline policies",
    r"iam:DeleteRolePermissionsBoundary": "no role loses its boundary",
    r"kms:(DisableKey|DisableKeyRotation|ScheduleKeyDeletion)": "the stacks retain their keys, and rotation stays on",
    r"kms:ReEncrypt$": "a name in the schema that IAM does not know: ReEncryptFrom and ReEncryptTo are granted",
    r"kms:ListAliases": "keys are named by ARN",
    r"s3:(DeleteBucket|DeleteObject)$|dynamodb:DeleteTable": "the stacks retain what holds data; removal takes other rights",
    r"s3:(Create|Delete|Put|Get).*(Analytics|Cors|CORS|Website|Replication|Metrics|Inventory|IntelligentTiering|Accelerate|Metadata|Abac|Acl).*|s3:(Delete|Update)Bucket.*|s3tables:": "not set on the buckets",
    r"s3:PutObjectLockConfiguration": "a name in the schema that IAM does not know: PutBucketObjectLockConfiguration is granted",
    r"events:(PutPermission|RemovePermission)": "the bus has no policy",
    r"sns:PutDataProtectionPolicy": "not set on the topic",
}  # fmt: skip


def statements(*policies: str) -> Iterator[dict[str, Any]]:
    for policy in policies:
        yield from TEMPLATE["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]


def actions(statement: dict[str, Any]) -> list[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def granted(action: str) -> bool:
    return any(
        fnmatchcase(action, pattern)
        for each in statements(*ROLE_POLICIES)
        for pattern in actions(each)
        if each["Effect"] == "Allow"
    )


def resource_types() -> list[str]:
    nested = {"AWS::CloudFormation::Stack", "AWS::SSM::Parameter"}  # what the root template holds
    return sorted(nested | {each["Type"] for stack in STACKS for each in translate(stack)["Resources"].values()})


@pytest.mark.parametrize("kind", resource_types())
def test_everything_that_a_resource_type_needs_is_granted_or_left_out_for_a_reason(kind: str) -> None:
    # Given the permissions of the type's handlers, as AWS publishes them
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    handlers = {name: each for name, each in schema["handlers"].items() if name != "list"}
    needed = {each for handler in handlers.values() for each in handler["permissions"]}
    # Then each is granted, or it is known why not
    missing = [
        each for each in sorted(needed) if not granted(each) and not any(re.match(known, each) for known in LEFT_OUT)
    ]
    assert not missing, (
        f"{kind} needs {', '.join(missing)}: grant it in docs/deployer.yaml, or leave it out with a reason"
    )


def test_nothing_is_left_out_that_no_type_asks_for() -> None:
    needed: set[str] = set()
    for kind in resource_types():
        handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema["handlers"]
        needed |= {each for handler in handlers.values() for each in handler["permissions"]}
    idle = [known for known in LEFT_OUT if not any(re.match(known, each) for each in needed)]
    assert not idle


# Per type that has a name in the templates: the member with the name, the action that makes it, and its ARN after the partition.
NAMED = {
    "AWS::Lambda::Function": ("FunctionName", "lambda:CreateFunction", "lambda:{region}:{account}:function:{name}"),
    "AWS::Lambda::LayerVersion": ("LayerName", "lambda:PublishLayerVersion", "lambda:{region}:{account}:layer:{name}"),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", "states:CreateStateMachine", "states:{region}:{account}:stateMachine:{name}"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs:CreateLogGroup", "logs:{region}:{account}:log-group:{name}"),
    "AWS::Events::EventBus": ("Name", "events:CreateEventBus", "events:{region}:{account}:event-bus/{name}"),
    "AWS::Events::Rule": ("Name", "events:PutRule", "events:{region}:{account}:rule/{bus}{name}"),
    "AWS::Scheduler::ScheduleGroup": ("Name", "scheduler:CreateScheduleGroup", "scheduler:{region}:{account}:schedule-group/{name}"),
    "AWS::Scheduler::Schedule": ("Name", "scheduler:CreateSchedule", "scheduler:{region}:{account}:schedule/{group}/{name}"),
    "AWS::SNS::Topic": ("TopicName", "sns:CreateTopic", "sns:{region}:{account}:{name}"),
    "AWS::SQS::Queue": ("QueueName", "sqs:CreateQueue", "sqs:{region}:{account}:{name}"),
    "AWS::CloudWatch::Alarm": ("AlarmName", "cloudwatch:PutMetricAlarm", "cloudwatch:{region}:{account}:alarm:{name}"),
    "AWS::IAM::Role": ("RoleName", "iam:CreateRole", "iam::{account}:role/muster/{name}"),
    "AWS::S3::Bucket": ("BucketName", "s3:CreateBucket", "s3:::{name}"),
    "AWS::DynamoDB::Table": ("TableName", "dynamodb:CreateTable", "dynamodb:{region}:{account}:table/{name}"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "iam:CreatePolicy", "iam::{account}:policy/muster/{name}"),
}  # fmt: skip
VALUES = {"AWS::Partition": "aws-us-gov", "AWS::Region": REGION, "AWS::AccountId": "1" * 12, "Prefix": "muster", "StackName": "muster-dev", "RolePath": "/muster/"}  # fmt: skip


def filled(value: Any) -> str:
    """Return a name with this installation's values in it; of another reference, what it refers to."""
    text = str(next(iter(value.values()))) if isinstance(value, dict) else str(value)
    text = VALUES.get(text, text) if isinstance(value, dict) and "Ref" in value else text
    return re.sub(r"\$\{([\w:]+)\}", lambda found: VALUES[found[1]], text)


def named_resources() -> Iterator[Any]:
    for stack in STACKS:
        for logical, resource in translate(stack)["Resources"].items():
            if resource["Type"] in NAMED:
                member = NAMED[resource["Type"]][0]
                made = f"muster-dev-{stack.title()}-1ABCDEFGHIJK-{logical}-1ABCDEFGHIJK"  # as CloudFormation names what has no name
                made = made.lower() if resource["Type"] == "AWS::S3::Bucket" else made
                properties = resource["Properties"]
                yield pytest.param(
                    properties, filled(properties.get(member, made)), resource["Type"], id=f"{stack}:{logical}"
                )


@pytest.mark.parametrize(("properties", "name", "kind"), named_resources())
def test_what_the_stacks_name_may_be_made(properties: dict[str, Any], name: str, kind: str) -> None:
    # Given the ARN that a resource will have in the stack muster-dev with the prefix muster
    _, action, form = NAMED[kind]
    bus = "muster/" if "EventBusName" in properties else ""
    arn = "arn:aws-us-gov:" + form.format(region=REGION, account="1" * 12, name=name, bus=bus, group="muster")
    # Then the statement that allows its making covers that ARN
    places = [
        filled(place)
        for each in statements(*ROLE_POLICIES)
        if each["Effect"] == "Allow" and action in actions(each)
        for place in (each["Resource"] if isinstance(each["Resource"], list) else [each["Resource"]])
    ]
    assert any(fnmatchcase(arn, place) for place in places), f"{arn} is not below {', '.join(places)}"


def test_a_role_is_made_and_given_policies_under_the_boundary_only() -> None:
    for statement in statements(*ROLE_POLICIES):
        makes = {"iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"} & set(actions(statement))
        if makes and statement["Effect"] == "Allow":
            wanted = {"StringEquals": {"iam:PermissionsBoundary": {"Ref": "PermissionsBoundary"}}}
            assert statement.get("Condition") == wanted, statement["Sid"]
    assert "Default" not in TEMPLATE["Parameters"]["PermissionsBoundary"]


def test_roles_are_passed_to_named_services_only() -> None:
    for statement in statements(*ROLE_POLICIES, "DeployerPolicy"):
        if "iam:PassRole" in actions(statement):
            assert statement["Resource"] != "*", statement["Sid"]
            assert statement["Condition"]["StringEquals"]["iam:PassedToService"], statement["Sid"]


def test_no_statement_grants_a_whole_service() -> None:
    for statement in statements(*ROLE_POLICIES, "DeployerPolicy"):
        for action in actions(statement):
            assert not re.fullmatch(r"\*|[a-z0-9]+:\*", action), statement["Sid"]


@pytest.mark.parametrize("policy", [*ROLE_POLICIES, "DeployerPolicy"])
def test_a_policy_fits_into_what_iam_takes(policy: str) -> None:
    # IAM: a managed policy has at most 6,144 characters, white space not counted.
    document = json.dumps(TEMPLATE["Resources"][policy]["Properties"]["PolicyDocument"])
    names = {"AWS::Partition": "aws-us-gov", "AWS::Region": REGION, "AWS::AccountId": "1" * 12, "Prefix": "p" * 16}
    names |= {
        "StackName": "s" * 24,
        "RolePath": "/programme/ml/",
        "ArtifactBucket": "b" * 40,
        "AWS::StackName": "d" * 24,
    }
    document = re.sub(r'\{"Fn::Sub": "([^"]*)"\}', r'"\1"', document)
    for name, value in names.items():
        document = document.replace(f"${{{name}}}", value)
    assert len(re.sub(r"\s", "", document)) <= 6144
