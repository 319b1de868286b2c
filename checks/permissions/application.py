"""The application as CloudFormation would make it, with logical ids in the place of the names that AWS would invent.

Read from the templates alone; nothing is created. A bucket declared as ``DataBucket`` is called ``DataBucket``, and what
has a name in the template keeps it, so that grants and recorded calls of any installation can be compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.host import ACCOUNT, PARTITION, REGION
from rehearsal.template import plan
from rehearsal.template.assets import locate
from rehearsal.template.intrinsics import Scope
from rehearsal.template.parameters import resolve
from rehearsal.template.plan import NESTED, Plan

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "muster"
PARAMETERS = {"Prefix": PREFIX, "SubnetIds": "subnet-a,subnet-b", "SecurityGroupIds": "sg-a"}
"""What has no default. Everything else stands at its default: the table is of an installation as it comes."""


@dataclass(frozen=True)
class Kind:
    """How a resource type is named: property with its name, service and resource part of its ARN, what Ref gives."""

    name: str
    service: str
    resource: str
    ref: str = "{name}"


KINDS = {
    "AWS::CloudWatch::Alarm": Kind("AlarmName", "cloudwatch", "alarm:{name}"),
    "AWS::DynamoDB::Table": Kind("TableName", "dynamodb", "table/{name}"),
    "AWS::Events::EventBus": Kind("Name", "events", "event-bus/{name}"),
    "AWS::Events::Rule": Kind("Name", "events", "rule/{name}"),
    "AWS::IAM::ManagedPolicy": Kind("ManagedPolicyName", "iam", "policy{path}{name}", "{arn}"),
    "AWS::IAM::Role": Kind("RoleName", "iam", "role{path}{name}"),
    "AWS::KMS::Key": Kind("", "kms", "key/{name}"),
    "AWS::Lambda::Function": Kind("FunctionName", "lambda", "function:{name}"),
    "AWS::Lambda::LayerVersion": Kind("", "lambda", "layer:{name}:1", "{arn}"),
    "AWS::Logs::LogGroup": Kind("LogGroupName", "logs", "log-group:{name}:*"),
    "AWS::S3::Bucket": Kind("BucketName", "s3", "{name}"),
    "AWS::SNS::Topic": Kind("TopicName", "sns", "{name}", "{arn}"),
    "AWS::SQS::Queue": Kind("QueueName", "sqs", "{name}", "https://queue/{name}"),
    "AWS::SSM::Parameter": Kind("Name", "ssm", "parameter/{name}"),
    "AWS::Scheduler::Schedule": Kind("Name", "scheduler", "schedule/default/{name}"),
    "AWS::StepFunctions::StateMachine": Kind("StateMachineName", "states", "stateMachine:{name}", "{arn}"),
}
_GLOBAL = {"iam": (True, False), "s3": (False, False)}  # whether a service's ARNs have account and region
_NAMES_OF = ("Name", "QueueName", "TopicName", "Id")  # attributes that give a name rather than an ARN
_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")


def arn(service: str, resource: str) -> str:
    """Return an ARN of the account, region and partition that stand for any."""
    account, region = _GLOBAL.get(service, (True, True))
    return f"arn:{PARTITION}:{service}:{REGION if region else ''}:{ACCOUNT if account else ''}:{resource}"


@dataclass(frozen=True)
class Resource:
    """One resource: its place, its type, its properties with every expression evaluated, and its names."""

    template: Path
    logical_id: str
    type: str
    properties: dict[str, Any]
    name: str
    arn: str


@dataclass(frozen=True)
class Application:
    """All resources of all stacks, and the outputs of the root."""

    resources: tuple[Resource, ...]
    outputs: dict[str, Any]

    def of(self, kind: str) -> Iterator[Resource]:
        """Yield the resources of a type."""
        return (each for each in self.resources if each.type == kind)

    def definition(self, machine: Resource) -> dict[str, Any]:
        """Return a state machine's definition with its substitutions made."""
        path = locate(machine.properties["DefinitionS3Location"], machine.template)
        if path is None:
            raise ValueError(f"{machine.template.name}: {machine.logical_id} has no definition in this repository")
        values = machine.properties.get("DefinitionSubstitutions", {})
        text = _SUBSTITUTION.sub(lambda match: str(values[match[1]]), path.read_text(encoding="utf-8"))
        found: dict[str, Any] = json.loads(text)
        return found


def read(root: Path = ROOT) -> Application:
    """Read the application from ``template.yaml`` and the stacks that it nests.

    Raises
    ------
    rehearsal.template.TemplateError
        The first thing that is wrong with a template.
    """
    resources: list[Resource] = []
    outputs = _build(plan(root / "template.yaml", PARAMETERS, region=REGION), PARAMETERS, resources)
    return Application(tuple(resources), outputs)


def _build(template: Plan, given: dict[str, Any], found: list[Resource]) -> dict[str, Any]:
    """Evaluate one stack and those nested in it, add their resources to `found`, and return the stack's outputs."""
    made: dict[str, Resource] = {}
    nested: dict[str, dict[str, Any]] = {}
    scope = _scope(template, resolve(template.section("Parameters"), given, template.template), made, nested)

    def wanted(part: dict[str, Any]) -> bool:
        return "Condition" not in part or scope.condition(part["Condition"])

    for logical_id in template.order:
        declared = template.resources[logical_id]
        if not wanted(declared):
            continue
        properties = scope.value(declared.get("Properties") or {}, logical_id)
        if declared["Type"] == NESTED:
            nested[logical_id] = _build(template.nested[logical_id], properties.get("Parameters") or {}, found)
        else:
            made[logical_id] = _resource(template.template, logical_id, declared["Type"], properties)
            found.append(made[logical_id])
    outputs = {name: each for name, each in template.section("Outputs").items() if wanted(each)}
    return {name: scope.value(each["Value"], name) for name, each in outputs.items()}


def _resource(template: Path, logical_id: str, kind: str, properties: dict[str, Any]) -> Resource:
    known = KINDS.get(kind, Kind("", "", ""))
    # Two stacks may use a logical id for a policy of their own each; other things that are referred to have names.
    default = f"{template.stem}-{logical_id}" if kind == "AWS::IAM::ManagedPolicy" else logical_id
    name = str(properties.get(known.name, default)).lstrip("/" if kind == "AWS::SSM::Parameter" else "")
    resource = known.resource.format(name=name, path=properties.get("Path", "/"))
    return Resource(template, logical_id, kind, properties, name, arn(known.service, resource))


def _scope(
    template: Plan, parameters: dict[str, Any], made: dict[str, Resource], nested: dict[str, dict[str, Any]]
) -> Scope:
    def reference(name: str) -> str:
        known = KINDS.get(made[name].type, Kind("", "", ""))
        return known.ref.format(name=made[name].name, arn=made[name].arn)

    def attribute(name: str, wanted: str) -> Any:
        if name in nested:
            return nested[name][wanted.removeprefix("Outputs.")]
        if wanted.endswith("Arn"):
            return made[name].arn
        return made[name].name if wanted in _NAMES_OF else f"{name}.{wanted}"

    pseudo: dict[str, Callable[[], str] | str] = {
        "AWS::AccountId": ACCOUNT,
        "AWS::Partition": PARTITION,
        "AWS::Region": REGION,
        "AWS::StackId": arn("cloudformation", f"stack/{template.template.stem}"),
        "AWS::StackName": template.template.stem,
        "AWS::URLSuffix": "amazonaws.com",
    }
    return Scope(
        parameters=parameters,
        pseudo=pseudo,
        mappings=template.section("Mappings"),
        conditions=template.section("Conditions"),
        ref=reference,
        attribute=attribute,
    )
