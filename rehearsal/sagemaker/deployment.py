"""Updating an endpoint: a green fleet beside the blue one, traffic in steps, baking, alarms, and the way back.

"Update models in production" (deployment guardrails), developer guide: blue/green with ALL_AT_ONCE, CANARY and LINEAR
traffic shifting. Where that guide does not say what happens, a comment says that the behaviour is assumed.
"""

from __future__ import annotations

import math
from typing import Any

from rehearsal.sagemaker import control, lifetime
from rehearsal.sagemaker.api import Call
from rehearsal.sagemaker.endpoints import Endpoint, Fleets, retire
from rehearsal.sagemaker.errors import NotRehearsed, ValidationException
from rehearsal.sagemaker.fleet import FleetFailure
from rehearsal.sagemaker.hosting_api import EndpointConfig, find_model

ALL_AT_ONCE = {
    "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
}


class RolledBack(Exception):
    """The update ends and the blue fleet keeps all traffic; the text is the reason."""


def _policy(config: dict[str, Any] | None) -> dict[str, Any]:
    return (config or ALL_AT_ONCE).get("BlueGreenUpdatePolicy") or ALL_AT_ONCE["BlueGreenUpdatePolicy"]


def _alarms(config: dict[str, Any] | None) -> list[str]:
    return [alarm["AlarmName"] for alarm in (config or {}).get("AutoRollbackConfiguration", {}).get("Alarms", [])]


def steps(policy: dict[str, Any], instances: int) -> list[int]:
    """Return how many green instances take traffic after each step; the last entry is all of them.

    Traffic moves by whole instances, so a percentage is rounded up to the next one (assumed; the guide speaks of "the
    portion of your green fleet that turns on").

    Raises
    ------
    ValidationException
        When a canary or step is larger than half of the fleet, or a linear step smaller than a tenth.
    """
    routing = policy["TrafficRoutingConfiguration"]
    kind = routing["Type"]
    if kind == "ALL_AT_ONCE":
        return [instances]
    member = "CanarySize" if kind == "CANARY" else "LinearStepSize"
    size = routing.get(member)
    if size is None:
        raise ValidationException(f"{member} is required when TrafficRoutingConfiguration.Type is {kind}.")
    value = size["Value"]
    percent = size["Type"] == "CAPACITY_PERCENT"
    if percent and (value > 50 or (kind == "LINEAR" and value < 10)):
        allowed = "at most 50" if kind == "CANARY" else "10 to 50"
        raise ValidationException(f"{member} of {value} percent is not allowed: it must be {allowed} percent.")
    active = math.ceil(instances * value / 100) if percent else value
    if active * 2 > instances:
        raise ValidationException(
            f"{member} must be at most 50% of the variant's total instance count: {active} of {instances} instance(s)."
        )
    if kind == "LINEAR" and active * 10 < instances:
        raise ValidationException(f"{member} must be at least 10% of the variant's total instance count.")
    return [active, instances] if kind == "CANARY" else [*range(active, instances, active), instances]


def check(call: Call, endpoint: Endpoint, config: EndpointConfig, deployment: dict[str, Any] | None) -> None:
    """Refuse a deployment that SageMaker would refuse at once.

    Raises
    ------
    ValidationException
        Other variant names, impossible steps or waits, alarms that are missing or may not be read.
    """
    if (deployment or {}).get("RollingUpdatePolicy"):
        raise NotRehearsed("RollingUpdatePolicy")
    if config.names != endpoint.config.names:
        raise ValidationException(
            f"The production variants of the new endpoint configuration {config.names} must have the same names as "
            f"those of the endpoint {endpoint.config.names}."
        )
    policy = _policy(deployment)
    for variant in config.variants:
        planned = steps(policy, int(variant["InitialInstanceCount"]))
        waits = policy["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"] * (len(planned) - 1)
        total = waits + policy.get("TerminationWaitInSeconds", 0)
        limit = policy.get("MaximumExecutionTimeoutInSeconds")
        if limit is not None and limit <= total:
            raise ValidationException(
                f"MaximumExecutionTimeoutInSeconds ({limit}) must be larger than the total waiting time ({total})."
            )
    _check_alarms(call, config, _alarms(deployment))


def _check_alarms(call: Call, config: EndpointConfig, names: list[str]) -> None:
    """The execution role must be allowed to describe the alarms (note in the guide; when it is checked is assumed)."""
    from rehearsal import cloudwatch
    from rehearsal.iam.errors import AccessDenied

    role = find_model(call.backend, config.variants[0]["ModelName"]).request["ExecutionRoleArn"]
    for name in names:
        try:
            call.host.iam.require(role, "cloudwatch:DescribeAlarms", call.host.arn("cloudwatch", f"alarm:{name}"))
        except AccessDenied as denied:
            raise ValidationException(
                f"Unable to describe the alarms of AutoRollbackConfiguration. {denied.message}"
            ) from denied
        if cloudwatch.state(name) is None:
            raise ValidationException(f"CloudWatch alarm [{name}] of AutoRollbackConfiguration does not exist.")


class Deployment:
    """One update in progress.

    Parameters
    ----------
    config
        The new endpoint configuration.
    deployment
        DeploymentConfig; None for all at once without baking.
    retained
        Weight and instance count per variant that the new fleets keep from the old.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        config: EndpointConfig,
        deployment: dict[str, Any] | None,
        retained: dict[str, tuple[float, int]],
    ) -> None:
        self.endpoint, self.config, self.deployment = endpoint, config, deployment
        self.host = endpoint.host
        self.policy = _policy(deployment)
        self.alarms = _alarms(deployment)
        self._retained = retained
        self._alarmed = self.host.clock.event()
        self._limit = self.policy.get("MaximumExecutionTimeoutInSeconds")
        self._began = self.host.clock.time()

    def begin(self) -> None:
        """Say that the endpoint is updating and go on in a thread."""
        endpoint = self.endpoint
        leftover = self._take_leftover()
        with endpoint.lock:
            endpoint.green_config, endpoint.green_since = self.config, self.host.clock.now()
        endpoint.become("Updating")
        lifetime.thread(self.host, self._run, leftover, name=f"deployment-{endpoint.name}")

    def _take_leftover(self) -> Fleets:
        """Take what a failed rollback left serving beside the blue fleet."""
        endpoint = self.endpoint
        with endpoint.lock:
            leftover, endpoint.green = endpoint.green, {}
            if leftover:
                endpoint.shift(0.0)
            return leftover

    def _run(self, leftover: Fleets) -> None:
        from rehearsal import cloudwatch

        retire(leftover)
        with cloudwatch.watching(self._changed):
            try:
                self._launch()
                self._move_traffic()
            except RolledBack as rollback:
                self._roll_back(str(rollback))
                return
            except Exception as error:
                if lifetime.over(self.host):
                    raise
                self._roll_back(f"rehearsal: {type(error).__name__}: {error}")
                raise
        self._complete()

    # ---- forward

    def _launch(self) -> None:
        endpoint = self.endpoint
        try:
            fleets = endpoint.fleets_for(self.config)
        except ValidationException as error:
            raise RolledBack(error.message) from error
        for name, (weight, instances) in self._retained.items():
            fleets[name].weight, fleets[name].instances = weight, instances
        self._count = sum(fleet.instances for fleet in fleets.values())
        endpoint.stage("green", "Creating", f"Launching {self._count} instance(s).")
        try:
            endpoint.launch(fleets)
        except FleetFailure as failure:
            raise RolledBack(str(failure)) from failure
        with endpoint.lock:
            endpoint.green = fleets
        endpoint.shift(0.0)
        self._check_alarms()

    def _move_traffic(self) -> None:
        routing = self.policy["TrafficRoutingConfiguration"]
        instances = max(fleet.instances for fleet in self.endpoint.green.values())
        planned = steps(self.policy, instances)
        for number, active in enumerate(planned):
            full = number == len(planned) - 1
            what = "full" if full else ("canary" if routing["Type"] == "CANARY" else "step")
            seconds = self.policy.get("TerminationWaitInSeconds", 0) if full else routing["WaitIntervalInSeconds"]
            source = "TerminationWaitInSeconds" if full else "WaitIntervalInSeconds"
            capacity = f"{what} capacity of {active} instance(s)."
            self.endpoint.stage("green", "ActivatingTraffic", f"Activating traffic on {capacity}")
            self.endpoint.shift(active / instances)
            self.endpoint.stage(
                "green", "Baking", f"Baking for {seconds} seconds ({source}) with traffic enabled on {capacity}"
            )
            self._bake(seconds)

    def _bake(self, seconds: float) -> None:
        """Wait, unless an alarm trips or the time limit of the deployment is over."""
        left = math.inf if self._limit is None else self._began + self._limit - self.host.clock.time()
        if self.host.clock.sleep(min(seconds, left), self._alarmed):
            self._check_alarms()
        if left < seconds:
            raise RolledBack(f"The deployment took longer than MaximumExecutionTimeoutInSeconds ({self._limit}).")
        self._check_alarms()

    # ---- alarms

    def _changed(self, name: str, state: str | None) -> None:
        if name in self.alarms and state in ("ALARM", None):
            self._alarmed.set()

    def _check_alarms(self) -> None:
        """Roll back when an alarm is in ALARM, on whichever fleet, or is gone (assumed: what cannot be read is bad)."""
        from rehearsal import cloudwatch

        states = {name: cloudwatch.state(name) for name in self.alarms}
        tripped = [name for name, state in states.items() if state == "ALARM"]
        gone = [name for name, state in states.items() if state is None]
        if tripped:
            raise RolledBack(f"One or more CloudWatch alarms are in ALARM state: [{', '.join(tripped)}].")
        if gone:
            raise RolledBack(f"One or more CloudWatch alarms do not exist any more: [{', '.join(gone)}].")

    # ---- the two ends

    def _complete(self) -> None:
        """End the blue fleet, which gets no request any more, and make green the new blue."""
        endpoint = self.endpoint
        count = sum(fleet.instances for fleet in endpoint.blue.values())
        endpoint.stages.pop("green", None)
        endpoint.stage("blue", "Deleting", f"Terminating {count} instance(s).")
        retire(endpoint.blue)
        with endpoint.lock:
            endpoint.blue, endpoint.green = endpoint.green, {}
            endpoint.config, endpoint.green_config = self.config, None
            endpoint.stages = {}
            endpoint.last_deployment = self.deployment
        endpoint.become("InService")

    def _roll_back(self, reason: str) -> None:
        """Give all traffic back to the blue fleet. SageMaker's own words for the reason are not documented."""
        endpoint = self.endpoint
        text = f"Update to endpoint configuration {self.config.name} was rolled back. {reason}"
        order = control.orders().take(control.orders().stuck_rollbacks, endpoint.name) if endpoint.green else None
        endpoint.become("RollingBack", text)
        if order is not None:
            with endpoint.lock:
                endpoint.green_config, endpoint.stages = None, {}
            endpoint.become("UpdateRollbackFailed", f"{text} The rollback failed, both fleets serve.")
            return
        with endpoint.lock:
            fleets, endpoint.green = endpoint.green, {}
        endpoint.shift(0.0)
        if fleets:
            endpoint.stage("green", "Deleting", f"Terminating {self._count} instance(s).")
        retire(fleets)
        with endpoint.lock:
            endpoint.green_config, endpoint.stages = None, {}
        endpoint.become("InService", text)
