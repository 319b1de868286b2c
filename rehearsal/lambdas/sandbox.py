"""One execution environment of a function: a forked process that answers one event at a time."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.processes import Child, Forker

from . import worker

_LONGEST = 100  # path of a Unix socket, on the systems that we run on
#: Real seconds that the import of a handler may take. Lambda's own limit is 10 s; then it starts again inside of the
#: first invocation and under the function's timeout, which comes to about the same.
INIT_SECONDS = 30.0
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Setup:
    """What an execution environment is made of; another setup needs another environment.

    Attributes
    ----------
    handler, memory
        As the function is configured; memory in MB.
    task
        Folder with the code.
    layers
        Folders that layers add to ``sys.path``.
    variables
        Environment variables, those that Lambda sets included, without credentials and log names.
    """

    handler: str
    memory: int
    task: Path
    layers: tuple[Path, ...]
    variables: tuple[tuple[str, str], ...]


@dataclass
class Answer:
    """What came of one event.

    Attributes
    ----------
    result
        The result as JSON text; None after an error.
    error
        The error as Lambda reports it.
    log
        What the function wrote.
    fatal
        Whether the environment is gone with it.
    seconds
        Real seconds that it took.
    """

    result: str | None = None
    error: dict[str, Any] | None = None
    log: str = ""
    fatal: bool = False
    seconds: float = 0.0


class Ended(Exception):
    """The process is gone, or has been ended because it took too long."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


class Sandbox:
    """A process that has the handler, or says why it cannot be imported.

    Parameters
    ----------
    forker
        The process that forks it.
    setup
        What it is made of.
    variables
        Credentials and log names, added to the setup's variables.
    folder
        Folder for its output and its ``/tmp``.
    """

    def __init__(self, forker: Forker, setup: Setup, variables: dict[str, str], folder: Path) -> None:
        self.setup = setup
        number = next(_numbers)
        self._output = folder / f"{number}.out"
        self._scratch = folder / f"{number}.tmp"
        self._scratch.mkdir(parents=True)
        self._seen = 0
        with _listening(self._scratch) as (listener, address):
            self.child = self._fork(forker, variables, address)
            self._socket = self._accept(listener)
        self._stream = self._socket.makefile("rb") if self._socket else None

    def _fork(self, forker: Forker, variables: dict[str, str], address: str) -> Child:
        setup, home = self.setup, str(self._scratch)
        return forker.run(
            "rehearsal.lambdas.worker:main",
            {
                "address": address,
                "handler": setup.handler,
                "folders": [str(setup.task), *map(str, setup.layers)],
                "shown": {str(setup.task): "/var/task", **{str(layer): "/opt/python" for layer in setup.layers}},
                "memory": setup.memory,
            },
            # A home of its own: the user's ~/.aws is none of the function's business.
            env={**dict(setup.variables), **variables, "HOME": home, "TMPDIR": home},
            cwd=setup.task,
            stdout_path=self._output,
        )

    def _accept(self, listener: socket.socket) -> socket.socket | None:
        """Wait until the child connects; None when it ends instead."""
        while self.child.poll() is None:
            ready, _, _ = select.select([listener], [], [], 0.1)
            if ready:
                return listener.accept()[0]
        return None

    # ---- use

    def start(self) -> Answer | None:
        """Wait until the handler is imported; an answer says why it cannot be."""
        try:
            message = self._receive(time.monotonic() + INIT_SECONDS, INIT_SECONDS)
        except Ended as end:
            return self._ended(end, "")
        if "error" in message:
            return Answer(error=message["error"], log=self._log(), fatal=True)
        return None

    def invoke(self, event: Any, request_id: str, arn: str, timeout: float) -> Answer:
        """Hand over one event and wait for its answer.

        Parameters
        ----------
        event
            What is given to the handler.
        request_id, arn
            For the handler's context.
        timeout
            Real seconds after which the process is ended.
        """
        assert self._socket is not None
        begun = time.monotonic()
        told = {"event": event, "request_id": request_id, "arn": arn, "deadline": time.time() + timeout}
        with contextlib.suppress(OSError):  # it has ended meanwhile: _receive finds out how
            self._socket.settimeout(timeout)
            self._socket.sendall(json.dumps(told).encode() + b"\n")
        try:
            message = self._receive(begun + timeout, timeout)
            answer = Answer(message.get("result"), message.get("error"), self._log())
        except Ended as end:
            answer = self._ended(end, request_id)
        answer.seconds = time.monotonic() - begun
        return answer

    def _ended(self, end: Ended, request_id: str) -> Answer:
        text = f"RequestId: {request_id} Error: {end.text}"
        return Answer(error={"errorType": end.kind, "errorMessage": text}, log=self._log(), fatal=True)

    def _receive(self, deadline: float, timeout: float) -> dict[str, Any]:
        """Return the child's next message, or raise `Ended`."""
        line = b""
        if self._socket is not None and self._stream is not None:
            try:
                self._socket.settimeout(max(0.001, deadline - time.monotonic()))
                line = self._stream.readline()
            except TimeoutError:
                self.child.kill()
                raise Ended("Sandbox.Timedout", f"Task timed out after {timeout:.2f} seconds") from None
            except OSError:  # reset by the child's end
                line = b""
        if not line.endswith(b"\n"):
            raise self._how_it_ended()
        message: dict[str, Any] = json.loads(line)
        return message

    def _how_it_ended(self) -> Ended:
        try:
            code = self.child.wait(2)
        except subprocess.TimeoutExpired:  # it has closed its socket and lives on
            self.child.kill()
            code = self.child.wait()
        if code == worker.OUT_OF_MEMORY:
            return Ended("Runtime.OutOfMemory", "Runtime exited with error: signal: killed")
        if code == 0:
            return Ended("Runtime.ExitError", "Runtime exited without providing a reason")
        how = f"signal: {(signal.strsignal(-code) or str(-code)).lower()}" if code < 0 else f"exit status {code}"
        return Ended("Runtime.ExitError", f"Runtime exited with error: {how}")

    def _log(self) -> str:
        """Return what the function wrote since the last time."""
        try:
            with self._output.open("rb") as file:
                file.seek(self._seen)
                data = file.read()
        except FileNotFoundError:
            return ""
        self._seen += len(data)
        return data.decode("utf-8", errors="replace")

    def memory(self) -> int:
        """Return the most memory that the process has had, in MB; 0 where the system does not tell."""
        try:
            status = Path(f"/proc/{self.child.pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0
        lines = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("VmHWM"))
        return int(lines.get("VmHWM", "0 kB").split()[0]) // 1024

    @property
    def alive(self) -> bool:
        """Whether it can take another event."""
        return self._socket is not None and self.child.poll() is None

    def close(self) -> None:
        """End it and remove its scratch files; what it wrote stays."""
        if self._stream is not None:
            self._stream.close()
        if self._socket is not None:
            self._socket.close()
        self.child.kill()
        shutil.rmtree(self._scratch, ignore_errors=True)


@contextlib.contextmanager
def _listening(folder: Path) -> Any:
    """Listen on a socket in `folder`, or where its path is short enough, until the child has connected."""
    address = str(folder / "s")
    short = None
    if len(os.fsencode(address)) > _LONGEST:
        short = tempfile.mkdtemp(prefix="l", dir="/tmp")  # nosec B108 # a new folder of our own
        address = f"{short}/s"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(address)
            listener.listen(1)
            yield listener, address
    finally:
        shutil.rmtree(short, ignore_errors=True) if short else Path(address).unlink(missing_ok=True)
