"""A whole state machine: its comment, and a timeout that is longer than everything inside it may take."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from state_machines.extension import Graph, State

_HOUR = 3_600


def machine(start: State, *, comment: str, smallest_input: str, waits: Mapping[str, int] | None = None) -> Graph:
    """Return the state machine that begins at `start`.

    Its TimeoutSeconds follows from its states, so that it ends what hangs and nothing else: an execution that it ends
    can neither explain itself nor clean up (``settle_execution`` does that for it).

    Parameters
    ----------
    smallest_input
        Goes into the comment: what a person has to type to start it.
    waits
        Longest time in seconds, over all its visits, of each state that waits by a path or is visited more than once.
    """
    states = Graph(start).to_dict()["States"]
    total = longest_seconds(states, waits or {})
    hours = math.ceil(total / _HOUR) + 1
    return Graph(start, comment=f"{comment} Smallest input: {smallest_input}", timeout_seconds=hours * _HOUR)


def longest_seconds(states: Mapping[str, Any], waits: Mapping[str, int]) -> int:
    """Return the most seconds that one visit of every state takes, one timeout and all delays of retries included.

    Raises
    ------
    ValueError
        When a state takes its time from a path, and `waits` does not say how long that may be.
    """
    return sum(_seconds(name, state, waits) for name, state in _all_states(states))


def _seconds(name: str, state: Mapping[str, Any], waits: Mapping[str, int]) -> int:
    if name in waits:
        return waits[name]
    if state["Type"] not in ("Task", "Wait"):
        return 0
    seconds = state.get("TimeoutSeconds", state.get("Seconds"))
    if seconds is None:
        raise ValueError(f"state {name}: found a time by path, wanted its longest value in `waits`")
    delays = [int(each["MaxAttempts"]) * int(each["MaxDelaySeconds"]) for each in state.get("Retry", ())]
    return int(seconds) + sum(delays)


def _all_states(states: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, state in states.items():
        yield name, state
        inner = [*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())]
        for each in inner:
            yield from _all_states(each["States"])
