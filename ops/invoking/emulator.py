"""One function in Lambda's runtime interface emulator: start it, invoke it, end it. No Docker.

The emulator is the program that SAM CLI puts into its containers: START and REPORT lines, timeouts and errors are Lambda's own.
Its context always names ``arn:aws:lambda:us-east-1:012345678912:function:<name>``, whatever the region: it is built in.
"""

import json
import re
import shutil
import socket
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError

from muster.errors import MusterError
from ops.invoking import runtime
from rehearsal.processes import Children, Process

_PATH = "/2015-03-31/functions/function/invocations"
_INIT = re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)\)")
_DONE = re.compile(r"INVOKE RTDONE\(.*?duration: ([0-9.]+)ms\)")
_OVER = re.compile(r"INVOKE RTDONE\(|Invoke failed error=")
_REPORT = re.compile(r"^REPORT RequestId: \S+.*\n", re.MULTILINE)
_NEVER_BEGUN = "Init failed error="
"""A function that cannot be initialised gets no REPORT line from the emulator."""
_START_SECONDS = 10.0
_LOG_SECONDS = 2.0
"""How long to wait for the emulator's lines about an invocation that has been answered."""


class EmulatorFailed(MusterError):
    """The emulator did not start, or did not answer."""


@dataclass(frozen=True)
class Invocation:
    """What came of one event.

    Attributes
    ----------
    payload
        The answer, or the error as Lambda reports it (``errorType``, ``errorMessage``, ``stackTrace``).
    failed
        Whether it is an error.
    log
        What the function and the emulator wrote: START, the function's lines, END, REPORT.
    init_ms
        How long the start of Python and the import of the handler took; None when the function was warm.
    duration_ms
        From the event to the answer in the runtime, without the initialisation.
    """

    payload: Any
    failed: bool
    log: str
    init_ms: float | None
    duration_ms: float


class Emulator:
    """A function that can be invoked; use it as a context manager.

    Parameters
    ----------
    function
        Folder with the function's code, as in ``.aws-sam/build``.
    layers
        Folders with the content of layers (each has ``python/``).
    environment
        The function's variables, with AWS_REGION, credentials and AWS_ENDPOINT_URL. Nothing of this process's environment is added.
    name, handler, memory_mb, timeout_seconds
        As the template has them.
    """

    def __init__(
        self,
        function: Path,
        layers: Sequence[Path],
        environment: Mapping[str, str],
        *,
        name: str = "function",
        handler: str = "app.handler",
        memory_mb: int = 512,
        timeout_seconds: int = 60,
    ) -> None:
        self._function, self._layers = function.resolve(), [layer.resolve() for layer in layers]
        self._handler, self._timeout = handler, timeout_seconds
        self._own = {
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_seconds),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "LAMBDA_TASK_ROOT": str(self._function),
            **environment,
        }
        self._children: Children | None = None
        self._process: Process | None = None

    # ---- life

    def __enter__(self) -> Self:
        """Start the emulator; the function itself starts with its first event, as `sam local invoke` has it."""
        program, command = runtime.emulator(), runtime.python()
        self._folder = Path(tempfile.mkdtemp(prefix="muster-invoke-"))
        self._children = Children()
        self._children.remove_at_end(self._folder)
        try:
            self._log, self._told = self._folder / "function.log", self._folder / "emulator.log"
            self._seen = self._seen_told = 0
            self._port, control = _free_ports(2)
            with self._log.open("wb") as log, self._told.open("wb") as told:
                self._process = self._children.spawn(
                    [
                        *(str(program), "--log-level", "info"),
                        *("--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"),
                        *("--runtime-api-address", f"127.0.0.1:{control}"),
                        *(*command, self._handler),
                    ],
                    env=self._variables(),
                    cwd=self._function,
                    stdout=log,
                    stderr=told,
                )
            self._await_port()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.stop()
        if self._children is not None:
            self._children.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _variables(self) -> dict[str, str]:
        """Return the whole environment; modules are looked for in Lambda's order: function, layers, runtime."""
        places = [self._function]
        # Of two layers with the same file the later one wins, as when they are unpacked to /opt.
        for layer in reversed(self._layers):
            places += [layer / "python" / "lib" / runtime.VERSION / "site-packages", layer / "python"]
        places.append(runtime.client(self._folder / "runtime"))
        home = self._folder / "tmp"
        home.mkdir()
        return {
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "HOME": str(home),
            "TMPDIR": str(home),
            "PYTHONDONTWRITEBYTECODE": "1",  # as in Lambda, where code lies on a read-only file system
            "PYTHONPATH": ":".join(str(place) for place in places if place.is_dir()),
            "AWS_EC2_METADATA_DISABLED": "true",
            **self._own,
        }

    def _await_port(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise EmulatorFailed(f"the emulator did not start: {self._told.read_text(errors='replace').strip()}")
            time.sleep(0.005)

    # ---- use

    def invoke(self, event: Any) -> Invocation:
        """Hand over one event and wait for the answer.

        Raises
        ------
        EmulatorFailed
            When the emulator itself does not answer.
        """
        begun = time.monotonic()
        status, body = self._post(json.dumps(event).encode())
        seconds = time.monotonic() - begun
        log, told = self._lines()
        payload = _parsed(body)
        # A function that cannot be initialised gives 502; one that raises gives 200 and an error object; one that takes
        # too long gives 200 and a sentence.
        failed = status != 200 or not isinstance(payload, dict) or {"errorType", "errorMessage"} <= payload.keys()
        init, done = _INIT.search(told), _DONE.findall(told)
        return Invocation(
            payload=payload,
            failed=failed,
            log=log,
            init_ms=float(init[1]) if init else None,
            duration_ms=float(done[-1]) if done else 1000 * seconds,
        )

    def _post(self, body: bytes) -> tuple[int, bytes]:
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{_PATH}", data=body, method="POST")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            answer: HTTPResponse
            with opener.open(request, timeout=self._timeout + 30) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()
        except OSError as error:
            raise EmulatorFailed(
                f"the emulator does not answer: {error}: {self._told.read_text(errors='replace')[-500:]}"
            ) from error

    def _lines(self) -> tuple[str, str]:
        """Return what function and emulator wrote about the last invocation; the emulator writes some of it after its answer."""
        deadline = time.monotonic() + _LOG_SECONDS
        while True:
            log, told = _from(self._log, self._seen), _from(self._told, self._seen_told)
            told_all = _OVER.search(told) and (_REPORT.search(log) or _NEVER_BEGUN in told)
            if told_all or time.monotonic() > deadline:
                self._seen += len(log.encode())
                self._seen_told += len(told.encode())
                return log, told
            time.sleep(0.002)


def _from(file: Path, offset: int) -> str:
    with file.open("rb") as stream:
        stream.seek(offset)
        return stream.read().decode("utf-8", errors="replace")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", errors="replace")


def _free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody listens on; held together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
