"""DynamoDB: one request after the other, so that a conditional write is one step.

DynamoDB evaluates a condition and writes in one step ("Condition expressions", DynamoDB Developer Guide). moto looks
and then writes, each request in a thread of its own: two that come at the same moment may both be granted, and a scan
may meet a table that changes under it.
"""

from __future__ import annotations

import threading
from typing import Any

from rehearsal.host import Host

_one = threading.RLock()


def install(host: Host) -> None:  # noqa: ARG001 - every extension is given the host
    """Let requests to DynamoDB wait for each other. Called once by the server when it starts."""
    from moto.dynamodb.responses import DynamoHandler

    from rehearsal.patching import original, replace

    call_action = original(DynamoHandler, "call_action")

    def _one_at_a_time(self: Any) -> Any:
        with _one:
            return call_action(self)

    replace(DynamoHandler, "call_action", _one_at_a_time, ("self",))
