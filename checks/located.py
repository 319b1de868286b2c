"""YAML and JSON with line numbers: plain data, and the line on which each part of it begins.

JSON is read as YAML, whose flow style it is, so that one reader gives the lines of both. CloudFormation's short tags
(``!Sub``) become their long form (``Fn::Sub``).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Place: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the top of a document to a part of it."""

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BARE_TAGS = ("Ref", "Condition")  # every other !X stands for Fn::X


class _Loader(_Base):  # type: ignore[misc]
    """Without dates: CloudFormation's ``Version: 2012-10-17`` is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in _Base.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Located:
    """A document: ``data`` is plain, ``path`` relative to the checked tree."""

    path: Path
    data: Any
    lines: dict[Place, int]

    def line(self, *place: str | int) -> int:
        """Return the line of a part, or of the nearest part above it that is written down."""
        while place not in self.lines:
            place = place[:-1]
        return self.lines[place]


def read(root: Path, path: Path) -> Located:
    """Read a YAML or JSON file.

    Raises
    ------
    ValueError
        Says where the file is no YAML.
    """
    loader = _Loader((root / path).read_text(encoding="utf-8"))
    try:
        node = loader.get_single_node()
        lines: dict[Place, int] = {(): 1}
        data = _plain(loader, node, (), lines) if node is not None else None
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: found {' '.join(str(error).split())}, wanted YAML or JSON") from error
    finally:
        loader.dispose()
    return Located(path, data, lines)


def _plain(loader: Any, node: yaml.Node, place: Place, lines: dict[Place, int]) -> Any:
    lines.setdefault(place, node.start_mark.line + 1)
    if node.tag.startswith("!"):
        return _tagged(loader, node, place, lines)
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(loader.construct_object(key_node, deep=True))
            lines[(*place, key)] = key_node.start_mark.line + 1
            found[key] = _plain(loader, value_node, (*place, key), lines)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(loader, each, (*place, index), lines) for index, each in enumerate(node.value)]
    return loader.construct_object(node, deep=True)


def _tagged(loader: Any, node: yaml.Node, place: Place, lines: dict[Place, int]) -> dict[str, Any]:
    name = node.tag.removeprefix("!")
    name = name if name in _BARE_TAGS else f"Fn::{name}"
    inner = (*place, name)
    if isinstance(node, yaml.ScalarNode):
        lines[inner] = node.start_mark.line + 1
        value: Any = node.value.split(".", 1) if name == "Fn::GetAtt" else node.value
        return {name: value}
    kind = yaml.MappingNode if isinstance(node, yaml.MappingNode) else yaml.SequenceNode
    untagged = kind(f"tag:yaml.org,2002:{'map' if kind is yaml.MappingNode else 'seq'}", node.value, node.start_mark)
    return {name: _plain(loader, untagged, inner, lines)}
