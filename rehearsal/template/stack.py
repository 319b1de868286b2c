"""Create what a plan says, in order, nested applications included; deploy again to change functions in place."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import parameters
from .errors import TemplateError
from .intrinsics import Scope
from .kinds import Kind, Made, without_inert
from .plan import NESTED, Plan
from .work import Work

if TYPE_CHECKING:
    from rehearsal.host import Host


@dataclass
class Resource:
    """One resource that exists.

    Attributes
    ----------
    logical_id, type, physical_id
        As CloudFormation's DescribeStackResources tells them.
    attributes
        What ``Fn::GetAtt`` gives.
    digest
        Of its evaluated properties and of the files that it is made from; it decides whether a deployment changes it.
    """

    logical_id: str
    type: str
    physical_id: str
    attributes: Mapping[str, Any]
    digest: str


@dataclass
class Stack:
    """One stack that exists.

    Attributes
    ----------
    name, stack_id, template
        Its name, ARN and template file.
    parameters, outputs
        Their values.
    resources
        By logical id.
    nested
        The nested applications, by logical id.
    descriptions
        Of the outputs, by name.
    """

    name: str
    stack_id: str
    template: Path
    parameters: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    nested: dict[str, Stack] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)

    def walk(self) -> Iterator[Stack]:
        """Yield this stack and all that are nested in it."""
        yield self
        for stack in self.nested.values():
            yield from stack.walk()

    def physical(self, kind: str) -> dict[str, str]:
        """Return logical id -> physical id of all resources of a type, those of nested applications included."""
        return {
            resource.logical_id: resource.physical_id
            for stack in self.walk()
            for resource in stack.resources.values()
            if resource.type == kind
        }


class Builder:
    """Makes stacks of plans.

    Parameters
    ----------
    host
        The rehearsal.
    kinds
        The resource types that are known.
    progress
        Told each resource before it is made: type and logical id.
    """

    def __init__(self, host: Host, kinds: Mapping[str, Kind], progress: Callable[[str, str], None]) -> None:
        self.host, self.kinds, self.progress = host, kinds, progress
        self._read: dict[tuple[Path, str], bytes] = {}  # equal folders are read once: each stack declares the layer

    def build(self, plan: Plan, given: Mapping[str, Any], name: str, before: Stack | None = None) -> Stack:
        """Create a stack, or bring the one that was there before in line with the plan.

        Raises
        ------
        TemplateError
            The first thing that does not work; what was created until then stays, as the rehearsal ends anyway.
        """
        stack = Stack(name, before.stack_id if before else self._stack_id(name), plan.template)
        stack.parameters = parameters.resolve(plan.section("Parameters"), dict(given), plan.template, stack=name)
        scope = self._scope(plan, stack)
        self._check_conditions(plan, scope)
        if before:
            self._check_removed(plan, scope, before)
        later: list[Callable[[], object]] = []
        for logical_id in plan.order:
            if self._wanted(plan, scope, logical_id):
                try:
                    later += self._make(plan, scope, stack, logical_id, before)
                except TemplateError as error:
                    raise error.at(template=plan.template, logical_id=logical_id) from None
        for finish in later:
            finish()
        self._tell_outputs(plan, scope, stack)
        return stack

    # ---- one resource

    def _make(
        self, plan: Plan, scope: Scope, stack: Stack, logical_id: str, before: Stack | None
    ) -> list[Callable[[], object]]:
        """Create or change a resource; return what is left to do when the rest of the stack is there."""
        declared = plan.resources[logical_id]
        kind = declared["Type"]
        properties = scope.value(declared.get("Properties") or {}, "Properties")
        self.progress(kind, logical_id)
        if kind == NESTED:
            self._make_nested(plan, stack, logical_id, properties, before)
            return []
        known = self.kinds[kind]
        known.check(properties)
        work = Work(
            self.host,
            plan.template,
            stack.name,
            logical_id,
            without_inert(known, properties),
            scope.value(declared.get("Metadata") or {}),
            self._read,
        )
        digest = _digest(known, work)
        old = before.resources.get(logical_id) if before else None
        if old is None:
            made = known.create(work)
        elif old.digest == digest:
            made = Made(old.physical_id, old.attributes)
        elif known.update is None or old.type != kind:
            raise TemplateError(f"{kind} has changed and cannot be changed in place: start the rehearsal anew")
        else:
            made = known.update(work, Made(old.physical_id, old.attributes))
        stack.resources[logical_id] = Resource(logical_id, kind, made.physical_id, made.attributes, digest)
        return work.later

    def _make_nested(
        self, plan: Plan, stack: Stack, logical_id: str, properties: dict[str, Any], before: Stack | None
    ) -> None:
        given = properties.get("Parameters") or {}
        for name, value in given.items():
            if isinstance(value, dict | list):
                raise TemplateError(
                    "is not a string: CloudFormation passes strings to nested stacks, use Fn::Join",
                    path=f"Properties.Parameters.{name}",
                )
        old = before.nested.get(logical_id) if before else None
        tail = hashlib.sha256(f"{stack.name}/{logical_id}".encode()).hexdigest()[:12].upper()
        name = old.name if old else f"{stack.name}-{logical_id}-{tail}"
        inner = self.build(plan.nested[logical_id], given, name, old)
        stack.nested[logical_id] = inner
        outputs = {f"Outputs.{key}": value for key, value in inner.outputs.items()}
        stack.resources[logical_id] = Resource(logical_id, NESTED, inner.stack_id, outputs, "")

    # ---- what expressions can name

    def _scope(self, plan: Plan, stack: Stack) -> Scope:
        def resource(name: str) -> Resource:
            if name in stack.resources:
                return stack.resources[name]
            if name in plan.resources:
                raise TemplateError(f"refers to {name}, which is not created: its condition does not hold")
            raise TemplateError(f"refers to {name!r}, which is no parameter or resource of this template")

        def attribute(name: str, wanted: str) -> Any:
            found = resource(name)
            if wanted in found.attributes:
                return found.attributes[wanted]
            known = ", ".join(sorted(found.attributes)) or "none"
            raise TemplateError(f"wants attribute {wanted!r} of {name} ({found.type}); it has {known}")

        return Scope(
            parameters=stack.parameters,
            pseudo={
                "AWS::AccountId": self.host.account,
                "AWS::NotificationARNs": [],
                "AWS::Partition": self.host.partition,
                "AWS::Region": self.host.region,
                "AWS::StackId": stack.stack_id,
                "AWS::StackName": stack.name,
                "AWS::URLSuffix": _suffix(self.host.partition),
            },
            mappings=plan.section("Mappings"),
            conditions=plan.section("Conditions"),
            ref=lambda name: resource(name).physical_id,
            attribute=attribute,
        )

    def _check_conditions(self, plan: Plan, scope: Scope) -> None:
        for name in plan.section("Conditions"):
            try:
                scope.condition(name)
            except TemplateError as error:
                raise error.at(template=plan.template, logical_id="Conditions", path=name) from None

    def _wanted(self, plan: Plan, scope: Scope, logical_id: str) -> bool:
        condition = plan.resources[logical_id].get("Condition")
        try:
            return condition is None or scope.condition(condition)
        except TemplateError as error:
            raise error.at(template=plan.template, logical_id=logical_id, path="Condition") from None

    def _check_removed(self, plan: Plan, scope: Scope, before: Stack) -> None:
        for logical_id in before.resources:
            if logical_id not in plan.resources or not self._wanted(plan, scope, logical_id):
                raise TemplateError(
                    "is no longer in the template; the rehearsal does not delete: start it anew",
                    template=plan.template,
                    logical_id=logical_id,
                )

    def _tell_outputs(self, plan: Plan, scope: Scope, stack: Stack) -> None:
        for name, output in plan.section("Outputs").items():
            try:
                value = _output(output, scope)
            except TemplateError as error:
                raise error.at(template=plan.template, logical_id="Outputs", path=name) from None
            if value is not None:
                stack.outputs[name] = value
                stack.descriptions[name] = str(output.get("Description", ""))

    def _stack_id(self, name: str) -> str:
        number = uuid.UUID(bytes=hashlib.sha256(name.encode()).digest()[:16])
        return self.host.arn("cloudformation", f"stack/{name}/{number}")


def _output(output: Any, scope: Scope) -> str | None:
    """Return the value of an output; None when its condition does not hold."""
    if not isinstance(output, dict) or "Value" not in output:
        raise TemplateError("has no Value")
    if "Condition" in output and not scope.condition(output["Condition"]):
        return None
    value = scope.value(output["Value"], "Value")
    if isinstance(value, dict | list) or value is None:
        raise TemplateError(f"is {value!r}, wanted a string")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _suffix(partition: str) -> str:
    """Return AWS::URLSuffix, which is amazonaws.com in GovCloud too (botocore's partition metadata)."""
    return {"aws-cn": "amazonaws.com.cn"}.get(partition, "amazonaws.com")


def _digest(kind: Kind, work: Work) -> str:
    told = hashlib.sha256(json.dumps([kind.name, work.properties, work.metadata], sort_keys=True, default=str).encode())
    if kind.source is not None:
        told.update(kind.source(work))
    return told.hexdigest()
