"""Read a CloudFormation or SAM template: YAML or JSON text to dictionaries, short-form tags in their long form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from .errors import TemplateError

#: Sections of a template (CloudFormation User Guide, "Template anatomy") plus SAM's Globals.
SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Transform",
        "Description",
        "Metadata",
        "Globals",
        "Parameters",
        "Mappings",
        "Conditions",
        "Resources",
        "Outputs",
    }
)
SAM_TRANSFORM = "AWS::Serverless-2016-10-31"

#: ``!X`` stands for ``Fn::X`` except for these two.
_BARE_TAGS = frozenset({"Ref", "Condition"})

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """YAML as CloudFormation reads it: tags, no dates (``Version: 2012-10-17`` is a string), no duplicate keys."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in _Base.yaml_implicit_resolvers.items()
}


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:
    loader.flatten_mapping(node)
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in found:
            raise TemplateError(f"line {key_node.start_mark.line + 1}: the key {key!r} stands twice in one mapping")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


def _tag(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = _mapping(loader, node)  # type: ignore[arg-type]
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in _BARE_TAGS else f"Fn::{suffix}": value}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_multi_constructor("!", _tag)


def parse(text: str, template: Path | None = None) -> dict[str, Any]:
    """Parse the text of a template.

    Raises
    ------
    TemplateError
        For text that is no YAML mapping, a duplicate key, or a section that templates do not have.
    """
    try:
        document = yaml.load(text, Loader=_Loader)  # nosec B506 # noqa: S506 - a subclass of the safe loader
    except TemplateError as error:
        raise error.at(template=template) from None
    except yaml.YAMLError as error:
        raise TemplateError(f"is not valid YAML: {error}", template=template) from error
    if not isinstance(document, dict):
        raise TemplateError(f"is {type(document).__name__}, a template is a mapping", template=template)
    for section in document:
        if section not in SECTIONS:
            raise TemplateError(
                f"has an unknown section; sections are {', '.join(sorted(SECTIONS))}",
                template=template,
                logical_id=str(section),
            )
    if not isinstance(document.get("Resources"), dict) or not document["Resources"]:
        raise TemplateError("has no resources", template=template, logical_id="Resources")
    for logical_id, resource in document["Resources"].items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            raise TemplateError("has no Type", template=template, logical_id=logical_id)
    return document


def read(path: Path) -> str:
    """Return the text of a template file.

    Raises
    ------
    TemplateError
        When it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"cannot be read: {error}", template=path) from error
