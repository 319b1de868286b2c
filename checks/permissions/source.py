"""Where a statement of a policy stands in its template, and what is said about it there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

_COMMENT = re.compile(r"(?:^|\s)#\s*(.+)$")


@dataclass(frozen=True)
class Place:
    """Template, line (from 1), and the comment on the statement's own lines, empty when there is none."""

    template: Path
    line: int
    comment: str = ""


@dataclass(frozen=True)
class Source:
    """Places in one template: of resources by logical id, of statements by logical id and Sid."""

    resources: dict[str, Place]
    statements: dict[tuple[str, str], Place]


@cache
def source(template: Path) -> Source:
    """Read the places of a template."""
    text = template.read_text(encoding="utf-8")
    lines = text.splitlines()
    found = Source({}, {})
    for key, resource in _pairs(_members(yaml.compose(text, Loader=yaml.SafeLoader))["Resources"]):
        found.resources[key.value] = Place(template, key.start_mark.line + 1)
        for sid, node in _with_sid(resource):
            last = node.end_mark.line if node.end_mark.column else node.end_mark.line - 1
            said = [match[1] for line in lines[node.start_mark.line : last + 1] if (match := _COMMENT.search(line))]
            found.statements[key.value, sid] = Place(template, node.start_mark.line + 1, " ".join(said))
    return found


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    return node.value if isinstance(node, yaml.MappingNode) else []


def _members(node: yaml.Node | None) -> dict[str, yaml.Node]:
    return {key.value: value for key, value in _pairs(node)}


def _with_sid(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    """Yield every mapping below a node that has a Sid."""
    members = _members(node)
    if "Sid" in members:
        yield members["Sid"].value, node
    for inner in members.values() if members else node.value if isinstance(node, yaml.SequenceNode) else ():
        yield from _with_sid(inner)
