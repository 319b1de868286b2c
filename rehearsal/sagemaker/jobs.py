"""What training, processing and transform jobs have in common: the record, the agent's thread, the process, stop and time limit."""

from __future__ import annotations

import os
import subprocess
import threading
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rehearsal.host import Host, current
from rehearsal.sagemaker import control, forkers, lifetime, logs, roles, s3
from rehearsal.sagemaker.container import Container
from rehearsal.sagemaker.errors import JobFailure
from rehearsal.sagemaker.images import Image

#: Seconds between SIGTERM and SIGKILL when a job is stopped (API reference, StopTrainingJob).
GRACE = 120.0
_TICK = 0.25  # real seconds between two looks at a running job's log
FINAL = ("Completed", "Failed", "Stopped")


class Job:
    """One job. Subclasses say what its process is given and what becomes of its results.

    Parameters
    ----------
    request
        The members of the Create call.
    region, arn, name
        What the job is.
    image
        The image it runs in.
    """

    kind = ""  # "training", "processing" or "transform"

    def __init__(self, request: dict[str, Any], region: str, arn: str, name: str, image: Image) -> None:
        self.request = request
        self.region, self.arn, self.name, self.image = region, arn, name, image
        self.tags: list[dict[str, str]] = list(request.get("Tags", []))
        self.status = "InProgress"
        self.failure_reason = ""
        self.host: Host = current()
        self.created = self.modified = self.host.clock.now()
        self.started: datetime | None = None
        self.ended: datetime | None = None
        self.expired = ""  # which time limit ended it
        self.container = Container(job_folder(self.host, self.kind, name))
        self._lock = threading.Lock()
        self._child: Any = None
        self._timers: list[Any] = []
        self._stopping = self.host.clock.event()
        stream = f"{name}/algo-1-{int(self.created.timestamp())}"
        self.shipper = logs.Shipper(
            self.host, self.role, self.container.log, logs.GROUPS[self.kind], stream, self.container.outside
        )

    # ---- what it says

    @property
    def role(self) -> str:
        """ARN of the execution role."""
        return self.request["RoleArn"]

    @property
    def who(self) -> str:
        """What messages call the job."""
        return f"{self.kind} job {self.name}"

    def describe(self) -> dict[str, Any]:
        """Return the Describe response."""
        raise NotImplementedError

    def announce(self) -> None:
        """Send the state change event."""
        raise NotImplementedError

    def transfers(self, kms_key: str | None = None) -> s3.Transfers:
        """Return S3 as the job's role sees it."""
        return s3.Transfers(roles.client(self.host, self.role, "s3"), kms_key)

    def changed(self) -> None:
        """Note that the record changed, tell the bus and the listeners."""
        self.modified = self.host.clock.now()
        self.announce()
        self.host.emit("job", job=self.kind, name=self.name, status=self.status, reason=self.failure_reason)

    # ---- its life

    def start(self) -> None:
        """Start the agent's thread; returns at once."""
        forkers.of(self.image)
        lifetime.thread(self.host, self._agent, name=f"{self.kind}-{self.name}")

    def _agent(self) -> None:
        try:
            if control.orders().take(control.orders().no_capacity, self.name):
                raise JobFailure(
                    "CapacityError",
                    "Unable to provision requested ML compute capacity. Please retry using a different ML instance type.",
                )
            self.run()
        except JobFailure as failure:
            self.finish("Failed", str(failure))
        except Exception as error:
            if lifetime.over(self.host):
                return
            # A mistake of the rehearsal, or a full disk: the job must end all the same, and say what happened.
            with self.container.log.open("a") as file:
                file.write(traceback.format_exc())
            self.finish("Failed", f"InternalServerError: rehearsal: {type(error).__name__}: {error}")

    def run(self) -> None:
        """Do all of the job's work in the agent's thread and call `finish`, or raise JobFailure."""
        raise NotImplementedError

    def finish(self, status: str, reason: str = "") -> None:
        """Set the final status."""
        for timer in self._timers:
            timer.cancel()
        self.shipper.ship(last=True)
        self.ended = self.host.clock.now()
        self.failure_reason = reason[:1024]
        self.status = status
        self.changed()

    def stop(self) -> None:
        """Ask the job to end (the Stop call)."""
        with self._lock:
            self.status = "Stopping"
            self._stopping.set()
            self._end_child()
        self.changed()

    @property
    def stopping(self) -> bool:
        """Whether the Stop call or a time limit wants the job to end."""
        return self._stopping.is_set()

    def limit(self, name: str, seconds: float) -> None:
        """End the job when `seconds` of rehearsal time have passed; `name` says which limit it was."""
        self._timers.append(self.host.clock.call_later(seconds, lambda: self._expire(name)))

    def _expire(self, limit: str) -> None:
        with self._lock:
            if self.status in FINAL or self.stopping:
                return
            self.expired = limit
            self._stopping.set()
            self._end_child()

    def _end_child(self) -> None:
        child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
            self._timers.append(self.host.clock.call_later(GRACE, child.kill))

    # ---- its process

    @property
    def isolated(self) -> bool:
        """EnableNetworkIsolation."""
        raise NotImplementedError

    def execute(
        self, argv: list[str] | None, environment: dict[str, str], watch: Callable[[], bool], source: str | None = None
    ) -> int:
        """Run the container's process and return its exit status (negative: the signal that ended it).

        Parameters
        ----------
        argv
            Entry point and arguments; None for the image's own.
        environment
            Variables of the request.
        watch
            Called every 20 ms real time while the process runs; True ends the process.
        source
            Where the agent has put the code that the request names by an S3 URI.
        """
        spec = {
            "argv": self.container.inside(argv) if argv else None,
            "contract": self.image.contract,
            "source": source,
            "image": self.image.for_child(),
            "isolated": self.isolated,
            "allowed": None if self.isolated else endpoint_address(self.host),
            "who": self.who,
            "root": str(self.container.root),
            "folder": str(self.container.folder),
        }
        forker = forkers.of(self.image)
        forker.wait_ready()
        with self._lock:
            if self.stopping:
                return -15
            self._child = child = forker.run(
                "rehearsal.sagemaker.inside.job:main",
                {"spec": spec},
                env={
                    **basis(self.host, self.container, self.role, self.region, self.isolated),
                    **self.container.inside(environment),
                },
                cwd=self.container.folder,
                stdout_path=self.container.log,
            )
        ticks = 0
        while True:
            try:
                status: int = child.wait(0.02 if watch is not never else _TICK)
                break
            except subprocess.TimeoutExpired:
                ticks += 1
                if watch():
                    child.stop(grace=5.0)
                elif ticks % 12 == 0:
                    self.shipper.ship()
        if lifetime.over(self.host):
            raise InterruptedError("the rehearsal stops")
        self.shipper.ship()
        return status


def basis(host: Host, container: Container, role: str, region: str, isolated: bool) -> dict[str, str]:
    """Return the environment of a container, without the request's own variables.

    Credentials of the role and the way to AWS's endpoints are in it unless the container is isolated.
    """
    temporary = container.folder / "tmp"
    temporary.mkdir(exist_ok=True)
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(container.folder),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
    if not isolated:
        variables |= {**roles.credentials(role), "AWS_ENDPOINT_URL": host.endpoint}
    return variables


def never() -> bool:
    """Watch nothing."""
    return False


def job_folder(host: Host, kind: str, name: str) -> Path:
    """Return a job's folder below the rehearsal's scratch folder."""
    return host.workdir / "sagemaker" / kind / name


def log_file(host: Host, kind: str, name: str) -> Path:
    """Return the file with what a job (``training``, ``processing``, ``transform``) has printed, complete at any time."""
    return job_folder(host, kind, name) / "log.txt"


def endpoint_address(host: Host) -> list[Any]:
    """Return ``[host, port]`` of the rehearsal's server."""
    parts = urlsplit(host.endpoint)
    return [parts.hostname, parts.port]
