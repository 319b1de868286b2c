"""A whole state machine: its comment, and a timeout that is longer than everything inside it may take."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from state_machines.extension import Graph, State
from state_machines.limits import API_SECONDS

_HOUR = 3_600


def machine(
    start: State,
    *,
    comment: str,
    smallest_input: str,
    waits: Mapping[str, int] | None = None,
    visits: Mapping[str, int] | None = None,
) -> Graph:
    """Return the state machine that begins at `start`.

    Its TimeoutSeconds follows from its states, so that it ends what hangs and nothing else: an execution that it ends
    can neither explain itself nor clean up (``settle_execution`` does that for it).

    Parameters
    ----------
    smallest_input
        Goes into the comment: what a person has to type to start it.
    waits
        Longest time in seconds, over all its visits, of each state that waits by a path.
    visits
        How often a state is visited that is visited more than once.
    """
    states = Graph(start).to_dict()["States"]
    total = longest_seconds(states, waits or {}, visits or {})
    hours = math.ceil(total / _HOUR) + 1
    return Graph(start, comment=f"{comment} Smallest input: {smallest_input}", timeout_seconds=hours * _HOUR)


def longest_seconds(states: Mapping[str, Any], waits: Mapping[str, int], visits: Mapping[str, int]) -> int:
    """Return the most seconds that the states take together: of each visit one timeout, and every retry with its delay.

    Raises
    ------
    ValueError
        When a state takes its time from a path, and `waits` does not say how long that may be.
    """
    return sum(_seconds(name, state, waits) * visits.get(name, 1) for name, state in _all_states(states))


def _seconds(name: str, state: Mapping[str, Any], waits: Mapping[str, int]) -> int:
    if name in waits:
        return waits[name]
    if state["Type"] not in ("Task", "Wait"):
        return 0
    seconds = state.get("TimeoutSeconds", state.get("Seconds"))
    if seconds is None:
        raise ValueError(f"state {name}: found a time by path, wanted its longest value in `waits`")
    # What is retried of a job or a child is the call that starts it: its own end is never retried.
    call = API_SECONDS if ".sync" in state.get("Resource", "") else int(seconds)
    again = [int(each["MaxAttempts"]) * (call + int(each["MaxDelaySeconds"])) for each in state.get("Retry", ())]
    return int(seconds) + sum(again)


def _all_states(states: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, state in states.items():
        yield name, state
        inner = [*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())]
        for each in inner:
            yield from _all_states(each["States"])
