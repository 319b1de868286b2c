"""Which functions a SAM application has, where their code and layers lie, and how they are configured.

Reads a template with its nested applications: what `sam build` wrote, or the sources. The names are the house's:
``JudgeCandidateFunction`` is ``functions/judge_candidate`` and is called ``<prefix>-judge-candidate``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muster.errors import NotFound
from rehearsal.template import loading

_SUFFIX = "Function"
NESTED = "AWS::Serverless::Application"


@dataclass(frozen=True)
class Function:
    """One function of an application.

    Attributes
    ----------
    name
        As its folder below ``functions`` is called.
    logical_id
        As the template calls it; what `sam local invoke` takes.
    code
        Folder with the code.
    layers
        Folders with the content of its layers.
    runtime, handler, memory_mb, timeout_seconds
        As configured, Globals included.
    """

    name: str
    logical_id: str
    code: Path
    layers: tuple[Path, ...]
    runtime: str
    handler: str
    memory_mb: int
    timeout_seconds: int


def templates(root: Path) -> Iterator[Path]:
    """Yield a root template and those of its nested applications.

    Raises
    ------
    NotFound
        When there is no such file.
    """
    if not root.is_file():
        raise NotFound(
            f"{root}: found no such file, wanted a template; `make build` writes .aws-sam/build/template.yaml"
        )
    yield root
    for resource in document(root)["Resources"].values():
        if resource["Type"] == NESTED:
            yield from templates((root.parent / resource["Properties"]["Location"]).resolve())


def document(template: Path) -> dict[str, Any]:
    """Parse a template file."""
    return loading.parse(loading.read(template), template)


def functions_of(root: Path) -> dict[str, Function]:
    """Return the functions of an application by name."""
    found = (each for template in templates(root) for each in _functions(template))
    return {function.name: function for function in sorted(found, key=lambda each: each.name)}


def _functions(template: Path) -> Iterator[Function]:
    read = document(template)
    inherited = read.get("Globals", {}).get(_SUFFIX, {})
    layers = {
        logical_id: template.parent / resource["Properties"]["ContentUri"]
        for logical_id, resource in read["Resources"].items()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    }
    for logical_id, resource in read["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        own = {**inherited, **resource["Properties"]}
        # SAM puts the layers of Globals before the function's own.
        used = [*inherited.get("Layers", []), *resource["Properties"].get("Layers", [])]
        yield Function(
            name=function_name(logical_id),
            logical_id=logical_id,
            code=template.parent / own["CodeUri"],
            layers=tuple(layers[each["Ref"]] for each in used),
            runtime=own["Runtime"],
            handler=own["Handler"],
            memory_mb=int(own["MemorySize"]),
            timeout_seconds=int(own["Timeout"]),
        )


def function_name(logical_id: str) -> str:
    """Return ``judge_candidate`` for ``JudgeCandidateFunction``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id.removesuffix(_SUFFIX)).lower()


def logical_id(physical_name: str, prefix: str) -> str:
    """Return ``JudgeCandidateFunction`` for ``<prefix>-judge-candidate``."""
    words = physical_name.removeprefix(f"{prefix}-").split("-")
    return "".join(word.capitalize() for word in words) + _SUFFIX
