"""Child processes that end with the host, however it ends: stop(), Ctrl-C, an exception, or SIGKILL.

Each child gets a process group of its own (so a Ctrl-C on the terminal reaches only the host, which then ends them),
a mark in its environment, and an entry at the warden, a tiny process that cleans up when the host's pipe closes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

MARK = "MUSTER_REHEARSAL"
_HERE = Path(__file__).parent


class Process(subprocess.Popen[Any]):
    """A `subprocess.Popen` in its own process group, known to `Children` until it has ended."""

    def __init__(self, owner: Children, argv: Sequence[str], **kwargs: Any) -> None:
        self._owner = owner
        self._known = False
        self._known_lock = threading.Lock()
        super().__init__(list(argv), process_group=0, **kwargs)
        self._known = True
        owner._add(self, self.pid)
        self._settle()  # it may have been reaped in between

    def _settle(self) -> None:
        if self.returncode is not None:
            with self._known_lock:
                known, self._known = self._known, False
            if known:
                self._owner._remove(self, self.pid)

    def poll(self) -> int | None:
        """Return the exit status, or None while the process runs."""
        super().poll()
        self._settle()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, `timeout` in real seconds (subprocess.TimeoutExpired)."""
        try:
            return super().wait(timeout)
        finally:
            self._settle()

    def signal_group(self, number: int) -> None:
        """Send a signal to the process and to all that it started; nothing when it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def stop(self, grace: float = 2.0) -> int:
        """Ask the group to end, kill it after `grace` real seconds, and return the exit status."""
        self.signal_group(signal.SIGTERM)
        try:
            return self.wait(grace)
        except subprocess.TimeoutExpired:
            self.signal_group(signal.SIGKILL)
            return self.wait()


class Child:
    """A process forked by a `Forker`, in its own process group."""

    def __init__(self, owner: Children) -> None:
        self._owner = owner
        self._started = threading.Event()
        self._ended = threading.Event()
        self.pid = 0
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status (negative: the signal that ended it), or None while the process runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, `timeout` in real seconds.

        Raises
        ------
        subprocess.TimeoutExpired
            When it still runs.
        """
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(f"forked process {self.pid}", timeout or 0.0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process and all that it started; nothing when it has ended."""
        if self.returncode is None and self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def stop(self, grace: float = 2.0) -> int:
        """Ask it to end, kill it after `grace` real seconds, and return the exit status."""
        self.terminate()
        try:
            return self.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait()

    def _end(self, returncode: int) -> None:
        self.returncode = returncode
        if self.pid:
            self._owner._remove(self, self.pid)
        self._started.set()
        self._ended.set()


class Forker:
    """A pre-imported process that forks. Made by `Children.preload`; usable at once, the first run waits for it."""

    def __init__(self, owner: Children, modules: Sequence[str], env: Mapping[str, str], path: Sequence[str]) -> None:
        self._owner = owner
        self._lock = threading.Lock()
        self._children: dict[int, Child] = {}
        self._ready = threading.Event()
        self.failed_imports: dict[str, str] = {}
        places = [str(_HERE.parent), *path, *[p for p in env.get("PYTHONPATH", "").split(os.pathsep) if p]]
        # -P: this folder's modules must not hide others of their names (coverage, trace) from jobs.
        self.process = owner.spawn(
            [sys.executable, "-P", str(_HERE / "forkserver.py"), *modules],
            env={**env, "PYTHONPATH": os.pathsep.join(places)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read, name="rehearsal-forker", daemon=True)
        self._reader.start()

    def wait_ready(self, timeout: float = 120.0) -> None:
        """Wait until all modules are imported.

        Raises
        ------
        RuntimeError
            When the process ended, or is not ready after `timeout` real seconds.
        """
        if not self._ready.wait(timeout):
            raise RuntimeError(f"the fork server is not ready after {timeout:g} s")
        if self.process.poll() is not None:
            raise RuntimeError(f"the fork server ended with status {self.process.returncode}")

    def run(
        self,
        function: str,
        kwargs: Mapping[str, Any] | None = None,
        *,
        env: Mapping[str, str],
        cwd: str | os.PathLike[str],
        stdout_path: str | os.PathLike[str] | None = None,
    ) -> Child:
        """Fork a process that calls ``module:function`` with `kwargs` (JSON), and return it.

        Parameters
        ----------
        function
            ``"package.module:function"``. Its integer result is the exit status; an exception is printed and gives 1.
        env
            The whole environment of the call. Its PYTHONPATH is put in front of ``sys.path``.
        cwd
            Working folder.
        stdout_path
            File that standard output and standard error are appended to; without it they are thrown away.
        """
        self.wait_ready()
        child = Child(self._owner)
        request: dict[str, Any] = {
            "function": function,
            "kwargs": dict(kwargs or {}),
            "env": {**env, MARK: self._owner.mark},
            "cwd": str(cwd),
            "stdout_path": None if stdout_path is None else str(stdout_path),
        }
        with self._lock:
            number = request["id"] = id(child)
            self._children[number] = child
            assert self.process.stdin is not None
            try:
                self.process.stdin.write(json.dumps(request).encode() + b"\n")
                self.process.stdin.flush()
            except OSError as error:
                self._children.pop(number, None)
                raise RuntimeError("the fork server has ended") from error
        child._started.wait()
        if not child.pid:
            raise RuntimeError("the fork server ended before it could fork")
        return child

    def stop(self) -> None:
        """End the fork server and all that it forked."""
        with contextlib.suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.signal_group(signal.SIGKILL)
            self.process.wait()
        self._reader.join(2)

    def _read(self) -> None:
        stream: IO[bytes] = self.process.stdout  # type: ignore[assignment]
        for line in stream:
            message = json.loads(line)
            if message.get("ready"):
                self.failed_imports = message["failed"]
                self._ready.set()
            elif "pid" in message:
                child = self._children[message["id"]]
                child.pid = message["pid"]
                self._owner._add(child, child.pid)
                child._started.set()
            else:
                self._children.pop(message["id"])._end(message["returncode"])
        stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(2)
        self._ready.set()
        for child in list(self._children.values()):
            child._end(-signal.SIGKILL)


class Children:
    """All child processes of one rehearsal."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self._lock = threading.RLock()  # living() polls, and a poll that finds an end removes the child
        self._living: dict[int, Process | Child] = {}
        self._forkers: list[Forker] = []
        self._stopped = False
        # -I -S: nothing of the environment or of site-packages, so it is up in some 15 ms.
        self._warden = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_HERE / "warden.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # whoever reads the host's output must not wait for the warden
            start_new_session=True,
        )
        self._tell(f"mark {MARK}={self.mark}")

    def spawn(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, **kwargs: Any) -> Process:
        """Start a process that ends with the host.

        Parameters
        ----------
        argv
            Command and arguments.
        env
            The whole environment of the child; without it, the host's. The mark is added.
        **kwargs
            As for `subprocess.Popen`: cwd, stdin, stdout, stderr, text, bufsize, pass_fds.
        """
        if self._stopped:
            raise RuntimeError("this rehearsal has stopped")
        base = os.environ if env is None else env
        return Process(self, argv, env={**base, MARK: self.mark}, **kwargs)

    def preload(
        self, modules: Sequence[str], *, env: Mapping[str, str] | None = None, path: Sequence[str] = ()
    ) -> Forker:
        """Start importing `modules` in a process that later forks; returns at once.

        Parameters
        ----------
        modules
            Importable names; one that is not installed is reported in ``Forker.failed_imports``.
        env
            Environment of the import (such as OMP_NUM_THREADS, which libgomp reads when it is loaded); without it,
            the host's.
        path
            Folders for ``sys.path``, after the repository's own.
        """
        forker = Forker(self, modules, os.environ if env is None else env, path)
        with self._lock:
            self._forkers.append(forker)
        return forker

    def remove_at_end(self, folder: str | os.PathLike[str]) -> None:
        """Have the warden remove `folder` when the host is gone."""
        self._tell(f"rm {os.fspath(folder)}")

    def living(self) -> list[int]:
        """Return the ids of the children that have not ended yet."""
        with self._lock:
            return [pid for pid, child in self._living.items() if child.poll() is None]

    def stop(self, grace: float = 1.0) -> None:
        """End all children: SIGTERM to all groups, SIGKILL after `grace` real seconds, then the warden's sweep."""
        if self._stopped:
            return
        self._stopped = True
        with self._lock:
            living = list(self._living.values())
        own = [child for child in living if child not in [f.process for f in self._forkers]]
        for child in own:
            child.terminate() if isinstance(child, Child) else child.signal_group(signal.SIGTERM)
        deadline = time.monotonic() + grace
        for child in own:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill() if isinstance(child, Child) else child.signal_group(signal.SIGKILL)
                child.wait()
        for forker in self._forkers:
            forker.stop()
        self._tell(None)
        self._warden.wait()

    def _add(self, child: Process | Child, pid: int) -> None:
        with self._lock:
            self._living[pid] = child
        self._tell(f"+{pid}")

    def _remove(self, child: Process | Child, pid: int) -> None:
        with self._lock:
            if self._living.get(pid) is not child:
                return
            del self._living[pid]
        self._tell(f"-{pid}")

    def _tell(self, line: str | None) -> None:
        """Write a line to the warden; None closes its pipe, which is its sign to sweep and end."""
        pipe = self._warden.stdin
        assert pipe is not None
        with contextlib.suppress(
            OSError, ValueError
        ):  # the warden is gone or told to go; stop() has ended the children
            if line is None:
                pipe.close()
            else:
                pipe.write(line.encode() + b"\n")
                pipe.flush()
