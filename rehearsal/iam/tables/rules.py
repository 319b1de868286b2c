"""The small language in which the tables are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.host import Host
from rehearsal.iam.keys import Need, Values
from rehearsal.iam.requests import ApiRequest

#: botocore's service name -> (service part of ARNs, prefix of IAM actions), where they differ from the name.
_NAMES = {
    "stepfunctions": ("states", "states"),
    "sagemaker-runtime": ("sagemaker", "sagemaker"),
    "sagemaker-metrics": ("sagemaker", "sagemaker"),
    "resourcegroupstaggingapi": ("tag", "tag"),
    "s3control": ("s3", "s3"),
    "dynamodbstreams": ("dynamodb", "dynamodb"),
}
_GLOBAL_SERVICES = frozenset(["iam", "s3"])  # their ARNs name no region


@dataclass(frozen=True)
class Ask:
    """A request together with the host it is made to: what a rule works on."""

    host: Host
    request: ApiRequest

    @property
    def params(self) -> dict[str, Any]:
        """Members of the operation's input."""
        return self.request.params

    @property
    def action(self) -> str:
        """The IAM action that has the operation's name."""
        service = self.request.service
        return f"{_NAMES.get(service, (service, service))[1]}:{self.request.operation}"

    def arn(self, resource: str) -> str:
        """ARN of a resource of the request's service, in the rehearsal's account and the request's region."""
        service = self.request.service
        place = "" if service in _GLOBAL_SERVICES else self.request.region
        return self.host.arn(_NAMES.get(service, (service, service))[0], resource, region=place)

    def get(self, *path: str) -> Any:
        """Return a nested member, or None."""
        value: Any = self.params
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def need(self, resource: str, context: Values | None = None, action: str | None = None, **more: Any) -> Need:
        """Return a need of this request, on the operation's own action unless another is named."""
        return Need(action or self.action, resource, {**request_tags(self.params), **(context or {})}, **more)


Rule = Callable[[Ask], list[Need]]
Table = dict[str, Rule]
_FIELD = re.compile(r"\{(\w+)(?:=([^}]*))?\}")


def at(*templates: str, context: Callable[[Ask], Values] | None = None, action: str | None = None) -> Rule:
    """Need the action on each resource: ``"rule/{Name}"`` becomes an ARN, ``"*"`` stays.

    ``{Name=default}`` has a default. A member that is absent and has none makes the whole resource ``*``; one that
    holds an ARN already stands for the resource; one that is a list makes one resource of each item.
    """

    def rule(ask: Ask) -> list[Need]:
        values = context(ask) if context else {}
        return [ask.need(each, values, action) for template in templates for each in fill(ask, template)]

    return rule


def fill(ask: Ask, template: str) -> list[str]:
    """Return the resources that a template of `at` stands for."""
    if template == "*":
        return ["*"]
    filled = [template]
    for name, default in _FIELD.findall(template):
        value = ask.params.get(name)
        if value in (None, "", []):
            value = default or None
        if value is None:
            return ["*"]
        items = [str(item) for item in value] if isinstance(value, list) else [str(value)]
        arns = [item for item in items if item.startswith("arn:")]
        if arns:
            return arns
        filled = [_FIELD.sub(_once(item), text, count=1) for text in filled for item in items]
    return [ask.arn(text) for text in filled]


def _once(item: str) -> Callable[[re.Match[str]], str]:
    return lambda _: item


def table(*groups: tuple[str, Rule]) -> Table:
    """Return a table from pairs of operation names (separated by spaces) and their rule."""
    return {name: rule for names, rule in groups for name in names.split()}


def request_tags(params: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return aws:RequestTag/... and aws:TagKeys of a request that carries tags, in whichever form."""
    raw = params.get("Tags") or params.get("tags")
    if not raw:
        return {}
    if isinstance(raw, dict):
        pairs = {str(key): str(value) for key, value in raw.items()}
    else:
        pairs = {str(tag.get("Key", tag.get("key"))): str(tag.get("Value", tag.get("value", ""))) for tag in raw}
    found = {f"aws:requesttag/{key.lower()}": (value,) for key, value in pairs.items()}
    return {**found, "aws:tagkeys": tuple(pairs)}


def keys(**members: Any) -> dict[str, tuple[str, ...]]:
    """Return condition keys, leaving out what is None; lists become several values, booleans true and false."""
    found = {}
    for name, value in members.items():
        if value is None:
            continue
        items: Iterable[Any] = value if isinstance(value, list | tuple | set) else [value]
        found[name] = tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in items)
    return found


def prefixed(service: str, /, **members: Any) -> dict[str, tuple[str, ...]]:
    """`keys` with each name after ``service:`` (underscores become hyphens)."""
    return {f"{service}:{name.replace('_', '-')}": value for name, value in keys(**members).items()}


def members(params: dict[str, Any], path: str) -> list[str]:
    """Return what stands at a path of members, such as ``Targets[].RoleArn``; empty when nothing does."""
    found: list[Any] = [params]
    for part in path.split("."):
        name = part.removesuffix("[]")
        found = [each[name] for each in found if isinstance(each, dict) and each.get(name)]
        if part.endswith("[]"):
            found = [item for each in found for item in each]
    return [str(each) for each in found]
