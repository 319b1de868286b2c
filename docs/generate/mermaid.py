"""A state machine in Amazon States Language as a Mermaid flowchart, which GitHub draws.

What nearly every state has is drawn once: the catch that leads to the explanation of a failure. Any other catch is a dashed
arrow. Colours are outlines only, so that the picture reads on a light and on a dark page.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

State = dict[str, Any]
Machine = dict[str, Any]

_CLASSES = (
    "classDef done stroke:#2da44e,stroke-width:2px",
    "classDef fault stroke:#cf222e,stroke-width:2px",
    "classDef wait stroke:#bf8700,stroke-width:2px",
    "classDef any stroke-dasharray:4 3",
)
_COMPARISONS = {
    "Equals": "=",
    "EqualsPath": "=",
    "GreaterThan": ">",
    "GreaterThanPath": ">",
    "GreaterThanEquals": "≥",
    "GreaterThanEqualsPath": "≥",
    "LessThan": "<",
    "LessThanPath": "<",
    "LessThanEquals": "≤",
    "LessThanEqualsPath": "≤",
}
_WAITS = (".waitForTaskToken",)
_TOP = "  "


def flowchart(machine: Machine) -> str:
    """Return the Mermaid text of a state machine."""
    common = _common_catch(machine["States"])
    lines = ["flowchart TD", f"  start((start)) --> {_id(machine['StartAt'])}", *_states(machine, common, _TOP)]
    if common:
        lines.append(f'  anyState["any other state fails"]:::any -.-> {_id(common)}')
    return "\n".join([*lines, *(f"  {each}" for each in _CLASSES)])


def _common_catch(states: dict[str, State]) -> str | None:
    """Return the state that most catches of everything lead to."""
    targets = Counter(
        each["Next"]
        for state in states.values()
        for each in state.get("Catch", ())
        if each["ErrorEquals"] == ["States.ALL"]
    )
    return targets.most_common(1)[0][0] if targets else None


def _states(machine: Machine, common: str | None, indent: str) -> Iterator[str]:
    for name, state in machine["States"].items():
        inner = _machines_in(state)
        yield from (
            _box(name, state, inner, indent) if inner else [f"{indent}{_node(name, state)}{_ending(state, indent)}"]
        )
    for name, state in machine["States"].items():
        yield from (f"{indent}{_id(name)} {arrow} {_id(target)}" for arrow, target in _arrows(state, common))


def _machines_in(state: State) -> list[Machine]:
    return [*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())]


def _box(name: str, state: State, inner: list[Machine], indent: str) -> Iterator[str]:
    """Draw a Parallel or a Map as a box around what runs in it."""
    yield f'{indent}subgraph {_id(name)}["{name}: {"in parallel" if "Branches" in state else "for each"}"]'
    for each in inner:
        yield from _states(each, None, f"{indent}  ")
    yield f"{indent}end"


def _node(name: str, state: State) -> str:
    label, kind = f'"{name}"', state["Type"]
    if kind == "Choice":
        return f"{_id(name)}{{{label}}}"
    if kind == "Fail":
        return f"{_id(name)}([{label}])"
    if kind == "Wait" or str(state.get("Resource", "")).endswith(_WAITS):
        return f"{_id(name)}[/{label}/]"
    if kind == "Task" and ":states:startExecution" in state["Resource"]:
        return f"{_id(name)}[[{label}]]"
    return f"{_id(name)}[{label}]"


def _ending(state: State, indent: str) -> str:
    """Return the class that colours a state; the end of a branch is no end of the workflow."""
    if state["Type"] == "Fail":
        return ":::fault"
    if state["Type"] == "Wait" or str(state.get("Resource", "")).endswith(_WAITS):
        return ":::wait"
    return ":::done" if state.get("End") and indent == _TOP else ""


def _arrows(state: State, common: str | None) -> Iterator[tuple[str, str]]:
    if "Next" in state:
        yield "-->", state["Next"]
    for choice in state.get("Choices", ()):
        yield f'-->|"{condition(choice)}"|', choice["Next"]
    if "Default" in state:
        yield "-->|otherwise|", state["Default"]
    for catch in state.get("Catch", ()):
        if catch["Next"] != common or catch["ErrorEquals"] != ["States.ALL"]:
            errors = "fails" if catch["ErrorEquals"] == ["States.ALL"] else ", ".join(catch["ErrorEquals"])
            yield f'-.->|"{errors}"|', catch["Next"]


def condition(rule: dict[str, Any]) -> str:
    """Return a Choice rule in a few words."""
    if "And" in rule:
        return " and ".join(condition(each) for each in rule["And"])
    if "Or" in rule:
        return _either(rule["Or"])
    if "Not" in rule:
        return f"not ({condition(rule['Not'])})"
    name = rule["Variable"].rpartition(".")[2]
    if "IsPresent" in rule:
        return f"{name} is there" if rule["IsPresent"] else f"no {name}"
    if "IsNull" in rule:
        return f"no {name}" if rule["IsNull"] else f"{name} is there"
    if "BooleanEquals" in rule:
        return name if rule["BooleanEquals"] else f"not {name}"
    for key, value in rule.items():
        word = re.sub(r"^(?:String|Numeric|Timestamp)", "", key)
        if word in _COMPARISONS:
            return f"{name} {_COMPARISONS[word]} {str(value).rpartition('.')[2] if word.endswith('Path') else value}"
    raise ValueError(f"found a Choice rule with {', '.join(rule)}, wanted an operator that this module knows: add it")


def _either(rules: list[dict[str, Any]]) -> str:
    """Say ``x is A, B or C`` where all alternatives compare one variable, ``… or …`` elsewhere."""
    if (
        all(set(each) == {"Variable", "StringEquals"} for each in rules)
        and len({each["Variable"] for each in rules}) == 1
    ):
        values = [each["StringEquals"] for each in rules]
        return f"{rules[0]['Variable'].rpartition('.')[2]} is {', '.join(values[:-1])} or {values[-1]}"
    return " or ".join(condition(each) for each in rules)


def _id(name: str) -> str:
    """Return a state's name as Mermaid takes it; ``end`` and such words are its own, so a letter goes in front.

    What it does not take becomes an underscore: the choice ``Started?`` and the state ``Started`` are two.
    """
    return "s" + re.sub(r"\W", "_", name)
