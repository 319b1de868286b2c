"""The instances of one variant of one endpoint configuration: a single server process stands for all of them."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import subprocess
import tarfile
import threading
from pathlib import Path
from typing import Any

from rehearsal.host import Host
from rehearsal.sagemaker import forkers, images, jobs, logs, roles, s3
from rehearsal.sagemaker.container import Container
from rehearsal.sagemaker.errors import JobFailure
from rehearsal.sagemaker.hosting_api import EndpointConfig, Model

#: Seconds a model has to answer a request (InvokeEndpoint: 60 s).
MODEL_TIMEOUT = 60.0
#: Seconds until the container must answer /ping, where the variant does not say.
STARTUP_TIMEOUT = 480.0
_numbers = itertools.count(1)


class FleetFailure(Exception):
    """The fleet cannot serve; the text is SageMaker's FailureReason."""


class Answer:
    """What the container answered: status, content type, body, and microseconds that it took."""

    def __init__(self, status: int, kind: str, body: bytes, microseconds: float) -> None:
        self.status, self.kind, self.body, self.microseconds = status, kind, body, microseconds


class Fleet:
    """One fleet.

    Parameters
    ----------
    endpoint
        Name of the endpoint.
    config
        The endpoint configuration it belongs to.
    variant
        Its production variant.
    model
        The model that the variant names.
    backend
        moto's backend, where model packages are looked up.
    """

    def __init__(
        self, host: Host, endpoint: str, config: EndpointConfig, variant: dict[str, Any], model: Model, backend: Any
    ) -> None:
        self.host, self.endpoint, self.config, self.variant, self.model = host, endpoint, config, variant, model
        self.name: str = variant["VariantName"]
        self.weight = float(variant["InitialVariantWeight"])
        self.instances = int(variant["InitialInstanceCount"])
        self.definition = model.container(backend)
        self.image = images.find(self.definition["Image"])
        self.resolved_at = host.clock.now()
        number = next(_numbers)
        folder = host.workdir / "sagemaker" / "endpoint" / endpoint / f"{number}-{self.name}"
        self.container = Container(folder)
        self.shipper = logs.Shipper(
            host,
            self.role,
            self.container.log,
            f"{logs.GROUPS['endpoint']}/{endpoint}",
            f"{self.name}/i-{number:017x}",
            self.container.outside,
        )
        self._child: Any = None
        self._port = 0
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._busy = 0
        self._free = threading.Condition(self._lock)
        self.retired = False

    # ---- what it is

    @property
    def role(self) -> str:
        """Execution role of the model, which everything the platform does for the fleet is done with."""
        return self.model.request["ExecutionRoleArn"]

    @property
    def stream_arn(self) -> str:
        """ARN of the fleet's log stream."""
        return self.host.arn("logs", f"log-group:{self.shipper.group}:log-stream:{self.shipper.stream}")

    def deployed_images(self) -> list[dict[str, Any]]:
        """Return DeployedImages."""
        given = self.definition["Image"]
        return [{"SpecifiedImage": given, "ResolvedImage": images.resolved(given), "ResolutionTime": self.resolved_at}]

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
            "who": f"endpoint {self.endpoint}",
            "root": str(self.container.root),
            "folder": str(self.container.folder),
            "port_file": str(port_file),
            "source": self._source(isolated),
        }
        environment = jobs.basis(self.host, self.container, self.role, self.model.arn.split(":")[3], isolated)
        environment |= self.container.inside(self.definition.get("Environment", {}))
        self._child = forkers.of(self.image).run(
            "rehearsal.sagemaker.inside.server:main",
            {"spec": spec},
            env=environment,
            cwd=self.container.folder,
            stdout_path=self.container.log,
        )
        allowed = float(self.variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_TIMEOUT))
        deadline = self.host.clock.time() + allowed
        while not self._pings(port_file):
            if self._child.poll() is not None or self.host.clock.time() > deadline:
                self._child.stop()
                self.shipper.ship(last=True)
                raise FleetFailure(
                    f"The primary container for production variant {self.name} did not pass the ping health check. "
                    "Please check CloudWatch logs for this endpoint."
                )
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

    def enter(self) -> bool:
        """Count a request in; False when the fleet is retired and takes no more."""
        with self._lock:
            if self.retired:
                return False
            self._busy += 1
            return True

    def leave(self) -> None:
        """Count a request out."""
        with self._lock:
            self._busy -= 1
            self._free.notify_all()

    def invoke(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Send a request to the container; `enter` comes first, `leave` after.

        A container that is gone or does not answer in time gives 500, and is started again, as SageMaker does.
        """
        import time

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
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=MODEL_TIMEOUT)
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

    def retire(self) -> None:
        """Take no more requests, wait for those in flight, end the server."""
        with self._lock:
            self.retired = True
            self._free.wait_for(lambda: self._busy == 0, timeout=MODEL_TIMEOUT)
        self._forget_connections()
        if self._child is not None:
            self._child.stop()
            self.shipper.ship(last=True)

    def _forget_connections(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
