"""What each role needs, as far as the templates and the workflows tell it: definitions, and what a setting implies.

What a setting implies cannot be seen in a rehearsal: a service does it with the role's rights, out of sight. Each entry
names where AWS says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checks.permissions.application import Application, Resource, arn
from checks.permissions.granted import label
from rehearsal.host import ACCOUNT, PARTITION, REGION, Host
from rehearsal.stepfunctions.permissions import map_needs, split_resource, task_needs
from rehearsal.stepfunctions.validation import scopes


@dataclass(frozen=True)
class Need:
    """One permission that a principal needs.

    Attributes
    ----------
    resource
        ARN, ``*`` for an action without resources. Where part of a name is known only at run time, that part is ``*``.
    via
        For the use of a key, the service that makes it; empty when the principal itself does.
    open
        Whether the ``*`` may turn out to be anything, so that a grant of some of it is what is wanted.
    looks
        Whether who reads an object wants to know that it is missing, rather than fail in any case.
    """

    principal: str
    action: str
    resource: str
    why: str
    via: str = ""
    open: bool = False
    looks: bool = True


X_RAY = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
SAMPLING = ("xray:GetSamplingRules", "xray:GetSamplingTargets")
LOG_DELIVERY = tuple(
    f"logs:{each}"
    for each in [
        "CreateLogDelivery",
        "GetLogDelivery",
        "UpdateLogDelivery",
        "DeleteLogDelivery",
        "ListLogDeliveries",
        "PutResourcePolicy",
        "DescribeResourcePolicies",
        "DescribeLogGroups",
    ]
)
INTERFACES_OF_FUNCTIONS = tuple(
    f"ec2:{each}"
    for each in [
        "CreateNetworkInterface",
        "DescribeNetworkInterfaces",
        "DescribeSubnets",
        "DeleteNetworkInterface",
        "AssignPrivateIpAddresses",
        "UnassignPrivateIpAddresses",
    ]
)
INTERFACES_OF_JOBS = tuple(
    f"ec2:{each}"
    for each in [
        "CreateNetworkInterface",
        "CreateNetworkInterfacePermission",
        "DeleteNetworkInterface",
        "DeleteNetworkInterfacePermission",
        "DescribeNetworkInterfaces",
        "DescribeVpcs",
        "DescribeDhcpOptions",
        "DescribeSubnets",
        "DescribeSecurityGroups",
    ]
)
IMAGES = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability")
LOGS_OF_JOBS = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams")

_LAMBDA = "Lambda Developer Guide"
_SFN = "Step Functions Developer Guide"
_SAGEMAKER = "SageMaker Developer Guide, How to use execution roles"


def needs(application: Application) -> list[Need]:
    """Return what the templates and definitions tell."""
    found: list[Need] = []
    for function in application.of("AWS::Lambda::Function"):
        found += _of_function(application, function)
    for machine in application.of("AWS::StepFunctions::StateMachine"):
        found += _of_machine(application, machine)
    for rule in application.of("AWS::Events::Rule"):
        found += _of_rule(application, rule)
    for schedule in application.of("AWS::Scheduler::Schedule"):
        found += _of_schedule(application, schedule)
    return list(dict.fromkeys(found))


def _of_function(application: Application, function: Resource) -> Iterator[Need]:
    given = function.properties
    role = _role(application, given["Role"])
    log = arn("logs", f"log-group:/aws/lambda/{function.name}:*")
    yield from _all(
        role, ("logs:CreateLogStream", "logs:PutLogEvents"), log, f"{_LAMBDA}, Sending logs to CloudWatch Logs"
    )
    if given.get("TracingConfig", {}).get("Mode") == "Active":
        yield from _all(role, X_RAY, "*", f"{_LAMBDA}, Visualize invocations using X-Ray: execution role permissions")
    if given.get("VpcConfig"):
        yield from _all(
            role, INTERFACES_OF_FUNCTIONS, "*", f"{_LAMBDA}, Giving functions access to a VPC: required IAM permissions"
        )
    if given.get("DeadLetterConfig"):
        yield from _undeliverable(
            application, role, given["DeadLetterConfig"]["TargetArn"], f"{_LAMBDA}, Dead-letter queues"
        )
    if given.get("KmsKeyArn"):
        yield Need(role, "kms:Decrypt", given["KmsKeyArn"], f"{_LAMBDA}, Securing environment variables", via="lambda")


def _of_machine(application: Application, machine: Resource) -> Iterator[Need]:
    given = machine.properties
    role = _role(application, given["RoleArn"])
    if given.get("LoggingConfiguration"):
        yield from _all(role, LOG_DELIVERY, "*", f"{_SFN}, Logging: IAM policies for logging to CloudWatch Logs")
    if given.get("TracingConfiguration", {}).get("Enabled"):
        yield from _all(role, (*X_RAY, *SAMPLING), "*", f"{_SFN}, IAM policies for X-Ray")
    key = given.get("EncryptionConfiguration", {}).get("KmsKeyId")
    if key:
        yield from _all(
            role, ("kms:Decrypt", "kms:GenerateDataKey"), key, f"{_SFN}, Data at rest encryption", via="states"
        )
    host = Host(ACCOUNT, REGION, PARTITION, clock=None, endpoint="", workdir=Path(), children=None)  # type: ignore[arg-type]  # never started
    for scope, _ in scopes(application.definition(machine)):
        for name, state in scope["States"].items():
            found = task_needs(host, state) if state["Type"] == "Task" else map_needs(host, state, machine.arn)
            for need in found:
                place, some = f"{machine.name}: {name}", "*" in need.resource
                yield Need(role, need.action, need.resource, place, open=some, looks=state["Type"] != "Map")
            if state["Type"] == "Task":
                yield from _of_passed_role(application, state)


def _of_passed_role(application: Application, state: dict[str, Any]) -> Iterator[Need]:
    """What SageMaker does with the role that a task passes to it."""
    given = state.get("Parameters", {})
    role_arn = given.get("RoleArn") or given.get("ExecutionRoleArn")
    service = split_resource(state["Resource"])[0].removeprefix("aws-sdk:")
    if service != "sagemaker" or not role_arn:
        return
    role = _role(application, role_arn)
    logs = arn("logs", "log-group:/aws/sagemaker/*")
    yield from _all(role, LOGS_OF_JOBS, logs, _SAGEMAKER, open_=True)
    yield Need(role, "cloudwatch:PutMetricData", "*", _SAGEMAKER)
    yield Need(role, "ecr:GetAuthorizationToken", "*", _SAGEMAKER)
    yield from _all(role, IMAGES, f"arn:{PARTITION}:ecr:{REGION}:*:repository/*", _SAGEMAKER, open_=True)
    yield from _all(role, INTERFACES_OF_JOBS, "*", f"{_SAGEMAKER}: in a private VPC")


def _of_rule(application: Application, rule: Resource) -> Iterator[Need]:
    for target in rule.properties.get("Targets", []):
        if "RoleArn" in target:
            role = _role(application, target["RoleArn"])
            yield Need(role, _ACTION_ON[target["Arn"].split(":")[2]], target["Arn"], f"target of {rule.logical_id}")


def _of_schedule(application: Application, schedule: Resource) -> Iterator[Need]:
    target, guide = schedule.properties["Target"], "EventBridge Scheduler User Guide"
    role = _role(application, target["RoleArn"])
    yield Need(role, _ACTION_ON[target["Arn"].split(":")[2]], target["Arn"], f"target of {schedule.logical_id}")
    if "DeadLetterConfig" in target:
        yield from _undeliverable(application, role, target["DeadLetterConfig"]["Arn"], f"{guide}, Configuring a DLQ")
    if "KmsKeyArn" in schedule.properties:
        yield Need(
            role, "kms:Decrypt", schedule.properties["KmsKeyArn"], f"{guide}, Encryption at rest", via="scheduler"
        )


#: Service of a target's ARN -> what whoever starts it needs.
_ACTION_ON = {"lambda": "lambda:InvokeFunction", "states": "states:StartExecution", "events": "events:PutEvents"}


def _undeliverable(application: Application, role: str, queue_arn: str, why: str) -> Iterator[Need]:
    """Sending to a dead-letter queue, and the use of the queue's key (SQS Developer Guide, Key management)."""
    yield Need(role, "sqs:SendMessage", queue_arn, why)
    queue = next(each for each in application.of("AWS::SQS::Queue") if each.arn == queue_arn)
    key = queue.properties.get("KmsMasterKeyId")
    if key:
        yield from _all(role, ("kms:Decrypt", "kms:GenerateDataKey"), key, why, via="sqs")


def _all(
    role: str, actions: tuple[str, ...], resource: str, why: str, via: str = "", open_: bool = False
) -> Iterator[Need]:
    return (Need(role, action, resource, why, via, open_) for action in actions)


def _role(application: Application, role_arn: str) -> str:
    return next(label(role) for role in application.of("AWS::IAM::Role") if role.arn == role_arn)
