"""Every target of a transition exists, and every state can be reached.

cfn-lint does not look inside the file that DefinitionUri names, and in a definition that it does read it misses Next,
Catch and unreachable states.
"""

from collections.abc import Iterator

from checks.findings import Finding, Result, result
from checks.tree import Machine, Placed, Tree, machines


def check(tree: Tree) -> Result:
    """Find transitions to states that do not exist, and states that nothing leads to."""
    found: list[Finding] = []
    count = 0
    for document in tree.definitions.values():
        for machine in machines(document):
            count += len(machine.body["States"])
            found += _check(machine)
    return result(f"{count} states of {len(tree.definitions)} workflows", found)


def _check(machine: Machine) -> Iterator[Finding]:
    path, states = machine.document.path, {state.name: state for state in machine.states}
    start = machine.body.get("StartAt")
    if start not in states:
        line = machine.document.line(*machine.place, "StartAt")
        yield Finding(path, line, f"found StartAt {start!r}, wanted one of the machine's states")
    for state in states.values():
        for target, line in targets(state):
            if target not in states:
                yield Finding(path, line, f"{state.where}: found a way to {target!r}, wanted a state of this machine")
        if not _ends(state) and not list(targets(state)):
            yield Finding(path, state.line(), f"{state.where}: found neither Next nor End, wanted one of them")
    for name in states.keys() - _reached(str(start), states):
        yield Finding(path, states[name].line(), f"{states[name].where}: found no way that leads here, wanted one")


def targets(state: Placed, *, faults: bool = True) -> Iterator[tuple[str, int]]:
    """Yield where a state leads, with the line; without what its Catch does when `faults` is false."""
    for key in ("Next", "Default"):
        if key in state.body:
            yield state.body[key], state.line(key)
    for key in ("Choices", "Catch") if faults else ("Choices",):
        for index, each in enumerate(state.body.get(key, ())):
            yield each["Next"], state.line(key, index, "Next")


def _ends(state: Placed) -> bool:
    return bool(state.body.get("End")) or state.body["Type"] in ("Succeed", "Fail")


def _reached(start: str, states: dict[str, Placed]) -> set[str]:
    reached: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        if name in states and name not in reached:
            reached.add(name)
            todo += [target for target, _ in targets(states[name])]
    return reached
