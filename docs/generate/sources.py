"""What the generators read of the Python code without running it: docstrings, annotations, raised errors, events that are put."""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.generate import ROOT
from docs.generate.markdown import first_line, prose

LAYER = ROOT / "layers" / "muster" / "muster"


@dataclass(frozen=True)
class Function:
    """A Lambda function: its folder's name, what its module says of it, and the contract that its handler returns."""

    name: str
    purpose: str
    event: str
    answer: str


def functions() -> list[Function]:
    """Return every function, by name."""
    return [_function(path) for path in sorted((ROOT / "functions").glob("*/app.py"))]


def _function(path: Path) -> Function:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    paragraphs = prose(ast.get_docstring(tree)).split("\n\n")
    handler = next(
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "handler" and node.returns
    )
    assert handler.returns is not None
    return Function(path.parent.name, paragraphs[0], paragraphs[1], ast.unparse(handler.returns))


def alias_notes(module: Path) -> dict[str, str]:
    """Return the type aliases of a module (``Name = …``) with the text that stands below them; empty where there is none."""
    body = ast.parse(module.read_text(encoding="utf-8")).body
    notes: dict[str, str] = {}
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id[0].isupper():
            said = after.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else None
            notes[node.targets[0].id] = first_line(str(said.value)) if said is not None else ""
    return notes


def raised_in() -> dict[str, list[str]]:
    """Return, per error class, the modules that raise it and the workflows whose states give its name to a failure."""
    found: dict[str, set[str]] = {}
    for file in (ROOT / "state_machines").glob("*.asl.json"):
        for name in values(json.loads(file.read_text(encoding="utf-8")), "Error"):
            found.setdefault(name, set()).add(f"workflow {file.name.removesuffix('.asl.json')}")
    for path, tree in _modules():
        for node in ast.walk(tree):
            raised = node.exc if isinstance(node, ast.Raise) else None
            cause = raised.func if isinstance(raised, ast.Call) else raised
            if isinstance(cause, ast.Name):
                found.setdefault(cause.id, set()).add(path)
    return {name: sorted(paths) for name, paths in found.items()}


def serving_events_put_in() -> list[str]:
    """Return the modules that put what `muster.history` calls ``EVENTS``: a call of ``put(history.EVENTS[…], …)``."""
    found = set()
    for path, tree in _modules():
        for node in ast.walk(tree):
            is_put = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "put"
            names = (each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)) if is_put else ()
            if "EVENTS" in names:
                found.add(path)
    return sorted(found)


def _modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield what runs in AWS and the command: their names as people call them, and their trees."""
    for path in sorted((ROOT / "functions").glob("*/app.py")):
        yield f"functions/{path.parent.name}", ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(LAYER.rglob("*.py")):
        if "jobs" not in path.relative_to(LAYER).parts:
            yield f"muster/{path.relative_to(LAYER).as_posix()}", ast.parse(path.read_text(encoding="utf-8"))


def values(data: object, key: str) -> Iterator[str]:
    """Yield every text that is the value of a key in decoded JSON, at any depth."""
    for name, value in data.items() if isinstance(data, dict) else ():
        if name == key and isinstance(value, str):
            yield value
        yield from values(value, key)
    for value in data if isinstance(data, list) else ():
        yield from values(value, key)
