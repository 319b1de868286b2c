"""Wraps a function's handler and tells how long its AWS calls took. Runs in the emulator beside the function, for `bench` only."""

import time
from typing import Any

import app
from botocore.httpsession import URLLib3Session

_spent = [0.0]
_send = URLLib3Session.send


def _timed(self: Any, request: Any) -> Any:
    begun = time.perf_counter()
    try:
        return _send(self, request)
    finally:
        _spent[0] += time.perf_counter() - begun


URLLib3Session.send = _timed


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Return the milliseconds of one invocation: in all, and of them those that AWS answered in."""
    _spent[0] = 0.0
    begun = time.perf_counter()
    error = None
    try:
        app.handler(event, context)
    except Exception as raised:  # a refusal is an answer too; its time is what is measured
        error = type(raised).__name__
    return {"ms": 1000 * (time.perf_counter() - begun), "aws_ms": 1000 * _spent[0], "error": error}
