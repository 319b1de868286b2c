"""What every principal has asked for, with the answer: the rehearsal's evidence of least privilege."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Call:
    """One permission that was checked.

    Attributes
    ----------
    principal
        ARN of the role, or the name of the service.
    session
        ARN of the role's session; for a service, its name.
    action, resource
        The IAM action and the ARN (or ``*``).
    allowed
        The decision.
    reason
        For a refusal, the clause of AWS's message that says why.
    implied
        Needed by something the operation does with the caller's rights (a passed role, a key), not by the operation.
    time
        Rehearsal time.
    via
        For the use of a key by a service with the caller's rights, the service, such as ``s3``; else empty.
    """

    principal: str
    session: str
    action: str
    resource: str
    allowed: bool
    reason: str
    implied: bool
    time: datetime
    via: str = ""


class Recorder:
    """Keeps calls in the order in which they were decided; safe for threads."""

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

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._calls.clear()
