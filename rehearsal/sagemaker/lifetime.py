"""Threads of jobs and deployments that end in silence when the rehearsal stops under them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rehearsal.host import Host

_over: set[int] = set()


def begin(host: Host) -> None:
    """Note that a rehearsal runs."""
    _over.discard(id(host))


def end(host: Host) -> None:
    """Note that it stops: what fails from now on fails because of that."""
    _over.add(id(host))


def over(host: Host) -> bool:
    """Whether the rehearsal stops or has stopped."""
    return id(host) in _over


def thread(host: Host, function: Callable[..., Any], *arguments: Any, name: str) -> threading.Thread:
    """Run a function in a thread that is busy (see `rehearsal.clock`); its errors count while the rehearsal runs."""

    def run() -> None:
        try:
            function(*arguments)
        except Exception:
            if not over(host):
                raise

    return host.clock.start_thread(run, name=f"rehearsal-{name}")
