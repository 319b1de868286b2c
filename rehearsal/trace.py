"""What a script of `rehearsal.interpreter` can answer, and what a run tells: plain data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


class TaskFailure(Exception):
    """A task fails with an error name and a cause, as Step Functions would report them. Return or raise it."""

    def __init__(self, error: str, cause: Any = "") -> None:
        self.error = error
        self.cause = cause if isinstance(cause, str) else json.dumps(cause)
        super().__init__(f"{error}: {self.cause}")


@dataclass(frozen=True)
class TimeOut:
    """The task never ends by itself: its TimeoutSeconds does it."""


@dataclass(frozen=True)
class After:
    """The task takes `seconds` of virtual time, and then has `outcome`."""

    seconds: float
    outcome: Any


@dataclass(frozen=True)
class Waiting:
    """A ``.waitForTaskToken`` task has handed out its token.

    Attributes
    ----------
    after
        Seconds until the answer; None for never.
    answer
        Output of SendTaskSuccess, or a TaskFailure for SendTaskFailure.
    beats
        Times of heartbeats, in seconds from the start of the wait.
    """

    after: float | None = None
    answer: Any = None
    beats: Sequence[float] = ()


@dataclass(frozen=True)
class Visit:
    """A state was entered, `time` seconds after the start, with an input of so many bytes (JSON in UTF-8)."""

    state: str
    type: str
    time: float
    bytes: int


@dataclass(frozen=True)
class Call:
    """A Task called its integration.

    `attempt` is 0 for the first try and counts retries; `visit` counts all calls of this state in the run.
    """

    state: str
    resource: str
    parameters: dict[str, Any]
    attempt: int
    visit: int
    time: float


@dataclass(frozen=True)
class Retry:
    """A state is tried again after `wait` seconds because of `error`."""

    state: str
    error: str
    wait: float
    time: float


@dataclass
class Trace:
    """All that happened in a run. Things that happen at one time in several branches have no defined order.

    Attributes
    ----------
    status
        SUCCEEDED, FAILED or TIMED_OUT.
    output
        Of a run that succeeded.
    error, cause
        Of a run that failed.
    seconds
        Virtual seconds from start to end.
    choices
        ``(state, index of the rule or "default")``.
    catches
        ``(state, error, index of the catcher)``.
    failures
        ``(state, error, cause)`` of every failed attempt.
    """

    status: str = "RUNNING"
    output: Any = None
    error: str | None = None
    cause: str | None = None
    seconds: float = 0.0
    visits: list[Visit] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    choices: list[tuple[str, int | str]] = field(default_factory=list)
    catches: list[tuple[str, str, int]] = field(default_factory=list)
    retries: list[Retry] = field(default_factory=list)
    failures: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def states(self) -> list[str]:
        """Names of the states in the order of their visits."""
        return [visit.state for visit in self.visits]

    def parameters(self, state: str) -> list[dict[str, Any]]:
        """Return what each call of a state has sent."""
        return [call.parameters for call in self.calls if call.state == state]
