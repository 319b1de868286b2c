"""The events: who puts them, what they carry, which rule of the templates listens and what it starts."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from docs.generate import ROOT
from docs.generate.markdown import first_line, link, table
from docs.generate.schemas import contracts_of
from docs.generate.sources import serving_events_put_in, values
from muster import history
from muster.contracts import events
from muster.contracts.base import Contract


def detail_of(detail_type: str) -> type[Contract]:
    """Return the contract of a detail type of ours: the class of that name, or what `muster.history` announces."""
    if detail_type in history.EVENTS.values():
        return events.ServingChanged
    contracts = {each.__name__: each for each in contracts_of(events)}
    if detail_type not in contracts:
        raise ValueError(f"found no contract for the event {detail_type}, wanted one in muster.contracts.events")
    return contracts[detail_type]


def own_events() -> str:
    """Return the table of events on Muster's own bus (source ``muster``)."""
    put_by, heard_by = _put_by(), _listeners()
    names = sorted({*put_by, *(name for source, name in heard_by if source == events.SOURCE)})
    rows = [
        (
            f"`{name}`",
            link(detail_of(name).__name__),
            ", ".join(put_by.get(name, ["by hand, until monitoring is there"])),
            ", ".join(heard_by.get((events.SOURCE, name), ["whoever listens"])),
            first_line(detail_of(name).__doc__),
        )
        for name in names
    ]
    return table(["detail type", "detail", "put by", "starts", "what"], rows)


def aws_events() -> str:
    """Return the table of AWS's events that the templates listen to."""
    rows = [
        (f"`{source}`", f"`{name}`", ", ".join(starts))
        for (source, name), starts in sorted(_listeners().items())
        if source != events.SOURCE
    ]
    return table(["source", "detail type", "starts"], rows)


def _put_by() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "state_machines").glob("*.asl.json")):
        workflow = path.name.removesuffix(".asl.json")
        for name in values(json.loads(path.read_text(encoding="utf-8")), "DetailType"):
            found.setdefault(name, []).append(f"workflow `{workflow}`")
    for name in history.EVENTS.values():
        found[name] = [f"`{each}`" for each in serving_events_put_in()]
    return found


def _listeners() -> dict[tuple[str, str], list[str]]:
    """Return, per source and detail type, what the rules of the templates start."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted((ROOT / "stacks").glob("*.yaml")):
        for resource in yaml_parse(path.read_text(encoding="utf-8"))["Resources"].values():
            pattern = resource["Properties"].get("EventPattern") if resource["Type"] == "AWS::Events::Rule" else None
            if pattern is None:
                continue
            for source, name in itertools.product(pattern["source"], pattern["detail-type"]):
                targets = [_target(each["Arn"]) for each in resource["Properties"]["Targets"]]
                found.setdefault((source, name), []).extend(targets)
    return found


def _target(arn: Mapping[str, Any]) -> str:
    """Say what a rule's target is, from the reference to it."""
    reference = next(iter(arn.values()))
    logical = str(reference[0] if isinstance(reference, list) else reference).partition(".")[0]
    words = "".join(f" {each.lower()}" if each.isupper() else each for each in logical.removesuffix("Arn")).split()
    kind = {"function": "function", "machine": "workflow"}.get(words[-1])
    if kind is None:
        raise ValueError(f"found a rule with the target {logical}, wanted a function or a state machine")
    return f"{kind} `{'_'.join(words[:-1] if kind == 'function' else words[:-2])}`"
