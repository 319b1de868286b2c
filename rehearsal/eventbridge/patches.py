"""Puts the rehearsal's buses in the place of moto's delivery."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rehearsal import host as hosts
from rehearsal.eventbridge.bus import Bus
from rehearsal.eventbridge.patterns import matches, unknown_filter
from rehearsal.eventbridge.s3 import event_of_object
from rehearsal.eventbridge.targets import kind_of
from rehearsal.patching import original, replace


def install(bus: Callable[[], Bus]) -> None:
    """Replace what moto does; harmless when it has been done before. `bus` gives the buses of the current host."""
    from moto.events.exceptions import ValidationException
    from moto.events.models import EventsBackend, Rule
    from moto.events.responses import EventsHandler
    from moto.s3 import notifications

    put_targets = original(EventsBackend, "put_targets")

    def _put_events(self: Any, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What a service of AWS does in this process (the API comes in by `_answer`)."""
        return bus().put(self.region_name, events, service=True)

    def _answer(self: Any) -> str:
        entries = self._get_param("Entries")
        if not entries or len(entries) > 10:
            raise ValidationException(
                "1 validation error detected: Value '[PutEventsRequestEntry]' at 'entries' failed to satisfy "
                "constraint: Member must have length less than or equal to 10"
            )
        ordinary = bus().host.iam.caller() is not None
        answers = bus().put(self.region, entries, service=not ordinary)
        failed = sum("ErrorCode" in answer for answer in answers)
        return json.dumps({"FailedEntryCount": failed, "Entries": answers})

    def _send_to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:  # noqa: ARG001
        """Only a replay of an archive comes here: everything else goes through the bus."""
        event = {key: value for key, value in original_event.items() if key != "ingestion-time"}
        bus().offer(self, event)

    def _put_targets(self: Any, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]) -> None:
        for target in targets:
            _check(target, ValidationException)
        put_targets(self, name, event_bus_arn, targets)

    def _send_event_bridge_message(account_id: str, bucket: Any, event_name: str, key: Any) -> None:  # noqa: ARG001
        detail_type, detail = event_of_object(bus().host, bucket, event_name, key)
        bus().publish("aws.s3", detail_type, detail, [bucket.arn], region=bucket.region_name)

    _install_log_time()
    _install_patterns()
    replace(EventsBackend, "put_events", _put_events, ("self", "events"))
    replace(EventsHandler, "put_events", _answer, ("self",))
    replace(Rule, "send_to_targets", _send_to_targets, ("self", "original_event", "transform_input"))
    replace(EventsBackend, "put_targets", _put_targets, ("self", "name", "event_bus_arn", "targets"))
    replace(
        notifications,
        "_send_event_bridge_message",
        _send_event_bridge_message,
        ("account_id", "bucket", "event_name", "key"),
    )


def _install_patterns() -> None:
    """Refuse a pattern with a filter that EventBridge does not know, and answer TestEventPattern."""
    from moto.events.exceptions import InvalidEventPatternException
    from moto.events.models import EventPattern, EventPatternParser
    from moto.events.responses import EventsHandler

    parse = original(EventPatternParser, "parse")

    def _parse(self: Any) -> dict[str, Any]:
        pattern: dict[str, Any] = parse(self)
        unknown = unknown_filter(pattern)
        if unknown is not None:
            raise InvalidEventPatternException(reason=f"Unrecognized match type {unknown}")
        return pattern

    def _test_event_pattern(self: Any) -> str:
        pattern = EventPattern.load(self._get_param("EventPattern"))
        return json.dumps({"Result": matches(pattern, json.loads(self._get_param("Event")))})

    replace(EventPatternParser, "parse", _parse, ("self",))
    replace(EventsHandler, "test_event_pattern", _test_event_pattern, ("self",))


def _install_log_time() -> None:
    """Let moto's Logs live in rehearsal time: by the wall clock it drops, unsaid, what is more than 2 hours ahead."""
    from moto.logs import models

    wall_clock = original(models, "utcnow")

    def _utcnow() -> datetime:
        try:
            return hosts.current().clock.now().replace(tzinfo=None)
        except RuntimeError:  # moto in a process without a rehearsal
            return wall_clock()  # type: ignore[no-any-return]

    replace(models, "utcnow", _utcnow, ())


def _check(target: dict[str, Any], refused: type[Exception]) -> None:
    """Refuse a target that AWS refuses, and one that the rehearsal cannot deliver to."""
    arn = str(target.get("Arn"))
    if not arn.startswith("arn:") or arn.count(":") < 5:
        raise refused(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")
    kind = kind_of(arn)
    if not kind:
        raise refused(f"the rehearsal cannot deliver events to {arn}: add its kind to rehearsal/eventbridge/targets.py")
    if kind == "states" and not target.get("RoleArn"):
        raise refused(f"RoleArn is required for target {arn}.")
    given = [name for name in ("Input", "InputPath", "InputTransformer") if target.get(name)]
    if len(given) > 1:
        raise refused(f"Only one of Input, InputPath, or InputTransformer must be provided for target {target['Id']}.")
