"""A model's container as one server process: fetched artifact, code, /ping, /invocations. Endpoints and transforms share it."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

from rehearsal.host import Host
from rehearsal.sagemaker import forkers, images, jobs, logs, roles, s3
from rehearsal.sagemaker.container import Container
from rehearsal.sagemaker.errors import JobFailure
from rehearsal.sagemaker.hosting_api import Model

#: Seconds a model has to answer a request (InvokeEndpoint: 60 s).
MODEL_TIMEOUT = 60.0
#: Seconds until the container must answer /ping, where nobody says.
STARTUP_TIMEOUT = 480.0


class FleetFailure(Exception):
    """The model cannot be served; the text is SageMaker's FailureReason."""


class Answer:
    """What the container answered: status, content type, body, and microseconds that it took."""

    def __init__(self, status: int, kind: str, body: bytes, microseconds: float) -> None:
        self.status, self.kind, self.body, self.microseconds = status, kind, body, microseconds


class ModelServer:
    """The container of one model.

    Parameters
    ----------
    model
        What is served.
    backend
        moto's backend, where model packages are looked up.
    container
        Its folders.
    shipper
        Takes what it prints to CloudWatch Logs.
    who
        What messages call it.
    unhealthy
        SageMaker's words for a container that does not answer /ping.
    startup, timeout
        Seconds that it has to answer /ping and a request.
    environment
        Variables besides those of the model.
    """

    def __init__(
        self,
        host: Host,
        model: Model,
        backend: Any,
        container: Container,
        shipper: logs.Shipper,
        who: str,
        unhealthy: str,
        startup: float = STARTUP_TIMEOUT,
        timeout: float = MODEL_TIMEOUT,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.host, self.model, self.container, self.shipper = host, model, container, shipper
        self.definition = model.container(backend)
        self.image = images.find(self.definition["Image"])
        self._who, self._unhealthy, self._startup, self._timeout = who, unhealthy, startup, timeout
        self._environment = environment or {}
        self._child: Any = None
        self._port = 0
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self.retired = False

    @property
    def role(self) -> str:
        """Execution role of the model, which everything the platform does for it is done with."""
        arn: str = self.model.request["ExecutionRoleArn"]
        return arn

    # ---- start

    def start(self) -> None:
        """Fetch the model, start the server, wait until it answers /ping.

        Raises
        ------
        FleetFailure
            With SageMaker's words.
        """
        forkers.of(self.image)
        try:
            roles.check_vpc(self.host, self.role, self.model.request.get("VpcConfig"))
            self._fetch_model()
        except JobFailure as failure:
            raise FleetFailure(str(failure)) from failure
        self._serve()

    def _fetch_model(self) -> None:
        url = self.definition["ModelDataUrl"]
        packed = self.container.folder / "model.tar.gz"
        folder = self.container.folder_at("/opt/ml/model")
        try:
            s3.Transfers(roles.client(self.host, self.role, "s3")).fetch_one(url, packed)
        except JobFailure as failure:
            raise FleetFailure(
                f'Failed to download model data for container "container_1" from URL: "{url}". Please ensure that there '
                "is an object located at the URL and that the role passed to CreateModel has permissions to download "
                "the object."
            ) from failure
        try:
            with tarfile.open(packed, "r:gz") as archive:
                archive.extractall(folder, filter="data")
        except (tarfile.TarError, OSError, EOFError) as error:
            raise FleetFailure(
                f'Failed to extract model data archive from URL "{url}" for container "container_1". Please ensure '
                "that the object located at the URL is a valid tar.gz archive."
            ) from error
        finally:
            packed.unlink()

    def _serve(self) -> None:
        port_file = self.container.folder / "port"
        port_file.unlink(missing_ok=True)
        isolated = self.model.isolated
        spec = {
            "image": self.image.for_child(),
            "isolated": isolated,
            "allowed": None if isolated else jobs.endpoint_address(self.host),
            "who": self._who,
            "root": str(self.container.root),
            "folder": str(self.container.folder),
            "port_file": str(port_file),
            "source": self._source(isolated),
        }
        environment = jobs.basis(self.host, self.container, self.role, self.model.arn.split(":")[3], isolated)
        environment |= self.container.inside({**self.definition.get("Environment", {}), **self._environment})
        self._child = forkers.of(self.image).run(
            "rehearsal.sagemaker.inside.server:main",
            {"spec": spec},
            env=environment,
            cwd=self.container.folder,
            stdout_path=self.container.log,
        )
        deadline = self.host.clock.time() + self._startup
        while not self._pings(port_file):
            if self._child.poll() is not None or self.host.clock.time() > deadline:
                self._child.stop()
                self.shipper.ship(last=True)
                raise FleetFailure(self._unhealthy)
        self.shipper.ship()

    def _source(self, isolated: bool) -> str | None:
        """Fetch code that is named by an S3 URI, for which the toolkit in the container would use the same role."""
        uri = self.definition.get("Environment", {}).get("SAGEMAKER_SUBMIT_DIRECTORY", "")
        if isolated or not uri.startswith("s3://"):
            return None
        place = self.container.folder / "sourcedir.tar.gz"
        try:
            s3.Transfers(roles.client(self.host, self.role, "s3")).fetch_one(uri, place)
        except JobFailure as failure:
            raise FleetFailure(str(failure)) from failure
        return str(place)

    def _pings(self, port_file: Path) -> bool:
        """Wait up to 10 ms for the server and ask it how it is."""
        with contextlib.suppress(subprocess.TimeoutExpired):  # it runs, as it should
            self._child.wait(0.01)
        if not port_file.exists():
            return False
        self._port = int(port_file.read_text())
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    # ---- requests

    def invoke(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Send a request to the container.

        A container that is gone or does not answer in time gives 500, and is started again, as SageMaker does.
        """
        began = time.perf_counter()
        try:
            try:
                status, kind, content = self._send(body, headers)
            except ConnectionRefusedError:  # it has ended before: this request has not reached it
                self._revive()
                status, kind, content = self._send(body, headers)
        except (OSError, http.client.HTTPException) as error:
            status, kind, content = 500, "text/plain", f"{type(error).__name__}: {error}".encode()
            self._revive()
        if status != 200:
            self.shipper.ship()
        return Answer(status, kind, content, (time.perf_counter() - began) * 1e6)

    def _send(self, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
        try:
            connection.request("POST", "/invocations", body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        return answer.status, answer.headers.get("Content-Type", "application/octet-stream"), content

    def _revive(self) -> None:
        """Start the server again if it has ended."""
        with self._starting:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(0.2)  # its end is reported a moment after its connections break
            if self._child.poll() is not None and not self.retired:
                self._forget_connections()
                try:
                    self._serve()
                except FleetFailure:
                    with self.container.log.open("a") as file:
                        file.write("rehearsal: the container ended and could not be started again\n")

    # ---- end

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self.retired = True
        self._forget_connections()
        if self._child is not None:
            self._child.stop()
            self.shipper.ship(last=True)

    def _forget_connections(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
