"""The files that deploy, read once: templates, state machines, and the source that goes into functions and jobs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from checks.located import Located, Place, read

_SOURCE_FOLDERS = ("functions", "layers/muster/muster", "jobs", "models", "ops/scaffold", "state_machines")
_SOURCE_FILES = ("template.yaml", "samconfig.toml", "policy.yaml")
_TEXT = (".py", ".yaml", ".json", ".toml")
GENERATED = Path("layers/muster/muster/images.json")
"""The table of image accounts: it names accounts and regions, which is what it is for (see `checks.images`)."""

State = dict[str, Any]


@dataclass(frozen=True)
class Placed:
    """A state of a workflow, with its place in the file."""

    document: Located
    place: Place
    name: str
    body: State

    @property
    def where(self) -> str:
        """The state as messages call it."""
        return f"state {self.name!r}"

    def line(self, *inside: str | int) -> int:
        """Return the line of a part of the state."""
        return self.document.line(*self.place, *inside)


@dataclass(frozen=True)
class Machine:
    """A state machine or the machine inside of a Parallel or Map state."""

    document: Located
    place: Place
    body: dict[str, Any]

    @property
    def states(self) -> list[Placed]:
        """Its own states."""
        return [
            Placed(self.document, (*self.place, "States", name), name, body)
            for name, body in self.body["States"].items()
        ]


@dataclass(frozen=True)
class Tree:
    """A checkout, or a copy of the part of it that deploys."""

    root: Path
    _texts: dict[Path, str] = field(default_factory=dict, init=False)

    @cached_property
    def templates(self) -> list[Located]:
        """The root template, the nested ones, and the one of what deploys them."""
        paths = [Path("template.yaml"), *self._relative("stacks", "*.yaml"), *self._relative("docs", "deployer.yaml")]
        return [read(self.root, path) for path in paths]

    @cached_property
    def definitions(self) -> dict[str, Located]:
        """Workflow to its rendered definition."""
        found = self._relative("state_machines", "*.asl.json")
        return {path.name.removesuffix(".asl.json"): read(self.root, path) for path in found}

    @cached_property
    def sources(self) -> list[Path]:
        """Every text file that becomes part of what is deployed or rendered from, but for the generated table."""
        found = {Path(name) for name in _SOURCE_FILES}
        found.update(document.path for document in self.templates)
        for folder in _SOURCE_FOLDERS:
            found.update(
                path.relative_to(self.root) for path in (self.root / folder).rglob("*") if path.suffix in _TEXT
            )
        return sorted(path for path in found if path != GENERATED and (self.root / path).is_file())

    def text(self, path: Path) -> str:
        """Return the text of a file."""
        if path not in self._texts:
            self._texts[path] = (self.root / path).read_text(encoding="utf-8")
        return self._texts[path]

    def matches(self, pattern: re.Pattern[str]) -> Iterator[tuple[Path, int, re.Match[str]]]:
        """Yield every match in the sources: file, line, match."""
        for path in self.sources:
            for number, line in enumerate(self.text(path).splitlines(), 1):
                for match in pattern.finditer(line):
                    yield path, number, match

    def _relative(self, folder: str, pattern: str) -> list[Path]:
        return sorted(path.relative_to(self.root) for path in (self.root / folder).glob(pattern))


def machines(document: Located) -> Iterator[Machine]:
    """Yield the machine of a definition and those inside of its Parallel and Map states."""
    todo: list[Place] = [()]
    while todo:
        place = todo.pop()
        body = _at(document.data, place)
        yield Machine(document, place, body)
        for name, state in body["States"].items():
            inner = (*place, "States", name)
            todo += [(*inner, "Branches", index) for index in range(len(state.get("Branches", ())))]
            if "ItemProcessor" in state:
                todo.append((*inner, "ItemProcessor"))


def states(document: Located) -> Iterator[Placed]:
    """Yield every state of a definition."""
    for machine in machines(document):
        yield from machine.states


def tasks(document: Located) -> Iterator[Placed]:
    """Yield every Task of a definition."""
    return (state for state in states(document) if state.body["Type"] == "Task")


def resources(document: Located, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield logical id and body of every resource of a type in a template."""
    for name, body in document.data.get("Resources", {}).items():
        if body.get("Type") == kind:
            yield name, body


def _at(data: Any, place: Place) -> Any:
    for key in place:
        data = data[key]
    return data
