"""``docs/reference.md``: contracts, functions, events and errors, from the code itself."""

import importlib
from types import ModuleType

from docs.generate import ROOT, errors, events
from docs.generate.markdown import GENERATED, first_line, link, prose, table
from docs.generate.schemas import alias_table, contracts_of, section
from docs.generate.sources import functions

MODULES = {
    "spec": "model.yaml",
    "spec_monitoring": "model.yaml: watching",
    "policy": "policy.yaml",
    "documents": "References to documents",
    "pipeline": "From a request to a registered model",
    "snapshot": "Snapshots",
    "evaluation": "Evaluation",
    "evidence": "evidence.json",
    "deployment": "Deployment and rollback",
    "monitoring": "Monitoring",
    "quality": "Model quality of live answers",
    "drift_report": "drift_report.json",
    "batch": "Batch inference",
    "nightly": "Nightly evaluation",
    "retraining": "Retraining",
    "events": "Details of Muster's events",
}
"""The modules of contracts in reading order, and what their section is called."""

_INTRODUCTION = """# Reference: contracts, functions, events, errors

Rendered from the code. Contracts are Pydantic models in `layers/muster/muster/contracts/`; unknown fields are refused and types are
not converted, and every refusal is one line that says which field, what was found and what was wanted."""


def page() -> str:
    """Return the document."""
    contents = "\n".join(
        f"- {link(each)}" for each in ("Outcomes", "Errors", "Events", "Functions", "Named types", *MODULES.values())
    )
    parts = [GENERATED, _INTRODUCTION, contents, *_outcomes(), *_errors(), *_events(), *_functions()]
    parts += ["## Named types", "Several fields share these.", alias_table()]
    for name, title in MODULES.items():
        parts += _module(name, title)
    return "\n\n".join(parts) + "\n"


def _outcomes() -> list[str]:
    words = "A verdict is a result: the execution ends *Succeeded* and its output says which. *Failed* means that something broke."
    return ["## Outcomes", words, errors.outcome_table()]


def _errors() -> list[str]:
    words = (
        "The class name is what a state machine's Retry and Catch see, and what the execution shows as its error. The `muster` command "
        "ends with status 2 for each of them. *Kind* is what `explain_failure` says of it when it ends an execution."
    )
    return ["## Errors", words, errors.error_table(), errors.kind_table()]


def _events() -> list[str]:
    words = "On Muster's own bus, source `muster`. Events are hints: whoever gets one describes what it names and acts on what it finds."
    return [
        "## Events",
        words,
        events.own_events(),
        "Events of AWS that Muster's rules listen to:",
        events.aws_events(),
    ]


def _functions() -> list[str]:
    known = {each.__name__ for name in MODULES for each in contracts_of(_contracts(name))}
    rows = []
    for each in functions():
        answer = link(each.answer) if each.answer in known else ""
        sample = f"events/{each.name}.json"
        shown = f"[sample](../{sample})" if (ROOT / sample).is_file() else ""
        rows.append((f"[`{each.name}`](../functions/{each.name}/app.py)", each.purpose, answer, shown))
    return [
        "## Functions",
        "What each handler does, and its event.",
        table(["function", "purpose", "answer", "event"], rows),
    ]


def _module(name: str, title: str) -> list[str]:
    module = _contracts(name)
    return [f"## {title}", first_line(prose(module.__doc__)), *(section(each) for each in contracts_of(module))]


def _contracts(name: str) -> ModuleType:
    return importlib.import_module(f"muster.contracts.{name}")
