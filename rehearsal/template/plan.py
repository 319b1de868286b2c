"""Everything that can be said about an application before any of it is created.

A plan is one template, packaged, translated and checked, with the plans of its nested applications. Making it finds
unknown types and properties, missing files, references to nothing and circles.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import assets, loading, translation
from .errors import TemplateError
from .intrinsics import PSEUDO, intrinsic, references
from .kinds import Kind

NESTED = "AWS::CloudFormation::Stack"
_NESTED_PROPERTIES = frozenset({"TemplateURL", "Parameters", "Tags", "TimeoutInMinutes", "NotificationARNs"})
_RESOURCE_KEYS = frozenset(
    {
        "Type",
        "Properties",
        "Metadata",
        "DependsOn",
        "Condition",
        "DeletionPolicy",
        "UpdateReplacePolicy",
    }
)
_POLICIES = frozenset({"Delete", "Retain", "Snapshot", "RetainExceptOnCreate"})
_DEEPEST = 5  # nested stacks in nested stacks; a template that nests itself would never end


@dataclass
class Plan:
    """One template, ready to be created.

    Attributes
    ----------
    template
        Its file.
    document
        The CloudFormation template, its expressions not yet evaluated.
    order
        Logical ids, each after what it refers to or depends on.
    nested
        Plans of the nested applications, by logical id.
    """

    template: Path
    document: dict[str, Any]
    order: list[str]
    nested: dict[str, Plan] = field(default_factory=dict)

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources of the template, by logical id."""
        found: dict[str, dict[str, Any]] = self.document["Resources"]
        return found

    def section(self, name: str) -> dict[str, Any]:
        """Return a section of the template; empty when it has none."""
        return self.document.get(name) or {}

    def code(self) -> Iterator[tuple[Path, str, Path]]:
        """Yield template, logical id and folder of functions and layers, each folder once, nested ones included."""
        seen: set[Path] = set()
        for plan in [self, *self.nested.values()]:
            found = plan._own_code() if plan is self else plan.code()
            for template, logical_id, folder in found:
                if folder not in seen:
                    seen.add(folder)
                    yield template, logical_id, folder

    def _own_code(self) -> Iterator[tuple[Path, str, Path]]:
        for logical_id, resource in self.resources.items():
            properties = resource.get("Properties") or {}
            location = properties.get({"AWS::Lambda::Function": "Code"}.get(resource["Type"], "Content"))
            folder = assets.locate(location, self.template) if isinstance(location, dict) else None
            if folder is not None and folder.is_dir():
                yield self.template, logical_id, folder

    def kinds(self) -> set[str]:
        """Return the types of all resources, those of nested applications included."""
        own = {resource["Type"] for resource in self.resources.values()} - {NESTED}
        return own.union(*(plan.kinds() for plan in self.nested.values()))


class Planner:
    """Makes plans.

    Parameters
    ----------
    kinds
        The resource types that are known, by name.
    region
        For SAM's translator, which writes the partition into what it generates.
    cache
        Folder for translations; none means no cache.
    """

    def __init__(self, kinds: Mapping[str, Kind], region: str, cache: Path | None) -> None:
        self.kinds, self.region, self.cache = kinds, region, cache

    def plan(self, template: Path, given: Mapping[str, Any], depth: int = 0) -> Plan:
        """Read a template and everything nested in it.

        Parameters
        ----------
        template
            The template file.
        given
            Values of those parameters that are known without any resource.
        depth
            How deep it is nested.

        Raises
        ------
        TemplateError
            The first thing that is wrong.
        """
        if depth > _DEEPEST:
            raise TemplateError(f"is nested more than {_DEEPEST} deep: does it nest itself?", template=template)
        document = assets.package(loading.parse(loading.read(template), template), template)
        static = self._static(document, given)
        translated = translation.translate(document, template, static, self.region, self.cache)
        plan = Plan(template, translated, [])
        try:
            for logical_id, resource in plan.resources.items():
                try:
                    self._check(resource)
                except TemplateError as error:
                    raise error.at(logical_id=logical_id) from None
            plan.order = order(translated)
            for name, output in plan.section("Outputs").items():
                _check_references(name, output, translated)
        except TemplateError as error:
            raise error.at(template=template) from None
        for logical_id, resource in plan.resources.items():
            if resource["Type"] == NESTED:
                plan.nested[logical_id] = self._nested(template, logical_id, resource, static, depth)
        return plan

    def _static(self, document: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the translator may know: values given, and defaults where nothing else will be given.

        Only strings and numbers. SAM never needs ids of networks, and they differ from one rehearsal to the next, so
        that no translation would be found again.
        """
        known = {}
        for name, declaration in (document.get("Parameters") or {}).items():
            if not isinstance(declaration, dict) or declaration.get("Type") not in ("String", "Number"):
                continue
            value = given.get(name, declaration.get("Default", _LATER))
            if value is not _LATER and not isinstance(value, list):
                known[name] = value
        return known

    def _nested(
        self, template: Path, logical_id: str, resource: dict[str, Any], static: Mapping[str, Any], depth: int
    ) -> Plan:
        properties = resource.get("Properties", {})
        location = properties.get("TemplateURL")
        if not isinstance(location, str):
            raise TemplateError(
                "is no path of a template file", template=template, logical_id=logical_id, path="Properties.TemplateURL"
            )
        given = {name: _known(value, static) for name, value in (properties.get("Parameters") or {}).items()}
        return self.plan(template.parent / location, given, depth + 1)

    def _check(self, resource: dict[str, Any]) -> None:
        kind, properties = resource["Type"], resource.get("Properties") or {}
        for key in resource:
            if key not in _RESOURCE_KEYS:
                raise TemplateError("is not handled in the rehearsal", path=key)
        for key in ("DeletionPolicy", "UpdateReplacePolicy"):
            value = resource.get(key, "Delete")
            if not isinstance(value, dict) and value not in _POLICIES:
                raise TemplateError(f"is {value!r}, wanted one of {', '.join(sorted(_POLICIES))}", path=key)
        if kind == NESTED:
            for key in properties:
                if key not in _NESTED_PROPERTIES:
                    raise TemplateError("is not handled in the rehearsal", path=f"Properties.{key}")
        elif kind not in self.kinds:
            raise TemplateError(f"{kind} is a resource type that the rehearsal does not know", path="Type")
        else:
            self.kinds[kind].check(properties)


_LATER = object()  # a parameter whose value comes from a resource


def _known(expression: Any, static: Mapping[str, Any]) -> Any:
    """Return the value of a nested application's parameter if it needs no resource, else `_LATER`."""
    if intrinsic(expression) == "Ref" and expression["Ref"] in static:
        return static[expression["Ref"]]
    return _LATER if isinstance(expression, dict | list) else expression


def order(document: dict[str, Any]) -> list[str]:
    """Return the logical ids, each after everything that it names; as far as that allows, as in the template.

    Raises
    ------
    TemplateError
        For a reference to nothing, or a circle.
    """
    resources = document["Resources"]
    needs = {name: _needs(name, resource, document) for name, resource in resources.items()}
    done: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in done:
            return
        if name in above:
            circle = " -> ".join([*above[above.index(name) :], name])
            raise TemplateError(f"resources need each other in a circle: {circle}", logical_id=name)
        for other in needs[name]:
            visit(other, (*above, name))
        done[name] = None

    for name in resources:
        visit(name, ())
    return list(done)


def _needs(name: str, resource: dict[str, Any], document: dict[str, Any]) -> list[str]:
    resources = document["Resources"]
    depends = resource.get("DependsOn", [])
    for other in [depends] if isinstance(depends, str) else depends:
        if other not in resources:
            raise TemplateError(
                f"names {other!r}, which is no resource of this template", logical_id=name, path="DependsOn"
            )
    _check_references(name, resource.get("Properties"), document)
    named = [*([depends] if isinstance(depends, str) else depends), *references(resource.get("Properties"))]
    return list(dict.fromkeys(other for other in named if other in resources))


def _check_references(name: str, expression: Any, document: dict[str, Any]) -> None:
    for other in references(expression):
        known = other in document["Resources"] or other in (document.get("Parameters") or {}) or other in PSEUDO
        if not known:
            place = json.dumps(expression, default=str)
            near = place if len(place) < 100 else f"{place[:97]}..."
            raise TemplateError(
                f"refers to {other!r}, which is no parameter or resource of this template ({near})", logical_id=name
            )
