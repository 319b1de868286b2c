"""What in the templates holds state, and what CloudFormation would do to it if a template changed.

``stateful.json`` beside this file lists every resource that holds state or is retained, with the properties that
CloudFormation can only change by replacing the resource (``createOnlyProperties`` of its registry schema, as cfn-lint
has it for the region). A change to the list is a change to people's data. It is accepted by one command only:

    .venv/bin/python tests/template/stateful.py
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from samtranslator.yaml_helper import yaml_parse
from translated import REGION, ROOT, translate

LIST = Path(__file__).with_name("stateful.json")
COMMAND = ".venv/bin/python tests/template/stateful.py"
GUIDE = "docs/upgrade-and-remove.md"
APPLICATION = "AWS::Serverless::Application"
LOST = {
    "AWS::S3::Bucket": "its objects are no longer found: data, sealed records, evidence or captures",
    "AWS::KMS::Key": "what was encrypted with it can be read only for as long as the old key is kept",
    "AWS::DynamoDB::Table": "the ledger begins empty: approvals, leases, champions and history are no longer found",
    "AWS::Events::EventBus": "other systems' rules on it are gone, and so are events that are sent meanwhile",
    "AWS::SNS::Topic": "its subscriptions are gone, which people have confirmed",
    "AWS::SQS::Queue": "messages that nobody has looked at yet are gone",
    "AWS::Logs::LogGroup": "its log is gone, which is to be kept for years",
    # "On the next state transition, the state machine's executions are terminated" (Step Functions API, DeleteStateMachine)
    "AWS::StepFunctions::StateMachine": "running executions end at their next transition, approvals that wait included",
    APPLICATION: "everything in that stack is replaced, what holds state included",
}
"""Types that hold state, and what is lost when one is replaced or removed."""
_OTHER = "nothing looks after it any more"
# A layer's content is in its logical id: every change of code makes another version, and none holds state.
_NEVER = ("AWS::Lambda::LayerVersion",)
_RETAINED = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True)
class Stateful:
    """One resource that holds state.

    Attributes
    ----------
    stack, logical_id, type
        Which it is.
    retained
        Whether CloudFormation leaves the old one in the account when the resource is removed or replaced.
    condition
        The condition under which it exists.
    replaced_by
        The properties whose change replaces it, as the template has them; one that is not set is not here.
    """

    stack: str
    logical_id: str
    type: str
    retained: bool
    condition: str | None
    replaced_by: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Stack and logical id."""
        return f"{self.stack}/{self.logical_id}"

    @property
    def loss(self) -> str:
        """What CloudFormation does to it, and what that means."""
        fate = (
            "CloudFormation leaves the old one behind, in no stack"
            if self.retained
            else "CloudFormation deletes the old one"
        )
        return f"{fate}; {LOST.get(self.type, _OTHER)}"


def templates() -> dict[str, dict[str, Any]]:
    """Return the root template as it is written, and the stacks as CloudFormation sees them."""
    root = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    rooms = [each["Properties"]["Location"] for each in root["Resources"].values() if each["Type"] == APPLICATION]
    return {"template": root} | {Path(room).stem: translate(Path(room).stem) for room in rooms}


def found(documents: Mapping[str, Mapping[str, Any]]) -> list[Stateful]:
    """Return what holds state in templates, in the order of stacks and names."""
    return [
        Stateful(
            stack,
            logical_id,
            resource["Type"],
            _retained(resource),
            resource.get("Condition"),
            _replaced_by(resource["Type"], resource.get("Properties") or {}),
        )
        for stack, document in documents.items()
        for logical_id, resource in sorted(document["Resources"].items())
        if resource["Type"] not in _NEVER and (resource["Type"] in LOST or _retained(resource))
    ]


def changes(accepted: Iterable[Stateful], today: Iterable[Stateful]) -> list[str]:
    """Return, one line each, what an upgrade would do to state that is not accepted in the list."""
    before, now = {each.name: each for each in accepted}, {each.name: each for each in today}
    lines = [
        f"{name} ({old.type}) has gone from the templates, or has another logical id: {old.loss}"
        for name, old in before.items()
        if name not in now
    ]
    lines += [f"{name} ({new.type}) is new: list it" for name, new in now.items() if name not in before]
    for name in before.keys() & now.keys():
        lines += _differences(before[name], now[name])
    return sorted(lines)


def _differences(old: Stateful, new: Stateful) -> list[str]:
    what = f"{old.name} ({old.type})"
    if old.type != new.type:
        return [f"{what} is now {new.type}: {old.loss}"]
    lines = []
    if old.retained and not new.retained:
        lines.append(f"{what} is no longer retained: removing or replacing it deletes it; {LOST.get(old.type, _OTHER)}")
    if not old.retained and new.retained:
        lines.append(f"{what} is now retained: accept it in the list")
    if old.condition != new.condition:
        found, wanted = new.condition or "no condition", old.condition or "no condition"
        lines.append(f"{what} depends on {found}, was {wanted}: where that does not hold, {old.loss}")
    for name in sorted(old.replaced_by.keys() | new.replaced_by.keys()):
        was, is_ = old.replaced_by.get(name), new.replaced_by.get(name)
        if was != is_:
            lines.append(f"{what}.{name} is {json.dumps(is_)}, was {json.dumps(was)}, which replaces it: {old.loss}")
    return lines


def accepted() -> list[Stateful]:
    """Return the committed list."""
    return [Stateful(**each) for each in json.loads(LIST.read_text(encoding="utf-8"))]


def accept(today: Iterable[Stateful]) -> None:
    """Write the list, one resource a line, so that a difference shows which."""
    lines = ",\n".join(json.dumps(asdict(each)) for each in today)
    LIST.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _retained(resource: Mapping[str, Any]) -> bool:
    """Tell whether both removal and replacement leave the old resource: with one policy alone, the other deletes it."""
    return all(resource.get(policy) in _RETAINED for policy in ("DeletionPolicy", "UpdateReplacePolicy"))


def _replaced_by(kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: properties[name] for name in _create_only(kind) if name in properties}


@cache
def _create_only(kind: str) -> tuple[str, ...]:
    """Return the top-level properties of a type that cannot be changed in place, those that sometimes cannot included."""
    if kind == APPLICATION:
        return ()
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    paths = [*schema.get("createOnlyProperties", ()), *schema.get("conditionalCreateOnlyProperties", ())]
    return tuple(sorted({path.split("/")[2] for path in paths}))


if __name__ == "__main__":
    accept(found(templates()))
    print(f"{LIST.name}: {len(accepted())} resources that hold state")
