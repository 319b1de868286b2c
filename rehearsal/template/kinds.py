"""What a resource type is to the rehearsal: its creator, the properties it handles, and those without effect here.

`check` holds a resource's properties against that declaration. It is asked before anything is created, so a template
with a property that the rehearsal would ignore creates nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .errors import TemplateError, join
from .intrinsics import intrinsic

if TYPE_CHECKING:
    from .work import Work


@dataclass(frozen=True)
class Made:
    """What a creator made.

    Parameters
    ----------
    physical_id
        What ``Ref`` gives.
    attributes
        What ``Fn::GetAtt`` gives, by name.
    """

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """One CloudFormation resource type.

    Parameters
    ----------
    name
        Such as ``AWS::SQS::Queue``.
    create
        Makes the resource.
    handled
        Property paths that have their effect, separated by white space: ``Name``, ``Rule.Days``, ``Rules[].Id``. A
        path covers all below it, which the creator reads itself or passes on to the API (whose shape then checks it).
    inert
        Property path -> why it has no effect in a rehearsal.
    required
        Names of properties that must be there.
    update
        Changes the resource in place, given what it is now; without it a changed resource is refused.
    source
        Returns the content of the files that it is made from, so that a changed file is a changed resource.
    """

    name: str
    create: Callable[[Work], Made]
    handled: str = ""
    inert: Mapping[str, str] = field(default_factory=dict)
    required: str = ""
    update: Callable[[Work, Made], Made] | None = None
    source: Callable[[Work], bytes] | None = None

    @cached_property
    def tree(self) -> dict[str, Any]:
        """The handled and inert paths as nested dictionaries; an empty one covers all below it."""
        root: dict[str, Any] = {}
        for path in [*self.handled.split(), *self.inert]:
            node = root
            for part in path.replace("[]", "").split("."):
                node = node.setdefault(part, {})
        return root

    def check(self, properties: Any, path: str = "Properties") -> None:
        """Hold properties, evaluated or not, against the declaration.

        Raises
        ------
        TemplateError
            For a property that the rehearsal does not handle, or a required one that is missing.
        """
        if not isinstance(properties, dict):
            raise TemplateError(f"is {type(properties).__name__}, wanted a map", path=path)
        for name in self.required.split():
            if name not in properties and intrinsic(properties) is None:
                raise TemplateError("is missing", path=join(path, name))
        self._walk(properties, self.tree, path)

    def _walk(self, value: Any, node: dict[str, Any], path: str) -> None:
        if not node:
            return
        if isinstance(value, list):
            for index, item in enumerate(value):
                self._walk(item, node, join(path, index))
        elif intrinsic(value) == "Fn::If":
            for index, branch in enumerate(value["Fn::If"][1:], start=1):
                self._walk(branch, node, f"{path}.Fn::If[{index}]")
        elif isinstance(value, dict) and intrinsic(value) is None:
            for key, item in value.items():
                if key not in node:
                    raise TemplateError(
                        f"{self.name} does not handle it in the rehearsal; handled here are {', '.join(sorted(node))}",
                        path=join(path, str(key)),
                    )
                self._walk(item, node[key], join(path, str(key)))


def without_inert(kind: Kind, properties: dict[str, Any]) -> dict[str, Any]:
    """Return the properties without those that have no effect here."""
    result = dict(properties)
    for path in kind.inert:
        _drop(result, re.sub(r"\[\]", "", path).split("."))
    return result


def _drop(value: dict[str, Any], parts: list[str]) -> None:
    head, *rest = parts
    if head not in value:
        return
    if not rest:
        del value[head]
        return
    inside = value[head]
    if isinstance(inside, list):
        value[head] = [dict(item) if isinstance(item, dict) else item for item in inside]
        for item in value[head]:
            if isinstance(item, dict):
                _drop(item, rest)
    elif isinstance(inside, dict):
        value[head] = dict(inside)
        _drop(value[head], rest)
