"""The buses: takes events in, finds the rules that they match, and starts a delivery for each target."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rehearsal.eventbridge.delivery import Deliveries, Delivery
from rehearsal.eventbridge.inputs import input_for
from rehearsal.eventbridge.patterns import matches
from rehearsal.eventbridge.targets import Targets
from rehearsal.host import Host

logger = logging.getLogger(__name__)

_RETRIES, _AGE = 185, 86400  # EventBridge API Reference, RetryPolicy: the defaults are the maxima


class Bus:
    """All event buses of one host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.deliveries = Deliveries(host.clock)
        self._targets = Targets(host, self._forward)

    def close(self) -> None:
        """Deliver nothing any more."""
        self.deliveries.close()

    # ---- taking events in

    def put(self, region: str, entries: Iterable[dict[str, Any]], *, service: bool) -> list[dict[str, Any]]:
        """Take the entries of a PutEvents, and return what the API answers for each.

        Parameters
        ----------
        service
            Whether a service of AWS publishes, or the rehearsal itself; only they may use sources in ``aws.``.
        """
        return [self._put(region, entry, service=service) for entry in entries]

    def _put(self, region: str, entry: dict[str, Any], *, service: bool) -> dict[str, Any]:
        for member in ("Source", "DetailType", "Detail"):
            if not entry.get(member):
                text = f"Parameter {member} is not valid. Reason: {member} is a required argument."
                return {"ErrorCode": "InvalidArgument", "ErrorMessage": text}
        if not service and str(entry["Source"]).startswith("aws."):
            text = "Not authorized for the source."
            return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": text}
        detail = _detail(entry["Detail"])
        if detail is None:
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        event = self._event(region, entry["Source"], entry["DetailType"], detail, entry.get("Resources") or ())
        event["time"] = _iso(entry["Time"]) if entry.get("Time") else event["time"]
        self._route(region, str(entry.get("EventBusName") or "default"), event)
        return {"EventId": event["id"]}

    def publish(
        self,
        source: str,
        detail_type: str,
        detail: dict[str, Any],
        resources: Sequence[str] = (),
        *,
        region: str | None = None,
    ) -> str:
        """Put an event of a service on the default bus; return its id."""
        place = region or self.host.region
        event = self._event(place, source, detail_type, json.loads(json.dumps(detail)), resources)
        self._route(place, "default", event)
        return str(event["id"])

    def _event(
        self, region: str, source: str, detail_type: str, detail: dict[str, Any], resources: Sequence[str]
    ) -> dict[str, Any]:
        return {
            "version": "0",
            "id": self.new_id(),
            "detail-type": detail_type,
            "source": source,
            "account": self.host.account,
            "time": _iso(self.host.clock.now()),
            "region": region,
            "resources": list(resources),
            "detail": detail,
        }

    @staticmethod
    def new_id() -> str:
        """Return an id for an event."""
        return str(uuid.uuid4())

    # ---- finding rules

    def _route(self, region: str, bus: str, event: dict[str, Any]) -> None:
        self.host.emit("event", bus=bus, source=event["source"], detail_type=event["detail-type"], id=event["id"])
        found = self._backend(region).event_buses.get(bus.rsplit("/", 1)[-1])
        if found is None:
            logger.warning("an event %s for the bus %s is lost: there is no such bus", event["detail-type"], bus)
            return
        for rule in list(found.rules.values()):
            self.offer(rule, event)

    def _backend(self, region: str) -> Any:
        from moto.events.models import events_backends

        return events_backends[self.host.account][region]

    def offer(self, rule: Any, event: dict[str, Any]) -> None:
        """Deliver an event to a rule's targets if the rule is enabled and matches. A schedule alone matches nothing."""
        if rule.state != "DISABLED" and rule.event_pattern.dump() and matches(rule.event_pattern, event):
            self.deliver(rule, event)

    def deliver(self, rule: Any, event: dict[str, Any]) -> None:
        """Start a delivery of an event to each target of a rule."""
        ingested = _iso(self.host.clock.now())
        for target in list(rule.targets):
            self._begin(dict(target), rule.arn, event, ingested)

    def _begin(self, target: dict[str, Any], rule_arn: str, event: dict[str, Any], ingested: str) -> None:
        policy = target.get("RetryPolicy") or {}
        text = input_for(target, event, rule_arn, ingested)
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        self.deliveries.begin(
            Delivery(
                origin=rule_arn,
                target=target["Arn"],
                event=event,
                send=lambda: self._targets.send(target, rule_arn, event, text),
                bury=(lambda delivery: self._bury(queue, delivery)) if queue else None,
                retries=int(policy.get("MaximumRetryAttempts", _RETRIES)),
                age=float(policy.get("MaximumEventAgeInSeconds", _AGE)),
            )
        )

    def _bury(self, queue: str, delivery: Delivery) -> None:
        """Send an event to the dead-letter queue of a target.

        The body is the event as it came, whatever the target's input; the attributes are those of the EventBridge User
        Guide, "Using dead-letter queues to process undelivered events".
        """
        failure = delivery.failure
        attributes = {
            "RULE_ARN": delivery.origin,
            "TARGET_ARN": delivery.target,
            "ERROR_CODE": failure.code if failure else "",
            "ERROR_MESSAGE": failure.message if failure else "",
            "RETRY_ATTEMPTS": str(delivery.attempts - 1),
            "EXHAUSTED_RETRY_CONDITION": delivery.exhausted or "",
        }
        self._targets.send_to_queue(queue, delivery.origin, json.dumps(delivery.event), attributes)

    def _forward(self, bus_arn: str, event: dict[str, Any]) -> None:
        self._route(bus_arn.split(":")[3], bus_arn, event)


def _detail(text: str) -> dict[str, Any] | None:
    """Return the JSON object that PutEvents got as Detail; None when it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _iso(moment: Any) -> str:
    """Return a time as events carry it: UTC, in whole seconds."""
    if isinstance(moment, int | float) or (isinstance(moment, str) and moment.replace(".", "", 1).isdigit()):
        moment = datetime.fromtimestamp(float(moment), UTC)
    elif isinstance(moment, str):
        moment = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    return str(moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
