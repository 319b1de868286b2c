"""Every wait ends: no Wait or Task without a known longest time, no circle without a counter.

And a machine outlasts all that happens inside it. The formula, over every state S of a machine M, nested ones included::

    longest(S) = visits(S) * (TimeoutSeconds + sum over Retry of delays + retried calls)
    delays        = sum for i in 1..MaxAttempts of min(MaxDelaySeconds, IntervalSeconds * BackoffRate ** (i - 1))
    retried calls = sum of MaxAttempts * (the call's longest time)
    sum of longest(S) < TimeoutSeconds of M

Full jitter only shortens a delay, so the delays are upper bounds. `checks.tasks` sees to it that a timeout is never
retried: a visit has at most one that elapses. The children of a Distributed Map take turns, so many at a time, none longer
than an Express execution may be. A retried call of a job or a child (``.sync``, ``.waitForTaskToken``) is
the call that starts it, since what fails after the start is States.TaskFailed, which is not retried either.
"""

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from checks.findings import Finding, Result, result
from checks.located import Located
from checks.transitions import targets
from checks.tree import Machine, Placed, Tree, machines, states
from state_machines import limits

_PATHS = {
    "$.run.approval_wait_seconds": limits.APPROVAL_SECONDS,
    "$.staged.transform.max_runtime_seconds": limits.PROCESSING_SECONDS,
    "$.wait.seconds": limits.ENDPOINT_WAIT_SECONDS // limits.ENDPOINT_LOOKS,
}
"""Times that come from the input, and their longest value: the contracts' bounds (`muster.contracts.spec`), and for the
rollout's growing waits the mean, since their sum and their number are bounded (`muster.rollout.wait_steps`)."""

_CHILD = re.compile(r"\$\{(\w+)StateMachineArn\}")

_ONCE = ("RestorePrevious", "DeleteEndpoint")
"""States of a rollout that undo it. They set the phase to ``restore`` and are entered from another phase only, so a way
back through them is taken once at most; `tests/state_machines/test_deployment.py` runs it with any faults."""

_COUNTED_VISITS = {"$.wait.steps": 2 * limits.ENDPOINT_LOOKS, "$.plan.nightly.turns": limits.NIGHTLY_TURNS}
"""A state in a counted circle, by the circle's bound: as often as a rollout looks at its endpoint, for the switch and for
its undoing; as often as a night's questions may be continued."""


def check(tree: Tree) -> Result:
    """Find waits without an end, circles without a counter, and machines that end before their states may."""
    found: list[Finding] = []
    for document in tree.definitions.values():
        found += [*_unbounded(document), *_circles(document), *_outlasted(document), *_children(tree, document)]
    return result(f"{len(tree.definitions)} workflows: waits, circles, longest times", found)


def longest_seconds(state: Placed, *, visits: int = 1) -> float:
    """Return the most seconds that all visits of a state take, its delays between retries included."""
    body = state.body
    if body["Type"] not in ("Task", "Wait"):
        return 0.0
    path = str(body.get("TimeoutSecondsPath", body.get("SecondsPath")))
    written: Any = body.get("TimeoutSeconds", body.get("Seconds", 0))
    once = float(_PATHS.get(path, written))
    resource = str(body.get("Resource"))
    call = limits.API_SECONDS if resource.endswith((".sync", ".sync:2", ".waitForTaskToken")) else once
    for retrier in body.get("Retry", ()):
        attempts = retrier["MaxAttempts"]
        once += attempts * call + sum(_delay(retrier, attempt) for attempt in range(attempts))
    return once * visits


def _delay(retrier: dict[str, float], attempt: int) -> float:
    grown = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2) ** attempt
    return min(retrier.get("MaxDelaySeconds", grown), grown)


def _unbounded(document: Located) -> Iterator[Finding]:
    for state in states(document):
        for key in ("Timestamp", "TimestampPath"):
            if key in state.body:
                yield Finding(
                    document.path, state.line(key), f"{state.where}: found {key}, wanted Seconds: it may be any time"
                )
        for key in ("SecondsPath", "TimeoutSecondsPath"):
            if key in state.body and state.body[key] not in _PATHS:
                message = f"{state.where}: found {key} {state.body[key]}, wanted one of: {', '.join(_PATHS)}"
                yield Finding(document.path, state.line(key), message)


def _circles(document: Located) -> Iterator[Finding]:
    """A circle needs a Choice that leaves it when a counter reaches its bound. Catches lead to an undoing, see `_ONCE`."""
    for machine in machines(document):
        bounded = {state.name for state in machine.states if _counts(state)}
        for state in machine.states:
            if state.name not in bounded and _circles_through(machine, state.name, without=bounded):
                message = (
                    f"{state.where}: found a way back to it, wanted a Choice with NumericGreaterThanEqualsPath in it"
                )
                yield Finding(document.path, state.line(), message)


def _counted_visits(machine: Machine) -> int:
    """How often a state in a circle of this machine is visited."""
    choices = [choice for state in machine.states for choice in state.body.get("Choices", ())]
    bounds = [
        str(choice["NumericGreaterThanEqualsPath"]) for choice in choices if "NumericGreaterThanEqualsPath" in choice
    ]
    return max((_COUNTED_VISITS.get(bound, max(_COUNTED_VISITS.values())) for bound in bounds), default=1)


def _counts(state: Placed) -> bool:
    return any("NumericGreaterThanEqualsPath" in choice for choice in state.body.get("Choices", ()))


def _circles_through(machine: Machine, name: str, without: Iterable[str] = ()) -> bool:
    """Tell whether a state leads back to itself, but for ways through `_ONCE` and through the states `without`."""
    if name in _ONCE:
        return False
    leads = {state.name: [target for target, _ in targets(state, faults=False)] for state in machine.states}
    seen = {*_ONCE, *without}
    todo = list(leads[name])
    while todo:
        each = todo.pop()
        if each == name:
            return True
        if each not in seen:
            seen.add(each)
            todo += leads.get(each, ())  # a target that does not exist is another check's finding
    return False


def _outlasted(document: Located) -> Iterator[Finding]:
    total = 0.0
    for machine in machines(document):
        counted = _counted_visits(machine)
        longest = sum(
            longest_seconds(state, visits=counted if _circles_through(machine, state.name) else 1)
            for state in machine.states
        )
        turns = _turns(document, machine)
        total += turns * min(longest, limits.EXPRESS_SECONDS) if turns else longest
    own = document.data.get("TimeoutSeconds")
    if own is None or own <= total:
        message = f"found TimeoutSeconds {own}, wanted more than its states may take together ({total:.0f} s)"
        yield Finding(document.path, document.line("TimeoutSeconds"), message)


def _turns(document: Located, machine: Machine) -> int:
    """How often the children of a Distributed Map take turns, each an Express execution; 0 for any other machine."""
    if machine.body.get("ProcessorConfig", {}).get("Mode") != "DISTRIBUTED":
        return 0
    state: Any = document.data
    for key in machine.place[:-1]:
        state = state[key]
    return math.ceil(limits.SKETCH_BATCHES / int(state["MaxConcurrency"]))


def _children(tree: Tree, document: Located) -> Iterator[Finding]:
    """A child that is waited for may take as long as its own timeout says."""
    for state in states(document):
        if not str(state.body.get("Resource")).endswith("startExecution.sync:2"):
            continue
        name = _CHILD.sub(r"\1", state.body["Parameters"]["StateMachineArn"]).lower()
        longest = tree.definitions[name].data["TimeoutSeconds"]
        if state.body.get("TimeoutSeconds", 0) <= longest:
            message = f"{state.where}: found TimeoutSeconds of no more than those of {name}, wanted more than {longest}"
            yield Finding(document.path, state.line("TimeoutSeconds"), message)
