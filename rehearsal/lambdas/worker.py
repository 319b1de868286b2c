"""Runs in the child process: imports the handler once, then answers events, as Lambda's Python runtime does.

Source: aws-lambda-python-runtime-interface-client (awslambdaric), whose error types, messages, log formats and JSON
rules are kept. It is imported by the fork server, so it imports nothing slow and nothing of the host.

Messages are JSON, one per line, over a Unix socket. The child says first ``{"ready": true}`` or ``{"error": ...}``,
then for each ``{"event", "request_id", "arn", "deadline"}`` either ``{"result": <JSON text>}`` or ``{"error": ...}``.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import re
import resource
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

#: Exit status after which the host reports that the memory limit was exceeded.
OUT_OF_MEMORY = 137
_MEGABYTE = 1024 * 1024
_INDENT = "\u00a0"  # Lambda prints a traceback as one log event, indented by no-break spaces
#: What a bare runtime with boto3 takes in AWS; the process that forks has imported as much before the limit is set.
_RUNTIME = 40
_STACK = 2 * _MEGABYTE  # of a thread: 8 MB each would count against the memory limit without ever being used


class Fault(Exception):
    """An error of the runtime itself, such as a handler that cannot be imported."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind, self.message, self.trace = kind, message, trace or []


class Identity:
    """Amazon Cognito's identity: always there, always empty."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class Context:
    """The second argument of a handler.

    Source: AWS Lambda Developer Guide, "Using the Lambda context object to retrieve Python function information".
    """

    def __init__(self, request_id: str, arn: str, deadline: float) -> None:
        self.aws_request_id = request_id
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = arn
        self.client_context = None
        self.identity = Identity()
        self.tenant_id = None
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until the function is stopped, in milliseconds."""
        return max(0, int((self._deadline - time.time()) * 1000))

    def log(self, message: Any) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))


def main(address: str, handler: str, folders: list[str], shown: dict[str, str], memory: int) -> int:
    """Serve one execution environment until the host closes the socket.

    Parameters
    ----------
    address
        Path of the host's socket.
    handler
        ``module.function``; slashes in the module are folders.
    folders
        Put in front of ``sys.path``: the function's code, then its layers.
    shown
        Folder -> what stands for it in stack traces, such as ``/var/task``.
    memory
        Limit in MB.
    """
    host = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    host.connect(address)
    stream = host.makefile("rwb")
    _prepare(folders, memory)
    told = _Log()
    gc.disable()  # while modules are made, nothing of them is garbage
    try:
        function = _load(handler)
    except MemoryError:
        return OUT_OF_MEMORY
    except Exception as error:
        problem = _problem(error, "", shown)
        told.error(problem)
        _send(stream, {"error": problem})
        return 1
    finally:
        gc.freeze()
        gc.enable()
    _send(stream, {"ready": True})
    for line in stream:
        message = json.loads(line)
        told.request_id = message["request_id"]
        answer = _answer(function, message, shown, told)
        if answer is None:
            return OUT_OF_MEMORY
        sys.stdout.flush()
        sys.stderr.flush()
        _send(stream, answer)
    return 0


def _send(stream: Any, message: dict[str, Any]) -> None:
    stream.write(json.dumps(message).encode() + b"\n")
    stream.flush()


def _ours(entry: str, base: str) -> bool:
    """Whether an entry of sys.path leads into the repository, which no function sees; an environment in it is no part of it."""
    return not entry or (Path(entry).is_relative_to(base) and "site-packages" not in Path(entry).parts)


def _prepare(folders: list[str], memory: int) -> None:
    """Take on what a fresh process would have: import path, time zone, scratch folder, limits."""
    base = os.environ.get("REHEARSAL_IMPORT_ROOT") or os.curdir
    sys.path[:] = [*folders, *[entry for entry in sys.path if entry not in folders and not _ours(entry, base)]]
    sys.path_importer_cache.clear()
    os.environ.pop("REHEARSAL_IMPORT_ROOT", None)
    os.environ.pop("PYTHONPATH", None)
    time.tzset()
    tempfile.tempdir = None
    threading.stack_size(_STACK)
    limit_memory(memory)


def limit_memory(megabytes: int) -> None:
    """Limit what this process may allocate from now on, so that it holds at most `megabytes` in memory.

    Linux counts writable private memory that is reserved, used or not (RLIMIT_DATA). Elsewhere no limit is set.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123 - pathlib is not otherwise needed here
            held = int(re.findall(r"^VmData:\s+(\d+) kB$", file.read(), re.MULTILINE)[0]) * 1024
    except OSError:
        return
    limit = held + max(0, megabytes - _RUNTIME) * _MEGABYTE
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _load(handler: str) -> Callable[[Any, Context], Any]:
    try:
        module_name, name = handler.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': {error}") from error
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {module_name} as a handler module")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        text = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", text, trace) from error
    try:
        function: Callable[[Any, Context], Any] = getattr(module, name)
    except AttributeError as error:
        text = f"Handler '{name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", text) from error
    return function


def _answer(
    function: Callable[[Any, Context], Any], message: dict[str, Any], shown: dict[str, str], told: _Log
) -> dict[str, Any] | None:
    """Call the handler; None when it ran out of memory, which ends the process."""
    try:
        result = function(message["event"], Context(message["request_id"], message["arn"], message["deadline"]))
        return {"result": _encode(result)}
    except MemoryError:
        return None
    except Exception as error:
        problem = _problem(error, message["request_id"], shown)
        told.error(problem)
        return {"error": problem}


def _encode(result: Any) -> str:
    """Return the result as JSON text; NaN and what JSON cannot say are errors, Decimals are numbers."""

    def number(value: Any) -> int | float:
        if isinstance(value, Decimal):
            return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")

    try:
        return json.dumps(result, default=number, ensure_ascii=False, allow_nan=False)
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def _problem(error: Exception, request_id: str, shown: dict[str, str]) -> dict[str, Any]:
    """Return an exception as Lambda reports it."""
    if isinstance(error, Fault):
        kind, text, trace = error.kind, error.message, error.trace
    else:
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
        kind, text, trace = type(error).__name__, str(error), traceback.format_list(own)
    for folder, name in shown.items():
        trace = [entry.replace(folder, name) for entry in trace]
    return {"errorMessage": text, "errorType": kind, "requestId": request_id, "stackTrace": trace}


class _Log(logging.Handler):
    """The root logger's handler, in Lambda's text format, and the traceback that ends a failed invocation's log."""

    def __init__(self) -> None:
        super().__init__()
        self.request_id = ""
        logging.Formatter.converter = time.gmtime
        self.setFormatter(
            logging.Formatter(
                "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
            )
        )
        logging.getLogger().addHandler(self)
        level = os.environ.get("AWS_LAMBDA_LOG_LEVEL")
        if level in logging.getLevelNamesMapping():
            logging.getLogger().setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        record.aws_request_id = self.request_id
        sys.stdout.write(self.format(record) + "\n")

    def error(self, problem: dict[str, Any]) -> None:
        """Write why an invocation failed."""
        lines = [f"[ERROR] {problem['errorType']}: {problem['errorMessage']}", "Traceback (most recent call last):"]
        for entry in problem["stackTrace"]:
            for line in entry.splitlines():
                bare = line.lstrip(" ")
                lines.append(_INDENT * (len(line) - len(bare)) + bare)
        sys.stdout.write("\r".join(lines) + "\n")
