"""Executes functions: a pool of warm execution environments per function, limited by its reserved concurrency."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from rehearsal import cloudwatch
from rehearsal.host import Host

from . import environment, logs
from .code import CodeStore
from .errors import ServiceError, throttled
from .logs import LogStream
from .recorder import Call, Recorder
from .sandbox import Answer, Sandbox, Setup

#: Imported once in the process that forks: what nearly every function imports.
_PRELOADED = (
    "rehearsal.lambdas.worker",
    "rehearsal.lambdas.warm",
    "boto3.dynamodb.types",
    "yaml",
    "aws_lambda_powertools",
    "aws_lambda_powertools.utilities.parser",
    "aws_lambda_powertools.utilities.typing.lambda_context",
    "aws_lambda_powertools.tracing",
    "aws_xray_sdk.core",
)
#: Bytes of a result. Source: AWS Lambda quotas (6 MB, of which the API takes 100 bytes more for results).
LARGEST_RESULT = 6 * 1024 * 1024 + 100
#: Execution environments that run at the same time on this machine; more wait. A limit of the host, not of AWS.
_MOST_AT_ONCE = 64


@dataclass(frozen=True)
class Outcome:
    """What an invocation gave.

    Attributes
    ----------
    payload
        Result or error as JSON text.
    error
        The error as Lambda reports it; None when the function succeeded.
    log
        The invocation's log.
    request_id
        The invocation.
    """

    payload: str
    error: dict[str, Any] | None
    log: str
    request_id: str


@dataclass
class _Warm:
    sandbox: Sandbox
    role: str
    stream: LogStream


@dataclass
class _Pool:
    running: int = 0
    idle: list[_Warm] = field(default_factory=list)


class Executor:
    """All execution environments of one rehearsal.

    Parameters
    ----------
    host
        The rehearsal.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.folder = host.workdir / "lambdas"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.recorder = Recorder()
        self._store = CodeStore(self.folder / "code")
        # The fork server is a script beside rehearsal.py: without its folder on the path, `rehearsal` is the package.
        self._forker = host.children.preload(_PRELOADED, env={**os.environ, "PYTHONSAFEPATH": "1"})
        self._lock = threading.Lock()
        self._pools: dict[str, _Pool] = {}
        self._room = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self._credentials: dict[str, dict[str, str]] = {}
        self.closed = False

    def execute(self, function: Any, event: Any, request_id: str | None = None) -> Outcome:
        """Run a function and wait for it.

        Parameters
        ----------
        function
            moto's record of the function.
        event
            What is given to the handler.
        request_id
            The same for all attempts at an asynchronous event; a new one if not given.

        Raises
        ------
        ServiceError
            When there is no concurrency left, or the function cannot be started for want of a permission.
        """
        request_id = request_id or str(uuid.uuid4())
        with self.host.clock.busy(), self._admitted(function) as pool, self._room:
            began, moment = time.monotonic(), self.host.clock.now()
            wanted = environment.setup(self.host, function, self._store)
            warm = self._idle(pool, wanted, function)
            cold = warm is None
            answer = None
            if warm is None:
                warm = self._open(function, wanted)
                answer = warm.sandbox.start()
            if answer is None:
                answer = warm.sandbox.invoke(event, request_id, function.function_arn, float(function.timeout))
            outcome = self._outcome(function, warm, answer, request_id)
            self._return(pool, warm, answer)
            self._tell(function, event, outcome, moment, time.monotonic() - began, cold)
        return outcome

    # ---- concurrency and warm environments

    @contextmanager
    def _admitted(self, function: Any) -> Iterator[_Pool]:
        """Take part in the function's concurrency, or be throttled."""
        with self._lock:
            if self.closed:
                raise ServiceError(500, "ServiceException", "this rehearsal has stopped")
            pool = self._pools.setdefault(function.function_name, _Pool())
            reserved = function.reserved_concurrency
            if reserved is not None and pool.running >= int(reserved):
                _measure(function, Throttles=1)
                raise throttled()
            pool.running += 1
        try:
            yield pool
        finally:
            with self._lock:
                pool.running -= 1

    def _idle(self, pool: _Pool, wanted: Setup, function: Any) -> _Warm | None:
        """Take a warm environment that fits; close those of the same version that no longer do."""
        found, stale = None, []
        with self._lock:
            keep = []
            for warm in pool.idle:
                fits = warm.sandbox.setup == wanted and warm.role == function.role and warm.sandbox.alive
                if fits and found is None:
                    found = warm
                elif fits or _version(warm.sandbox.setup) != _version(wanted):
                    keep.append(warm)
                else:
                    stale.append(warm)
            pool.idle = keep
        for warm in stale:
            warm.sandbox.close()
        return found

    def _open(self, function: Any, wanted: Setup) -> _Warm:
        folder = self.folder / function.function_name
        folder.mkdir(exist_ok=True)
        stream = LogStream(self.host, function, log_group(function), self.log_file(function.function_name))
        variables = {
            **environment.credentials(self.host, function),
            "AWS_LAMBDA_LOG_GROUP_NAME": stream.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream.name,
        }
        return _Warm(Sandbox(self._forker, wanted, variables, folder), function.role, stream)

    def _return(self, pool: _Pool, warm: _Warm, answer: Answer) -> None:
        with self._lock:
            keep = not answer.fatal and not self.closed and warm.sandbox.alive
            if keep:
                pool.idle.append(warm)
        if not keep:
            warm.sandbox.close()

    # ---- what came of it

    def _outcome(self, function: Any, warm: _Warm, answer: Answer, request_id: str) -> Outcome:
        error, payload = answer.error, answer.result
        if payload is not None and (size := len(payload.encode())) > LARGEST_RESULT:
            text = (
                f"Response payload size ({size} bytes) exceeded maximum allowed payload size ({LARGEST_RESULT} bytes)."
            )
            error = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": text}
        if error is not None:
            if "requestId" in error:
                error["requestId"] = request_id
            payload = json.dumps(error)
        log = self._log(function, warm, answer, request_id)
        return Outcome(payload or "null", error, log, request_id)

    def _log(self, function: Any, warm: _Warm, answer: Answer, request_id: str) -> str:
        """Write the invocation's log and return it."""
        lines = [logs.start_line(request_id, str(function.version)), answer.log.rstrip("\n")]
        kind = None
        if answer.fatal and answer.error is not None:
            kind = answer.error["errorType"]
            lines.append(f"{answer.error['errorMessage']}\n{kind}")
        memory = int(function.memory_size)
        lines.append(logs.end_lines(request_id, answer.seconds, memory, warm.sandbox.memory(), kind))
        text = "\n".join(line for line in lines if line)
        if not self.closed:  # what ends with the rehearsal has nowhere left to write
            warm.stream.write(text)
        return text

    def _tell(self, function: Any, event: Any, outcome: Outcome, moment: datetime, seconds: float, cold: bool) -> None:
        error = outcome.error["errorType"] if outcome.error else None
        self.recorder.add(Call(function.function_name, moment, seconds, error, cold, outcome.request_id))
        _measure(function, Invocations=1, Errors=int(error is not None))
        told = {"seconds": seconds, "error": error, "cold": cold, "event": event, "payload": outcome.payload}
        self.host.emit("lambda", function=function.function_name, **told)

    def log_file(self, function: str) -> Path:
        """Return the file with everything that a function has logged."""
        return self.folder / f"{function}.log"

    # ---- acting as a function's role outside of the function

    def role(self, function: Any) -> dict[str, str]:
        """Return credentials of a function's role, for what Lambda does in its name: polling, destinations."""
        with self._lock:
            known = self._credentials.get(function.function_arn + function.role)
        if known is None:
            known = environment.credentials(self.host, function)
            with self._lock:
                self._credentials[function.function_arn + function.role] = known
        return known

    def close(self) -> None:
        """End all environments."""
        with self._lock:
            self.closed = True
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            for warm in pool.idle:
                warm.sandbox.close()


def _measure(function: Any, **counts: int) -> None:
    """Emit counts of one function ("Types of metrics for Lambda functions", Lambda developer guide)."""
    values = {name: (float(count), "Count") for name, count in counts.items()}
    cloudwatch.record("AWS/Lambda", values, {"FunctionName": function.function_name})


def log_group(function: Any) -> str:
    """Return the name of a function's log group."""
    given = (getattr(function, "logging_config", None) or {}).get("LogGroup")
    return str(given or f"/aws/lambda/{function.function_name}")


def _version(setup: Setup) -> str:
    return dict(setup.variables)["AWS_LAMBDA_FUNCTION_VERSION"]
