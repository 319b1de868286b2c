"""What a function writes: to CloudWatch Logs if its role may, and to a file in the scratch folder in any case."""

from __future__ import annotations

import threading
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from rehearsal.cloudwatch import embedded
from rehearsal.host import Host
from rehearsal.iam.errors import AccessDenied

_TAIL = 4096  # bytes of the log that Invoke returns with LogType=Tail (Lambda API reference)


class LogStream:
    """The log of one execution environment.

    Lambda itself writes it, with the function's role. A role without the permission loses the log and nothing else,
    as in AWS; that it was refused stands in ``host.iam.calls()``.

    Parameters
    ----------
    host
        The rehearsal.
    function
        moto's record of the function.
    group
        Name of the log group.
    path
        File that the log is written to as well.
    """

    def __init__(self, host: Host, function: Any, group: str, path: Path) -> None:
        self._host, self._function = host, function
        self.group, self.path = group, path
        day = host.clock.now().strftime("%Y/%m/%d")
        self.name = f"{day}/[{function.version}]{uuid.uuid4().hex}"
        self._lock = threading.Lock()
        self._open: bool | None = None  # not known before the first line

    def write(self, text: str) -> None:
        """Add lines."""
        with self._lock:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text if text.endswith("\n") else f"{text}\n")
            if self._open is None:
                self._open = self._create()
            if self._open:
                # A carriage return joins the lines of one event, as in a traceback (awslambdaric).
                events = [line.replace("\r", "\n") for line in text.split("\n") if line]
                moment = int(self._host.clock.time() * 1000)
                self._function.logs_backend.put_log_events(
                    self.group, self.name, [{"timestamp": moment, "message": event} for event in events]
                )
                for event in events:
                    embedded.extract(event, self.group)

    def _create(self) -> bool:
        backend, host = self._function.logs_backend, self._host
        group = host.arn("logs", f"log-group:{self.group}")
        try:
            if self.group not in backend.groups:
                self._demand("logs:CreateLogGroup", f"{group}:*")
                backend.ensure_log_group(self.group)
            self._demand("logs:CreateLogStream", f"{group}:*")
            self._demand("logs:PutLogEvents", f"{group}:log-stream:{self.name}")
        except AccessDenied:
            return False
        backend.create_log_stream(self.group, self.name)
        return True

    def _demand(self, action: str, resource: str) -> None:
        if self._host.iam is not None:
            self._host.iam.require(self._function.role, action, resource)


def tail(text: str) -> bytes:
    """Return the end of a log, as much of it as Invoke returns."""
    return text.encode()[-_TAIL:]


def start_line(request_id: str, version: str) -> str:
    """Return the line that opens an invocation's log."""
    return f"START RequestId: {request_id} Version: {version}"


def end_lines(request_id: str, seconds: float, memory: int, used: int, error: str | None) -> str:
    """Return the lines that close an invocation's log.

    Parameters
    ----------
    seconds
        Duration of the invocation.
    memory, used
        Memory limit and use in MB.
    error
        Type of an error of the sandbox itself, such as ``Runtime.ExitError``.
    """
    milliseconds = seconds * 1000
    status = f"\tStatus: {'timeout' if error == 'Sandbox.Timedout' else 'error'}" if error else ""
    kind = f"\tError Type: {error}" if error and error != "Sandbox.Timedout" else ""
    return (
        f"END RequestId: {request_id}\n"
        f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
        f"Billed Duration: {int(milliseconds) + 1} ms\tMemory Size: {memory} MB\tMax Memory Used: {used} MB{status}{kind}"
    )


def started(when: datetime) -> str:
    """Return a time as Lambda writes it in records: milliseconds and Z."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
