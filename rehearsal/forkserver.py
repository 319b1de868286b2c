"""A process that imports slow modules once and then forks: a job that needs xgboost starts in 10 ms, not in seconds.

Run as a script by `rehearsal.processes`. Requests are JSON lines on standard input, answers JSON lines on standard
output. It ends, and ends what it forked, when its standard input is closed.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import selectors
import signal
import sys
import traceback
from typing import Any

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """Ask Linux to kill this process when the fork server, which has one thread, is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def enter(request: dict[str, Any]) -> None:
    """In the forked child: take on the place, environment and output of the job, run it, and exit."""
    code = 1
    try:
        os.setpgid(0, 0)
        die_with_parent()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        out = os.open(request["stdout_path"] or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.closerange(3, 256)  # the control pipes of the fork server among them
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - standard streams live as long as the process
        sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        sys.path[:0] = [p for p in request["env"].get("PYTHONPATH", "").split(os.pathsep) if p]
        module, _, name = request["function"].partition(":")
        result = getattr(importlib.import_module(module), name)(**request["kwargs"])
        code = result if isinstance(result, int) else 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if isinstance(stop.code, str):
            sys.stderr.write(stop.code + "\n")
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code & 0xFF)


class Server:
    """The loop: requests in, answers and exit statuses out."""

    def __init__(self) -> None:
        self.children: dict[int, int] = {}  # process id -> request number
        self.answers = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)  # what a preloaded module prints is no answer

    def answer(self, **message: Any) -> None:
        """Send one line."""
        self.answers.write(json.dumps(message) + "\n")

    def serve(self) -> None:
        """Answer until standard input ends."""
        alarm, alarm_end = os.pipe()
        for end in (alarm, alarm_end):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(alarm_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ)
            selector.register(alarm, selectors.EVENT_READ)
            pending = b""
            while True:
                for key, _ in selector.select():
                    if key.fd == alarm:
                        with contextlib.suppress(BlockingIOError):
                            os.read(alarm, 4096)
                        continue
                    data = os.read(0, 1 << 16)
                    if not data:
                        return
                    *lines, pending = (pending + data).split(b"\n")
                    for line in lines:
                        self.start(json.loads(line))
                self.reap()

    def start(self, request: dict[str, Any]) -> None:
        """Fork one child."""
        pid = os.fork()
        if pid == 0:
            enter(request)
        with contextlib.suppress(OSError):  # both sides do it, so that the group exists before anyone signals it
            os.setpgid(pid, pid)
        self.children[pid] = request["id"]
        self.answer(id=request["id"], pid=pid)

    def reap(self) -> None:
        """Report the children that have ended."""
        for pid in list(self.children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self.answer(id=self.children.pop(pid), returncode=os.waitstatus_to_exitcode(status))

    def end(self) -> None:
        """Kill what is left."""
        for pid in self.children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)


def main() -> None:
    """Import the modules named on the command line, say so, and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = Server()
    failed = {}
    for name in sys.argv[1:]:
        try:
            importlib.import_module(name)
        except ImportError as error:
            failed[name] = str(error)
    server.answer(ready=True, failed=failed)
    try:
        server.serve()
    finally:
        server.end()


if __name__ == "__main__":
    main()
