"""The instances of one variant of one endpoint configuration: a single server process stands for all of them."""

from __future__ import annotations

import itertools
import threading
from typing import Any

from rehearsal.host import Host
from rehearsal.sagemaker import images, logs
from rehearsal.sagemaker.container import Container
from rehearsal.sagemaker.hosting_api import EndpointConfig, Model
from rehearsal.sagemaker.model_server import MODEL_TIMEOUT, STARTUP_TIMEOUT, Answer, FleetFailure, ModelServer

__all__ = ["Answer", "Fleet", "FleetFailure"]

_numbers = itertools.count(1)


class Fleet(ModelServer):
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
        self.endpoint, self.config, self.variant = endpoint, config, variant
        self.name: str = variant["VariantName"]
        self.weight = float(variant["InitialVariantWeight"])
        self.instances = int(variant["InitialInstanceCount"])
        number = next(_numbers)
        container = Container(host.workdir / "sagemaker" / "endpoint" / endpoint / f"{number}-{self.name}")
        shipper = logs.Shipper(
            host,
            model.request["ExecutionRoleArn"],
            container.log,
            f"{logs.GROUPS['endpoint']}/{endpoint}",
            f"{self.name}/i-{number:017x}",
            container.outside,
        )
        super().__init__(
            host,
            model,
            backend,
            container,
            shipper,
            f"endpoint {endpoint}",
            f"The primary container for production variant {self.name} did not pass the ping health check. "
            "Please check CloudWatch logs for this endpoint.",
            float(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_TIMEOUT)),
        )
        self.resolved_at = host.clock.now()
        self._busy = 0
        self._free = threading.Condition(self._lock)

    # ---- what it is

    @property
    def stream_arn(self) -> str:
        """ARN of the fleet's log stream."""
        return self.host.arn("logs", f"log-group:{self.shipper.group}:log-stream:{self.shipper.stream}")

    def deployed_images(self) -> list[dict[str, Any]]:
        """Return DeployedImages."""
        given = self.definition["Image"]
        return [{"SpecifiedImage": given, "ResolvedImage": images.resolved(given), "ResolutionTime": self.resolved_at}]

    # ---- requests: `enter` comes before `invoke`, `leave` after

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

    def retire(self) -> None:
        """Take no more requests, wait for those in flight, end the server."""
        with self._lock:
            self.retired = True
            self._free.wait_for(lambda: self._busy == 0, timeout=MODEL_TIMEOUT)
        self.close()
