"""``docs/workflows.md``: each state machine as a picture and a table, from the ``*.asl.json`` that is deployed."""

import json
import re
from collections.abc import Iterator
from typing import Any

from docs.generate import ROOT
from docs.generate.markdown import GENERATED, link, table
from docs.generate.mermaid import flowchart

ORDER = (
    *("pipeline", "training", "evaluation", "registration", "approval", "deployment", "rollback"),
    *("monitoring", "batch_inference", "nightly_evaluation", "sweep", "retraining"),
)
"""Reading order: the pipeline and what it calls, then serving and watching, then what starts it again."""

_INTRODUCTION = """# Workflows

Drawn from the rendered state machines (`state_machines/*.asl.json`), which are what is deployed. A box is a task or a pass, a
double-sided box another workflow, a slanted box a wait, a diamond a choice; green ends well, red is a fault. Dashed arrows are
catches. A verdict (a missed gate, a rejection, a refusal) ends green: *Failed* means that something broke.
"""


def page() -> str:
    """Return the document."""
    machines = {name: _definition(name) for name in _in_order()}
    listing = table(
        ["workflow", "what it does", "at most"],
        [(link(name), _does(each), duration(each["TimeoutSeconds"])) for name, each in machines.items()],
    )
    sections = [_section(name, each) for name, each in machines.items()]
    return "\n".join([GENERATED, "", _INTRODUCTION, listing, *sections])


def _in_order() -> list[str]:
    """Return every workflow there is: those of ``ORDER`` first, a new one at the end."""
    found = sorted(path.name.removesuffix(".asl.json") for path in (ROOT / "state_machines").glob("*.asl.json"))
    return sorted(found, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


def _definition(name: str) -> dict[str, Any]:
    text = (ROOT / "state_machines" / f"{name}.asl.json").read_text(encoding="utf-8")
    definition: dict[str, Any] = json.loads(text)
    return definition


def _does(machine: dict[str, Any]) -> str:
    return str(machine["Comment"]).partition(" Smallest input:")[0]


def _section(name: str, machine: dict[str, Any]) -> str:
    smallest = machine["Comment"].partition(" Smallest input: ")[2]
    rows = [
        (f"`{state}`", calls(each), each.get("Comment", ""), _limit(each))
        for state, each in _walk(machine)
        if each["Type"] in ("Task", "Wait", "Map", "Parallel")
    ]
    return "\n".join(
        [
            f"\n## {name}\n",
            f"{_does(machine)}\n",
            f"Smallest input: `{smallest}`\n",
            f"```mermaid\n{flowchart(machine)}\n```\n",
            table(["state", "calls", "what for", "at most"], rows),
        ]
    )


def _walk(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        for inner in [*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())]:
            yield from _walk(inner)


def calls(state: dict[str, Any]) -> str:
    """Say what a state calls: a function with a link to its folder, a workflow, or an action of AWS."""
    if state["Type"] != "Task":
        return {"Wait": "waits", "Map": "for each", "Parallel": "in parallel"}[state["Type"]]
    resource = state["Resource"]
    parameters = state.get("Parameters", {})
    if "lambda:invoke" in resource:
        return f"{_function(parameters['FunctionName'])}, and waits for its task token"
    if resource.startswith("${"):
        return _function(resource)
    if "states:startExecution" in resource:
        return _workflow(parameters) + ("" if ".sync" in resource else ", and goes on")
    service, action = resource.removeprefix("arn:${Partition}:states:::").removeprefix("aws-sdk:").split(":", 1)
    sync = action.endswith(".sync")
    return f"{service} `{action.removesuffix('.sync')}`" + (", to its end" if sync else "")


def _workflow(parameters: dict[str, str]) -> str:
    """Return a link to the workflow that a state starts; one that its input names is told so."""
    if "StateMachineArn" not in parameters:
        return "the workflow that its input names"
    target = re.sub(r"\$\{(\w+)StateMachineArn\}", r"\1", parameters["StateMachineArn"]).lower()
    return f"workflow {link(target)}"


def _function(placeholder: str) -> str:
    """Return a link for ``${ClaimEndpointFunctionArn}``."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", placeholder.removeprefix("${").removesuffix("FunctionArn}")).lower()
    if not (ROOT / "functions" / name / "app.py").is_file():
        raise ValueError(f"found {placeholder}, wanted a function below functions/: {name} is not there")
    return f"[`{name}`](../functions/{name}/app.py)"


def _limit(state: dict[str, Any]) -> str:
    if "TimeoutSeconds" in state:
        return duration(state["TimeoutSeconds"])
    path = state.get("TimeoutSecondsPath") or state.get("SecondsPath")
    return f"`{path}` seconds" if path else ""


def duration(seconds: int) -> str:
    """Return seconds in the largest units that say them, at most two: 90 s, 25 h, 45 days 19 h."""
    if seconds < 600:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if hours < 3 and seconds % 3600:
        return f"{minutes} min"
    if days < 2:
        return f"{hours} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return f"{days} days" + (f" {hours % 24} h" if hours % 24 else "")
