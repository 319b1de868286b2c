"""What the templates grant: every statement of every policy, and who has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from checks.permissions.application import PREFIX, Application, Resource
from checks.permissions.source import Place, source
from ops.stage import ROLES as PEOPLE

_DOCUMENTS = {
    "AWS::Events::EventBusPolicy": "Statement",
    "AWS::IAM::ManagedPolicy": "PolicyDocument",
    "AWS::IAM::Role": "AssumeRolePolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
}


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, with every name in it evaluated.

    Attributes
    ----------
    policy
        Logical id of the resource that holds it.
    kind
        Type of that resource.
    place
        Where it stands.
    conditions
        Condition key -> values, whatever the operator.
    """

    policy: str
    kind: str
    sid: str
    place: Place
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: dict[str, tuple[str, ...]] = field(compare=False, hash=False)

    @property
    def via(self) -> tuple[str, ...] | None:
        """Services through which a key may be used: ``""`` is directly, None is any way."""
        services = [values for key, values in self.conditions.items() if key.lower() == "kms:viaservice"]
        if services:
            return tuple(value.partition(".")[0] for value in services[0])
        # A service sends an encryption context of its own; one of ours says that the caller uses the key itself.
        return ("",) if any(key.lower().startswith("kms:encryptioncontext:") for key in self.conditions) else None


@dataclass(frozen=True)
class Grant:
    """One action on one resource pattern that a principal is allowed by a statement."""

    principal: str
    action: str
    resource: str
    statement: Statement


def all_statements(application: Application) -> Iterator[Statement]:
    """Yield the statements of all policies: of roles, trust, keys, buckets, topics and queues."""
    for resource in application.resources:
        document = resource.properties.get(_DOCUMENTS.get(resource.type, ""))
        if document:
            for raw in _list(document.get("Statement", document)):
                yield _statement(resource, raw)


def places(application: Application) -> dict[str, Place]:
    """Return where each principal is declared; for people, the first policy that they have."""
    roles = {label(role): source(role.template).resources[role.logical_id] for role in application.of("AWS::IAM::Role")}
    policies = {
        each.arn: source(each.template).resources[each.logical_id] for each in application.of("AWS::IAM::ManagedPolicy")
    }
    return roles | {name: policies[application.outputs[outputs[0]]] for name, outputs in PEOPLE.items()}


def principals(application: Application) -> dict[str, list[str]]:
    """Return roles by their name without the prefix, and people by their role on the stage -> ARNs of their policies."""
    found = {
        label(role): list(role.properties.get("ManagedPolicyArns", [])) for role in application.of("AWS::IAM::Role")
    }
    return found | {name: [application.outputs[each] for each in policies] for name, policies in PEOPLE.items()}


def grants(application: Application) -> list[Grant]:
    """Return everything that principals are allowed by their policies.

    Raises
    ------
    KeyError
        When a principal has a policy that the templates do not declare.
    """
    declared = {policy.arn: policy for policy in application.of("AWS::IAM::ManagedPolicy")}
    read = {arn: [_statement(policy, raw) for raw in _list(policy.properties["PolicyDocument"]["Statement"])]
            for arn, policy in declared.items()}  # fmt: skip
    return [
        Grant(principal, action, resource, statement)
        for principal, policies in principals(application).items()
        for arn in policies
        for statement in read[arn]
        if statement.allows
        for action in statement.actions
        for resource in statement.resources
    ]


def label(role: Resource) -> str:
    """Return the name of a role without the installation's prefix."""
    return role.name.removeprefix(f"{PREFIX}-")


def _statement(resource: Resource, raw: dict[str, Any]) -> Statement:
    sid, written = raw.get("Sid", ""), source(resource.template)
    return Statement(
        policy=resource.logical_id,
        kind=resource.type,
        sid=sid,
        place=written.statements.get((resource.logical_id, sid), written.resources[resource.logical_id]),
        allows=raw["Effect"] == "Allow",
        actions=tuple(_list(raw["Action"])),
        resources=tuple(_list(raw.get("Resource", []))),
        conditions=dict(_conditions(raw.get("Condition", {}))),
    )


def _conditions(block: dict[str, dict[str, Any]]) -> Iterable[tuple[str, tuple[str, ...]]]:
    for keys in block.values():
        for key, values in keys.items():
            yield key, tuple(str(value) for value in _list(values))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
