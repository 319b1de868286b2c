"""What the functions were called for: one record per execution of a handler."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Call:
    """One execution of a function.

    Attributes
    ----------
    function
        Its name.
    started
        Rehearsal time.
    seconds
        Real seconds from the call to its answer, the start of a new execution environment included.
    error
        Type of the error; None when it succeeded.
    cold
        Whether a new execution environment was started for it.
    request_id
        As the function's log has it.
    """

    function: str
    started: datetime
    seconds: float
    error: str | None
    cold: bool
    request_id: str


class Recorder:
    """Keeps calls in the order in which they ended; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []

    def add(self, call: Call) -> None:
        """Keep one call."""
        with self._lock:
            self._calls.append(call)

    def calls(self) -> list[Call]:
        """Return all calls so far."""
        with self._lock:
            return list(self._calls)
