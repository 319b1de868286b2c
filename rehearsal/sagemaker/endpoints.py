"""Endpoints: the record, what Describe says of it, which fleet answers a request, and creating and deleting one."""

from __future__ import annotations

import random
import re
import threading
from datetime import datetime
from typing import Any

from rehearsal.host import Host, current
from rehearsal.sagemaker import capture, control, events, lifetime
from rehearsal.sagemaker.fleet import Fleet, FleetFailure
from rehearsal.sagemaker.hosting_api import EndpointConfig, find_model

Fleets = dict[str, Fleet]
_BLOCK = 20  # requests between two deals, see Endpoint._goes_to_green


class Endpoint:
    """One endpoint: the fleets that serve (blue), those of an update (green), and the share of traffic of the latter.

    Parameters
    ----------
    config
        Its first configuration.
    backend
        moto's backend of its region.
    request
        The CreateEndpoint request.
    """

    def __init__(self, host: Host, backend: Any, request: dict[str, Any], config: EndpointConfig, arn: str) -> None:
        self.host, self.backend = host, backend
        self.name, self.arn, self.config = request["EndpointName"], arn, config
        self.tags: list[dict[str, str]] = list(request.get("Tags", []))
        self.created = self.modified = host.clock.now()
        self.status = "Creating"
        self.failure_reason = ""
        self.last_deployment: dict[str, Any] | None = request.get("DeploymentConfig")
        self.blue: Fleets = {}
        self.green: Fleets = {}
        self.green_config: EndpointConfig | None = None
        self.green_since: datetime | None = None
        self.stages: dict[str, tuple[str, str, datetime]] = {}  # "blue" or "green" -> VariantStatus
        self._share = 0.0
        self._deal: list[bool] = []
        self._log: list[tuple[float, int]] = []
        self._counts: dict[str, dict[str, int]] = {}
        self._random = random.Random(self.name)
        self.lock = threading.RLock()

    # ---- traffic

    @property
    def share(self) -> float:
        """Part of the traffic that goes to the green fleets, 0 to 1."""
        return self._share

    def shift(self, share: float) -> None:
        """Send this part of the traffic to the green fleets from now on."""
        with self.lock:
            self._share = share
            self._deal = []
            self._log.append((self.host.clock.time(), round(100 * share)))
        self.host.emit("traffic", endpoint=self.name, percent=round(100 * share))

    def traffic_log(self) -> list[tuple[float, int]]:
        """Return every change of the share: ``(rehearsal time, percent)``."""
        with self.lock:
            return list(self._log)

    def request_counts(self) -> dict[str, dict[str, int]]:
        """Return the number of good and failed requests per endpoint configuration."""
        with self.lock:
            return {name: dict(counts) for name, counts in self._counts.items()}

    def counted(self, config: str, ok: bool) -> None:
        """Count one request."""
        with self.lock:
            self._counts.setdefault(config, {"ok": 0, "failed": 0})["ok" if ok else "failed"] += 1

    def _goes_to_green(self) -> bool:
        """Deal the traffic in shuffled blocks: each block has the exact share, in an order that follows no pattern."""
        if not self._deal:
            exact = self._share * _BLOCK
            chosen = int(exact) + (self._random.random() < exact - int(exact))
            self._deal = [number < chosen for number in range(_BLOCK)]
            self._random.shuffle(self._deal)
        return self._deal.pop()

    def choose(self, variant: str | None) -> Fleet | None:
        """Return the fleet that answers the next request, counted in; None when no variant has that name."""
        with self.lock:
            side = self.green if self.green and self._goes_to_green() else self.blue
            if variant is not None:
                fleets = [side[variant]] if variant in side else []
                weights = [1.0]
            else:
                fleets = list(side.values())
                weights = [fleet.weight for fleet in fleets]
                if not any(weights):
                    weights = [1.0] * len(fleets)
            if not fleets:
                return None
            fleet = self._random.choices(fleets, weights)[0]
            fleet.enter()  # under the lock that shift() and the end of an update take: it cannot be retired here
            return fleet

    # ---- record

    @property
    def serves(self) -> bool:
        """Whether it answers requests: also while it is updated or rolls back."""
        return bool(self.blue) and self.status in ("InService", "Updating", "RollingBack", "UpdateRollbackFailed")

    def stage(self, side: str, status: str, message: str) -> None:
        """Enter a secondary status of the deployment and tell the bus."""
        self.stages[side] = (status, message, self.host.clock.now())
        self.announce("SageMaker Endpoint Deployment State Change")

    def become(self, status: str, reason: str = "") -> None:
        """Set the status and tell the bus and the listeners."""
        self.status, self.failure_reason = status, reason[:1024]
        self.modified = self.host.clock.now()
        self.announce("SageMaker Endpoint State Change")
        self.host.emit("endpoint", name=self.name, status=status, config=self.config.name, reason=reason)

    def _variants(self, config: EndpointConfig, fleets: Fleets, side: str) -> list[dict[str, Any]]:
        found = []
        for variant in config.variants:
            fleet = fleets.get(variant["VariantName"])
            entry: dict[str, Any] = {"VariantName": variant["VariantName"]}
            if fleet is not None:
                entry |= {
                    "DeployedImages": fleet.deployed_images(),
                    "CurrentWeight": fleet.weight,
                    "CurrentInstanceCount": fleet.instances,
                }
            entry |= {
                "DesiredWeight": fleet.weight if fleet else float(variant["InitialVariantWeight"]),
                "DesiredInstanceCount": fleet.instances if fleet else int(variant["InitialInstanceCount"]),
            }
            if side in self.stages:
                status, message, since = self.stages[side]
                entry["VariantStatus"] = [{"Status": status, "StatusMessage": message, "StartTime": since}]
            found.append(entry)
        return found

    def describe(self) -> dict[str, Any]:
        """Return the DescribeEndpoint response."""
        with self.lock:
            answer: dict[str, Any] = {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointConfigName": self.config.name,
                "EndpointStatus": self.status,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
            }
            if self.blue or self.status == "Creating":
                answer["ProductionVariants"] = self._variants(self.config, self.blue, "blue")
            if self.failure_reason:
                answer["FailureReason"] = self.failure_reason
            if self.last_deployment:
                answer["LastDeploymentConfig"] = self.last_deployment
            if self.green_config is not None:
                answer["PendingDeploymentSummary"] = {
                    "EndpointConfigName": self.green_config.name,
                    "StartTime": self.green_since,
                    "ProductionVariants": self._variants(self.green_config, self.green, "green"),
                }
            given = self.config.request.get("DataCaptureConfig")
            if given:
                answer["DataCaptureConfig"] = {
                    "EnableCapture": capture.enabled(given),
                    "CaptureStatus": "Started" if capture.enabled(given) else "Stopped",
                    "CurrentSamplingPercentage": given["InitialSamplingPercentage"],
                    "DestinationS3Uri": given["DestinationS3Uri"],
                    "KmsKeyId": given.get("KmsKeyId", ""),
                }
            return answer

    def summary(self) -> dict[str, Any]:
        """Return the entry of ListEndpoints."""
        return {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "EndpointStatus": self.status,
        }

    def announce(self, detail_type: str) -> None:
        """Send an event; the status is spelled as events spell it: InService is IN_SERVICE."""
        described = self.describe()
        detail = {name: value for name, value in described.items() if name not in ("LastDeploymentConfig",)}
        detail["EndpointStatus"] = re.sub(r"(?<!^)(?=[A-Z])", "_", self.status).upper()
        detail["Tags"] = events.tags_of(self.tags)
        region = self.arn.split(":")[3]
        events.emit(self.host, region, detail_type, self.arn, events.milliseconds(detail))

    # ---- life

    def fleets_for(self, config: EndpointConfig) -> Fleets:
        """Make the fleets of a configuration; nothing is started yet."""
        return {
            variant["VariantName"]: Fleet(
                self.host, self.name, config, variant, find_model(self.backend, variant["ModelName"]), self.backend
            )
            for variant in config.variants
        }

    def launch(self, fleets: Fleets) -> None:
        """Start fleets; FleetFailure when one does not pass its health check, and then none is left."""
        try:
            if control.orders().take(control.orders().no_capacity, self.name):
                raise FleetFailure(
                    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
                    "Please retry using a different ML instance type or after some time."
                )
            for fleet in fleets.values():
                fleet.start()
        except BaseException:
            retire(fleets)
            raise

    def create(self) -> None:
        """Start the first fleets (in a thread of its own)."""
        count = sum(int(variant["InitialInstanceCount"]) for variant in self.config.variants)
        self.stage("blue", "Creating", f"Launching {count} instance(s).")
        try:
            fleets = self.fleets_for(self.config)
            self.launch(fleets)
        except Exception as error:
            if lifetime.over(self.host):
                raise
            self.stages.clear()
            self.become("Failed", str(error))
            return
        with self.lock:
            self.blue = fleets
            self.stages.clear()
        self.become("InService")

    def delete(self) -> None:
        """Stop serving and end the fleets (in a thread of its own)."""
        with self.lock:
            fleets = {**self.blue, **{f"green-{name}": fleet for name, fleet in self.green.items()}}
            self.blue, self.green = {}, {}
        retire(fleets)
        capture.flush(self.name)
        self.backend.endpoints.pop(self.name, None)
        self.announce("SageMaker Endpoint State Change")


def retire(fleets: Fleets) -> None:
    """End fleets, after the requests that they are answering."""
    for fleet in fleets.values():
        fleet.retire()


def get(name: str) -> Endpoint:
    """Return an endpoint of the rehearsal's region by name; KeyError when there is none."""
    from moto.sagemaker.models import sagemaker_backends

    host = current()
    found: Endpoint = sagemaker_backends[host.account][host.region].endpoints[name]
    return found
