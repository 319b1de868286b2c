"""Lambda: functions run in warm child processes, with their own code, environment, role, memory limit and timeout.

The child processes import this package too, so nothing slow is imported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.host import Host
    from rehearsal.lambdas.recorder import Call

__all__ = ["calls", "install", "log_file"]


def install(host: Host) -> None:
    """Make moto's Lambda run functions for `host`. Called once by the server when it starts."""
    from . import botocore_files, patches, service

    botocore_files.keep()  # deploying makes a client of nearly every service, and moto reads the same models
    patches.install()
    service.start(host)


def calls(since: float = 0.0) -> list[Call]:
    """Return the executions of functions in the rehearsal that runs, in the order in which they ended.

    Parameters
    ----------
    since
        Rehearsal time in POSIX seconds; earlier ones are left out.
    """
    from .service import service

    return [call for call in service().executor.recorder.calls() if call.started.timestamp() >= since]


def log_file(function: str) -> Path:
    """Return the file with everything that a function has logged; it is gone when the rehearsal stops."""
    from .service import service

    return service().executor.log_file(function)
